"""MLflow: runs, model versions and aliases. The only module that talks to its API.

Aliases are `champion`, `staging` and `challenger`; MLflow's stages are deprecated.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ct_components.connections import Connections, database_error, first_line, redact
from ct_components.errors import CTError, StateError, Unreachable

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.exceptions import MlflowException

CHAMPION = "champion"
CHALLENGER = "challenger"
STAGING = "staging"

# Files of every MLflow run of ours.
RESOLVED_SPEC = "resolved.json"
REFERENCE_PROFILE = "reference_profile.json"
REFERENCE_DAYS = "reference_days.json"
# Rows with the scores that they had when fitted, to check a stored model against.
PREDICTION_SAMPLE = "prediction_sample.json"
VERDICT_REPORT = "verdict.json"
VERDICT_PAGE = "verdict.html"

# Tags of runs and model versions; one prefix, so that they sort together and clash with nobody's.
TAG = "kfp_ct."

# What the KFP backend's MLflow plugin may set: a run, and an experiment in which ours would not be found.
_INJECTED = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")

# MLflow's own default retries for four minutes before it says that nobody answers.
_HTTP_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


# Error codes that may go away by themselves, and what INTERNAL_ERROR says when it may.
_TRANSIENT_CODES = frozenset({"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"})
_TRANSIENT_SIGNS = ("API request to", "Max retries exceeded", "Connection refused", "OperationalError")


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


@dataclass(frozen=True)
class MLflowRun:
    """An MLflow run, and our tags without their prefix."""

    mlflow_run_id: str
    tags: Mapping[str, str]


class Registry:
    """MLflow's tracking and registry at one address."""

    def __init__(self, connections: Connections) -> None:
        for name, value in _HTTP_DEFAULTS.items():
            os.environ.setdefault(name, value)
        # The backend's MLflow plugin may inject a run; our runs are named explicitly, always.
        for name in _INJECTED:
            os.environ.pop(name, None)
        self._connections = connections
        if _is_database(connections.tracking_uri):
            _check_database(connections.tracking_uri)
        with self.answering():
            self._client = self._connect()

    def _connect(self) -> "MlflowClient":
        import mlflow

        try:
            mlflow.set_tracking_uri(self._connections.tracking_uri)
            return mlflow.MlflowClient(self._connections.tracking_uri)
        except ValueError as error:
            # What urllib says of an address that it cannot parse.
            raise self._refused(error) from error

    @property
    def place(self) -> str:
        """Where it is, for a message."""
        return redact(self._connections.tracking_uri)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turns what MLflow raises into errors of ours; calls of MLflow elsewhere belong in it, too.

        Raises:
            Unreachable: If MLflow or its store does not answer, or fails without a reason of ours.
            StateError: If it refuses: no such run, no permission, a name that it does not take.
        """
        import requests
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except requests.RequestException as error:
            raise self._unreachable(error) from error
        except SQLAlchemyError as error:
            raise database_error("MLflow", self._connections.tracking_uri, error) from error
        except MlflowException as error:
            raise self._unreachable(error) if _is_transient(error) else self._refused(error) from error
        except (OSError, ImportError) as error:
            raise self._refused(error) from error

    def _unreachable(self, error: Exception) -> CTError:
        return Unreachable(f"MLflow at {self.place} does not answer: {first_line(error)}")

    def _refused(self, error: Exception) -> CTError:
        return StateError(f"MLflow at {redact(self._connections.tracking_uri)} refuses: {first_line(error)}")

    def start_run(self, experiment: str, name: str, run_id: str, tags: Mapping[str, str]) -> str:
        """Returns the one MLflow run of a pipeline run, making experiment and run where they are missing."""
        with self.answering():
            experiment_id = self._experiment(experiment)
            query = f"tags.`{TAG}run_id` = {_quoted(run_id)}"
            found = self._client.search_runs([experiment_id], query, max_results=1)
            if found:
                return str(found[0].info.run_id)
            own = {f"{TAG}run_id": run_id, **_prefixed(tags)}
            return str(self._client.create_run(experiment_id, run_name=name, tags=own).info.run_id)

    def find_run(self, run_id: str) -> MLflowRun | None:
        """Returns the MLflow run of a pipeline run, whatever its model: for who knows nothing but its id."""
        query = f"tags.`{TAG}run_id` = {_quoted(run_id)}"
        with self.answering():
            experiments = [each.experiment_id for each in self._client.search_experiments()]
            found = self._client.search_runs(experiments, query, max_results=1)
        return MLflowRun(str(found[0].info.run_id), _ours(found[0].data.tags)) if found else None

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            root = self._connections.artifact_root
            try:
                return str(self._client.create_experiment(name, f"{root}/{name}" if root else None))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                # Two first runs at once: the other one made it.
                found = self._client.get_experiment_by_name(name)
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
        with self.answering():
            found = self._found(lambda: self._client.get_model_version(name, number))
        if found is None:
            raise StateError(f"model {name!r} has no version {number!r}")
        return found

    def alias(self, name: str, alias: str) -> Version | None:
        """Returns the version that an alias names, or None."""
        with self.answering():
            return self._found(lambda: self._client.get_model_version_by_alias(name, alias))

    def _found(self, look_up: "Callable[[], ModelVersion]") -> Version | None:
        """MLflow's word for "no such alias" and "no such number" is INVALID_PARAMETER_VALUE."""
        from mlflow.exceptions import MlflowException

        try:
            return _version(look_up())
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise

    def set_alias(self, name: str, alias: str, number: str) -> None:
        """Moves an alias. Last write wins: who may move it is the ledger's decision.

        Raises:
            StateError: If there is no such version.
        """
        with self.answering():
            self._client.set_registered_model_alias(name, alias, number)

    def version_of_run(self, name: str, mlflow_run_id: str) -> Version | None:
        """Returns the version that an MLflow run registered, so that a retry registers no second one."""
        with self.answering():
            query = f"name = {_quoted(name)} and run_id = {_quoted(mlflow_run_id)}"
            found = self._client.search_model_versions(query)
        return _version(found[0]) if found else None

    def tag_version(self, version: Version, tags: Mapping[str, str]) -> None:
        """Writes tags to a version."""
        with self.answering():
            for key, value in _prefixed(tags).items():
                self._client.set_model_version_tag(version.name, version.number, key, value)

    def versions(self, name: str) -> list[Version]:
        """Returns all versions of a model, the latest first; none of a model that nobody registered."""
        with self.answering():
            found = self._all_versions(f"name = {_quoted(name)}")
        return sorted(found, key=lambda each: int(each.number), reverse=True)

    def location(self, version: Version) -> str:
        """Returns where a version's files lie, such as gs://bucket/folder."""
        with self.answering():
            return str(self._client.get_model_version_download_uri(version.name, version.number))

    def challenges(self, name: str, champion: str, *, besides: str) -> int:
        """Returns the highest number among the challenges of a champion, from the versions' tags.

        This is for those without a ledger, and counts what was deleted as never spent.

        Args:
            name: The registered model.
            champion: The champion's version; "" for the attempts to become the first one.
            besides: The version that is being judged: a retry finds its own tags.
        """
        with self.answering():
            query = f"name = {_quoted(name)} and tags.`{TAG}challenged` = {_quoted(champion)}"
            found = self._all_versions(query)
        spent = [
            each.tags
            for each in found
            if each.number != besides and each.tags.get("verdict", "insufficient") != "insufficient"
        ]
        return max([len(spent), *(int(tags.get("challenge", 0)) for tags in spent)])

    def _all_versions(self, query: str) -> list[Version]:
        found = self._client.search_model_versions(query)
        versions = list(found)
        while found.token:
            found = self._client.search_model_versions(query, page_token=found.token)
            versions += found
        return [_version(each) for each in versions]

    def download(self, version: Version) -> Path:
        """Returns a local folder with the model; a local store's own folder, never to be written to.

        Raises:
            StateError: If the files are not there any more.
        """
        return self._download(f"model version {version.uri}", artifact_uri=version.uri)

    def read_text(self, mlflow_run_id: str, path: str) -> str:
        """Returns a text file of an MLflow run.

        Raises:
            StateError: If the MLflow run has no such file.
        """
        what = f"{path} of MLflow run {mlflow_run_id}"
        with tempfile.TemporaryDirectory() as folder:
            local = self._download(what, run_id=mlflow_run_id, artifact_path=path, dst_path=folder)
            return local.read_text(encoding="utf-8")

    def _download(self, what: str, **which: str) -> Path:
        """MLflow says that something is missing, but not what."""
        from mlflow.artifacts import download_artifacts

        try:
            with self.answering():
                return Path(download_artifacts(tracking_uri=self._connections.tracking_uri, **which))
        except StateError as error:
            raise StateError(f"{what} cannot be read: {error}") from error


