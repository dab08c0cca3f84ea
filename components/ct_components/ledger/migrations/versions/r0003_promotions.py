"""Why a version became champion, what serves it, and versions that wait in staging."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXT = sa.String(20)


def upgrade() -> None:
    """Adds the columns, which are empty for promotions of before, and the table."""
    for column in (
        sa.Column("reason", sa.String(40)),
        sa.Column("note", sa.Text),
        sa.Column("windows", sa.JSON),
        sa.Column("serving_state", _TEXT),
        sa.Column("serving_message", sa.Text),
        sa.Column("served_at", sa.DateTime),
    ):
        op.add_column("ct_promotions", column)
    _candidates()
    op.execute("UPDATE ct_schema_version SET version = 3")


def _candidates() -> None:
    op.create_table(
        "ct_candidates",
        sa.Column("model", sa.String(63), primary_key=True),
        sa.Column("version", _TEXT, primary_key=True),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("expected", _TEXT),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("decided_at", sa.DateTime),
        sa.Column("decision", _TEXT),
        sa.Column("note", sa.Text),
        sa.CheckConstraint("decision IN ('promoted', 'rejected', 'void')", name="ct_candidate_decision"),
        sa.CheckConstraint("(decision IS NULL) = (decided_at IS NULL)", name="ct_candidate_decided_has_time"),
    )
    op.create_index("ct_candidate_of_a_run", "ct_candidates", ["run_id"])
