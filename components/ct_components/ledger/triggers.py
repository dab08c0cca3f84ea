"""Triggers: the one door's record of who asked for a run, what was decided, and what became of it.

Each change holds the model's lock, so that what was read while deciding is still so when it is written.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ct_components.keys import attempt_key
from ct_components.ledger.records import Decision, Opened, Standing, Trigger, TriggerRequest
from ct_components.ledger.standing import read_standing
from ct_components.ledger.subject import Subject, lock_model
from ct_components.ledger.tables import runs, triggers
from ct_components.ledger.trigger_rows import (
    OUTCOME,
    WITH_RUNS,
    find_trigger,
    get_trigger,
    insert_trigger,
    is_trigger,
    to_trigger,
    update_trigger,
)
from ct_components.vocabulary import PROMOTED, RETAINED


class Triggers(Subject):
    """Reasons to train, each with a key of its own."""

    def open_trigger(
        self,
        request: TriggerRequest,
        decide: Callable[[Standing], Decision],
        *,
        lease: timedelta,
        now: datetime | None = None,
    ) -> Opened:
        """Decides a request, and records it, while nobody else decides about the model.

        Args:
            request: What is asked for.
            decide: Looks at where the model stands. It must be quick, and talk to nobody: others wait for it.
            lease: How long the caller has the key to itself, to make its run.
            now: The instant of the decision; None is the present.

        Returns:
            The trigger as recorded, with the decision. To run a key that was suppressed or refused, or whose
            lease is over, takes its row up again; a lease's second holder makes the run that the first was
            asked for. To suppress one that was suppressed before says so anew. What is forced upon a key that
            had its run is a further attempt, whether it runs or not.

        Raises:
            ValueError: If the decision does not fit: to answer with nothing, or to decide again without force
                about a key that has its run, or about one that somebody else holds.
            Unreachable: If the database does not answer. What was decided may be recorded.
        """
        with self._database.writing() as connection:
            lock_model(connection, request.model)
            # Not before: whoever had the lock meanwhile decided earlier.
            standing = read_standing(connection, request, now or datetime.now(UTC))
            decision = decide(standing)
            trigger = _carry_out(connection, request, standing, decision, lease)
        return Opened(trigger, decision)

    def standing(self, request: TriggerRequest, now: datetime | None = None) -> Standing:
        """Returns what a decision on a request would look at now; nothing is recorded."""
        with self._database.reading() as connection:
            return read_standing(connection, request, now or datetime.now(UTC))

    def trigger(self, model: str, key: str, attempt: int) -> Trigger:
        """Returns a trigger that is on record."""
        with self._database.reading() as connection:
            return get_trigger(connection, model, key, attempt)

    def record_submitted(self, trigger: Trigger, run_id: str, now: datetime | None = None) -> Trigger:
        """Records the run of a trigger, and gives its lease up. The first run that is recorded stays.

        So does one that claimed the key before: whatever was submitted besides ends as its duplicate.
        """
        with self._database.writing() as connection:
            found = _locked(connection, trigger)
            if found.state == "submitted":
                return found
            return update_trigger(connection, found, **_submitted(run_id, now or datetime.now(UTC)))

    def release_lease(self, trigger: Trigger, explanation: str, now: datetime | None = None) -> Trigger:
        """Leaves a trigger to whoever comes next, unless somebody else has it by now."""
        with self._database.writing() as connection:
            found = _locked(connection, trigger)
            if not _holds(trigger, found):
                return found
            over = now or datetime.now(UTC)
            return update_trigger(connection, found, lease_until=over, explanation=explanation)

    def refuse_trigger(self, trigger: Trigger, explanation: str, now: datetime | None = None) -> Trigger:
        """Records that the engine will never take a trigger, unless somebody else has it by now."""
        with self._database.writing() as connection:
            found = _locked(connection, trigger)
            if not _holds(trigger, found):
                return found
            return update_trigger(
                connection,
                found,
                state="refused",
                decision="refused",
                explanation=explanation,
                lease_until=None,
                decided_at=now or datetime.now(UTC),
            )

    def end_trigger(
        self, trigger: Trigger, outcome: str, message: str, now: datetime | None = None
    ) -> Trigger:
        """Ends a trigger whose run ended without a word: it died, or the engine forgot it.

        What the run itself recorded stands, and so does an end that was recorded before.
        """
        now = now or datetime.now(UTC)
        with self._database.writing() as connection:
            found = _locked(connection, trigger)
            if found.state != "submitted" or found.run_id != trigger.run_id:
                # Another run claimed the key since somebody looked, and that one may well be alive.
                return found
            _close(connection, found, outcome, message, now)
            if found.run_outcome is not None or _has_outcome(connection, found):
                return found
            explanation = "; ".join(filter(None, (found.explanation, message)))
            return update_trigger(
                connection, found, run_outcome=outcome, ended_at=now, explanation=explanation
            )

    def waiting_triggers(self, model: str | None = None, now: datetime | None = None) -> list[Trigger]:
        """Returns triggers that nobody is submitting any more and that have no run yet, oldest first."""
        over = triggers.c.lease_until <= (now or datetime.now(UTC))
        return self._triggers(triggers.c.state == "submitting", over, _of(model))

    def open_triggers(self, model: str | None = None) -> list[Trigger]:
        """Returns triggers with a run that has not ended, as far as the ledger knows, oldest first."""
        return self._triggers(triggers.c.state == "submitted", OUTCOME.is_(None), _of(model))

    def _triggers(self, *conditions: sa.ColumnElement[bool]) -> list[Trigger]:
        query = sa.select(triggers).select_from(WITH_RUNS).where(*conditions)
        ordered = query.order_by(triggers.c.created_at, triggers.c.model, triggers.c.run_key)
        return [to_trigger(row) for row in self._rows(ordered)]


def mark_claimed(connection: Connection, trigger: Trigger, run_id: str, now: datetime) -> Trigger:
    """Gives a trigger to the run that claimed its key, whatever was decided or recorded before."""
    values = _submitted(run_id, trigger.submitted_at or now)
    if trigger.decision != "run":
        values["explanation"] = f"Run {run_id} began under this key, past the door: {trigger.explanation}"
    return update_trigger(connection, trigger, **values, run_outcome=None, ended_at=None)


def _submitted(run_id: str, now: datetime) -> dict[str, Any]:
    decided = {"state": "submitted", "decision": "run"}
    return {**decided, "run_id": run_id, "submitted_at": now, "lease_until": None}


def _carry_out(
    connection: Connection,
    request: TriggerRequest,
    standing: Standing,
    decision: Decision,
    lease: timedelta,
) -> Trigger:
    previous = standing.previous
    _check(request, standing, decision)
    if decision.action == "answer":
        assert previous is not None
        return previous
    decided = _decided(decision, standing.now, lease)
    if previous is None:
        return insert_trigger(connection, request, **_free_attempt(connection, request, 1), **decided)
    if previous.state == "submitted":
        following = _free_attempt(connection, request, previous.attempt + 1)
        return insert_trigger(connection, request, **following, **decided)
    if previous.state != "submitting":
        # Judged anew is what is asked for now. What was begun must be finished as it was begun.
        previous = _asked_anew(connection, previous, request)
    return update_trigger(connection, previous, tries=previous.tries + 1, **decided)


def _check(request: TriggerRequest, standing: Standing, decision: Decision) -> None:
    previous = standing.previous
    if decision.action == "answer":
        fits = previous is not None
    elif previous is None or previous.state in {"suppressed", "refused"}:
        fits = True
    elif previous.state == "submitting":
        fits = previous.lease_until is not None and previous.lease_until <= standing.now
    else:
        fits = request.force
    if not fits:
        where = f"{previous.state} until {previous.lease_until}" if previous else "not known"
        raise ValueError(f"cannot {decision.action} key {request.key!r} of {request.model}, which is {where}")


def _decided(decision: Decision, now: datetime, lease: timedelta) -> dict[str, Any]:
    runs_now = decision.action == "run"
    return {
        "state": "submitting" if runs_now else "suppressed",
        "decision": "run" if runs_now else decision.reason,
        "explanation": decision.explanation,
        "decided_at": now,
        "lease_until": now + lease if runs_now else None,
    }


def _free_attempt(connection: Connection, request: TriggerRequest, attempt: int) -> dict[str, int]:
    """A run that did not pass the door may have taken the key of an attempt."""
    while find_trigger(connection, request.model, attempt_key(request.key, attempt)):
        attempt += 1
    return {"attempt": attempt}


def _asked_anew(connection: Connection, trigger: Trigger, request: TriggerRequest) -> Trigger:
    start, end = request.window or (None, None)
    return update_trigger(
        connection,
        trigger,
        reason=request.reason,
        origin=request.origin,
        run_arguments=dict(request.run_arguments),
        pipeline=request.pipeline,
        as_of=request.as_of,
        window_start=start,
        window_end=end,
        note=request.note,
        force=request.force,
        cloned_from=request.cloned_from,
    )


def _locked(connection: Connection, trigger: Trigger) -> Trigger:
    lock_model(connection, trigger.model)
    return get_trigger(connection, trigger.model, trigger.key, trigger.attempt)


def _holds(trigger: Trigger, found: Trigger) -> bool:
    return found.state == "submitting" and found.tries == trigger.tries


def _has_outcome(connection: Connection, trigger: Trigger) -> bool:
    query = sa.select(OUTCOME).select_from(WITH_RUNS).where(is_trigger(trigger))
    return connection.scalar(query) is not None


def _close(connection: Connection, trigger: Trigger, outcome: str, message: str, now: datetime) -> None:
    state = "succeeded" if outcome in {PROMOTED, RETAINED} else "failed"
    connection.execute(
        runs.update()
        .where(runs.c.model == trigger.model, runs.c.key == trigger.run_key, runs.c.finished_at.is_(None))
        .values(state=state, outcome=outcome, message=message, finished_at=now)
    )


def _of(model: str | None) -> sa.ColumnElement[bool]:
    return sa.true() if model is None else triggers.c.model == model
