"""What tests of several rooms need: an MLflow of their own, without the seconds that a new one takes."""

import shutil
import socket
from pathlib import Path

import pytest

from ct_components.connections import Connections, sqlite_url
from ct_components.registry import Registry


def pytest_configure(config: pytest.Config) -> None:
    """MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates; nothing here can mend that."""
    config.addinivalue_line("filterwarnings", "ignore:The .*noload.* loader strategy:DeprecationWarning")


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store in which nothing has happened; making its tables takes two seconds, copying it none."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        path = tmp_path_factory.mktemp("mlflow") / "template.db"
        mlflow.MlflowClient(sqlite_url(path)).search_experiments()
    return path


@pytest.fixture
def tracking_uri(mlflow_template: Path, tmp_path: Path) -> str:
    """The URI of an empty MLflow store of this test's own."""
    path = tmp_path / "mlflow.db"
    shutil.copy(mlflow_template, path)
    return sqlite_url(path)


@pytest.fixture
def connections(tracking_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Embedded services in `tmp_path`, also in the environment, as stages find them."""
    found = Connections(tracking_uri, sqlite_url(tmp_path / "ledger.db"), (tmp_path / "artifacts").as_uri())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", found.tracking_uri)
    monkeypatch.setenv("KFP_CT_LEDGER_URL", found.ledger_url or "")
    monkeypatch.setenv("KFP_CT_MLFLOW_ARTIFACT_ROOT", found.artifact_root or "")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return found


@pytest.fixture
def registry(connections: Connections) -> Registry:
    """A registry on an MLflow store of this test's own."""
    return Registry(connections)


@pytest.fixture
def closed_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def living():
    """The processes of this machine that were started with a mark of the test in their environment."""

    def find(mark):
        return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _lives(folder, mark)]

    return find


def _lives(folder, mark):
    try:
        zombie = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return not zombie and mark.encode() in (folder / "environ").read_bytes()
    except OSError:
        return False
