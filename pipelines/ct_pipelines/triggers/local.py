"""This machine as the engine of runs: a run is started here, and has ended when this returns."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ct_components.errors import CTError, StateError
from ct_components.ledger import Ledger
from ct_components.spec import ModelSpec, parse_spec
from ct_components.storage import atomic_write
from ct_pipelines.local.alive import is_alive
from ct_pipelines.triggers.engine import LOCAL, RunState

if TYPE_CHECKING:
    from ct_pipelines.local.session import Session


class LocalEngine:
    """Runs pipelines on this machine, one after the other.

    Args:
        make_session: Makes what runs a model's pipeline.
        ledger: Where they are on record.
        home: The state folder.
        shared: Whether the ledger also has runs that are not of this state folder, of which nothing is known.

    Attributes:
        pipeline: What it runs, as triggers have it on record.
        failure: Why the run that was started last failed; None if it did not.
    """

    pipeline = LOCAL

    def __init__(
        self, make_session: Callable[[ModelSpec], "Session"], ledger: Ledger, home: Path, *, shared: bool
    ) -> None:
        self.failure: CTError | None = None
        self._make_session = make_session
        self._ledger = ledger
        self._runs = home / "runs"
        self._shared = shared

    def find(self, name: str) -> str | None:
        """Returns the run of a name; one that was broken off before it was on record is none."""
        place = self._place(name)
        if not place.exists():
            return None
        run_id = place.read_text(encoding="utf-8")
        return run_id if self._ledger.run(run_id) or is_alive(self._runs / run_id) else None

    def create(self, name: str, arguments: Mapping[str, str]) -> str:
        """Runs the pipeline to its end. What fails in it is no failure to start it.

        Raises:
            CTError: If it cannot be begun: spec, compiled pipeline or state folder do not allow it.
        """
        run_id = str(uuid.uuid4())
        self.failure = None
        session = self._make_session(parse_spec(arguments["spec"], "the trigger's spec"))
        session.check([arguments["as_of"]])
        self._remember(name, run_id)
        try:
            session.run(arguments, run_id=run_id, run_name=name)
        except CTError as error:
            if not (self._runs / run_id).exists():
                raise  # it was not even begun
            self.failure = error
        return run_id

    def state(self, run_id: str) -> RunState | None:
        """Returns whether a run is under way; one whose process is gone has failed, or told the ledger."""
        if is_alive(self._runs / run_id):
            return RunState.LIVE
        if (self._runs / run_id).exists():
            return RunState.FAILED
        return RunState.LIVE if self._shared else None

    def _remember(self, name: str, run_id: str) -> None:
        try:
            self._place(name).parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self._place(name), run_id)
        except OSError as error:
            raise StateError(f"the state folder {self._runs.parent} cannot be written: {error}") from error

    def _place(self, name: str) -> Path:
        return self._runs / ".names" / name
