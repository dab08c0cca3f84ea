"""Stage begin_run: what the whole run works on is decided once, before anything is read or made."""

import json
import re
import shutil
from datetime import UTC, datetime

import pytest

from ct_components.champion import make_champion
from ct_components.errors import BadInput, Duplicate, SourceError, SpecError, StateError
from ct_components.keys import run_name, schedule_key
from ct_components.spec.cron import last_firing
from ct_components.stage import Context

NAIVE_BAYES = {"training": {"estimator": "sklearn.naive_bayes.GaussianNB"}}


def mlflow_runs(stages):
    client = stages.client
    return client.search_runs([each.experiment_id for each in client.search_experiments()])


def context(plan):
    return Context.from_json(plan.context)


def test_a_plan_holds_the_resolved_sections_and_the_context(stages, shop):
    plan = stages.begin(key="k-1", reason="schedule")
    assert json.loads(plan.source)["uri"] == f"{shop}/dt=*/*.parquet"
    assert json.loads(plan.training)["parameters"] == {"max_iter": 20}
    assert json.loads(plan.windows)["holdout"]["start"] == "2024-02-28T00:00:00+00:00"
    assert json.loads(plan.also) == []
    assert all(isinstance(json.loads(section), dict | list) for section in plan)
    found = context(plan)
    assert found == Context(
        run_id="run-1", model="shop", as_of="2024-03-13T00:00:00+00:00", key="k-1", reason="schedule",
        mlflow_run_id=found.mlflow_run_id, champion="",
    )  # fmt: skip


def test_the_resolved_spec_is_written_for_later_stages(stages):
    plan = stages.begin()
    resolved = json.loads((stages.work / "resolved" / "run-1.json").read_text())
    assert resolved["context"] == json.loads(plan.context)
    assert resolved["windows"] == json.loads(plan.windows)
    assert "${" not in json.dumps(resolved["spec"])


def test_ledger_and_mlflow_know_the_run(stages):
    found = context(stages.begin(key="k-1"))
    row = stages.ledger.run("run-1")
    assert (row["key"], row["state"], row["mlflow_run_id"]) == ("k-1", "running", found.mlflow_run_id)
    tags = stages.client.get_run(found.mlflow_run_id).data.tags
    assert (tags["kfp_ct.run_id"], tags["kfp_ct.key"], tags["kfp_ct.reason"]) == ("run-1", "k-1", "manual")


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_spec_may_be_the_path_of_its_file(stages, tmp_path, scheme):
    path = tmp_path / "my specs" / "shop.yaml"
    path.parent.mkdir()
    path.write_text(json.dumps(stages.spec))
    plan = stages.begin(spec=f"file://{path.as_uri()[7:]}" if scheme else str(path))
    assert context(plan).model == "shop"


def test_hyperparameters_override_those_of_the_spec_for_this_run(stages):
    given = '{"learning_rate": 1e-05, "max_leaf_nodes": null}'
    plan = stages.begin(hyperparameters=given)
    assert json.loads(plan.training)["parameters"] == {
        "max_iter": 20, "learning_rate": 1e-05, "max_leaf_nodes": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"as_of": "2999-01-01"}, "as-of: got '2999-01-01', which is .* in the future"),
        ({"as_of": "yesterday"}, "as-of: got 'yesterday'; allowed: a date"),
        ({"reason": "boredom"}, "reason: got 'boredom'; allowed: schedule, drift, performance, manual"),
        ({"key": "with space"}, "key: got 'with space'; allowed: 1 to 200"),
        ({"key": "k" * 201}, "key: got 'kkk"),
        ({"key": "k\n"}, "key: got"),
        ({"run_id": ""}, "run_id: got ''; allowed"),
        ({"run_id": "it's"}, 'run_id: got "it\'s"; allowed'),
        ({"run_id": "r" * 65}, "run_id: got 'rrr"),
        ({"hyperparameters": "max_iter=5"}, "hyperparameters: 'max_iter=5' is no JSON"),
        ({"hyperparameters": "[1]"}, r"hyperparameters: got '\[1\]'; allowed: a JSON object"),
        ({"hyperparameters": '{"max_iter": NaN}'}, "hyperparameters: .* is no JSON: NaN is no number"),
        ({"hyperparameters": '{"max_iter": Infinity}'}, "is no JSON: Infinity is no number"),
        ({"hyperparameters": '{"max_iter": {"a": 1}}'}, "with hyperparameters.*training.parameters.max_iter"),
        ({"hyperparameters": '{"random_state": 1}'}, "training.parameters.random_state"),
        ({"spec": "  "}, "the spec parameter is empty"),
        ({"spec": "/nowhere/shop.yaml"}, "model spec '/nowhere/shop.yaml': no such file"),
        ({"spec": "/"}, "model spec '/': is a folder"),
        ({"spec": "a\0b"}, "cannot be read: embedded null"),
        ({"spec": "x" * 5000}, "cannot be read: .*too long"),
        ({"spec": "{"}, "the spec parameter"),
        ({"spec": "model: shop\nmodel: shop\n"}, "the key is there already"),
    ],
    ids=str,
)
def test_bad_input_is_refused_before_anything_is_made(stages, request_, message):
    with pytest.raises(SpecError) as error:
        stages.begin(**request_)
    assert re.search(message, str(error.value), re.DOTALL), str(error.value)
    assert stages.ledger.history()["runs"] == []
    assert mlflow_runs(stages) == []
    assert not (stages.work / "resolved").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('{"max_itre": 5}', "takes no parameter 'max_itre'; allowed"),
        ('{"max_iter": "many"}', "'max_iter' parameter"),
    ],
    ids=str,
)
def test_a_run_that_its_estimator_refuses_is_on_record_and_not_in_mlflow(stages, given, message):
    with pytest.raises(SpecError, match=message):
        stages.begin(hyperparameters=given)
    assert [run["run_id"] for run in stages.ledger.history()["runs"]] == ["run-1"]
    assert mlflow_runs(stages) == []


