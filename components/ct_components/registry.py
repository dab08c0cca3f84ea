"""MLflow: runs, model versions and aliases. The only module that talks to its API.

Aliases are `champion`, `staging` and `challenger`; MLflow's stages are deprecated.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ct_components.connections import Connections, redact
from ct_components.errors import StateError, Unreachable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"
STAGING = "staging"

# Files of every MLflow run of ours.
RESOLVED_SPEC = "resolved.json"
REFERENCE_PROFILE = "reference_profile.json"
# Rows with the scores that they had when fitted, to check a stored model against.
PREDICTION_SAMPLE = "prediction_sample.json"
VERDICT_REPORT = "verdict.json"
VERDICT_PAGE = "verdict.html"

# Tags of runs and model versions; one prefix, so that they sort together and clash with nobody's.
TAG = "kfp_ct."

# MLflow's own default retries for four minutes before it says that nobody answers.
_HTTP_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True)
class Version:
    """A registered model version: its number, the MLflow run that made it, our tags without their prefix."""

    name: str
    number: str
    mlflow_run_id: str
    tags: Mapping[str, str]

    @property
    def uri(self) -> str:
        """MLflow's address of this version; by number, because an alias may move."""
        return f"models:/{self.name}/{self.number}"


class Registry:
    """MLflow's tracking and registry at one address."""

    def __init__(self, connections: Connections) -> None:
        for name, value in _HTTP_DEFAULTS.items():
            os.environ.setdefault(name, value)
        # The backend's MLflow plugin may inject a run; our runs are named explicitly, always.
        os.environ.pop("MLFLOW_RUN_ID", None)
        self._connections = connections
        _make_folder_of_sqlite(connections.tracking_uri)
        with self.answering():
            import mlflow

            mlflow.set_tracking_uri(connections.tracking_uri)
            self._client: MlflowClient = mlflow.MlflowClient(connections.tracking_uri)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turns "nobody answers" into Unreachable; every other MLflow error stays what it is."""
        import requests
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import OperationalError

        try:
            yield
        except (requests.RequestException, OperationalError) as error:
            raise self._unreachable(error) from error
        except MlflowException as error:
            if isinstance(error.__cause__, requests.RequestException) or _is_transient(error):
                raise self._unreachable(error) from error
            raise

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = str(error).splitlines()[0][:300]
        return Unreachable(f"MLflow at {redact(self._connections.tracking_uri)} does not answer: {reason}")

    def start_run(self, experiment: str, name: str, run_id: str, tags: Mapping[str, str]) -> str:
        """Returns the one MLflow run of a pipeline run, making experiment and run where they are missing."""
        with self.answering():
            experiment_id = self._experiment(experiment)
            query = f"tags.`{TAG}run_id` = '{run_id}'"
            found = self._client.search_runs([experiment_id], query, max_results=1)
            if found:
                return str(found[0].info.run_id)
            own = {f"{TAG}run_id": run_id, **_prefixed(tags)}
            return str(self._client.create_run(experiment_id, run_name=name, tags=own).info.run_id)

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            root = self._connections.artifact_root
            return str(self._client.create_experiment(name, f"{root}/{name}" if root else None))
        if found.lifecycle_stage != "active":
            raise StateError(
                f"MLflow experiment {name!r} is deleted; restore it, or name the model differently"
            )
        return str(found.experiment_id)

    def log(
        self,
        mlflow_run_id: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float | None] | None = None,
        tags: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Logs parameters, metrics, tags and text files to an MLflow run. None is left out."""
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        with self.answering():
            self._client.log_batch(
                mlflow_run_id,
                metrics=[Metric(k, v, now, 0) for k, v in (metrics or {}).items() if v is not None],
                params=[Param(k, str(v)[:6000]) for k, v in (parameters or {}).items()],
                tags=[RunTag(k, v) for k, v in _prefixed(tags or {}).items()],
            )
            for path, text in (files or {}).items():
                self._client.log_text(mlflow_run_id, text, path)

    def finish_run(self, mlflow_run_id: str, *, failed: bool = False) -> None:
        """Closes an MLflow run."""
        with self.answering():
            self._client.set_terminated(mlflow_run_id, "FAILED" if failed else "FINISHED")

    def version(self, name: str, number: str) -> Version:
        """Returns a version by its number.

        Raises:
            StateError: If there is no such version.
        """
        from mlflow.exceptions import MlflowException

        try:
            with self.answering():
                return _version(self._client.get_model_version(name, number))
        except MlflowException as error:
            raise StateError(f"model {name!r} has no version {number!r}: {error.message}") from error

    def alias(self, name: str, alias: str) -> Version | None:
        """Returns the version that an alias names, or None."""
        from mlflow.exceptions import MlflowException

        try:
            with self.answering():
                return _version(self._client.get_model_version_by_alias(name, alias))
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise

    def set_alias(self, name: str, alias: str, number: str) -> None:
        """Moves an alias. Last write wins: who may move it is the ledger's decision."""
        with self.answering():
            self._client.set_registered_model_alias(name, alias, number)

    def version_of_run(self, name: str, mlflow_run_id: str) -> Version | None:
        """Returns the version that an MLflow run registered, so that a retry registers no second one."""
        with self.answering():
            found = self._client.search_model_versions(f"name = '{name}' and run_id = '{mlflow_run_id}'")
        return _version(found[0]) if found else None

    def tag_version(self, version: Version, tags: Mapping[str, str]) -> None:
        """Writes tags to a version."""
        with self.answering():
            for key, value in _prefixed(tags).items():
                self._client.set_model_version_tag(version.name, version.number, key, value)

    def challenges(self, name: str, champion: str, *, besides: str) -> int:
        """Counts the challenges of a champion from the versions' tags, where there is no ledger."""
        query = f"name = '{name}' and tags.`{TAG}challenged` = '{champion}'"
        with self.answering():
            found = [_version(each) for each in self._client.search_model_versions(query)]
        return sum(each.number != besides and each.tags.get("verdict") != "insufficient" for each in found)

    def download(self, version: Version) -> Path:
        """Returns a local folder with the model; a local store's own folder, never to be written to."""
        from mlflow.artifacts import download_artifacts

        with self.answering():
            return Path(
                download_artifacts(artifact_uri=version.uri, tracking_uri=self._connections.tracking_uri)
            )

    def read_text(self, mlflow_run_id: str, path: str) -> str:
        """Returns a text file of an MLflow run."""
        from mlflow.artifacts import load_text

        with self.answering():
            return str(load_text(f"runs:/{mlflow_run_id}/{path}"))


