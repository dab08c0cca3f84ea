"""A real model on MLflow's own server is asked as a deployment asks it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ct_components.errors import ModelError
from ct_components.models.build import Features, build_pipeline
from ct_components.models.score import fit, score
from ct_components.models.store import log_model
from ct_components.serving import Sample, prediction

pytestmark = [pytest.mark.slow, pytest.mark.service]


def a_model(registry, estimator):
    """Fits and registers a model; returns its folder, and rows with their scores."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"visits": rng.normal(size=200), "region": ["north", "south"] * 100}, dtype=object)
    frame["visits"] = frame["visits"].astype(float)
    positive = (frame["visits"] + (frame["region"] == "north") > 0).to_numpy(dtype=bool)
    pipeline = build_pipeline(estimator, {}, 0, Features(["visits"], ["region"]), weighted=False)
    fit(pipeline, frame, positive, None)
    run = registry.start_run("churn", "one", "run-1", {})
    number = log_model(pipeline, frame.head(5), mlflow_run_id=run, name="churn", metadata={})
    rows = frame.head(20)
    known = {"columns": list(rows), "data": rows.to_numpy(object).tolist()}
    sample = Sample.from_json(json.dumps({"rows": known, "scores": score(pipeline, rows).tolist()}))
    return registry.download(registry.version("churn", number)), sample


@pytest.fixture
def serve_model(closed_port):
    """Starts MLflow's server on a model; returns its address when it answers."""
    started = []

    def start(folder):
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "__pyfunc_model_path__": str(folder),
        }
        server = "mlflow.pyfunc.scoring_server.app:app"
        command = ["uvicorn", "--host", "127.0.0.1", "--port", str(closed_port), server]
        started.append(subprocess.Popen([sys.executable, "-m", *command], env=environment))
        url = f"http://127.0.0.1:{closed_port}"
        for _ in range(300):
            time.sleep(0.2)
            try:
                urllib.request.urlopen(f"{url}/ping", timeout=5).close()  # noqa: S310
            except OSError:
                continue
            return url
        raise AssertionError("MLflow's server does not start")

    yield start
    for process in started:
        process.terminate()
        process.wait()


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize(
    "estimator", ["sklearn.ensemble.HistGradientBoostingClassifier", "sklearn.svm.LinearSVC"]
)
def test_it_predicts_what_it_did_when_fitted_and_nothing_else_is_taken_for_that(
    registry, serve_model, estimator
):
    folder, sample = a_model(registry, estimator)
    at = prediction.endpoint(serve_model(folder), "mlflow", "churn")
    prediction.ask(at, sample, 1e-6)

    swapped = Sample(sample.columns, sample.rows, tuple(-score for score in sample.scores))
    with pytest.raises(ModelError, match="scores that differ"):
        prediction.ask(at, swapped, 1e-6)
