"""Runs on KFP, found and made by name."""

import pytest
from fake_kfp_api import fake_kfp

from ct_components.errors import SpecError, StateError, Unreachable
from ct_pipelines.kfp_api.client import KfpClient
from ct_pipelines.kfp_api.runs import LONGEST_SPEC, KfpEngine, check_arguments, ensure_experiment
from ct_pipelines.kfp_api.settings import KfpSettings
from ct_pipelines.triggers.engine import Engine, RunState

NAME = "ct-953d5286751dac96086a6b216629b212149d70e1"
ARGUMENTS = {"spec": '{"model": "churn"}', "reason": "drift", "key": "drift-2013-06-01"}


def test_a_run_is_made_as_asked(fake, settings, package):
    engine: Engine = KfpEngine(
        KfpSettings(settings.host, experiment="Churn", service_account="trainer"), package
    )

    run_id = engine.create(NAME, ARGUMENTS)

    [run] = fake.runs()
    assert run["run_id"] == run_id
    assert run["display_name"] == NAME
    assert run["runtime_config"] == {"parameters": ARGUMENTS}
    assert run["service_account"] == "trainer"
    [experiment] = fake.things("experiments")
    assert (run["experiment_id"], experiment["display_name"]) == (experiment["experiment_id"], "Churn")
    [version] = fake.things("pipeline_versions")
    assert run["pipeline_version_reference"] == {
        "pipeline_id": version["pipeline_id"],
        "pipeline_version_id": version["pipeline_version_id"],
    }


def test_a_second_run_asks_for_nothing_but_itself(fake, engine):
    engine.create(NAME, ARGUMENTS)
    fake.forget_requests()

    engine.create(f"{NAME}-2", ARGUMENTS)

    assert fake.requests() == ["create_run"]


def test_a_run_is_found_by_its_exact_name(engine):
    assert engine.find(NAME) is None
    run_id = engine.create(NAME, ARGUMENTS)

    assert engine.find(NAME) == run_id
    assert engine.find(NAME.upper()) is None  # though KFP's database takes both as equal
    assert engine.find(NAME[:-1]) is None


def test_a_run_is_found_beyond_the_first_page_of_names_that_only_look_the_same(fake, engine):
    run_id = engine.create(NAME, ARGUMENTS)
    [run] = fake.runs()
    for number in range(120):
        fake.put(
            "runs", **run | {"run_id": str(number), "display_name": NAME.upper(), "created_at": "2099-01-01"}
        )

    assert engine.find(NAME) == run_id


def test_the_newest_of_two_runs_of_one_name_is_found(fake, engine):
    engine.create(NAME, ARGUMENTS)
    [run] = fake.runs()
    fake.put("runs", **run | {"run_id": "newer", "created_at": "2099-01-01T00:00:00Z"})
    fake.put("runs", **run | {"run_id": "older", "created_at": "2001-01-01T00:00:00Z"})

    assert engine.find(NAME) == "newer"


def test_a_clone_has_another_name(fake, engine):
    run_id = engine.create(NAME, ARGUMENTS)
    fake.clone(run_id)

    assert engine.find(NAME) == run_id


@pytest.mark.parametrize(
    ("kfp", "state"),
    [
        ("PENDING", RunState.LIVE),
        ("RUNNING", RunState.LIVE),
        ("CANCELING", RunState.LIVE),
        ("PAUSED", RunState.LIVE),
        ("RUNTIME_STATE_UNSPECIFIED", RunState.LIVE),
        ("A_STATE_OF_LATER", RunState.LIVE),
        ("SUCCEEDED", RunState.SUCCEEDED),
        ("FAILED", RunState.FAILED),
        ("CANCELED", RunState.FAILED),
        ("SKIPPED", RunState.FAILED),
    ],
)
def test_kfps_states_are_three(fake, engine, kfp, state):
    run_id = engine.create(NAME, ARGUMENTS)
    fake.advance(run_id, kfp)

    assert engine.state(run_id) is state


def test_a_run_that_kfp_forgot_has_no_state_and_is_not_found(fake, engine):
    run_id = engine.create(NAME, ARGUMENTS)
    fake.forget()

    assert engine.state(run_id) is None
    assert engine.find(NAME) is None


@pytest.mark.parametrize("run_id", ["", "unknown", "../experiments", "a/b?c=d"])
def test_an_id_of_no_run_has_no_state(engine, run_id):
    assert engine.state(run_id) is None


@pytest.mark.parametrize("kind", ["html", "redirect", "unavailable", "garbage", "refused"])
def test_a_state_that_could_not_be_asked_for_is_not_taken_for_a_forgotten_run(fake, engine, kind):
    run_id = engine.create(NAME, ARGUMENTS)
    fake.fail("get_run", kind)

    with pytest.raises((StateError, Unreachable)):
        engine.state(run_id)