def test_without_a_ledger_a_retry_works_on_what_the_first_attempt_decided(stages, no_ledger):
    first = context(stages.begin())
    again = context(stages.begin(as_of="2024-03-01"))
    assert again == first


def test_a_section_too_long_for_a_parameter_is_refused_by_name(stages):
    names = [f"a_rather_long_column_name_{number:06}" for number in range(4000)]
    spec = {**stages.spec, "columns": {**stages.spec["columns"], "numeric": names}}
    with pytest.raises(SpecError, match=r"columns: \d+ bytes as JSON; allowed: 100000"):
        stages.begin(spec=json.dumps(spec))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training": {"estimator": "sklearn.svm.SVR"}}, "'sklearn.svm.SVR' is no scikit-learn classifier"),
        ({"training": {"estimator": "sklearn.svm.SVCC"}}, "did you mean sklearn.svm.SVC?"),
        ({"training": {"parameters": {"nope": 1}}}, "takes no parameter 'nope'"),
    ],
)
def test_a_wrong_estimator_is_refused_before_any_row_is_read(stages, change, message, monkeypatch):
    monkeypatch.setattr("pyarrow.parquet.ParquetFile", None)
    with pytest.raises(SpecError, match=message):
        stages.begin(spec=stages.spec | change)
    assert mlflow_runs(stages) == []


def test_weights_of_an_estimator_that_takes_none_are_refused(stages):
    columns = {**stages.spec["columns"], "weight": "mass"}
    neighbours = {"estimator": "sklearn.neighbors.KNeighborsClassifier"}
    with pytest.raises(SpecError, match=r"columns\.weight"):
        stages.begin(spec={**stages.spec, "columns": columns, "training": neighbours})


def test_an_unset_reference_is_named(stages, monkeypatch):
    monkeypatch.delenv("SHOP_ROOT")
    with pytest.raises(SpecError, match="SHOP_ROOT"):
        stages.begin()


def test_windows_without_files_are_refused_before_anything_is_made(stages):
    with pytest.raises(SourceError, match="has no files for 2019-"):
        stages.begin(as_of="2020-01-01")
    assert mlflow_runs(stages) == []


def test_a_second_run_of_a_key_is_a_duplicate_before_anything_is_made_in_mlflow(stages):
    stages.begin("run-1", key="k")
    with pytest.raises(Duplicate, match="run run-2: key 'k' of shop is held by run run-1"):
        stages.begin("run-2", key="k")
    assert len(mlflow_runs(stages)) == 1
    outcomes = {row["run_id"]: row["outcome"] for row in stages.ledger.history()["runs"]}
    assert outcomes == {"run-1": None, "run-2": "duplicate"}


def test_a_clone_of_a_run_is_a_manual_trigger_of_its_own(stages):
    stages.begin("run-1", key="k", reason="drift", run_name=run_name("shop", "k"))
    plans = [stages.begin("run-2", key="k", reason="drift", run_name="Clone of my run") for _ in range(2)]

    assert plans[0] == plans[1]
    assert (context(plans[0]).key, context(plans[0]).reason) == ("manual-run-2", "manual")
    assert stages.ledger.history()["triggers"][-1]["cloned_from"] == "run-1"


