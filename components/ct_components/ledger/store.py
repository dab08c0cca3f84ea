"""Reading and writing the ledger: the only module that executes SQL."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from ct_components.connections import redact
from ct_components.errors import Duplicate, StateError, Unreachable
from ct_components.ledger.tables import (
    SCHEMA_VERSION,
    metadata,
    promotions,
    runs,
    schema_version,
    stage_outcomes,
    verdicts,
)


@dataclass(frozen=True)
class Run:
    """A pipeline run as `begin_run` records it."""

    run_id: str
    model: str
    key: str
    reason: str
    as_of: datetime
    champion_version: str | None
    spec: Mapping[str, Any]
    windows: Mapping[str, Any]


@dataclass(frozen=True)
class StageOutcome:
    """How one stage of a run ended. `outcome` is succeeded or failed."""

    run_id: str
    stage: str
    outcome: str
    exit_code: int
    message: str
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True)
class Promotion:
    """One change of champion. `kind` is promotion, or external for an alias that was moved by hand."""

    model: str
    sequence: int
    version: str
    previous_version: str | None
    run_id: str | None
    kind: str
    created_at: datetime
    projected_at: datetime | None


def open_ledger(url: str | None) -> "Ledger | None":
    """Opens the ledger at an SQLAlchemy URL, and makes its tables where they are missing.

    Raises:
        Unreachable: If the database does not answer after several tries.
        StateError: If the ledger was written by another version of its schema.
    """
    if url is None:
        return None
    database = sa.make_url(url).database
    if url.startswith("sqlite") and database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(_engine(url))
    retrying = Retrying(
        stop=stop_after_attempt(4),
        wait=wait_exponential_jitter(initial=0.5, max=4),
        retry=retry_if_exception_type(sa.exc.OperationalError),
        reraise=True,
    )
    try:
        retrying(ledger.prepare)
    except sa.exc.OperationalError as error:
        raise Unreachable(f"the ledger at {redact(url)} does not answer: {error.orig}") from error
    return ledger


def _engine(url: str) -> Engine:
    engine = sa.create_engine(url, connect_args={"timeout": 30} if url.startswith("sqlite") else {})
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite_connect)
        # The driver would begin a read transaction and upgrade it later, which SQLite refuses at once
        # when another writer came first; beginning as a writer waits for it instead.
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")


class Ledger:
    """The ledger of one database. Each method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def prepare(self) -> None:
        """Creates missing tables, and refuses a ledger of another schema version."""
        with self._begin() as connection:
            metadata.create_all(connection)
            version = connection.scalar(sa.select(schema_version.c.version))
            if version is None:
                connection.execute(schema_version.insert().values(version=SCHEMA_VERSION))
            elif version != SCHEMA_VERSION:
                raise StateError(
                    f"the ledger has schema version {version}; this program reads version {SCHEMA_VERSION}"
                )

    def claim_run(self, run: Run) -> None:
        """Records a run under its key; a retry of the same run is accepted.

        Raises:
            Duplicate: If another run holds the key.
        """
        row = {**asdict(run), "state": "running", "created_at": datetime.now(UTC)}
        try:
            with self._begin() as connection:
                connection.execute(runs.insert().values(row))
        except sa.exc.IntegrityError:
            holder = self._holder(run.model, run.key)
            if holder != run.run_id:
                raise Duplicate(
                    f"run {run.run_id}: key {run.key!r} of {run.model} is held by run {holder}"
                ) from None

    def _holder(self, model: str, key: str) -> str | None:
        query = sa.select(runs.c.run_id).where(runs.c.model == model, runs.c.key == key)
        with self._begin() as connection:
            return connection.scalar(query)

    def set_mlflow_run(self, run_id: str, mlflow_run_id: str) -> None:
        """Records which MLflow run belongs to a run."""
        with self._begin() as connection:
            connection.execute(
                runs.update().where(runs.c.run_id == run_id).values(mlflow_run_id=mlflow_run_id)
            )

    def finish_run(self, run_id: str, *, state: str, outcome: str, message: str) -> None:
        """Closes a run; closing it again changes nothing but the message."""
        values = {"state": state, "outcome": outcome, "message": message, "finished_at": datetime.now(UTC)}
        with self._begin() as connection:
            connection.execute(runs.update().where(runs.c.run_id == run_id).values(values))

    def record_stage(self, outcome: StageOutcome) -> None:
        """Records how a stage ended; a retry replaces the earlier outcome."""
        row = asdict(outcome)
        same = (stage_outcomes.c.run_id == outcome.run_id) & (stage_outcomes.c.stage == outcome.stage)
        with self._begin() as connection:
            connection.execute(stage_outcomes.delete().where(same))
            connection.execute(stage_outcomes.insert().values(row))

    def stage_outcome(self, run_id: str, stage: str) -> StageOutcome | None:
        """Returns how a stage of a run ended, or None if it did not yet."""
        return next((outcome for outcome in self.stage_outcomes(run_id) if outcome.stage == stage), None)

    def stage_outcomes(self, run_id: str) -> list[StageOutcome]:
        """Returns how the stages of a run ended, in order of their start."""
        query = stage_outcomes.select().where(stage_outcomes.c.run_id == run_id).order_by("started_at")
        return [StageOutcome(**row) for row in self._rows(query)]

    def challenges(self, model: str, champion_version: str | None, *, besides: str) -> int:
        """Counts the verdicts that spent α against a champion, without the run `besides`.

        Insufficient verdicts spend nothing (STATISTICS: repeated looks).
        """
        query = (
            sa.select(sa.func.count())
            .select_from(verdicts)
            .where(
                verdicts.c.model == model,
                verdicts.c.champion_version == champion_version,
                verdicts.c.verdict != "insufficient",
                verdicts.c.run_id != besides,
            )
        )
        with self._begin() as connection:
            return connection.scalar(query) or 0

    def record_verdict(self, row: Mapping[str, Any]) -> None:
        """Records a verdict; a retry of the same run replaces its own."""
        with self._begin() as connection:
            connection.execute(verdicts.delete().where(verdicts.c.run_id == row["run_id"]))
            connection.execute(verdicts.insert().values({**row, "judged_at": datetime.now(UTC)}))

    def verdict(self, run_id: str) -> Mapping[str, Any] | None:
        """Returns the verdict of a run, or None if it came to none."""
        rows = self._rows(verdicts.select().where(verdicts.c.run_id == run_id))
        return dict(rows[0]) if rows else None

    def champion(self, model: str) -> Promotion | None:
        """Returns the latest promotion of a model."""
        query = (
            promotions.select()
            .where(promotions.c.model == model)
            .order_by(promotions.c.sequence.desc())
            .limit(1)
        )
        rows = self._rows(query)
        return Promotion(**rows[0]) if rows else None

    def record_promotion(
        self,
        model: str,
        version: str,
        *,
        previous: Promotion | None,
        run_id: str | None,
        kind: str = "promotion",
    ) -> Promotion:
        """Makes `version` the champion after `previous`: the compare-and-swap of a promotion.

        Raises:
            StateError: If somebody else promoted after `previous`.
        """
        now = datetime.now(UTC)
        promotion = Promotion(
            model=model,
            sequence=previous.sequence + 1 if previous else 1,
            version=version,
            previous_version=previous.version if previous else None,
            run_id=run_id,
            kind=kind,
            created_at=now,
            projected_at=now if kind == "external" else None,
        )
        try:
            with self._begin() as connection:
                connection.execute(promotions.insert().values(asdict(promotion)))
        except sa.exc.IntegrityError:
            raise StateError(
                f"promotion of {model} version {version} is void: another version became champion meanwhile"
            ) from None
        return promotion

    def mark_projected(self, promotion: Promotion) -> None:
        """Records that MLflow's alias follows a promotion."""
        same = (promotions.c.model == promotion.model) & (promotions.c.sequence == promotion.sequence)
        with self._begin() as connection:
            connection.execute(promotions.update().where(same).values(projected_at=datetime.now(UTC)))

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        """Returns the row of a run."""
        rows = self._rows(runs.select().where(runs.c.run_id == run_id))
        return dict(rows[0]) if rows else None

    def history(self, model: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """Returns runs with their verdicts and stages, and promotions, oldest first."""
        of_runs = sa.true() if model is None else runs.c.model == model
        of_promotions = sa.true() if model is None else promotions.c.model == model
        ids = sa.select(runs.c.run_id).where(of_runs)
        verdict_of = {
            row["run_id"]: dict(row)
            for row in self._rows(verdicts.select().where(verdicts.c.run_id.in_(ids)))
        }
        stages_of: dict[str, list[dict[str, Any]]] = {}
        in_order = stage_outcomes.select().where(stage_outcomes.c.run_id.in_(ids)).order_by("started_at")
        for row in self._rows(in_order):
            stages_of.setdefault(row["run_id"], []).append(dict(row))
        return {
            "runs": [
                {**row, "verdict": verdict_of.get(row["run_id"]), "stages": stages_of.get(row["run_id"], [])}
                for row in self._rows(runs.select().where(of_runs).order_by(runs.c.created_at))
            ],
            "promotions": [
                dict(row)
                for row in self._rows(
                    promotions.select()
                    .where(of_promotions)
                    .order_by(promotions.c.model, promotions.c.sequence)
                )
            ],
        }

    def _rows(self, query: sa.Select[Any]) -> list[RowMapping]:
        with self._begin() as connection:
            return list(connection.execute(query).mappings())

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection
