"""The few places where kfp.local 2.17 is bent, all of them in this module, all undone afterwards.

- A stage's process writes to a log of its own, is ended with us, and leaves no temporary files.
- A stage that was given bad input is not tried again; kfp.local knows no exit codes.
- The run's id and name are ours: kfp.local draws eight digits, which repeat after some thousand runs.
- Somebody is told when a stage starts and ends.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, repeat
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol
from unittest.mock import patch

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

    _Process = subprocess.Popen[bytes] | ForkServerProcess

from ct_components.errors import BAD_INPUT, StageTimeout
from ct_components.stage import TIMEOUT
from ct_pipelines.local import warm

# A stage ends itself when its time is over; this much later it is ended from outside.
_GRACE_SECONDS = 60.0


class Observer(Protocol):
    """Who is told of the stages."""

    def started(self, task: str) -> None:
        """A task starts."""

    def retried(self, task: str, exit_code: int) -> None:
        """An attempt failed, and another follows."""

    def ended(self, task: str, exit_code: int, seconds: float, log: Path) -> None:
        """A task ended; its last attempt's log is complete."""


class _Refused(Exception):
    """A stage ended with the exit code of bad input."""


class StageProcesses:
    """Starts the stages' processes, and remembers how each ended."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], observer: Observer, *, warm_start: bool
    ) -> None:
        self.folder = folder
        self._warm_start = warm_start
        self._lock = folder.parent / ".first-stage.lock"
        self._logs = folder / "logs"
        self._temporary = folder / "tmp"
        self._environment = environment
        self._observer = observer
        self._task = ""
        self.exit_codes: dict[str, int] = {}

    def run_task(self, execute: Callable[..., Any], task_name: str, **details: Any) -> Any:
        """Runs one task of the pipeline, with its retries, and tells the observer."""
        from kfp.local import status

        self._task = task_name
        self._observer.started(task_name)
        begun = monotonic()
        try:
            return execute(task_name=task_name, **details)
        except _Refused:
            return {}, status.Status.FAILURE
        finally:
            code = self.exit_codes.get(task_name, 1)
            self._observer.ended(task_name, code, monotonic() - begun, self._log(task_name))

    def run_process(self, full_command: list[str], env_vars: Mapping[str, str] | None = None) -> int:
        """Runs one attempt of a stage, and returns its exit code.

        Raises:
            _Refused: If it was given bad input, which no retry would mend.
        """
        task = self._task
        if task in self.exit_codes:
            self._observer.retried(task, self.exit_codes[task])
        self._logs.mkdir(parents=True, exist_ok=True)
        self._temporary.mkdir(exist_ok=True)
        environment = {**os.environ, **self._environment, **(env_vars or {}), "TMPDIR": str(self._temporary)}
        with self._alone():
            code = _run(full_command, environment, self._log(task), warm_start=self._warm_start)
        self.exit_codes[task] = code
        if code in BAD_INPUT:
            raise _Refused
        return code

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds back the first stages of other runs until ours has made what was missing.

        Of two that make MLflow's tables in one SQLite file at once, one fails.
        """
        with self._lock.open("a") as lock:
            if 0 not in self.exit_codes.values():
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _log(self, task: str) -> Path:
        return self._logs / f"{task}.log"


def _run(command: list[str], environment: Mapping[str, str], log: Path, *, warm_start: bool) -> int:
    """Runs a command in a process group of its own, so that it can be ended with all it started."""
    limit = float(environment.get(TIMEOUT) or 0)
    component = warm.component_of(command) if warm_start else None
    process = warm.start(component, environment, log) if component else _start(command, environment, log)
    overdue = threading.Event()
    with _ended_after(limit + _GRACE_SECONDS if limit else None, process, overdue):
        code = _wait(process)
    if not overdue.is_set():
        return code
    with log.open("a") as output:
        output.write(f"error: it took longer than {limit:g} seconds, and did not end itself\n")
    return StageTimeout.exit_code


@contextlib.contextmanager
def _ended_after(seconds: float | None, process: "_Process", overdue: threading.Event) -> Iterator[None]:
    """Ends a process and all it started: when its time is over, and in any case when we are done with it."""

    def end() -> None:
        overdue.set()
        _end(process)

    timer = threading.Timer(seconds or 0, end)
    try:
        if seconds:
            timer.start()
        yield
    finally:
        timer.cancel()
        _end(process)
        _wait(process)


def _start(command: list[str], environment: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603
            warm.quoted(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _wait(process: "_Process") -> int:
    if isinstance(process, subprocess.Popen):
        return process.wait()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _end(process: "_Process") -> None:
    assert process.pid
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    # A fork leads no group yet in its first moments. One that has ended is not signalled again.
    process.kill()


@contextlib.contextmanager
def hooked(processes: StageProcesses, run_id: str, run_name: str) -> Iterator[None]:
    """Bends kfp.local for one run."""
    from kfp.local import executor_input_utils, placeholder_utils, subprocess_task_handler
    from kfp.local.orchestrator import task_executor

    execute = task_executor.execute_single_task
    ids = chain([run_id], (str(uuid.uuid4()) for _ in repeat(None)))
    with (
        patch.object(
            task_executor, "execute_single_task", lambda **details: processes.run_task(execute, **details)
        ),
        patch.object(subprocess_task_handler, "run_local_subprocess", processes.run_process),
        patch.object(placeholder_utils, "make_random_id", lambda: next(ids)),
        patch.object(executor_input_utils, "get_local_pipeline_resource_name", lambda _pipeline: run_name),
    ):
        yield
