"""What an event says, whichever form it came in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ct_components.keys import day_key, schedule_key

Window = tuple[datetime, datetime]
"""Start and end, both with their zone; an instant, such as a schedule's, is its own start and end."""

Reason = Literal["schedule", "drift", "performance", "manual"]
Origin = Literal["cloudevent", "alertmanager"]


@dataclass(frozen=True)
class TriggerEvent:
    """An event that asks for a run of one model.

    Attributes:
        model: The model's name.
        reason: schedule, drift, performance or manual.
        window: What was looked at, in UTC; None if the event does not say.
        key: The trigger's key; None if it follows from reason and window (`rule_key`).
        origin: Which form the event had.
    """

    model: str
    reason: Reason
    window: Window | None
    key: str | None
    origin: Origin


def rule_key(reason: str, end: datetime, timezone: str) -> str | None:
    """Returns the key that a reason and the end of its window lead to; None for manual, which has no rule.

    Args:
        reason: schedule, drift, performance or manual.
        end: The window's end; a schedule's instant.
        timezone: IANA name of the source's time zone, whose days count.

    >>> from datetime import UTC
    >>> rule_key("drift", datetime(2013, 6, 2, 3, 30, tzinfo=UTC), "America/New_York")
    'drift-2013-06-01'
    """
    if reason == "manual":
        return None
    return schedule_key(end) if reason == "schedule" else day_key(reason, end, timezone)
