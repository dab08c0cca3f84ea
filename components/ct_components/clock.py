"""Wall clocks of many instants at once, by zoneinfo's rules and numpy's speed.

pyarrow's own functions look for the system's time zones, which slim images do not have.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ct_components.spec import load_zone

Instants = NDArray[np.datetime64]
"""Shape (n,), datetime64[us]: instants in UTC, or naive times on a wall clock."""

# What datetime can hold, with room for an offset.
_FIRST, _LAST = np.datetime64("0001-01-10", "us"), np.datetime64("9999-12-20", "us")


class _Offsets(NamedTuple):
    """Offsets and the instants between them: offset i holds from change i - 1 up to change i."""

    changes: Instants
    offsets: NDArray[np.timedelta64]


def local_days(instants: Instants, timezone: str) -> NDArray[np.str_]:
    """Returns the calendar day of each instant on the clock of a zone, such as "2013-04-01".

    Args:
        instants: UTC, shape (n,).
        timezone: IANA name.

    >>> late_evening = np.array(["2013-04-01T03:30"], dtype="datetime64[us]")
    >>> local_days(late_evening, "America/New_York").tolist()
    ['2013-03-31']
    """
    if not len(instants):
        return np.empty(0, dtype=np.str_)
    found = _offsets(instants, load_zone(timezone))
    local = instants + found.offsets[np.searchsorted(found.changes, instants, side="right")]
    return local.astype("datetime64[D]").astype(np.str_)


def to_utc(wall: Instants, timezone: str) -> Instants:
    """Returns the instants of naive times on the clock of a zone.

    A time that occurs twice, when the clock is set back, is the earlier of both; one that does not occur,
    when it is set forward, is moved later by the gap. So does `datetime` with fold=0.

    Args:
        wall: Naive, shape (n,).
        timezone: IANA name.

    >>> twice = np.array(["2013-11-03T01:30"], dtype="datetime64[us]")
    >>> to_utc(twice, "America/New_York")[0]
    np.datetime64('2013-11-03T05:30:00.000000')
    """
    if not len(wall):
        return wall
    changes, offsets = _offsets(wall, load_zone(timezone))
    # On the wall, the later of both readings of the instant of change ends the time before it.
    ends = changes + np.maximum(offsets[:-1], offsets[1:])
    return wall - offsets[np.searchsorted(ends, wall, side="right")]


def _offsets(times: Instants, zone: ZoneInfo) -> _Offsets:
    """Returns the zone's changes around some times.

    Only days near one of them are looked at: a stray 9999-12-31 must not cost a walk through the centuries.
    """
    present = np.unique(np.clip(times, _FIRST, _LAST).astype("datetime64[D]"))
    near = np.unique(np.add.outer(present, np.arange(-2, 4)))
    days = [day.replace(tzinfo=UTC) for day in near.astype("datetime64[us]").tolist()]
    changes = [
        _change(before, after, zone)
        for before, after in pairwise(days)
        if _offset(before, zone) != _offset(after, zone)
    ]
    offsets = [_offset(days[0], zone), *(_offset(change, zone) for change in changes)]
    naive = [change.replace(tzinfo=None) for change in changes]
    return _Offsets(np.array(naive, dtype="datetime64[us]"), np.array(offsets, dtype="timedelta64[us]"))


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Returns the first second of the new offset, found by halving."""
    old = _offset(before, zone)
    while after - before > timedelta(seconds=1):
        middle = before + ((after - before) // timedelta(seconds=2)) * timedelta(seconds=1)
        before, after = (middle, after) if _offset(middle, zone) == old else (before, middle)
    return after.replace(microsecond=0)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
