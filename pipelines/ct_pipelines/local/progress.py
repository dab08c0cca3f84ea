"""What a person sees while a pipeline runs here: stages as they end, and the log of one that fails."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.status import Status

_TAIL = 15
# What kfp's executor says of itself: its inputs as pages of JSON, and where it wrote its outputs.
_EXECUTOR = re.compile(r"^\[KFP Executor [^]]*\]: ")
_CHATTER = (
    "Looking for component",
    "Loading KFP component",
    "Got executor_input",
    "Wrote executor output file",
)


class Progress:
    """Prints a line for each stage that ends; in a terminal, a spinner beside the one that runs.

    Args:
        console: Where to print; standard error, so that results can be piped.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def started(self, task: str) -> None:
        """A task starts."""
        if self._console.is_terminal:
            self._status = self._console.status(f"  {_stage(task)}")
            self._status.start()

    def retried(self, task: str, exit_code: int) -> None:
        """An attempt failed, and another follows."""
        self._print(f"  … {_stage(task):<20} ended with exit code {exit_code}; it is tried again")

    def ended(self, task: str, exit_code: int, seconds: float, log: Path) -> None:
        """A task ended."""
        if self._status:
            self._status.stop()
            self._status = None
        mark = "✗" if exit_code else "✓"
        self._print(f"  {mark} {_stage(task):<20} {seconds:6.1f} s")
        if exit_code:
            for line in tail_of(log):
                self._print(f"    │ {line}")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def tail_of(log: Path, lines: int = _TAIL) -> list[str]:
    """Returns the last lines of a stage's log, without what kfp's executor says of itself."""
    if not log.exists():
        return ["(no log was written)"]
    kept: list[str] = []
    in_json = False
    for raw in log.read_text(errors="replace").splitlines():
        line, own = _EXECUTOR.subn("", raw)
        if own and line.startswith(_CHATTER):
            in_json = line.startswith("Got executor_input")
        elif in_json:
            in_json = raw != "}"
        elif line.strip():
            kept.append(line)
    return kept[-lines:] or ["(the log is empty)"]


def _stage(task: str) -> str:
    return task.replace("-", "_")
