"""Models with their locks, triggers, looks of the monitors, and model metrics."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from ct_components.keys import run_name

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.String(20)
_COUNTING = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables, and a trigger for each run that began without one."""
    models, triggers = _models(), _triggers()
    _looks()
    _metrics()
    now = datetime.now(UTC).replace(tzinfo=None)
    for name in _known_models():
        op.execute(models.insert().values(model=name, created_at=now))
    if rows := list(_triggers_of_runs()):
        op.bulk_insert(triggers, rows)
    # A program from before the migrations looks here, and must not write beside this one.
    op.execute("UPDATE ct_schema_version SET version = 2")


def _known_models() -> list[str]:
    tables = (sa.table(name, sa.column("model")) for name in ("ct_runs", "ct_promotions"))
    query = sa.union(*(sa.select(table.c.model) for table in tables))
    return sorted(op.get_bind().scalars(query))


def _triggers_of_runs() -> Iterator[dict[str, Any]]:
    """A run that nobody asked the door for was its own trigger."""
    runs = sa.table(
        "ct_runs",
        *(sa.column(name) for name in ("run_id", "model", "key", "reason")),
        sa.column("as_of", sa.DateTime),
        sa.column("created_at", sa.DateTime),
    )
    for row in op.get_bind().execute(sa.select(runs)).mappings().all():
        yield {
            **{name: row[name] for name in ("run_id", "model", "key", "reason", "as_of", "created_at")},
            "attempt": 1,
            "run_key": row["key"],
            "origin": "pipeline",
            "run_arguments": {},
            "pipeline": "",
            "note": "",
            "force": False,
            "state": "submitted",
            "decision": "run",
            "explanation": "This run began before triggers were recorded.",
            "run_name": run_name(row["model"], row["key"]),
            "tries": 1,
            "decided_at": row["created_at"],
            "submitted_at": row["created_at"],
        }


def _models() -> sa.Table:
    return op.create_table(
        "ct_models",
        sa.Column("model", sa.String(63), primary_key=True),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )


def _triggers() -> sa.Table:
    table = op.create_table(
        "ct_triggers",
        sa.Column("model", sa.String(63), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run_key", sa.String(200), nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("origin", _TEXT, nullable=False),
        sa.Column("run_arguments", sa.JSON, nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("as_of", sa.DateTime),
        sa.Column("window_start", sa.DateTime),
        sa.Column("window_end", sa.DateTime),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("force", sa.Boolean, nullable=False),
        sa.Column("cloned_from", sa.String(64)),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("decision", _TEXT, nullable=False),
        sa.Column("explanation", sa.Text, nullable=False),
        sa.Column("run_name", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("run_outcome", _TEXT),
        sa.Column("lease_until", sa.DateTime),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("decided_at", sa.DateTime, nullable=False),
        sa.Column("submitted_at", sa.DateTime),
        sa.Column("ended_at", sa.DateTime),
        sa.UniqueConstraint("model", "run_key", name="ct_one_trigger_per_run_key"),
        *_trigger_checks(),
    )
    op.create_index("ct_triggers_by_state", "ct_triggers", ["state", "model"])
    return table


def _trigger_checks() -> Iterator[sa.CheckConstraint]:
    checks = {
        "ct_trigger_reason": "reason IN ('schedule', 'drift', 'performance', 'manual')",
        "ct_trigger_origin": (
            "origin IN ('flags', 'cloudevent', 'alertmanager', 'monitor', 'pipeline', 'clone')"
        ),
        "ct_trigger_state": "state IN ('submitting', 'submitted', 'suppressed', 'refused')",
        "ct_trigger_counts": "attempt >= 1 AND tries >= 1",
        "ct_trigger_submitted_has_run": "state <> 'submitted' OR run_id IS NOT NULL",
        "ct_trigger_submitting_has_lease": "(state = 'submitting') = (lease_until IS NOT NULL)",
    }
    return (sa.CheckConstraint(text, name=name) for name, text in checks.items())


def _looks() -> None:
    op.create_table(
        "ct_looks",
        sa.Column("id", _COUNTING, primary_key=True),
        sa.Column("model", sa.String(63), nullable=False),
        sa.Column("monitor", _TEXT, nullable=False),
        sa.Column("champion_version", _TEXT),
        sa.Column("as_of", sa.DateTime, nullable=False),
        sa.Column("window_start", sa.DateTime, nullable=False),
        sa.Column("window_end", sa.DateTime, nullable=False),
        sa.Column("verdict", _TEXT, nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("explanation", sa.Text, nullable=False),
        sa.Column("drifted", sa.Boolean),
        sa.Column("share", sa.Float),
        sa.Column("key", sa.String(200)),
        sa.Column("report", sa.JSON, nullable=False),
        sa.Column("report_uri", sa.Text),
        sa.Column("looked_at", sa.DateTime, nullable=False),
        sa.CheckConstraint("monitor IN ('drift', 'performance')", name="ct_look_monitor"),
    )
    op.create_index("ct_looks_of_a_model", "ct_looks", ["model", "monitor", "champion_version"])


def _metrics() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    clock = "(CURRENT_TIMESTAMP AT TIME ZONE 'utc')" if is_postgresql else "CURRENT_TIMESTAMP"
    op.create_table(
        "ct_model_metrics",
        sa.Column("id", _COUNTING, primary_key=True),
        sa.Column("model", sa.String(63), nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.Column("metric", sa.String(100), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("source", sa.String(100), nullable=False, server_default=""),
        sa.Column("written_at", sa.DateTime, nullable=False, server_default=sa.text(clock)),
        sa.CheckConstraint("n >= 0", name="ct_metric_rows"),
        sa.CheckConstraint("value BETWEEN -1e308 AND 1e308", name="ct_metric_is_finite"),
    )
    op.create_index(
        "ct_metrics_of_a_version",
        "ct_model_metrics",
        ["model", "version", "metric", "day"],
    )
