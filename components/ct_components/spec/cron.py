"""Schedules in cron's five fields: minute, hour, day of the month, month, day of the week.

Only cronsim says what a field may hold; it is imported when a spec has a schedule.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

ALLOWED = "cron's five fields (minute, hour, day, month, weekday) such as '0 3 * * 0', and an instant to come"
_FIELDS = 5
_MOST = 400
_A_YEAR = timedelta(days=366)
_SOME_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def is_cron(text: str) -> bool:
    """Returns whether a text is a schedule that fires at all.

    >>> is_cron("0 3 * * 0"), is_cron("0 0 3 * * 0"), is_cron("0 3 31 2 *")
    (True, False, False)
    """
    from cronsim import CronSim, CronSimError

    if len(text.split()) != _FIELDS:
        return False
    try:
        return next(CronSim(text, _SOME_MONDAY), None) is not None
    except CronSimError:
        return False


def last_firing(schedule: str, timezone: str, now: datetime) -> datetime:
    """Returns the latest instant, up to `now`, at which a schedule fires; in UTC.

    >>> last_firing("0 3 * * 0", "America/New_York", datetime(2013, 6, 5, tzinfo=UTC)).isoformat()
    '2013-06-02T07:00:00+00:00'
    """
    from cronsim import CronSim

    zone = ZoneInfo(timezone)
    # Backwards, cronsim takes an hour that comes twice for one, and loses what fired in it.
    before = next(islice(CronSim(schedule, now.astimezone(zone), reverse=True), 1, None))
    firings = (firing.astimezone(UTC) for firing in CronSim(schedule, before))
    return max(takewhile(lambda firing: firing <= now, firings), default=before.astimezone(UTC))


def shortest_gap(schedule: str, timezone: str = "UTC") -> timedelta:
    """Returns the shortest time between two firings; where clocks go on, that is an hour less than most.

    >>> shortest_gap("0 3 * * 0"), shortest_gap("0 3,15 * * *")
    (datetime.timedelta(days=7), datetime.timedelta(seconds=43200))
    """
    return min(later - earlier for earlier, later in pairwise(_firings(schedule, timezone)))


def firings_in(schedule: str, span: timedelta) -> int:
    """Returns how often a schedule fires in a span of time, counted from one firing on; 400 at most.

    >>> firings_in("0 3 * * *", timedelta(days=30))
    30
    """
    firings = _firings(schedule)
    return sum(1 for firing in firings if firing < firings[0] + span)


@cache
def _firings(schedule: str, timezone: str = "UTC") -> list[datetime]:
    """Returns the firings of a year, and of rare ones two: enough to meet each gap of most schedules."""
    from cronsim import CronSim

    found: list[datetime] = []
    for firing in islice(CronSim(schedule, _SOME_MONDAY.astimezone(ZoneInfo(timezone))), _MOST):
        found.append(firing.astimezone(UTC))
        if len(found) > 1 and found[-1] > found[0] + _A_YEAR:
            break
    return found
