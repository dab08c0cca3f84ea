"""A shop's data, spec and command line for every end-to-end test."""

import shutil

import pytest
import yaml
from shop import SPEC, Shell, make_data


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def write_spec(tmp_path):
    """Writes the spec, with sections changed: write_spec(windows={"train": "7d"})."""

    def write(name="model.yaml", **changes):
        content = {**SPEC}
        for key, value in changes.items():
            old = content.get(key)
            content[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    return write


@pytest.fixture
def make_shell(data_root):
    """Makes a command line on a state folder of its own, in which nothing is yet."""
    return lambda home, data=None: Shell(home, data or data_root)


@pytest.fixture
def shell(make_shell, tmp_path, mlflow_template):
    """A command line on a state folder whose MLflow has its tables already, which saves seconds."""
    home = tmp_path / "state"
    home.mkdir()
    shutil.copy(mlflow_template, home / "mlflow.db")
    return make_shell(home)