def test_two_recurring_runs_of_one_instant_are_one_and_a_duplicate(stages):
    weekly = {**stages.spec, "triggers": {"schedule": "0 3 * * 0"}}
    plan = stages.begin("run-1", weekly, reason="schedule", run_name="Run of ct-shop")

    instant = last_firing("0 3 * * 0", "UTC", datetime.now(UTC))
    assert context(plan).key == schedule_key(instant)
    with pytest.raises(Duplicate):
        stages.begin("run-2", weekly, reason="schedule", run_name="Run of ct-shop again")


def test_a_key_that_nobody_gave_belongs_to_the_run(stages):
    keys = [context(stages.begin(run_id)).key for run_id in ("run-1", "run-2")]
    assert keys == ["manual-run-1", "manual-run-2"]


def test_a_retry_gives_the_same_plan_and_the_same_mlflow_run(stages):
    assert stages.begin(key="k") == stages.begin(key="k")
    assert len(mlflow_runs(stages)) == 1


def test_a_retry_does_not_shift_the_windows_of_a_run_as_of_now(two_models, monkeypatch, shop):
    """The first attempt dies after its claim; by the second, time passed and the champion changed."""

    def crash(*_, **__):
        raise KeyboardInterrupt

    today = datetime.now(UTC).date()
    monkeypatch.setenv("SHOP_ROOT", str(two_models.work / "now"))
    shutil.copytree(shop / "dt=2024-01-01", two_models.work / "now" / f"dt={today}")
    with monkeypatch.context() as patch:
        patch.setattr("ct_components.registry.Registry.start_run", crash)
        with pytest.raises(KeyboardInterrupt):
            two_models.begin("run-3", as_of="")
    recorded = two_models.ledger.run("run-3")
    make_champion(two_models.registry, two_models.ledger, "shop", "2", expected="1", run_id="run-strong")
    plan = two_models.begin("run-3", as_of="")
    assert context(plan).as_of == recorded["as_of"].isoformat()
    assert context(plan).champion == recorded["champion_version"] == "1"
    assert json.loads(plan.windows) == recorded["windows"]


def test_the_champion_is_pinned_with_the_columns_that_only_it_needs(two_models):
    make_champion(two_models.registry, two_models.ledger, "shop", "2", expected="1", run_id="run-strong")
    narrow = {**two_models.spec, "columns": {"target": "bought", "numeric": ["age"]}}
    plan = two_models.begin("run-3", narrow)
    assert json.loads(plan.also) == ["region", "visits"]
    assert context(plan).champion == "2"


def test_the_holdout_begins_where_the_champions_training_ended(two_models):
    """Version 1 learned from rows up to 2024-02-14; a holdout of 14 days would begin on 2024-02-07."""
    windows = json.loads(two_models.begin("run-3", as_of="2024-02-21").windows)
    assert windows["holdout"] == {"start": "2024-02-14T00:00:00+00:00", "end": "2024-02-21T00:00:00+00:00"}
    assert windows["training"]["end"] == "2024-02-07T00:00:00+00:00"


def test_the_champions_own_estimator_is_not_checked_again(two_models, monkeypatch):
    monkeypatch.setattr("ct_components.models.build.build_classifier", None)
    assert context(two_models.begin("run-3")).champion == "1"


def test_another_estimator_than_the_champions_is_checked(two_models):
    assert context(two_models.begin("run-3", two_models.spec | NAIVE_BAYES)).champion == "1"


def test_a_champion_that_this_project_did_not_make_is_refused(stages):
    import mlflow.sklearn
    from sklearn.dummy import DummyClassifier

    foreign = DummyClassifier().fit([[0], [1]], [0, 1])
    with mlflow.start_run(run_id=stages.registry.start_run("shop", "by hand", "by hand", {})):
        mlflow.sklearn.log_model(
            foreign, name="model", registered_model_name="shop",
            serialization_format="skops", pip_requirements=[],
        )  # fmt: skip
    stages.registry.set_alias("shop", "champion", "1")
    with pytest.raises(StateError, match="was not made by train_model"):
        stages.begin()


def test_without_a_ledger_the_run_is_in_mlflow_only(stages, no_ledger, caplog):
    with caplog.at_level("INFO", logger="kfp-ct"):
        plans = [stages.begin(key="k") for _ in range(2)]
    assert plans[0] == plans[1]
    assert "no ledger: KFP_CT_LEDGER_URL is not set" in caplog.text
    assert len(mlflow_runs(stages)) == 1


def test_no_mlflow_is_refused(stages, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(BadInput, match="MLFLOW_TRACKING_URI is not set"):
        stages.begin()
