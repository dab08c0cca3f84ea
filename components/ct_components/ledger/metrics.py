"""How good model versions were day by day, as scoring services measured them."""

from collections.abc import Iterable
from dataclasses import asdict

import sqlalchemy as sa

from ct_components.ledger.records import MetricRecord
from ct_components.ledger.subject import Subject
from ct_components.ledger.tables import model_metrics

# From the row that counts to the one that was replaced first. A scoring service's clock may stand still.
_PLACE = sa.func.row_number().over(
    partition_by=[model_metrics.c.version, model_metrics.c.metric, model_metrics.c.day],
    order_by=[model_metrics.c.written_at.desc(), model_metrics.c.id.desc()],
)


class Metrics(Subject):
    """Daily values, which are added and never changed: the one written last counts."""

    def add_metrics(self, records: Iterable[MetricRecord]) -> None:
        """Adds all of these values, or none of them."""
        rows = [asdict(record) for record in records]
        if not rows:
            return
        with self._database.writing() as connection:
            connection.execute(model_metrics.insert(), rows)

    def metrics(
        self, model: str, version: str | None = None, metric: str | None = None
    ) -> list[MetricRecord]:
        """Returns the values that count, in order of their days.

        Args:
            model: The model's name.
            version: One version's values; None for all.
            metric: One metric's values; None for all.
        """
        of_version = model_metrics.c.version == version if version is not None else sa.true()
        of_metric = model_metrics.c.metric == metric if metric is not None else sa.true()
        ranked = (
            sa.select(model_metrics, _PLACE.label("place"))
            .where(model_metrics.c.model == model, of_version, of_metric)
            .subquery()
        )
        columns = [each for each in ranked.c if each.name not in {"id", "place"}]
        query = sa.select(*columns).where(ranked.c.place == 1).order_by(ranked.c.day, ranked.c.id)
        return [MetricRecord(**row) for row in self._rows(query)]
