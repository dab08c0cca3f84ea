"""What every stage does around its own work: say what it does, record how it ended, end in time.

A stage that is used alone, in a foreign pipeline, is given no context and records nothing.
"""

import json
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ct_components import connections
from ct_components.errors import BAD_INPUT, CTError, SpecError, StageTimeout

if TYPE_CHECKING:
    from ct_components.ledger import Ledger

# The stage that closes a run.
EXIT_STAGE = "notify"
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
        """Reads the parameter; "" stands for a stage that is used alone.

        Raises:
            SpecError: If it is not what `begin_run` put out.
        """
        try:
            content = json.loads(text) if text.strip() else {}
            context = cls(**content)
        except (ValueError, TypeError) as error:
            raise SpecError(
                f"context: got {text[:200]!r}; allowed: what begin_run put out, or nothing"
            ) from error
        wrong = {name: value for name, value in vars(context).items() if not isinstance(value, str)}
        if wrong:
            raise SpecError(f"context: got {wrong}; allowed: text")
        return context

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
    record = _Recorder(name)
    try:
        run = context if isinstance(context, Context) else Context.from_json(context)
        record.open(run.run_id)
        with _time_limit(name, record):
            yield run
        record.succeeded()
    except CTError as error:
        record.failed(error.exit_code, str(error))
        _say(name, error)
        raise SystemExit(error.exit_code) from None
    except BaseException as error:
        record.failed(1, f"{type(error).__name__}: {error}")
        raise


def _say(name: str, error: CTError) -> None:
    print(f"error: {name}: {error}", file=sys.stderr, flush=True)  # noqa: T201


class _Recorder:
    """Writes the outcome of one stage to the ledger, if there is one and the stage belongs to a run."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._run_id = ""
        self._started = datetime.now(UTC)
        self._ledger: Ledger | None = None

    def open(self, run_id: str) -> None:
        """Opens the ledger once, and refuses to repeat bad input.

        KFP retries any failure; the same bad input would only fail again, after the same work. A run that
        was closed is retried by somebody who has mended something, so it is opened again.

        Raises:
            BadInput: If an earlier attempt failed on it: the same error again.
            Unreachable: If the ledger does not answer.
        """
        self._ledger = ledger_of(run_id)
        self._run_id = run_id
        if self._ledger is None:
            return
        run = self._ledger.run(run_id)
        if run and run["finished_at"] and self._name != EXIT_STAGE:
            self._ledger.reopen_run(run_id)
            return
        earlier = self._ledger.stage_outcome(run_id, self._name)
        if earlier and earlier.exit_code in BAD_INPUT:
            raise BAD_INPUT[earlier.exit_code](earlier.message)

    def succeeded(self) -> None:
        self._write("succeeded", 0, "")

    def failed(self, exit_code: int, message: str) -> None:
        """Whatever is wrong with the ledger must not hide the error that is being reported."""
        try:
            self._write("failed", exit_code, message[:_MESSAGE_LIMIT])
        except Exception as error:  # noqa: BLE001
            logger.warning("the outcome of %s is not in the ledger: %s", self._name, error)

    def _write(self, outcome: str, exit_code: int, message: str) -> None:
        if self._ledger:
            from ct_components.ledger import StageOutcome

            ended = datetime.now(UTC)
            self._ledger.record_stage(
                StageOutcome(self._run_id, self._name, outcome, exit_code, message, self._started, ended)
            )


def ledger_of(run_id: str) -> "Ledger | None":
    """Opens the ledger for a stage of a run; a stage that is used alone has none, and imports no SQL."""
    url = connections.ledger_url()
    if not run_id or not url:
        return None
    from ct_components.ledger import open_ledger

    return open_ledger(url)


@contextmanager
def _time_limit(name: str, record: _Recorder) -> Iterator[None]:
    """Ends the process when the stage's time is over; kfp.local enforces no timeout of its own.

    Numpy, scikit-learn and pyarrow let this thread run while they are busy. A C call that never gives up
    the GIL is ended from outside only: by the local run's supervisor, or by Kubernetes.
    """
    seconds = _seconds()
    if not seconds:
        yield
        return
    # Whoever takes it first, the end of the body or the end of its time, decides how the stage ended.
    ended = threading.Lock()

    def end() -> None:
        if ended.acquire(blocking=False):
            error = StageTimeout(f"took longer than its {seconds:g} seconds")
            _say(name, error)
            try:
                record.failed(error.exit_code, str(error))
            finally:
                os._exit(error.exit_code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        if not ended.acquire(blocking=False):
            time.sleep(threading.TIMEOUT_MAX)
        timer.cancel()


def _seconds() -> float:
    text = os.environ.get(TIMEOUT, "").strip() or "0"
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= threading.TIMEOUT_MAX:
        raise SpecError(f"{TIMEOUT}: got {text!r}; allowed: seconds from 0, which is no limit")
    return seconds
