"""Reading and writing the ledger: the only module that executes SQL."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

from ct_components.connections import redact
from ct_components.errors import Duplicate, Overtaken, StateError, Unreachable
from ct_components.ledger.database import Database
from ct_components.ledger.records import Promotion, Run, StageOutcome
from ct_components.ledger.tables import (
    SCHEMA_VERSION,
    metadata,
    promotions,
    runs,
    schema_version,
    stage_outcomes,
    verdicts,
)

_ATTEMPTS = 4
_NEWEST = sa.select(sa.func.max(schema_version.c.version))


def open_ledger(url: str | None) -> "Ledger | None":
    """Opens the ledger at an SQLAlchemy URL, and makes its tables where they are missing.

    Raises:
        Unreachable: If the database does not answer after several tries.
        StateError: If the URL or its driver is unusable, or the ledger was written by another version of
            its schema.
    """
    if url is None:
        return None
    ledger = Ledger(Database(url))
    retrying = Retrying(
        # SQLite waits for its lock itself, and nothing else about a file goes away by waiting.
        stop=stop_after_attempt(1 if url.startswith("sqlite") else _ATTEMPTS),
        wait=wait_exponential(multiplier=0.5, max=4) + wait_random(0, 1),
        retry=retry_if_exception_type(Unreachable),
        reraise=True,
    )
    retrying(ledger.prepare)
    return ledger


class Ledger:
    """The ledger of one database. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prepare(self) -> None:
        """Creates missing tables, and refuses a ledger of another schema version.

        Raises:
            StateError: If another version of this program made the ledger.
        """
        found = self._schema_version() or self._create()
        if found != SCHEMA_VERSION:
            raise StateError(
                f"the ledger at {redact(self._database.url)} has schema version {found}; this program reads "
                f"and writes version {SCHEMA_VERSION}: use the program that made it, or another ledger"
            )

    def _schema_version(self) -> int | None:
        with self._database.reading() as connection:
            known = sa.inspect(connection).has_table(schema_version.name)
            return connection.scalar(_NEWEST) if known else None

    def _create(self) -> int:
        """Of two processes that create at once, the second finds what the first made."""
        try:
            with self._database.writing() as connection:
                metadata.create_all(connection)
                found: int | None = connection.scalar(_NEWEST)
                if found is None:
                    connection.execute(schema_version.insert().values(version=SCHEMA_VERSION))
        except (sa.exc.IntegrityError, StateError):
            # PostgreSQL lets both create, and refuses one of them.
            found = self._schema_version()
            if found is None:
                raise
        return found or SCHEMA_VERSION

    def claim_run(self, run: Run) -> None:
        """Records a run under its key; a retry of the same run is accepted, and changes nothing.

        Raises:
            Duplicate: If another run holds the key, or the run was recorded under another key.
        """
        row = {**asdict(run), "state": "running", "created_at": datetime.now(UTC)}
        try:
            with self._database.writing() as connection:
                connection.execute(runs.insert().values(row))
        except sa.exc.IntegrityError:
            self._refuse_another(run)

    def _refuse_another(self, run: Run) -> None:
        same_key = (runs.c.model == run.model) & (runs.c.key == run.key)
        holder = next(iter(self._rows(runs.select().where(same_key))), None)
        if holder is None:
            raise Duplicate(
                f"run {run.run_id} was recorded before, under another key than {run.key!r} of {run.model}"
            )
        if holder["run_id"] != run.run_id:
            raise Duplicate(
                f"run {run.run_id}: key {run.key!r} of {run.model} is held by run {holder['run_id']}"
            )

    def set_mlflow_run(self, run_id: str, mlflow_run_id: str) -> None:
        """Records which MLflow run belongs to a run."""
        with self._database.writing() as connection:
            connection.execute(
                runs.update().where(runs.c.run_id == run_id).values(mlflow_run_id=mlflow_run_id)
            )

    def reopen_run(self, run_id: str) -> None:
        """Opens a closed run again: somebody retries it, after what was wrong has been mended."""
        values = {"state": "running", "outcome": None, "message": None, "finished_at": None}
        with self._database.writing() as connection:
            connection.execute(runs.update().where(runs.c.run_id == run_id).values(values))

    def finish_run(self, run_id: str, *, state: str, outcome: str, message: str) -> None:
        """Closes a run; closing it again changes nothing but the message."""
        this = runs.update().where(runs.c.run_id == run_id)
        first = {"state": state, "outcome": outcome, "finished_at": datetime.now(UTC)}
        with self._database.writing() as connection:
            connection.execute(this.values(message=message))
            connection.execute(this.where(runs.c.finished_at.is_(None)).values(first))

    def record_stage(self, outcome: StageOutcome) -> None:
        """Records how a stage ended; a retry replaces the earlier outcome."""
        row = asdict(outcome)
        same = (stage_outcomes.c.run_id == outcome.run_id) & (stage_outcomes.c.stage == outcome.stage)
        with self._database.writing() as connection:
            connection.execute(stage_outcomes.delete().where(same))
            connection.execute(stage_outcomes.insert().values(row))

    def stage_outcome(self, run_id: str, stage: str) -> StageOutcome | None:
        """Returns how a stage of a run ended, or None if it did not yet."""
        return next((outcome for outcome in self.stage_outcomes(run_id) if outcome.stage == stage), None)

    def stage_outcomes(self, run_id: str) -> list[StageOutcome]:
        """Returns how the stages of a run ended, in order of their start."""
        query = (
            stage_outcomes.select()
            .where(stage_outcomes.c.run_id == run_id)
            .order_by("started_at", "finished_at")
        )
        return [StageOutcome(**row) for row in self._rows(query)]

    def challenges(self, model: str, champion_version: str | None, *, besides: str) -> int:
        """Returns the highest number among the challenges that spent α against a champion; 0 for none.

        Insufficient verdicts spend nothing. What a retry made insufficient keeps its number all the same.

        Args:
            model: The registered model.
            champion_version: Who was challenged; None counts the attempts to become the first champion.
            besides: The run that asks.
        """
        with self._database.reading() as connection:
            query = _spending(model, champion_version, besides).with_only_columns(
                sa.func.max(verdicts.c.challenge)
            )
            return int(connection.scalar(query) or 0)

    def record_verdict(self, row: Mapping[str, Any]) -> None:
        """Records a verdict; a retry of the same run replaces its own.

        Raises:
            StateError: If the ledger does not know the run.
            Overtaken: If another challenge of the same champion was judged meanwhile and took the number.
        """
        try:
            with self._database.writing() as connection:
                self._check_challenge(connection, row)
                connection.execute(verdicts.delete().where(verdicts.c.run_id == row["run_id"]))
                connection.execute(verdicts.insert().values({**row, "judged_at": datetime.now(UTC)}))
        except sa.exc.IntegrityError as error:
            raise StateError(
                f"the verdict of run {row['run_id']!r} cannot be recorded: {error.orig}; begin_run records "
                "the run"
            ) from error

    def _check_challenge(self, connection: Connection, row: Mapping[str, Any]) -> None:
        """Two challenges that were counted at once must not spend the same share of α."""
        champion, number = row["champion_version"], row["challenge"]
        if row["verdict"] == "insufficient":
            return
        same = _spending(row["model"], champion, row["run_id"]).where(verdicts.c.challenge == number)
        if other := connection.execute(same.with_only_columns(verdicts.c.run_id)).scalar():
            raise Overtaken(
                f"this was judged as challenge {number} of {row['model']} version {champion or 'none yet'}, "
                f"which run {other} has become by now; it must be judged again"
            )

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
            with self._database.writing() as connection:
                connection.execute(promotions.insert().values(asdict(promotion)))
        except sa.exc.IntegrityError:
            raise StateError(
                f"promotion of {model} version {version} is void: another version became champion meanwhile"
            ) from None
        return promotion

    def mark_projected(self, promotion: Promotion) -> None:
        """Records that MLflow's alias follows a promotion."""
        same = (promotions.c.model == promotion.model) & (promotions.c.sequence == promotion.sequence)
        with self._database.writing() as connection:
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
        with self._database.reading() as connection:
            found = _fetch(connection, runs.select().where(of_runs).order_by("created_at", "run_id"))
            judged = _fetch(connection, verdicts.select().where(verdicts.c.run_id.in_(ids)))
            ended = _fetch(
                connection,
                stage_outcomes.select()
                .where(stage_outcomes.c.run_id.in_(ids))
                .order_by("started_at", "finished_at"),
            )
            promoted = _fetch(
                connection, promotions.select().where(of_promotions).order_by("model", "sequence")
            )
        verdict_of = {row["run_id"]: dict(row) for row in judged}
        stages_of: dict[str, list[dict[str, Any]]] = {}
        for row in ended:
            stages_of.setdefault(row["run_id"], []).append(dict(row))
        return {
            "runs": [
                {**row, "verdict": verdict_of.get(row["run_id"]), "stages": stages_of.get(row["run_id"], [])}
                for row in found
            ],
            "promotions": [dict(row) for row in promoted],
        }

    def _rows(self, query: sa.Select[Any]) -> list[RowMapping]:
        with self._database.reading() as connection:
            return _fetch(connection, query)


def _fetch(connection: Connection, query: sa.Select[Any]) -> list[RowMapping]:
    return list(connection.execute(query).mappings())


def _spending(model: str, champion_version: str | None, besides: str) -> sa.Select[Any]:
    return sa.select(verdicts).where(
        verdicts.c.model == model,
        verdicts.c.champion_version == champion_version,
        verdicts.c.verdict != "insufficient",
        verdicts.c.run_id != besides,
    )
