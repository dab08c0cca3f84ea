"""The ledger's tables. Times are stored in UTC; SQLite and PostgreSQL hold the same.

Their names begin with ct_, because a ledger may share its database with MLflow, which has a table `runs`.
What is changed here also needs a revision in `migrations`; a test compares the two.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
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
    column,
    table,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from ct_components.vocabulary import REASONS

SCHEMA_VERSION = 3
HEAD = f"{SCHEMA_VERSION:04}"
"""The migrations' newest revision."""

STATES = ("submitting", "submitted", "suppressed", "refused")
"""Of a trigger."""
ORIGINS = ("flags", "cloudevent", "alertmanager", "monitor", "pipeline", "clone")
"""Of a trigger: how it came. A run that did not pass the door has origin pipeline, or clone."""
MONITORS = ("drift", "performance")
DECISIONS = ("promoted", "rejected", "void")
"""On a version that waits in staging."""

# SQLite counts by itself only in a column of exactly this type, which holds 64 bits there.
_LONG = BigInteger()
_COUNTING = BigInteger().with_variant(Integer, "sqlite")


def _one_of(name: str, allowed: Sequence[str]) -> str:
    return f"{name} IN ({', '.join(repr(each) for each in allowed)})"


class UTCNow(FunctionElement[datetime]):
    """The database's clock in UTC, for rows that others write."""

    inherit_cache = True


@compiles(UTCNow)
def _now(_element: UTCNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CURRENT_TIMESTAMP"


@compiles(UTCNow, "postgresql")
def _now_postgresql(_element: UTCNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "(CURRENT_TIMESTAMP AT TIME ZONE 'utc')"


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


class FreeText(TypeDecorator[str]):
    """What people and errors say. PostgreSQL takes no NUL, and neither database half a character.

    A message that cannot be recorded would hide what went wrong.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Puts a question mark in place of what cannot be stored."""
        return value and value.replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


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
    Column("message", FreeText),
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
    Column("message", FreeText),
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
    Column("explanation", FreeText, nullable=False),
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
    Column("reason", String(40)),
    Column("note", FreeText),
    Column("windows", JSON(none_as_null=True)),
    Column("serving_state", String(20)),
    Column("serving_message", FreeText),
    Column("served_at", UTCDateTime),
)

candidates = Table(
    "ct_candidates",
    metadata,
    Column("model", String(63), primary_key=True),
    Column("version", String(20), primary_key=True),
    Column("run_id", String(64), nullable=False),
    # Of whom the verdict speaks: if another is champion, it is void.
    Column("expected", String(20)),
    Column("created_at", UTCDateTime, nullable=False),
    Column("decided_at", UTCDateTime),
    Column("decision", String(20)),
    Column("note", FreeText),
    CheckConstraint(_one_of("decision", DECISIONS), name="ct_candidate_decision"),
    CheckConstraint("(decision IS NULL) = (decided_at IS NULL)", name="ct_candidate_decided_has_time"),
    Index("ct_candidate_of_a_run", "run_id"),
)

# A model's row is its lock: whoever decides about the model holds it, so decisions come one after another.
models = Table(
    "ct_models",
    metadata,
    Column("model", String(63), primary_key=True),
    Column("created_at", UTCDateTime, nullable=False),
)

triggers = Table(
    "ct_triggers",
    metadata,
    Column("model", String(63), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    # What the run claims in ct_runs, which is how the two are joined.
    Column("run_key", String(200), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("origin", String(20), nullable=False),
    Column("run_arguments", JSON, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("as_of", UTCDateTime),
    Column("window_start", UTCDateTime),
    Column("window_end", UTCDateTime),
    Column("note", FreeText, nullable=False),
    Column("force", Boolean, nullable=False),
    Column("cloned_from", String(64)),
    Column("state", String(20), nullable=False),
    Column("decision", String(20), nullable=False),
    Column("explanation", FreeText, nullable=False),
    Column("run_name", String(64), nullable=False),
    Column("run_id", String(64)),
    Column("run_outcome", String(20)),
    Column("lease_until", UTCDateTime),
    Column("tries", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("decided_at", UTCDateTime, nullable=False),
    Column("submitted_at", UTCDateTime),
    Column("ended_at", UTCDateTime),
    UniqueConstraint("model", "run_key", name="ct_one_trigger_per_run_key"),
    CheckConstraint(_one_of("reason", REASONS), name="ct_trigger_reason"),
    CheckConstraint(_one_of("origin", ORIGINS), name="ct_trigger_origin"),
    CheckConstraint(_one_of("state", STATES), name="ct_trigger_state"),
    CheckConstraint("attempt >= 1 AND tries >= 1", name="ct_trigger_counts"),
    CheckConstraint("state <> 'submitted' OR run_id IS NOT NULL", name="ct_trigger_submitted_has_run"),
    CheckConstraint(
        "(state = 'submitting') = (lease_until IS NOT NULL)", name="ct_trigger_submitting_has_lease"
    ),
    Index("ct_triggers_by_state", "state", "model"),
)

looks = Table(
    "ct_looks",
    metadata,
    Column("id", _COUNTING, primary_key=True),
    Column("model", String(63), nullable=False),
    Column("monitor", String(20), nullable=False),
    Column("champion_version", String(20)),
    Column("as_of", UTCDateTime, nullable=False),
    Column("window_start", UTCDateTime, nullable=False),
    Column("window_end", UTCDateTime, nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("explanation", FreeText, nullable=False),
    Column("drifted", Boolean),
    Column("share", Float),
    Column("key", String(200)),
    Column("report", JSON, nullable=False),
    Column("report_uri", Text),
    Column("looked_at", UTCDateTime, nullable=False),
    CheckConstraint(_one_of("monitor", MONITORS), name="ct_look_monitor"),
    Index("ct_looks_of_a_model", "model", "monitor", "champion_version"),
)

# Other programs write to this one in plain SQL: docs/reference/ledger.md. So it looks after itself.
model_metrics = Table(
    "ct_model_metrics",
    metadata,
    Column("id", _COUNTING, primary_key=True),
    Column("model", String(63), nullable=False),
    Column("version", String(20), nullable=False),
    Column("metric", String(100), nullable=False),
    Column("day", Date, nullable=False),
    Column("value", Float),
    Column("n", _LONG, nullable=False),
    Column("source", String(100), nullable=False, server_default=""),
    Column("written_at", UTCDateTime, nullable=False, server_default=UTCNow()),
    CheckConstraint("n >= 0", name="ct_metric_rows"),
    # Of NaN, too, this is not true.
    CheckConstraint("value BETWEEN -1e308 AND 1e308", name="ct_metric_is_finite"),
    Index("ct_metrics_of_a_version", "model", "version", "metric", "day"),
)

# Alembic makes and keeps this one; it is read here, so that a ledger at head opens without alembic.
revisions = table("ct_alembic_version", column("version_num"))
