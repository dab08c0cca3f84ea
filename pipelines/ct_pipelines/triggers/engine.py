"""What starts pipeline runs, and knows what became of them: KFP, or this machine."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from ct_components.errors import CTError

LOCAL = "local"
"""What this machine's engine says that it runs."""


class RunState(StrEnum):
    """What an engine knows of a run."""

    LIVE = "live"
    """It waits, or is under way."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It failed, was cancelled or skipped."""


class Engine(Protocol):
    """An engine of pipeline runs. It tries nothing twice: who calls it knows whether that is safe.

    Every method raises `Unreachable` if the engine does not answer, and `StateError` if it refuses for good.
    """

    @property
    def pipeline(self) -> str:
        """What it runs, as triggers have it on record."""

    @property
    def failure(self) -> CTError | None:
        """Why the run that was created last failed, where that is known as soon as it is created."""

    def find(self, name: str) -> str | None:
        """Returns the id of the newest run of exactly this name, or None."""

    def create(self, name: str, arguments: Mapping[str, str]) -> str:
        """Starts a run, and returns its id.

        Args:
            name: The run's display name.
            arguments: The pipeline's parameters.
        """

    def state(self, run_id: str) -> RunState | None:
        """Returns the state of a run; None if the engine does not know it, or has forgotten it."""
