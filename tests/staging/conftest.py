"""A version that the project's own stages trained, and models that misbehave on purpose."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import staging_samples as samples
import yaml

from ct_components import connections as addresses
from ct_components.registry import Registry
from ct_components.stages.begin_run.component import begin_run
from ct_components.stages.compute_features.component import compute_features
from ct_components.stages.fetch_data.component import fetch_data
from ct_components.stages.train_model.component import train_model
from ct_components.stages.validate_data.component import validate_data

FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
SPEC = {
    "model": "shop",
    "task": "binary",
    "source": {"type": "parquet", "uri": "${SHOP_ROOT}/*.parquet", "timestamp": "at"},
    "columns": {"target": "bought", "numeric": ["visits", "age"], "categorical": ["region"]},
    "windows": {"train": "20d", "holdout": "10d"},
    "validation": {"min_rows": 100},
    "training": {"parameters": {"max_iter": 10}},
}


def pytest_configure(config):
    """What MLflow is warned of, and what it warns of as it is imported, is not ours to mend."""
    config.addinivalue_line("filterwarnings", "ignore::Warning:mlflow.*")
    config.addinivalue_line("filterwarnings", "ignore:.*Any type hint is inferred as AnyType")


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A month of a shop's customers, of whom some have no age and some no region."""
    rng, n = np.random.default_rng(0), 3000
    visits, region = rng.normal(size=n), rng.integers(0, 4, n)
    table = {
        "at": pa.array([FIRST_DAY + timedelta(minutes=14.4 * row) for row in range(n)]),
        "bought": (visits + 0.5 * (region == 1) + rng.normal(size=n) > 0).astype(np.int8),
        "visits": visits,
        "age": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.1),
        "region": [[None, "north", "south", "east"][code] for code in region],
    }
    root = tmp_path_factory.mktemp("shop")
    pq.write_table(pa.table(table), root / "customers.parquet")
    return root


@pytest.fixture(scope="session")
def trained(tmp_path_factory, mlflow_template, shop):
    """Version 1 of shop, by the stages from begin_run to train_model. Not to be changed: ask for `folder`."""
    state, work = tmp_path_factory.mktemp("state"), tmp_path_factory.mktemp("work")
    shutil.copy(mlflow_template, state / "mlflow.db")

    def artifact(name):
        return SimpleNamespace(path=str(work / name), metadata={})

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**addresses.embedded(state, {}), "SHOP_ROOT": str(shop)}.items():
            patch.setenv(name, value)
        resolved, training, holdout = artifact("resolved"), artifact("training"), artifact("holdout")
        profile, features = artifact("profile"), artifact("features")
        plan = begin_run.python_func(json.dumps(SPEC), "run-1", resolved, "2024-01-31")
        about = {"context": plan.context}
        fetch_data.python_func(plan.source, plan.columns, plan.windows, training, holdout, plan.also, **about)
        validate_data.python_func(
            training, holdout, plan.columns, plan.windows, plan.validation,
            profile, artifact("page"), artifact("metrics"), **about,
        )  # fmt: skip
        compute_features.python_func(training, plan.columns, features, **about)
        train_model.python_func(
            features, profile, resolved, plan.columns, plan.training,
            artifact("model"), artifact("training metrics"), **about,
        )  # fmt: skip
    return addresses.from_environment(addresses.embedded(state, {}))


@pytest.fixture
def registry(trained):
    return Registry(trained)


@pytest.fixture
def version(registry):
    return registry.version("shop", "1")


@pytest.fixture
def folder(registry, version):
    """The version's own folder in the store, which is put right after the test."""
    yield from _kept(registry.download(version))


@pytest.fixture
def records(registry, version):
    """The folder of the files that its MLflow run recorded, which is put right after the test."""
    yield from _kept(Path(registry._client.download_artifacts(version.mlflow_run_id, "")))


def _kept(folder):
    copy = folder.with_name(f"{folder.name}-copy")
    shutil.copytree(folder, copy)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    copy.rename(folder)


@pytest.fixture
def describe(folder):
    """Changes the MLmodel file of the version."""

    def describe(change):
        content = yaml.safe_load((folder / "MLmodel").read_text())
        change(content)
        (folder / "MLmodel").write_text(yaml.safe_dump(content))

    return describe


@pytest.fixture
def odd_model(tmp_path):
    """Makes a model of Python code, and returns the job to check it."""

    def make(**parts):
        return samples.job(samples.odd_model(tmp_path / "model", **parts), [0.5] * len(samples.ROWS))

    return make
