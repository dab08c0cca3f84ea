"""A run claims its key: of two runs with one key, one trains.

KFP knows no request ids, so whoever submits a run may make two of it; the claim is where that ends.
"""

from dataclasses import asdict, replace
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ct_components.connections import first_line
from ct_components.errors import Duplicate, StateError
from ct_components.keys import is_clone
from ct_components.ledger.records import Run, TriggerRequest
from ct_components.ledger.subject import Subject, first, lock_model
from ct_components.ledger.tables import runs
from ct_components.ledger.trigger_rows import find_trigger, insert_trigger
from ct_components.ledger.triggers import mark_claimed
from ct_components.vocabulary import DUPLICATE

# A clone runs because a person pressed a button.
_CLONES_REASON = "manual"


class Claims(Subject):
    """Which run holds which key."""

    def claim_run(self, run: Run, run_name: str = "", now: datetime | None = None) -> Run:
        """Records a run under its key; a retry of the same run is accepted, and changes nothing.

        Args:
            run: The run as it began.
            run_name: What the engine shows it as, by which a run with an old key is known for a clone that
                somebody made by hand (`ct_components.keys.is_clone`); "" is known for none.
            now: The instant of the claim; None is the present.

        Returns:
            The run as recorded: a clone has a key of its own, and reason manual.

        Raises:
            Duplicate: If another run holds the key, and is not copied on purpose; or if the run was recorded
                under another key.
            StateError: If what a clone or a duplicate would be recorded as is taken.
        """
        now = now or datetime.now(UTC)
        try:
            with self._database.writing() as connection:
                lock_model(connection, run.model)
                recorded, refusal = _claim(connection, run, run_name, now)
        except sa.exc.IntegrityError as error:
            raise StateError(
                f"run {run.run_id} of {run.model} cannot be recorded: {first_line(error.orig or error)}"
            ) from error
        if refusal:
            # Only now: the duplicate must be on record.
            raise Duplicate(refusal)
        return recorded


def _claim(connection: Connection, run: Run, run_name: str, now: datetime) -> tuple[Run, str]:
    same_key = (runs.c.model == run.model) & (runs.c.key == run.key)
    own = first(connection, runs.select().where(runs.c.run_id == run.run_id))
    holder = first(connection, runs.select().where(same_key))
    if own is not None:
        return _claimed_before(connection, run, own, holder)
    if holder is None:
        return _take(connection, run, now), ""
    if is_clone(run_name, run.model, run.key):
        return _take_as_clone(connection, run, holder, now), ""
    return _lose(connection, run, holder, now)


def _claimed_before(
    connection: Connection, run: Run, own: RowMapping, holder: RowMapping | None
) -> tuple[Run, str]:
    recorded = Run(**{name: own[name] for name in Run.__dataclass_fields__})
    if own["outcome"] == DUPLICATE:
        return recorded, own["message"]
    if (own["model"], own["key"]) == (run.model, run.key):
        return recorded, ""
    trigger = find_trigger(connection, own["model"], own["key"])
    if trigger and trigger.origin == "clone" and own["model"] == run.model:
        return recorded, ""
    if holder is not None:
        return recorded, _held(run, holder)
    return (
        recorded,
        f"run {run.run_id} was recorded before, under another key than {run.key!r} of {run.model}",
    )


def _take(connection: Connection, run: Run, now: datetime) -> Run:
    request = TriggerRequest(run.model, run.key, run.reason, "pipeline", {}, as_of=run.as_of)
    return _begin(connection, run, now, request, "It was started in KFP or by kfp-ct run, and not submitted.")


def _begin(connection: Connection, run: Run, now: datetime, request: TriggerRequest, explanation: str) -> Run:
    connection.execute(runs.insert().values({**asdict(run), "state": "running", "created_at": now}))
    if trigger := find_trigger(connection, run.model, run.key):
        mark_claimed(connection, trigger, run.run_id, now)
        return run
    insert_trigger(
        connection,
        request,
        state="submitted",
        decision="run",
        explanation=explanation,
        run_id=run.run_id,
        decided_at=now,
        submitted_at=now,
    )
    return run


def _take_as_clone(connection: Connection, run: Run, holder: RowMapping, now: datetime) -> Run:
    clone = replace(run, key=f"manual-{run.run_id}", reason=_CLONES_REASON)
    request = TriggerRequest(
        clone.model,
        clone.key,
        clone.reason,
        "clone",
        {},
        as_of=clone.as_of,
        note=f"cloned from key {run.key}",
        cloned_from=holder["run_id"],
    )
    explanation = f"Somebody copied run {holder['run_id']}, which holds key {run.key}."
    return _begin(connection, clone, now, request, explanation)


def _lose(connection: Connection, run: Run, holder: RowMapping, now: datetime) -> tuple[Run, str]:
    message = _held(run, holder)
    lost = replace(run, key=f"duplicate-{run.run_id}")
    ending = {"state": "failed", "outcome": DUPLICATE, "message": message, "finished_at": now}
    connection.execute(runs.insert().values({**asdict(lost), **ending, "created_at": now}))
    return lost, message


def _held(run: Run, holder: RowMapping) -> str:
    return f"run {run.run_id}: key {run.key!r} of {run.model} is held by run {holder['run_id']}"
