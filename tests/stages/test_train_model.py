"""Stage train_model: everything that it takes to judge and reproduce a model is in MLflow."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ct_components.errors import ModelError
from ct_components.registry import model_metadata
from ct_components.stages.train_model import train

LOADED_ALONE = """
import sys, json, mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
rows = pd.DataFrame(json.loads(sys.argv[2]))
print(json.dumps([sorted(m for m in sys.modules if m.startswith("ct_")), model.predict(rows).tolist()]))
"""


@pytest.fixture
def mlflow_run(two_models):
    return two_models.client.get_run(two_models.strong.context.mlflow_run_id)


def test_parameters_say_what_was_fitted_on_which_rows(two_models, mlflow_run):
    assert mlflow_run.data.params == {
        "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
        "seed": "0",
        "parameter.max_iter": "20",
        "training_start": "2024-01-29T00:00:00+00:00",
        "training_end": "2024-02-28T00:00:00+00:00",
        "holdout_start": "2024-02-28T00:00:00+00:00",
        "holdout_end": "2024-03-13T00:00:00+00:00",
        "data_fingerprint": two_models.strong.made.features.metadata["training_fingerprint"],
    }
    assert mlflow_run.data.params["data_fingerprint"].startswith("sha256:")


def test_metrics_describe_the_training_rows(two_models, mlflow_run):
    assert mlflow_run.data.metrics == two_models.strong.made.metrics.metadata
    assert mlflow_run.data.metrics["training_rows"] == 30 * 80
    assert 0.7 < mlflow_run.data.metrics["training_roc_auc"] < 1


def test_spec_windows_and_reference_profile_are_files_of_the_run(two_models):
    run_id = two_models.strong.context.mlflow_run_id
    read = {
        name: json.loads(two_models.registry.read_text(run_id, name))
        for name in ("resolved.json", "reference_profile.json")
    }
    assert read["resolved.json"]["spec"]["model"] == "shop"
    assert read["resolved.json"]["windows"] == json.loads(two_models.strong.plan.windows)
    assert {"visits", "age", "region"} <= set(read["reference_profile.json"]["columns"])


def test_the_model_has_signature_example_and_what_later_runs_must_know(two_models):
    folder = two_models.registry.download(two_models.registry.version("shop", "2"))
    import mlflow.models

    model = mlflow.models.Model.load(str(folder))
    kinds = {column.name: column.type.name for column in model.signature.inputs}
    assert kinds == {"visits": "double", "age": "double", "region": "string"}
    assert model.saved_input_example_info is not None
    assert model_metadata(folder)["windows"]["training"]["end"] == "2024-02-28T00:00:00+00:00"
    assert model_metadata(folder)["positive"] == 1


def test_the_version_is_registered_under_its_run_with_alias_and_tags(two_models):
    version = two_models.registry.alias("shop", "challenger")
    strong = two_models.strong
    assert (version.number, version.mlflow_run_id) == (strong.version, strong.context.mlflow_run_id)
    expected = {"run_id": "run-strong", "reason": "manual", "as_of": "2024-03-13T00:00:00+00:00"}
    assert version.tags.items() >= expected.items()
    assert strong.made.model.metadata["uri"] == "models:/shop/2"
    assert (Path(strong.made.model.path) / "model.skops").exists()


def test_a_retry_registers_no_second_version(two_models):
    again = two_models.fit(two_models.strong)
    found = two_models.client.search_model_versions("name = 'shop'")
    assert again.version == "2"
    assert sorted(version.version for version in found) in ([1, 2], ["1", "2"])


def test_a_crash_right_after_registration_is_completed_by_the_retry(stages, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ct_components.registry.Registry.tag_version", crash)
        with pytest.raises(KeyboardInterrupt):
            stages.train()
    plan_of_retry = stages.train()
    version = stages.registry.alias("shop", "challenger")
    metrics = stages.client.get_run(plan_of_retry.context.mlflow_run_id).data.metrics
    assert (version.number, version.tags["run_id"]) == ("1", "run-1")
    assert "training_roc_auc" in metrics


@pytest.mark.slow
def test_the_logged_model_predicts_alone_in_a_clean_process(two_models):
    folder = two_models.registry.download(two_models.registry.version("shop", "2"))
    rows = [
        {"visits": 2.0, "age": None, "region": "north"},
        {"visits": -2.0, "age": 0.5, "region": None},
        {"visits": 0.0, "age": 0.5, "region": "atlantis"},
    ]
    ended = subprocess.run(
        [sys.executable, "-I", "-c", LOADED_ALONE, str(folder), json.dumps(rows)],
        capture_output=True, text=True, check=False, env={"MLFLOW_DISABLE_TELEMETRY": "true"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    ours, scores = json.loads(ended.stdout)
    assert ours == []
    assert scores[0][1] > scores[2][1] > scores[1][1]


def test_the_sample_of_a_model_says_numbers_to_the_last_bit(two_models):
    from ct_components.models.build import Features, build_pipeline
    from ct_components.models.score import fit

    rng = np.random.default_rng(0)
    import pandas as pd

    frame = pd.DataFrame({"1": rng.normal(size=50) * 1e-20, "c": ["x", None] * 25})
    pipeline = build_pipeline("sklearn.linear_model.LogisticRegression", {}, 0, Features(["1"], ["c"]))
    fit(pipeline, frame, rng.random(50) < 0.5, None)
    sample = json.loads(train._sample(pipeline, frame))
    assert [row[0] for row in sample["rows"]["data"]] == frame["1"].head(20).tolist()
    assert sample["rows"]["data"][1][1] is None


def test_an_estimator_that_cannot_be_fitted_registers_nothing(stages):
    naive = {**stages.spec, "training": {"estimator": "sklearn.naive_bayes.MultinomialNB"}}
    with pytest.raises(SystemExit) as ended:
        stages.train(spec=naive)
    outcome = stages.ledger.stage_outcome("run-1", "train_model")
    assert ended.value.code == ModelError.exit_code
    assert "MultinomialNB cannot be fitted on 2400 rows: Negative values" in outcome.message
    assert stages.client.search_registered_models() == []


@pytest.fixture
def wide(stages, tmp_path, monkeypatch):
    """300 columns with long names, of which one decides."""
    names = [f"measurement of the {number}th sensor in the second hall" for number in range(300)]
    rng = np.random.default_rng(0)
    for number in range(31):
        folder = tmp_path / "wide" / f"dt=2024-01-{number + 1:02}"
        folder.mkdir(parents=True)
        values = {name: rng.normal(size=20) for name in names}
        at = np.datetime64(f"2024-01-{number + 1:02}T00:00:00", "us") + np.arange(20)
        late = values[names[7]] + rng.normal(size=20) > 0
        pq.write_table(
            pa.table({"at": pa.array(at), "bought": late.astype(int), **values}), folder / "p.parquet"
        )
    monkeypatch.setenv("SHOP_ROOT", str(tmp_path / "wide"))
    columns = {"target": "bought", "numeric": names}
    windows = {"train": "20d", "holdout": "10d"}
    return {**stages.spec, "columns": columns, "windows": windows}


@pytest.mark.slow
def test_a_wide_spec_is_trained_judged_and_promoted(stages, wide):
    trained = stages.train(spec=wide, as_of="2024-01-31")
    assert stages.evaluate(trained).verdict == "promote"
    assert stages.promote(trained) == "1"
