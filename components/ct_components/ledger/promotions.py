"""Promotions: who is champion since when, and why."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from ct_components.errors import StateError
from ct_components.ledger.candidates import settle_candidates
from ct_components.ledger.database import Database
from ct_components.ledger.records import Promotion
from ct_components.ledger.subject import Subject
from ct_components.ledger.tables import promotions

# MLflow may answer late, and whoever waits for the lock gives up before.
_PATIENCE = "10min"
# Beside an SQLite ledger: an empty file that is only ever locked.
_LOCK_FILE = "-promoting"


class Promotions(Subject):
    """Changes of champion, each after the one before it."""

    def champion(self, model: str) -> Promotion | None:
        """Returns the latest promotion of a model."""
        rows = self._rows(_of(model).order_by(promotions.c.sequence.desc()).limit(1))
        return Promotion(**rows[0]) if rows else None

    def promotions(self, model: str) -> list[Promotion]:
        """Returns all promotions of a model, oldest first."""
        return [Promotion(**row) for row in self._rows(_of(model).order_by(promotions.c.sequence))]

    @contextmanager
    def promoting(self, model: str) -> Iterator[None]:
        """Keeps others from changing a model's champion meanwhile; the end of the process ends it, too.

        MLflow's alias knows no compare-and-swap. A process that set it late, after somebody else's
        promotion, would be taken for a hand. Nothing of the ledger is locked while MLflow is waited for.

        Raises:
            Unreachable: If somebody else does not end.
        """
        if self._database.is_sqlite:
            url = sa.make_url(self._database.url)
            beside = url.set(database=f"{url.database}{_LOCK_FILE}")
            with Database(beside.render_as_string(hide_password=False)).writing():
                yield
            return
        with self._database.writing() as connection:
            patience = sa.func.set_config("idle_in_transaction_session_timeout", _PATIENCE, True)
            number = sa.func.hashtextextended(f"ct promotion of {model}", 0)
            connection.execute(sa.select(patience, sa.func.pg_advisory_xact_lock(number)))
            yield

    def record_promotion(
        self,
        model: str,
        version: str,
        *,
        previous: Promotion | None,
        run_id: str | None,
        kind: str = "promotion",
        reason: str | None = None,
        note: str | None = None,
        windows: Mapping[str, Any] | None = None,
    ) -> Promotion:
        """Makes `version` the champion after `previous`: the compare-and-swap of a promotion.

        What waits in staging for a person is decided by it: as promoted, or as void.

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
            # Clocks differ, and history is read by its times.
            created_at=max(now, previous.created_at) if previous else now,
            projected_at=now if kind == "external" else None,
            reason=reason,
            note=note,
            windows=windows,
        )
        try:
            with self._database.writing() as connection:
                connection.execute(promotions.insert().values(asdict(promotion)))
                settle_candidates(connection, promotion)
        except sa.exc.IntegrityError:
            raise StateError(
                f"promotion of {model} version {version} is void: another version became champion meanwhile"
            ) from None
        return promotion

    def mark_projected(self, promotion: Promotion) -> None:
        """Records that MLflow's alias follows a promotion."""
        values = {"projected_at": datetime.now(UTC)}
        with self._database.writing() as connection:
            connection.execute(_this(promotion.model, promotion.sequence).values(values))

    def record_serving(self, model: str, sequence: int, state: str, message: str) -> None:
        """Records what came of serving a promotion: deploying, served or failed."""
        values = {"serving_state": state, "serving_message": message, "served_at": datetime.now(UTC)}
        with self._database.writing() as connection:
            connection.execute(_this(model, sequence).values(values))


def _of(model: str) -> sa.Select[Any]:
    return sa.select(promotions).where(promotions.c.model == model)


def _this(model: str, sequence: int) -> sa.Update:
    return promotions.update().where(promotions.c.model == model, promotions.c.sequence == sequence)
