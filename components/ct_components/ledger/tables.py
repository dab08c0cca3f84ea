"""The ledger's tables. Times are stored in UTC; SQLite and PostgreSQL hold the same.

Their names begin with ct_, because a ledger may share its database with MLflow, which has a table `runs`.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

SCHEMA_VERSION = 1


class UTCDateTime(TypeDecorator[datetime]):
    """An aware instant. SQLite drops the zone, so it is taken off and put back here."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuses naive times: nobody could say later what they meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the ledger takes aware times only, got {value!r}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Gives the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData()

schema_version = Table("ct_schema_version", metadata, Column("version", Integer, primary_key=True))

runs = Table(
    "ct_runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("model", String(63), nullable=False),
    Column("key", String(200), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("as_of", UTCDateTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("outcome", String(20)),
    Column("message", Text),
    Column("champion_version", String(20)),
    Column("mlflow_run_id", String(64)),
    Column("spec", JSON),
    Column("windows", JSON),
    Column("created_at", UTCDateTime, nullable=False),
    Column("finished_at", UTCDateTime),
    # The claim: of two runs with one key, the second insert fails.
    UniqueConstraint("model", "key", name="ct_one_run_per_key"),
)

stage_outcomes = Table(
    "ct_stage_outcomes",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("stage", String(40), primary_key=True),
    Column("outcome", String(20), nullable=False),
    Column("exit_code", Integer, nullable=False),
    Column("message", Text),
    Column("started_at", UTCDateTime, nullable=False),
    Column("finished_at", UTCDateTime, nullable=False),
)

verdicts = Table(
    "ct_verdicts",
    metadata,
    Column("run_id", String(64), ForeignKey("ct_runs.run_id"), primary_key=True),
    Column("model", String(63), nullable=False),
    Column("champion_version", String(20)),
    Column("challenger_version", String(20), nullable=False),
    Column("challenge", Integer, nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("explanation", Text, nullable=False),
    Column("challenger_score", Float),
    Column("champion_score", Float),
    Column("gain", Float),
    Column("lower", Float),
    Column("judged_at", UTCDateTime, nullable=False),
    Column("report", JSON, nullable=False),
    Index("ct_challenges_of_a_champion", "model", "champion_version"),
)

promotions = Table(
    "ct_promotions",
    metadata,
    Column("model", String(63), primary_key=True),
    # The compare-and-swap: of two promotions at once, the second insert fails.
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("version", String(20), nullable=False),
    Column("previous_version", String(20)),
    Column("run_id", String(64)),
    Column("kind", String(20), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    # When MLflow's alias was seen to follow; empty means that a crash came between.
    Column("projected_at", UTCDateTime),
)
