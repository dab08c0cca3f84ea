"""Since when the champion is in charge on the model's clock, and which days since then have matured."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ct_components.spec import Duration, load_zone
from ct_components.windows import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ct_components.monitoring.look import Watching

_DAY = Duration(1, "d")


@dataclass(frozen=True)
class Reign:
    """A champion's time in charge, as far as its labels have had time to come.

    Attributes:
        promoted: From when on the champion's predictions count; aware, in UTC.
        matured: The whole days since then whose label delay has passed; without length when there is none.
        current: The last of them.
        timezone: IANA name of the zone whose days they are.
    """

    promoted: datetime
    matured: Window
    current: Window
    timezone: str

    @property
    def promoted_text(self) -> str:
        """The promotion for people, on the reign's clock."""
        return f"{self.promoted.astimezone(load_zone(self.timezone)):%Y-%m-%d %H:%M} {self.timezone}"

    def day(self, instant: datetime) -> np.datetime64:
        """Returns the day of an instant on the reign's clock."""
        return np.datetime64(instant.astimezone(load_zone(self.timezone)).date(), "D")

    def clock(self, instant: datetime) -> np.datetime64:
        """Returns an instant as a time without zone on the reign's clock."""
        return np.datetime64(instant.astimezone(load_zone(self.timezone)).replace(tzinfo=None), "us")


def find_reign(watching: "Watching", metadata: "Mapping[str, Any]") -> Reign:
    """Returns the champion's reign up to the look's instant.

    It begins when the champion's promotion holdout ends, or when it was promoted, whichever is later: no row
    counts that it learned from or was judged on. A run promotes at its own as-of, which is on the model's
    clock. A promotion by hand has its time on the wall's clock only, which counts unless the look is a replay
    of a time before it.

    Args:
        watching: The look, with a champion.
        metadata: What `train_model` wrote of it.
    """
    spec, zone = watching.spec, watching.timezone
    judged = datetime.fromisoformat(metadata["windows"]["holdout"]["end"])
    promoted = max(filter(None, (judged, _promotion(watching))))
    end = _midnight(spec.source.label_delay.subtract(watching.as_of, zone), zone)
    start = min(_next_midnight(promoted, zone), end)
    current = max(start, _midnight(spec.windows.current.subtract(end, zone), zone))
    return Reign(promoted.astimezone(UTC), Window(start, end), Window(current, end), zone)


def _promotion(watching: "Watching") -> datetime | None:
    """Returns when the ledger's last promotion was; of whichever version, the champion came no sooner."""
    if watching.ledger is None:
        return None
    promotion = watching.ledger.champion(watching.spec.model)
    if promotion is None:
        return None
    run = watching.ledger.run(promotion.run_id) if promotion.run_id else None
    if run:
        promoted: datetime = run["as_of"]
        return promoted
    return promotion.created_at if promotion.created_at <= watching.as_of else None


def _midnight(instant: datetime, timezone: str) -> datetime:
    """Returns the beginning of an instant's day."""
    local = instant.astimezone(load_zone(timezone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def _next_midnight(instant: datetime, timezone: str) -> datetime:
    """Returns the beginning of the first whole day."""
    begun = _midnight(instant, timezone)
    return begun if begun == instant else _midnight(_DAY.add(begun, timezone), timezone)
