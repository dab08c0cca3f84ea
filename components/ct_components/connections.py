"""Where the services are: the only module that reads connection settings from the environment.

On a cluster the variables come from the Secret and ConfigMap ``kfp-ct-connections``. On a laptop
``embedded`` derives them all from one state folder. A variable that is set always wins.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ct_components.errors import CTError, StateError, Unreachable

LEDGER_URL = "KFP_CT_LEDGER_URL"
TRACKING_URI = "MLFLOW_TRACKING_URI"
ARTIFACT_ROOT = "KFP_CT_MLFLOW_ARTIFACT_ROOT"
STATE_HOME = "KFP_CT_HOME"
REPORT_ROOT = "KFP_CT_REPORT_ROOT"
KFP_HOST = "KFP_CT_KFP_HOST"

# A password may hold "/", "@" or "?" that nobody encoded, so it ends at the last "@" of the word.
# Up to the last @ of a word, since passwords may hold any sign but a blank; a path with an @ is none.
_USER_PASSWORD = re.compile(r"(://(?!/)[^\s:/]*:)\S+@")
_PASSWORD_ALONE = re.compile(r"(://(?!/)[^\s:/]*:).+@", re.DOTALL)
_TOKEN_ALONE = re.compile(r"(://)[^\s:/@]+@")
_SECRET_OPTION = re.compile(
    r"((?:password|passwd|pwd|secret|token|api_?key|access_?key)=)[^&\s]+", re.IGNORECASE
)
# What a database says when only a person can mend it. Anything else may go away by itself.
_PERMANENT = re.compile(
    r"unable to open|not a database|malformed|readonly|no such (table|column)|authentication failed"
    r"|does not exist|permission denied|already exists|encrypted",
    re.IGNORECASE,
)


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
    tracking_uri = environment.get(TRACKING_URI, "").strip()
    if not tracking_uri:
        raise StateError(
            f"{TRACKING_URI} is not set: the stages need MLflow's address, such as http://mlflow:5000"
        )
    return Connections(tracking_uri, ledger_url(environment), environment.get(ARTIFACT_ROOT) or None)


def ledger_url(environment: Mapping[str, str] = os.environ) -> str | None:
    """Returns the ledger's URL, or None where there is no ledger."""
    return environment.get(LEDGER_URL, "").strip() or None


def state_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Returns the state folder of a laptop: ``KFP_CT_HOME``, else ``.kfp-ct`` beside where one stands."""
    return Path(environment.get(STATE_HOME) or ".kfp-ct").resolve()


def in_a_pod(environment: Mapping[str, str] = os.environ) -> bool:
    """Returns whether this is a pod: what is kept in its files vanishes with it."""
    return bool(environment.get("KUBERNETES_SERVICE_HOST"))


def report_root(environment: Mapping[str, str] = os.environ) -> Path:
    """Returns where monitors write their pages: ``KFP_CT_REPORT_ROOT``, else a folder of the state folder."""
    return Path(environment.get(REPORT_ROOT) or state_home(environment) / "monitoring").absolute()


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
    """Returns the SQLAlchemy URL of an SQLite file, whose folders may have any name.

    Example:
        >>> sqlite_url(Path("/tmp/50% off?/x.db"))
        'sqlite:////tmp/50%25 off%3F/x.db'
    """
    return f"sqlite:///{path}".replace("%", "%25").replace("?", "%3F")


def redact(text: str) -> str:
    """Hides passwords of URLs, alone or within a message.

    Example:
        >>> redact("postgresql://ct:secret@db/ledger")
        'postgresql://ct:***@db/ledger'
        >>> redact("no answer from postgresql://db/ledger?user=ct&password=secret")
        'no answer from postgresql://db/ledger?user=ct&password=***'
    """
    hidden = _USER_PASSWORD.sub(r"\1***@", text)
    return _SECRET_OPTION.sub(r"\1***", _TOKEN_ALONE.sub(r"\1***@", hidden))


def redact_url(url: str) -> str:
    """Hides the password of a URL that stands alone, and which may hold blanks.

    Example:
        >>> redact_url("postgresql://ct:se cret@db/ledger")
        'postgresql://ct:***@db/ledger'
    """
    return redact(_PASSWORD_ALONE.sub(r"\1***@", url))


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text without passwords, for a message of ours."""
    text = str(error).strip() or type(error).__name__
    return redact(text.splitlines()[0])[:300]


def database_error(role: str, url: str, error: Exception) -> CTError:
    """Says what is wrong with a database, and whether trying again may help.

    Args:
        role: Whose database it is, such as "the ledger".
        url: Its SQLAlchemy URL.
        error: What SQLAlchemy, or the import of a driver, raised. SQLAlchemy's kinds are told by name,
            because this module is imported where SQLAlchemy is not.
    """
    place = f"{role} at {redact_url(url)}"
    if isinstance(error, ImportError):
        return StateError(f"{place} needs the Python package {error.name!r}, which is not installed")
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "ArgumentError" in kinds or "ValueError" in kinds:
        return StateError(
            f"{place} cannot be opened: {first_line(error)}; allowed: an SQLAlchemy URL of a driver that is "
            "installed, such as sqlite:////folder/file.db or postgresql+psycopg://user:password@host/database"
        )
    reason = first_line(getattr(error, "orig", None) or error)
    if isinstance(error, OSError) or "DBAPIError" not in kinds or _is_permanent(reason, kinds):
        return StateError(f"{place} cannot be used: {reason}")
    return Unreachable(f"{place} does not answer: {reason}")


def _is_permanent(reason: str, kinds: set[str]) -> bool:
    return "OperationalError" not in kinds or bool(_PERMANENT.search(reason))