def model_metadata(folder: Path) -> dict[str, Any]:
    """Reads what `train_model` wrote into a model's MLmodel file.

    Raises:
        StateError: If the model was not made by `train_model`.
    """
    import yaml

    content = yaml.safe_load((folder / "MLmodel").read_text())
    text = (content.get("metadata") or {}).get("kfp_ct")
    if text is None:
        raise StateError(
            f"the model in {folder} was not made by train_model: its MLmodel holds no kfp_ct metadata"
        )
    metadata: dict[str, Any] = json.loads(text)
    return metadata


def _version(found: "ModelVersion") -> Version:
    tags = {key.removeprefix(TAG): value for key, value in found.tags.items() if key.startswith(TAG)}
    return Version(found.name, str(found.version), str(found.run_id or ""), tags)


def _prefixed(tags: Mapping[str, str]) -> dict[str, str]:
    return {f"{TAG}{key}": value[:5000] for key, value in tags.items()}


def _is_transient(error: Any) -> bool:
    text = str(error)
    signs: Sequence[str] = (
        "API request to",
        "Max retries exceeded",
        "Connection refused",
        "OperationalError",
    )
    return error.error_code == "TEMPORARILY_UNAVAILABLE" or any(sign in text for sign in signs)


def _make_folder_of_sqlite(uri: str) -> None:
    if urlsplit(uri).scheme == "sqlite":
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
