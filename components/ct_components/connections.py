"""Where the services are: the only module that reads connection settings from the environment.

On a cluster the variables come from the Secret and ConfigMap ``kfp-ct-connections``. On a laptop
``embedded`` derives them all from one state folder. A variable that is set always wins.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ct_components.errors import StateError

LEDGER_URL = "KFP_CT_LEDGER_URL"
TRACKING_URI = "MLFLOW_TRACKING_URI"
ARTIFACT_ROOT = "KFP_CT_MLFLOW_ARTIFACT_ROOT"
STATE_HOME = "KFP_CT_HOME"


@dataclass(frozen=True)
class Connections:
    """Addresses of the services that a stage talks to.

    Attributes:
        tracking_uri: MLflow's tracking and registry URI.
        ledger_url: SQLAlchemy URL of the ledger; None runs without one.
        artifact_root: Where a new MLflow experiment keeps its artifacts; None leaves it to the server.
    """

    tracking_uri: str
    ledger_url: str | None
    artifact_root: str | None


def from_environment(environment: Mapping[str, str] = os.environ) -> Connections:
    """Reads the connections that this process was given.

    Raises:
        StateError: If no MLflow is named; MLflow's own default would vanish with the pod.
    """
    tracking_uri = environment.get(TRACKING_URI, "")
    if not tracking_uri:
        raise StateError(
            f"{TRACKING_URI} is not set: the stages need MLflow's address, such as http://mlflow:5000"
        )
    return Connections(tracking_uri, ledger_url(environment), environment.get(ARTIFACT_ROOT) or None)


def ledger_url(environment: Mapping[str, str] = os.environ) -> str | None:
    """Returns the ledger's URL, or None where there is no ledger."""
    return environment.get(LEDGER_URL) or None


def state_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Returns the state folder of a laptop: ``KFP_CT_HOME``, else ``.kfp-ct`` beside where one stands."""
    return Path(environment.get(STATE_HOME) or ".kfp-ct").resolve()


def embedded(home: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns the variables that make every stage use the embedded services in `home`.

    Example:
        >>> embedded(Path("/tmp/state"), {})["MLFLOW_TRACKING_URI"]
        'sqlite:////tmp/state/mlflow.db'
    """
    defaults = {
        STATE_HOME: str(home),
        LEDGER_URL: sqlite_url(home / "ledger.db"),
        TRACKING_URI: sqlite_url(home / "mlflow.db"),
    }
    if not environment.get(TRACKING_URI):
        defaults[ARTIFACT_ROOT] = (home / "mlflow-artifacts").as_uri()
    return {name: environment.get(name) or value for name, value in defaults.items()}


def sqlite_url(path: Path) -> str:
    """Returns the SQLAlchemy URL of an SQLite file."""
    return f"sqlite:///{path}"


def redact(url: str) -> str:
    """Hides the password of a URL, for messages.

    Example:
        >>> redact("postgresql://ct:secret@db/ledger")
        'postgresql://ct:***@db/ledger'
    """
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))
