"""Verdicts, and how often α was spent against a champion."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ct_components.connections import first_line
from ct_components.errors import Overtaken, StateError
from ct_components.ledger.subject import Subject, lock_model
from ct_components.ledger.tables import verdicts


class Verdicts(Subject):
    """What was judged, once a run."""

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
                lock_model(connection, row["model"])
                self._check_challenge(connection, row)
                connection.execute(verdicts.delete().where(verdicts.c.run_id == row["run_id"]))
                connection.execute(verdicts.insert().values({**row, "judged_at": datetime.now(UTC)}))
        except sa.exc.IntegrityError as error:
            reason = first_line(error.orig or error)
            raise StateError(
                f"the verdict of run {row['run_id']!r} cannot be recorded: {reason}; begin_run records "
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


def _spending(model: str, champion_version: str | None, besides: str) -> sa.Select[Any]:
    return sa.select(verdicts).where(
        verdicts.c.model == model,
        verdicts.c.champion_version == champion_version,
        verdicts.c.verdict != "insufficient",
        verdicts.c.run_id != besides,
    )
