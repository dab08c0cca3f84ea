"""Where a model stands: what a decision about a trigger may look at."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ct_components.ledger.records import Standing, Start, Trigger, TriggerRequest
from ct_components.ledger.subject import fetch, first
from ct_components.ledger.tables import triggers
from ct_components.ledger.trigger_rows import ENDED_AT, OUTCOME, WITH_RUNS, to_trigger

# Longer than any cooldown, budget or pause may look back, of which a spec allows 366 days.
_REMEMBERED = timedelta(days=400)
_LED_TO_RUNS = ("submitting", "submitted")
_started_at = sa.func.coalesce(triggers.c.submitted_at, triggers.c.decided_at)


def read_standing(connection: Connection, request: TriggerRequest, now: datetime) -> Standing:
    """Returns where the model stands at an instant, as a request for it sees that."""
    previous, ended = _previous(connection, request)
    starts = [
        start
        for start in _starts(connection, request.model, now)
        if ended or previous is None or (start.key, start.attempt) != (previous.key, previous.attempt)
    ]
    return Standing(now, previous, ended, tuple(starts))


def _previous(connection: Connection, request: TriggerRequest) -> tuple[Trigger | None, bool]:
    same = (triggers.c.model == request.model) & (triggers.c.key == request.key)
    query = sa.select(triggers, OUTCOME.label("claimed_outcome")).select_from(WITH_RUNS).where(same)
    # A forced attempt that came to nothing must not let a key that had its run have another without force.
    has_run = sa.case((triggers.c.state.in_(_LED_TO_RUNS), 1), else_=0)
    order = [triggers.c.attempt.desc()] if request.force else [has_run.desc(), triggers.c.attempt.desc()]
    row = first(connection, query.order_by(*order))
    if row is None:
        return None, False
    trigger = to_trigger(row)
    return trigger, trigger.state == "submitted" and row["claimed_outcome"] is not None


def _starts(connection: Connection, model: str, now: datetime) -> list[Start]:
    columns = (triggers.c[name] for name in ("key", "attempt", "state", "run_id"))
    query = (
        sa.select(
            *columns,
            _started_at.label("started_at"),
            OUTCOME.label("outcome"),
            ENDED_AT.label("ended_at"),
        )
        .select_from(WITH_RUNS)
        .where(
            triggers.c.model == model,
            triggers.c.state.in_(_LED_TO_RUNS),
            OUTCOME.is_(None) | (_started_at >= now - _REMEMBERED),
        )
        .order_by(_started_at.desc(), triggers.c.created_at.desc(), triggers.c.run_key.desc())
    )
    return [Start(**row) for row in fetch(connection, query)]
