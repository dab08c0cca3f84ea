"""Rows of triggers: how they are read and written, within whoever's transaction."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ct_components.keys import attempt_key, run_name
from ct_components.ledger.records import Trigger, TriggerRequest
from ct_components.ledger.subject import fetch, first
from ct_components.ledger.tables import runs, triggers

# The run of a trigger is the one that claimed its key. Until one did, all that is known is in the trigger.
_CLAIMED = (runs.c.model == triggers.c.model) & (runs.c.key == triggers.c.run_key)
WITH_RUNS = triggers.outerjoin(runs, _CLAIMED)
_WAS_CLAIMED = runs.c.run_id.is_not(None)
OUTCOME = sa.case((_WAS_CLAIMED, runs.c.outcome), else_=triggers.c.run_outcome)
ENDED_AT = sa.case((_WAS_CLAIMED, runs.c.finished_at), else_=triggers.c.ended_at)


def find_trigger(connection: Connection, model: str, run_key: str) -> Trigger | None:
    """Returns the trigger whose run claims a key."""
    same = (triggers.c.model == model) & (triggers.c.run_key == run_key)
    row = first(connection, triggers.select().where(same))
    return to_trigger(row) if row else None


def insert_trigger(
    connection: Connection, request: TriggerRequest, *, attempt: int = 1, **values: Any
) -> Trigger:
    """Adds a trigger, with what was decided in `values`."""
    key = attempt_key(request.key, attempt)
    start, end = request.window or (None, None)
    content = {**vars(request), "run_arguments": dict(request.run_arguments)}
    del content["window"]
    row = {
        **content,
        "window_start": start,
        "window_end": end,
        "attempt": attempt,
        "run_key": key,
        "run_name": run_name(request.model, key),
        "tries": 1,
        "created_at": values["decided_at"],
        **values,
    }
    connection.execute(triggers.insert().values(row))
    return get_trigger(connection, request.model, request.key, attempt)


def update_trigger(connection: Connection, trigger: Trigger, **values: Any) -> Trigger:
    """Changes columns of a trigger, and returns it as it is then."""
    connection.execute(triggers.update().where(is_trigger(trigger)).values(values))
    return get_trigger(connection, trigger.model, trigger.key, trigger.attempt)


def get_trigger(connection: Connection, model: str, key: str, attempt: int) -> Trigger:
    """Returns a trigger that is known to be there."""
    same = (triggers.c.model == model) & (triggers.c.key == key) & (triggers.c.attempt == attempt)
    (row,) = fetch(connection, triggers.select().where(same))
    return to_trigger(row)


def is_trigger(trigger: Trigger) -> sa.ColumnElement[bool]:
    """Returns the condition that a row is this trigger's."""
    return sa.and_(
        triggers.c.model == trigger.model,
        triggers.c.key == trigger.key,
        triggers.c.attempt == trigger.attempt,
    )


def to_trigger(row: RowMapping | Mapping[str, Any]) -> Trigger:
    """Returns the trigger that a row holds."""
    fields = {name: row[name] for name in Trigger.__dataclass_fields__ if name != "window"}
    start, end = row["window_start"], row["window_end"]
    return Trigger(**fields, window=(start, end) if start and end else None)
