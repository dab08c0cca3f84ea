"""The one door: every reason to train comes through here, and has its run exactly once.

::

    judge   one transaction with the model's lock: answered, suppressed, or `submitting` with a lease
    start   the engine's run of the trigger's name is adopted, else it is created
    record  the run's id goes into the ledger

A crash between any two is mended by the next attempt of the same key, or by `reconcile`: the lease runs out,
and who takes it up finds the run by its name. Where a second run is created all the same, by a submitter that
slept in between, `begin_run` lets one of them claim the key.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_exponential,
    wait_random,
)

from ct_components.errors import BadInput, CTError, Unreachable
from ct_components.ledger import Ledger
from ct_components.ledger.records import Decision, Opened, Standing, Trigger, TriggerRequest
from ct_components.vocabulary import FAILED
from ct_pipelines.triggers.engine import LOCAL, Engine, RunState
from ct_pipelines.triggers.policy import Asked, decide, known_key

# Longer than the patience below: a submitter that is still trying keeps its lease.
LEASE = timedelta(minutes=5)
_PATIENCE = timedelta(minutes=2)
# A laptop that shares the ledger may be gone for good, and its runs must not be in flight for ever.
_LONGEST_ELSEWHERE = timedelta(days=1)

_ENDED = {
    None: "is not known to its engine any more",
    RunState.FAILED: "failed or was cancelled, and its exit task did not close it",
    RunState.SUCCEEDED: "succeeded, and its exit task did not close it",
}

logger = logging.getLogger("kfp-ct")

_T = TypeVar("_T")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Door:
    """Where triggers are judged, and what starts their runs.

    Attributes:
        ledger: The record of all triggers.
        engine: What runs pipelines.
        patience: How long an engine that does not answer is tried again.
        clock: What time it is.
    """

    ledger: Ledger
    engine: Engine
    patience: timedelta = _PATIENCE
    clock: Callable[[], datetime] = _now

    def submit(self, request: TriggerRequest, asked: Asked) -> Opened:
        """Judges a request, and starts its run if that is decided.

        Returns:
            The decision, and the trigger as it is on record now.

        Raises:
            Unreachable: If ledger or engine do not answer. The trigger waits for the next attempt.
            BadInput: If the engine refuses the run for good.
        """
        opened = self.judge(request, asked)
        if opened.decision.action != "run":
            return opened
        return Opened(self.start(opened.trigger), opened.decision)

    def preview(self, request: TriggerRequest, asked: Asked) -> Decision:
        """Returns what would be decided now, and changes nothing."""
        return decide(asked, self.ledger.standing(request, self.clock()))

    def judge(self, request: TriggerRequest, asked: Asked) -> Opened:
        """Judges a request; one that a run in flight stands against once more, if that run has ended."""
        request = replace(request, pipeline=self.engine.pipeline)

        def judge() -> Opened:
            policy = partial(decide, asked)
            return self.ledger.open_trigger(request, policy, lease=LEASE, now=self.clock())

        opened = judge()
        if opened.decision.reason != "in_flight" or not self.refresh(request.model):
            return opened
        return judge()

    def start(self, trigger: Trigger) -> Trigger:
        """Starts the run of a trigger that this process holds the lease of, or finds it started.

        Raises:
            Unreachable: If the engine does not answer in time.
            BadInput: If it refuses for good.
        """
        try:
            run_id = self.patiently(lambda: self._find_or_create(trigger))
        except Unreachable as error:
            self.ledger.release_lease(trigger, str(error), self.clock())
            raise
        except BadInput as error:
            self.ledger.refuse_trigger(trigger, str(error), self.clock())
            raise
        except (KeyboardInterrupt, SystemExit):
            with suppress(CTError):
                self._break_off(trigger)
            raise
        submitted = self.ledger.record_submitted(trigger, run_id, self.clock())
        if self.engine.failure:
            self.close_if_ended(submitted)
        return submitted

    def refresh(self, model: str | None = None) -> list[Trigger]:
        """Closes the runs that ended without telling the ledger.

        Returns:
            The triggers whose runs had ended.

        Raises:
            Unreachable: If the engine does not answer.
        """
        return [each for each in self.ledger.open_triggers(model) if self.close_if_ended(each)]

    def take_up(self, trigger: Trigger) -> Trigger | None:
        """Takes the lease of a trigger that was left waiting; None if somebody else did."""
        names = {field.name for field in fields(TriggerRequest)} - {"force"}
        request = TriggerRequest(**{name: getattr(trigger, name) for name in names})
        opened = self.ledger.open_trigger(request, _resume, lease=LEASE, now=self.clock())
        return opened.trigger if opened.decision.action == "run" else None

    def patiently(self, call: Callable[[], _T]) -> _T:
        """Calls again while a service does not answer, for as long as the door is patient.

        Raises:
            Unreachable: If it does not answer in time.
        """
        retrying = Retrying(
            stop=stop_after_delay(self.patience),
            wait=wait_exponential(multiplier=0.5, max=15) + wait_random(0, 1),
            retry=retry_if_exception_type(Unreachable),
            before_sleep=self._tell_once,
            reraise=True,
        )
        return retrying(call)

    def close_if_ended(self, trigger: Trigger) -> str | None:
        """Closes a trigger's run if it ended without telling the ledger, and says so; None while it is live.

        Raises:
            Unreachable: If the engine does not answer.
        """
        assert trigger.run_id
        state = self.engine.state(trigger.run_id)
        if state is RunState.LIVE or (state is None and self._is_elsewhere(trigger)):
            return None
        outcome, message = self._outcome(trigger, state), f"run {trigger.run_id} {_ENDED[state]}"
        self.ledger.end_trigger(trigger, outcome, message, self.clock())
        logger.info("%s: %s; closed as %s", trigger.model, message, outcome)
        return f"{message}; closed as {outcome}"

    def _is_elsewhere(self, trigger: Trigger) -> bool:
        """Whether a run is another engine's, which alone knows of it; after a day it has ended there, too."""
        is_ours = (trigger.pipeline == LOCAL) == (self.engine.pipeline == LOCAL)
        started = trigger.submitted_at or trigger.decided_at
        return bool(trigger.pipeline) and not is_ours and self.clock() < started + _LONGEST_ELSEWHERE

    def _break_off(self, trigger: Trigger) -> None:
        """What was broken off here must not start here; another engine may have it, for the next to find."""
        leave = self.ledger.refuse_trigger if self.engine.pipeline == LOCAL else self.ledger.release_lease
        leave(trigger, "Its submitter was broken off.", self.clock())

    def _find_or_create(self, trigger: Trigger) -> str:
        """Looks first, each time: an answer that was lost may have been that of a run which was created."""
        found = self.engine.find(trigger.run_name)
        if found:
            logger.info("run %s of key %s was started before; adopted", found, trigger.run_key)
            return found
        arguments = {**trigger.run_arguments, "key": trigger.run_key}
        return self.engine.create(trigger.run_name, arguments)

    def _outcome(self, trigger: Trigger, state: RunState | None) -> str:
        """A run that got to its promotion or its verdict has that outcome, whoever closes it."""
        if state is not RunState.SUCCEEDED:
            return FAILED
        from ct_components.stages.notify.close import conclude, known_to_ledger

        assert trigger.run_id
        return conclude("SUCCEEDED", known_to_ledger(self.ledger, trigger.run_id)).outcome

    def _tell_once(self, state: RetryCallState) -> None:
        """Somebody who looks on must not take minutes without a word for a hang."""
        if state.attempt_number == 1 and state.outcome:
            minutes = self.patience.total_seconds() / 60
            logger.warning("%s; trying again for up to %.3g minutes", state.outcome.exception(), minutes)


def _resume(standing: Standing) -> Decision:
    """Goes on with what was decided before, and decides nothing anew."""
    waiting = standing.previous is not None and standing.previous.state == "submitting"
    known = known_key(standing, force=False) if waiting else None
    return known or Decision("answer", "known", "nothing is waiting for this key")
