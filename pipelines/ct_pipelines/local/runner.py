"""One run of a compiled pipeline on this machine."""

import contextlib
import json
import shutil
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ct_components.errors import SpecError, StateError
from ct_pipelines.local import warm
from ct_pipelines.local.alive import alive
from ct_pipelines.local.hooks import Observer, StageProcesses, hooked

# KFP's limit for a parameter is 10,000 characters.
INLINE_LIMIT = 8_000


@dataclass(frozen=True)
class LocalRun:
    """How a local run ended.

    Attributes:
        run_id: The run, as the ledger knows it.
        folder: Its logs and artifacts.
        exit_codes: By task, in order; a task that did not run is not there.
    """

    run_id: str
    folder: Path
    exit_codes: Mapping[str, int]

    @property
    def failed_task(self) -> str | None:
        """The first task that failed."""
        return next((task for task, code in self.exit_codes.items() if code), None)

    @property
    def exit_code(self) -> int:
        """0, or how the first failed task ended; a task that was killed counts as a plain failure."""
        code = self.exit_codes[self.failed_task] if self.failed_task else 0
        return 1 if self.signal else code

    @property
    def signal(self) -> int | None:
        """The signal that ended the first failed task, which a shell adds to 128."""
        code = self.exit_codes[self.failed_task] if self.failed_task else 0
        return -code if code < 0 else code - 128 if code > 128 else None  # noqa: PLR2004

    def artifact(self, task: str, name: str) -> Path | None:
        """Returns the file of an artifact, or None if the task did not write it."""
        return next(iter(sorted(self.folder.glob(f"artifacts/*/{task}/{name}"))), None)


def run_pipeline(
    compiled: Path,
    arguments: Mapping[str, str],
    home: Path,
    environment: Mapping[str, str],
    observer: Observer,
    *,
    run_id: str | None = None,
    run_name: str | None = None,
    warm_start: bool | None = None,
) -> LocalRun:
    """Runs a compiled pipeline, each stage in a process of its own.

    Args:
        compiled: The pipeline's YAML; what it says is what runs.
        arguments: The pipeline's parameters.
        home: The state folder.
        environment: What the stages' processes are given beside our own environment.
        observer: Who is told of the stages.
        run_id: The run's id; None makes one.
        run_name: What the run is called; None makes a name.
        warm_start: Whether stages are forked from a process that has imported their libraries; None does so
            where the system allows it.

    Raises:
        SpecError: If the YAML is no pipeline, or does not take these arguments.
        StateError: If the state folder cannot be written.
    """
    run_id = run_id or str(uuid.uuid4())
    folder = home / "runs" / run_id
    pipeline = _load(compiled)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise StateError(f"the state folder {home} cannot be written: {error}") from error
    warmly = warm.available() if warm_start is None else warm_start
    processes = StageProcesses(folder, environment, observer, warm_start=warmly)
    try:
        with (
            alive(folder),
            (folder / "kfp.log").open("w") as log,
            contextlib.redirect_stdout(log),
            warnings.catch_warnings(),
        ):
            # kfp.local says for each task that it ignores requests for memory.
            warnings.simplefilter("ignore")
            _execute(pipeline, _arguments(arguments, folder), processes, run_id, run_name or f"run-{run_id}")
    finally:
        shutil.rmtree(folder / "tmp", ignore_errors=True)
    return LocalRun(run_id, folder, dict(processes.exit_codes))


def _load(compiled: Path) -> Any:
    from kfp import components

    try:
        return components.load_component_from_file(str(compiled))
    except FileNotFoundError:
        raise SpecError(
            f"compiled pipeline {str(compiled)!r}: no such file; kfp-ct compile writes one"
        ) from None
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SpecError(f"compiled pipeline {str(compiled)!r} cannot be loaded: {reason}") from error


def _arguments(arguments: Mapping[str, str], folder: Path) -> dict[str, str]:
    """A spec that is too long for a parameter, or that KFP might expand, travels as a file."""
    for name, value in arguments.items():
        # Stages hand on parts of the spec as parameters, so a file would not help.
        if "{{$" in value:
            raise SpecError(f"{name}: it holds '{{{{$', which KFP would expand; allowed: text without it")
    spec = arguments["spec"]
    if len(spec) <= INLINE_LIMIT and "{{" not in spec:
        return dict(arguments)
    path = folder / "spec.json"
    path.write_text(json.dumps(json.loads(spec), indent=2), encoding="utf-8")
    return {**arguments, "spec": str(path)}


def _execute(
    pipeline: Any, arguments: Mapping[str, str], processes: StageProcesses, run_id: str, run_name: str
) -> None:
    from kfp import local

    runner = local.SubprocessRunner(use_venv=False)
    local.init(runner, pipeline_root=str(processes.folder / "artifacts"), raise_on_error=False)
    with hooked(processes, run_id, run_name):
        try:
            pipeline(**arguments)
        except TypeError as error:
            raise SpecError(f"the compiled pipeline does not take these parameters: {error}") from error
