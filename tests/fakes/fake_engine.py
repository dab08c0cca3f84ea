"""An engine of runs in memory: it creates, forgets, dies and stays away on command."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from ct_components.errors import CTError, StateError, Unreachable
from ct_pipelines.triggers.engine import RunState


class Crash(BaseException):
    """The end of a process, which no code of it survives."""


@dataclass
class FakeRun:
    """A run that was created."""

    run_id: str
    name: str
    arguments: Mapping[str, str]
    state: RunState = RunState.LIVE


class FakeEngine:
    """Runs that the test moves on by hand."""

    pipeline = "fake"

    def __init__(self) -> None:
        self.runs: dict[str, FakeRun] = {}
        self.failure: CTError | None = None
        self.away = False
        self.refuses = False
        # What happens at the next creation: a crash before it, a crash after it, or an answer that is lost.
        self.next_creation = ""
        self._ids = count(1)

    def find(self, name: str) -> str | None:
        self._answer()
        return next((run.run_id for run in reversed(self.runs.values()) if run.name == name), None)

    def create(self, name: str, arguments: Mapping[str, str]) -> str:
        self._answer()
        if self.refuses:
            raise StateError("the engine refuses this run")
        fault, self.next_creation = self.next_creation, ""
        if fault == "crash before":
            raise Crash
        run = FakeRun(f"run-{next(self._ids)}", name, dict(arguments))
        self.runs[run.run_id] = run
        if fault == "crash after":
            raise Crash
        if fault == "answer lost":
            raise Unreachable("the answer was lost")
        return run.run_id

    def state(self, run_id: str) -> RunState | None:
        self._answer()
        run = self.runs.get(run_id)
        return run.state if run else None

    def forget(self, run_id: str) -> None:
        del self.runs[run_id]

    def _answer(self) -> None:
        if self.away:
            raise Unreachable("the engine is away")
