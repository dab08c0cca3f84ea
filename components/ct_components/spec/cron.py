"""Schedules in cron's five fields: minute, hour, day of the month, month, day of the week.

Only cronsim says what a field may hold; it is imported when a spec has a schedule.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

ALLOWED = "cron's five fields (minute, hour, day, month, weekday) such as '0 3 * * 0', and an instant to come"
_FIELDS = 5
# Enough firings to meet each gap of a schedule: a year of days, thirty years of months.
_FIRINGS = 400
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

    after = now.astimezone(ZoneInfo(timezone)) + timedelta(minutes=1)
    return next(CronSim(schedule, after, reverse=True)).astimezone(UTC)


def shortest_gap(schedule: str) -> timedelta:
    """Returns the shortest time between two firings, on a clock that is never changed.

    >>> shortest_gap("0 3 * * 0"), shortest_gap("0 3,15 * * *")
    (datetime.timedelta(days=7), datetime.timedelta(seconds=43200))
    """
    from cronsim import CronSim

    firings = list(islice(CronSim(schedule, _SOME_MONDAY), _FIRINGS))
    return min((later - earlier for earlier, later in pairwise(firings)), default=timedelta.max)


def firings_in(schedule: str, span: timedelta) -> int:
    """Returns how often a schedule fires in a span of time, at most; counted from one firing on.

    >>> firings_in("0 3 * * *", timedelta(days=30))
    30
    """
    from cronsim import CronSim

    firings = CronSim(schedule, _SOME_MONDAY)
    first = next(firings)
    return 1 + sum(1 for firing in islice(firings, _FIRINGS) if firing < first + span)
