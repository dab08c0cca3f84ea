"""Stage deploy_model: the champion is served, and that is on record in the ledger."""

import json
from types import SimpleNamespace

import pytest
from fake_kubernetes_serving import ISVC, fake_serving, inference_service

from ct_components import connections as addresses
from ct_components.champion import make_champion
from ct_components.errors import Unreachable
from ct_components.ledger import Ledger, open_ledger
from ct_components.serving import rollout
from ct_components.stage import Context
from ct_components.stages.deploy_model.component import deploy_model

OLD = "gs://bucket/old"
KSERVE = json.dumps({"type": "kserve"})
SAMPLE = {"rows": {"columns": ["age"], "data": [[1.5], [2.5]]}, "scores": [0.25, 0.75]}


@pytest.fixture
def shop(tmp_path, monkeypatch, registry, connections):
    """A champion in MLflow whose files lie in a bucket, and an InferenceService that serves another."""
    import mlflow

    client = mlflow.MlflowClient(connections.tracking_uri)
    client.create_registered_model("churn")
    for number in ("1", "2"):
        run = registry.start_run("churn", number, f"run-{number}", {})
        registry.log(run, files={"prediction_sample.json": json.dumps(SAMPLE)})
        client.create_model_version("churn", f"gs://bucket/{number}", run)
    ledger = open_ledger(addresses.ledger_url())
    make_champion(registry, ledger, "churn", "1", expected="", run_id="run-1")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(rollout.SystemClock, "sleep", lambda *_: None)
    with fake_serving(tmp_path, ISVC, inference_service(OLD)) as fake:
        monkeypatch.setenv("KUBECONFIG", str(fake.kubeconfig))
        fake.predicts = {OLD: [0.5, 0.5], "gs://bucket/1": [0.25, 0.75]}
        yield SimpleNamespace(fake=fake, ledger=ledger, registry=registry)


def run_stage(version="1", serving=KSERVE, run_id="run-1"):
    context = Context(run_id=run_id, model="churn").to_json()
    return deploy_model.python_func(version, serving, context)


def on_record(shop):
    promotion = shop.ledger.champion("churn")
    return promotion.serving_state, promotion.serving_message


def test_the_champion_is_served_from_where_its_files_lie(shop):
    assert run_stage() == "served"
    assert shop.fake.uri == "gs://bucket/1"
    state, message = on_record(shop)
    assert state == "served"
    assert message.startswith("InferenceService models/churn serves version 1 (gs://bucket/1), after gs://")
    assert "2 rows were predicted as they should be" in message


def test_repeated_it_changes_nothing(shop):
    assert run_stage() == run_stage() == "served"
    assert [verb for verb, _ in shop.fake.calls].count("patch") == 1


def test_without_a_ledger_it_serves_just_as_well(shop, monkeypatch):
    monkeypatch.delenv(addresses.LEDGER_URL)

    assert run_stage() == "served"
    assert on_record(shop) == (None, None)


@pytest.mark.parametrize(("version", "serving"), [("1", "{}"), ("", KSERVE)], ids=["none", "not promoted"])
def test_where_nothing_is_to_be_served_nothing_is_asked(shop, version, serving):
    assert run_stage(version, serving) == "none"
    assert shop.fake.calls == []
    assert on_record(shop) == (None, None)


def test_a_failure_leaves_the_champion_and_says_what_is_served(shop, capsys):
    shop.fake.predicts["gs://bucket/1"] = [0.5, 0.5]
    with pytest.raises(SystemExit) as ended:
        run_stage()

    assert ended.value.code == 13
    said = capsys.readouterr().err
    assert "churn version 1 is champion, but not served: InferenceService models/churn does not serve" in said
    assert f"{OLD} was put back, and serves again" in said
    state, message = on_record(shop)
    assert state == "failed"
    assert message in said
    assert shop.registry.alias("churn", "champion").number == "1"
    assert shop.fake.uri == OLD


def test_a_ledger_that_is_away_does_not_hide_what_is_served(shop, monkeypatch, capsys):
    original = Ledger.record_serving

    def record(ledger, model, sequence, state, message):
        if state == "failed":
            raise Unreachable("the ledger does not answer")
        original(ledger, model, sequence, state, message)

    monkeypatch.setattr(Ledger, "record_serving", record)
    shop.fake.predicts["gs://bucket/1"] = "junk"
    with pytest.raises(SystemExit) as ended:
        run_stage()

    assert ended.value.code == 14
    assert f"{OLD} was put back, and serves again" in capsys.readouterr().err


def test_one_that_is_not_champion_any_more_is_left_alone(shop):
    """A retry hours later: somebody was promoted, or rolled back, since."""
    make_champion(shop.registry, shop.ledger, "churn", "2", expected="1", run_id="run-2")

    assert run_stage("1") == "superseded"
    assert shop.fake.calls == []


def test_an_alias_that_was_moved_by_hand_counts(shop):
    shop.registry.set_alias("churn", "champion", "2")

    assert run_stage("1") == "superseded"


def test_a_version_without_a_sample_is_served_unasked(shop, monkeypatch):
    monkeypatch.setattr("ct_components.serving.champion.PREDICTION_SAMPLE", "nothing.json")

    assert run_stage() == "served"
    assert "no prediction was asked for" in on_record(shop)[1]


@pytest.mark.parametrize("serving", ['{"type": "knative"}', "[]", "{"])
def test_a_section_that_is_none_is_refused(shop, serving, capsys):
    with pytest.raises(SystemExit) as ended:
        run_stage(serving=serving)

    assert ended.value.code == 10
    assert "serving" in capsys.readouterr().err
