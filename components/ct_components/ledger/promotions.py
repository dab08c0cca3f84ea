"""Promotions: who is champion since when."""

from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sa

from ct_components.errors import StateError
from ct_components.ledger.records import Promotion
from ct_components.ledger.subject import Subject
from ct_components.ledger.tables import promotions


class Promotions(Subject):
    """Changes of champion, each after the one before it."""

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
