"""What every stage does around its own work: say what it does, record how it ended, end in time.

A stage that is used alone, in a foreign pipeline, is given no context and records nothing.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ct_components import connections
from ct_components.errors import BadInput, CTError, StageTimeout

if TYPE_CHECKING:
    from ct_components.ledger import Ledger

TIMEOUT = "KFP_CT_STAGE_TIMEOUT"
_MESSAGE_LIMIT = 4000

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Context:
    """Which run a stage belongs to. Travels from `begin_run` to every stage as one JSON parameter.

    Attributes:
        run_id: The pipeline run's id; "" for a stage that is used alone.
        model: The model's name.
        as_of: The instant that the run pretends is now, ISO 8601 in UTC.
        key: The trigger's key.
        reason: schedule, drift, performance or manual.
        mlflow_run_id: The one MLflow run of this pipeline run.
        champion: The champion's version, pinned for the whole run; "" for a first model.
    """

    run_id: str = ""
    model: str = ""
    as_of: str = ""
    key: str = ""
    reason: str = ""
    mlflow_run_id: str = ""
    champion: str = ""

    @classmethod
    def from_json(cls, text: str) -> "Context":
        """Reads the parameter; "" stands for a stage that is used alone."""
        return cls(**json.loads(text)) if text else cls()

    def to_json(self) -> str:
        """Writes the parameter."""
        return json.dumps(asdict(self), sort_keys=True)


@contextmanager
def stage(name: str, context: str | Context = "") -> Iterator[Context]:
    """Runs a stage's body: records its outcome, enforces its time, and turns a CTError into its exit code.

    Raises:
        SystemExit: With the error's exit code, after one line that says what is wrong.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    run = context if isinstance(context, Context) else Context.from_json(context)
    record = _Recorder(name, run.run_id)
    try:
        record.refuse_retry_of_bad_input()
        with _time_limit(name, record):
            yield run
    except CTError as error:
        record.failed(error.exit_code, str(error))
        print(f"error: {name}: {error}", file=sys.stderr, flush=True)  # noqa: T201
        raise SystemExit(error.exit_code) from None
    except Exception as error:
        record.failed(1, f"{type(error).__name__}: {error}")
        raise
    record.succeeded()


class _Recorder:
    """Writes the outcome of one stage to the ledger, if there is one and the stage belongs to a run."""

    def __init__(self, name: str, run_id: str) -> None:
        self._name = name
        self._run_id = run_id
        self._started = datetime.now(UTC)

    def refuse_retry_of_bad_input(self) -> None:
        """KFP retries any failure; the same bad input would only fail again, after the same work."""
        ledger = self._ledger()
        earlier = ledger.stage_outcome(self._run_id, self._name) if ledger else None
        if earlier and any(earlier.exit_code == kind.exit_code for kind in BadInput.__subclasses__()):
            kind = next(kind for kind in BadInput.__subclasses__() if kind.exit_code == earlier.exit_code)
            raise kind(earlier.message)

    def succeeded(self) -> None:
        self._write("succeeded", 0, "")

    def failed(self, exit_code: int, message: str) -> None:
        """A ledger that is away must not hide the error that is being reported."""
        try:
            self._write("failed", exit_code, message[:_MESSAGE_LIMIT])
        except CTError as error:
            logger.warning("the outcome of %s is not in the ledger: %s", self._name, error)

    def _write(self, outcome: str, exit_code: int, message: str) -> None:
        ledger = self._ledger()
        if ledger:
            from ct_components.ledger import StageOutcome

            ended = datetime.now(UTC)
            ledger.record_stage(
                StageOutcome(self._run_id, self._name, outcome, exit_code, message, self._started, ended)
            )

    def _ledger(self) -> "Ledger | None":
        return ledger_of(self._run_id)


def ledger_of(run_id: str) -> "Ledger | None":
    """Opens the ledger for a stage of a run; a stage that is used alone has none, and imports no SQL."""
    url = connections.ledger_url()
    if not run_id or not url:
        return None
    from ct_components.ledger import open_ledger

    return open_ledger(url)


@contextmanager
def _time_limit(name: str, record: _Recorder) -> Iterator[None]:
    """Ends the process when the stage's time is over; kfp.local enforces no timeout of its own."""
    seconds = float(os.environ.get(TIMEOUT) or 0)
    if not seconds:
        yield
        return

    def end() -> None:
        error = StageTimeout(f"{name} took longer than its {seconds:g} seconds")
        record.failed(error.exit_code, str(error))
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(error.exit_code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
