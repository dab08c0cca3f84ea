"""Runs and their stages, as the stages themselves report them."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from ct_components.ledger.records import StageOutcome
from ct_components.ledger.subject import Subject, first, lock_model
from ct_components.ledger.tables import runs, stage_outcomes, triggers


class Runs(Subject):
    """What happens to a run after it was claimed."""

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        """Returns the row of a run."""
        rows = self._rows(runs.select().where(runs.c.run_id == run_id))
        return dict(rows[0]) if rows else None

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
            row = first(connection, runs.select().where(runs.c.run_id == run_id))
            if row is None:
                return
            # A model is locked before its runs, here as in a claim, or the two could wait for each other.
            lock_model(connection, row["model"])
            connection.execute(runs.update().where(runs.c.run_id == run_id).values(values))
            connection.execute(
                triggers.update()
                .where(triggers.c.model == row["model"], triggers.c.run_key == row["key"])
                .values(run_outcome=None, ended_at=None)
            )

    def finish_run(self, run_id: str, *, state: str, outcome: str, message: str) -> None:
        """Closes a run; closing it again changes nothing but the message."""
        this = runs.update().where(runs.c.run_id == run_id)
        ending = {"state": state, "outcome": outcome, "finished_at": datetime.now(UTC)}
        with self._database.writing() as connection:
            connection.execute(this.values(message=message))
            connection.execute(this.where(runs.c.finished_at.is_(None)).values(ending))

    def record_stage(self, outcome: StageOutcome) -> None:
        """Records how a stage ended; a retry replaces the earlier outcome."""
        row = asdict(outcome)
        same = (stage_outcomes.c.run_id == outcome.run_id) & (stage_outcomes.c.stage == outcome.stage)
        replacing = stage_outcomes.update().where(same).values(row)
        with self._database.writing() as connection:
            if connection.execute(replacing).rowcount:
                return
            try:
                with connection.begin_nested():
                    connection.execute(stage_outcomes.insert().values(row))
            except sa.exc.IntegrityError:
                # Another attempt ended at the same instant, and its outcome is there by now.
                connection.execute(replacing)

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
