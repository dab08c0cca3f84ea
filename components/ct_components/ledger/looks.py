"""What the monitors saw."""

from dataclasses import asdict
from datetime import datetime

from ct_components.ledger.records import LookRecord
from ct_components.ledger.subject import Subject
from ct_components.ledger.tables import looks


class Looks(Subject):
    """Each look of a monitor, whether it fired or not."""

    def record_look(self, look: LookRecord) -> int:
        """Records a look, and returns its number."""
        with self._database.writing() as connection:
            done = connection.execute(looks.insert().values(asdict(look)).returning(looks.c.id))
            return int(done.scalar_one())

    def looks(
        self,
        model: str,
        monitor: str,
        champion_version: str | None = None,
        since: datetime | None = None,
    ) -> list[LookRecord]:
        """Returns looks in the order in which they were taken.

        Args:
            model: The model's name.
            monitor: drift or performance.
            champion_version: Only those at this champion; None for all.
            since: Only those taken at this instant or later.
        """
        query = looks.select().where(looks.c.model == model, looks.c.monitor == monitor)
        if champion_version is not None:
            query = query.where(looks.c.champion_version == champion_version)
        if since is not None:
            query = query.where(looks.c.looked_at >= since)
        rows = self._rows(query.order_by(looks.c.looked_at, looks.c.id))
        return [LookRecord(**{name: row[name] for name in row if name != "id"}) for row in rows]