@pytest.mark.parametrize("kind", ["dies_after", "slow_after"])
def test_a_run_whose_answer_was_lost_is_found_afterwards(fake, engine, kind):
    fake.fail("create_run", kind, seconds=2)

    with pytest.raises(Unreachable):
        engine.create(NAME, ARGUMENTS)

    assert engine.find(NAME) == fake.runs()[0]["run_id"]


def test_a_request_that_is_answered_twice_makes_two_runs_of_one_name(fake, engine):
    fake.fail("create_run", "twice")

    run_id = engine.create(NAME, ARGUMENTS)

    assert [run["display_name"] for run in fake.runs()] == [NAME, NAME]
    assert run_id in {run["run_id"] for run in fake.runs()}


def test_a_parameter_that_the_pipeline_does_not_have_is_refused_with_kfps_own_words(engine):
    with pytest.raises(StateError, match="parameter colour provided is not a pipeline input"):
        engine.create(NAME, ARGUMENTS | {"colour": "red"})


@pytest.mark.parametrize(
    "value", ["{{workflow.uid}}", "[[RunUUID]]", "a{{$.inputs}}b", '{"x": "[[Index]]"}', "{{", "[[", "[[ x"]
)
@pytest.mark.parametrize("name", ["spec", "key"])
def test_what_kfp_would_expand_is_refused_by_name_before_anything_is_sent(fake, engine, name, value):
    with pytest.raises(SpecError, match=f"parameter '{name}': got .*KFP puts other text in the place of"):
        engine.create(NAME, ARGUMENTS | {name: value})
    assert fake.requests() == []


@pytest.mark.parametrize(
    "value",
    ["[[1, 2], [3]]", '[["a"]]', "[[-1]]", "[[]]", "[[[0]]]", "[[{}]]", "[[null, true]]", "{ {", "[x]"],
)
def test_lists_of_lists_are_no_words_of_kfp(fake, engine, value):
    hyperparameters = f'{{"interaction_cst": {value}}}'

    check_arguments({"spec": "{}", "hyperparameters": hyperparameters})


def test_a_spec_above_8000_characters_is_refused_before_anything_is_sent(fake, engine):
    engine.create(NAME, {"spec": "x" * LONGEST_SPEC})
    fake.forget_requests()

    with pytest.raises(SpecError, match="'spec': got 8,001 characters; allowed: 8,000, or the place of"):
        engine.create(NAME, {"spec": "x" * 8_001})
    assert fake.requests() == []


def test_parameters_above_10000_bytes_together_are_refused_before_anything_is_sent(fake, engine):
    longest = 10_000 - len('{"spec":"{}","hyperparameters":""}')
    check_arguments({"spec": "{}", "hyperparameters": "x" * longest})

    with pytest.raises(SpecError, match="got 10,001 bytes as JSON, most of them in 'hyperparameters'"):
        engine.create(NAME, {"spec": "{}", "hyperparameters": "x" * (longest + 1)})
    with pytest.raises(SpecError, match="bytes as JSON"):  # a quotation mark takes two as JSON, an ä as UTF-8
        engine.create(NAME, {"spec": '"' * 3_000 + "ä" * 3_000})
    assert fake.requests() == []


def test_of_two_that_make_the_experiment_at_once_the_second_finds_it(fake, settings, client):
    """The first request's effect is there, its answer is not; or another made it after our look."""
    fake.fail("create_experiment", "twice")  # the second effect meets the first, and is refused with 409

    found = ensure_experiment(client)

    [experiment] = fake.things("experiments")
    assert found == experiment["experiment_id"]
    assert fake.requests() == ["list_experiments", "create_experiment", "list_experiments"]
    assert ensure_experiment(KfpClient(settings)) == found


def test_an_experiment_that_only_kfps_database_takes_for_ours_is_left_alone(fake, client):
    fake.put("experiments", experiment_id="theirs", namespace="", display_name="Continuous-Training")

    with pytest.raises(StateError, match=r"HTTP 409.*The name continuous-training already exists"):
        ensure_experiment(client)


def test_where_kfp_serves_several_users_all_happens_in_the_namespace(package):
    with fake_kfp(multi_user=True) as fake:
        team_a = KfpEngine(KfpSettings(fake.url, namespace="team-a"), package)
        team_b = KfpEngine(KfpSettings(fake.url, namespace="team-b"), package)
        run_id = team_a.create(NAME, ARGUMENTS)

        assert team_a.find(NAME) == run_id
        assert team_b.find(NAME) is None
        assert {each["namespace"] for each in fake.things("experiments")} == {"team-a"}
        assert {each["namespace"] for each in fake.things("pipelines")} == {"team-a"}
        with pytest.raises(StateError, match="Namespace cannot be empty"):
            KfpEngine(KfpSettings(fake.url), package).find(NAME)
