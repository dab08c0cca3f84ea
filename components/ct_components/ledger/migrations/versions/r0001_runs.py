"""Runs, stages, verdicts and promotions: the tables of schema version 1, before there were migrations."""

import sqlalchemy as sa
from alembic import op

from ct_components.errors import StateError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes those of the tables that are missing: a ledger may have been left half made.

    Raises:
        StateError: If a table of that name is another one.
    """
    there = set(sa.inspect(op.get_bind()).get_table_names())
    for name, parts in _tables().items():
        if name in there:
            _check(name, parts)
        else:
            op.create_table(name, *parts)
    op.create_index(
        "ct_challenges_of_a_champion", "ct_verdicts", ["model", "champion_version"], if_not_exists=True
    )
    version = sa.table("ct_schema_version", sa.column("version"))
    if op.get_bind().scalar(sa.select(version.c.version)) is None:
        op.execute(version.insert().values(version=1))


def _check(name: str, parts: list[sa.schema.SchemaItem]) -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(name)}
    missing = [part.name for part in parts if isinstance(part, sa.Column) and part.name not in there]
    if missing:
        raise StateError(
            f"the ledger has a table {name} without {', '.join(missing)}, which this program did not make: "
            "use another database, or rename that table"
        )


def _tables() -> dict[str, list[sa.schema.SchemaItem]]:
    return {
        "ct_schema_version": [sa.Column("version", sa.Integer, primary_key=True)],
        "ct_runs": [
            sa.Column("run_id", sa.String(64), primary_key=True),
            sa.Column("model", sa.String(63), nullable=False),
            sa.Column("key", sa.String(200), nullable=False),
            sa.Column("reason", sa.String(20), nullable=False),
            sa.Column("as_of", sa.DateTime, nullable=False),
            sa.Column("state", sa.String(20), nullable=False),
            sa.Column("outcome", sa.String(20)),
            sa.Column("message", sa.Text),
            sa.Column("champion_version", sa.String(20)),
            sa.Column("mlflow_run_id", sa.String(64)),
            sa.Column("spec", sa.JSON),
            sa.Column("windows", sa.JSON),
            sa.Column("created_at", sa.DateTime, nullable=False),
            sa.Column("finished_at", sa.DateTime),
            sa.UniqueConstraint("model", "key", name="ct_one_run_per_key"),
        ],
        "ct_stage_outcomes": [
            sa.Column("run_id", sa.String(64), primary_key=True),
            sa.Column("stage", sa.String(40), primary_key=True),
            sa.Column("outcome", sa.String(20), nullable=False),
            sa.Column("exit_code", sa.Integer, nullable=False),
            sa.Column("message", sa.Text),
            sa.Column("started_at", sa.DateTime, nullable=False),
            sa.Column("finished_at", sa.DateTime, nullable=False),
        ],
        "ct_verdicts": [
            sa.Column("run_id", sa.String(64), sa.ForeignKey("ct_runs.run_id"), primary_key=True),
            sa.Column("model", sa.String(63), nullable=False),
            sa.Column("champion_version", sa.String(20)),
            sa.Column("challenger_version", sa.String(20), nullable=False),
            sa.Column("challenge", sa.Integer, nullable=False),
            sa.Column("verdict", sa.String(20), nullable=False),
            sa.Column("reason", sa.String(40), nullable=False),
            sa.Column("explanation", sa.Text, nullable=False),
            sa.Column("challenger_score", sa.Float),
            sa.Column("champion_score", sa.Float),
            sa.Column("gain", sa.Float),
            sa.Column("lower", sa.Float),
            sa.Column("judged_at", sa.DateTime, nullable=False),
            sa.Column("report", sa.JSON, nullable=False),
        ],
        "ct_promotions": [
            sa.Column("model", sa.String(63), primary_key=True),
            sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("version", sa.String(20), nullable=False),
            sa.Column("previous_version", sa.String(20)),
            sa.Column("run_id", sa.String(64)),
            sa.Column("kind", sa.String(20), nullable=False),
            sa.Column("created_at", sa.DateTime, nullable=False),
            sa.Column("projected_at", sa.DateTime),
        ],
    }