def model_metadata(folder: Path) -> dict[str, Any]:
    """Reads what `train_model` wrote into a model's MLmodel file.

    Raises:
        StateError: If the model was not made by `train_model`.
    """
    import yaml

    try:
        content = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        metadata: dict[str, Any] = json.loads(content["metadata"]["kfp_ct"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise StateError(
            f"the model in {folder} was not made by train_model: its MLmodel holds no kfp_ct metadata"
        ) from error
    return metadata


def _version(found: "ModelVersion") -> Version:
    return Version(found.name, str(found.version), str(found.run_id or ""), _ours(found.tags))


def _ours(tags: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(TAG): value for key, value in tags.items() if key.startswith(TAG)}


def _prefixed(tags: Mapping[str, str]) -> dict[str, str]:
    return {f"{TAG}{key}": value[:5000] for key, value in tags.items()}


def _quoted(value: str) -> str:
    """A literal of MLflow's search filters, which know two quotation marks and no way to escape them.

    Raises:
        StateError: If the value holds both.
    """
    mark = '"' if "'" in value else "'"
    if mark in value or "\\" in value:
        raise StateError(
            f"MLflow cannot search for {value[:80]!r}; allowed: no backslash, and not both kinds of "
            "quotation mark"
        )
    return f"{mark}{value}{mark}"


def _is_transient(error: "MlflowException") -> bool:
    """MLflow gives INTERNAL_ERROR to whatever has no code: a broken server, but also a file it lacks."""
    if error.error_code != "INTERNAL_ERROR":
        return error.error_code in _TRANSIENT_CODES
    text = str(error)
    return type(error).__name__ == "RestException" or any(sign in text for sign in _TRANSIENT_SIGNS)


def _is_database(uri: str) -> bool:
    return uri.partition(":")[0].split("+")[0] in {"sqlite", "postgresql", "mysql", "mssql"}


def _create_sqlite(path: Path) -> None:
    """Makes MLflow's tables in a file aside: it cannot go on where a crash left them half made."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    if path.exists() and path.stat().st_size:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        SqlAlchemyStore(f"sqlite:///{draft}", str(path.with_name("mlflow-artifacts"))).engine.dispose()
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _check_database(uri: str) -> None:
    """MLflow itself tries for a hundred seconds, also what will never work."""
    import sqlalchemy as sa

    try:
        engine = sa.create_engine(uri, poolclass=sa.NullPool)
        if engine.dialect.name == "sqlite" and engine.url.database:
            _create_sqlite(Path(engine.url.database))
        with engine.connect() as connection:
            sa.inspect(connection).get_table_names()
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
        raise database_error("MLflow", uri, error) from error
