"""Drift between profiles: from two windows' counts to a verdict, without a row being read again.

Both profiles are made with the edges of the first reference (`Profile.edges`), and so are the daily
profiles, so that merging days gives the profile of their rows together, and the same verdict.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import reduce
from typing import NamedTuple

import numpy as np

from ct_components.errors import DataError
from ct_components.profiles.model import (
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    OtherProfile,
    Profile,
    merge,
)
from ct_components.spec import load_zone
from ct_components.statistics.arrays import Ints
from ct_components.statistics.drift.bins import Bins, categorical_bins
from ct_components.statistics.drift.days import FEWEST_DAYS
from ct_components.statistics.drift.detect import Detection, detect
from ct_components.statistics.drift.diagnosis import Moments
from ct_components.statistics.drift.evidence import Feature
from ct_components.statistics.drift.looks import Look
from ct_components.statistics.drift.settings import Drift

_DAY = timedelta(days=1)


class Compared(NamedTuple):
    """Two profiles, as `drift` takes them.

    Attributes:
        features: Columns that both profile alike, in the reference's order.
        schema: What is wrong with the others, one phrase each.
    """

    features: tuple[Feature, ...]
    schema: tuple[str, ...]


def compare(
    reference: Profile,
    current: Profile,
    settings: Drift,
    *,
    names: Collection[str] | None = None,
    days: Sequence[Profile] = (),
    same_weekday: bool = False,
    timezone: str | None = None,
    looks: Sequence[Look] = (),
    seed: int = 0,
) -> Detection:
    """Decides whether the current window's profile has drifted from the reference's.

    Args:
        reference: Of the champion's training rows.
        current: Of the current window, with the same edges.
        settings: To decide by.
        names: Columns to compare; by default all that the reference profiles as numbers or categories.
        days: Daily profiles of the reference, with the same edges, in any order. From 30 on, and when the
            profiles say their windows, rows of one day may depend on each other.
        same_weekday: Whether only those of the days are the reference that share a weekday with the current
            window; without any, the whole reference is.
        timezone: IANA name of the zone whose calendar days the windows' days are; None takes them as the
            windows are written.
        looks: Earlier looks of the same champion, where the settings count windows.
        seed: Of the draws, 0 or more.

    Returns:
        The detection.

    Raises:
        DataError: If the profiles have different edges, there is nothing to compare, or a profile that must
            say its window does not.
        SpecError: If there is no such zone.
    """
    window, zone = window_of(current), load_zone(timezone) if timezone else None
    daily = sorted(days, key=lambda day: _known_window(day)[0])
    if same_weekday and daily:
        wanted = _weekdays(_known_window(current), zone)
        daily = [day for day in daily if _weekdays(_known_window(day), zone) & wanted]
        reference = reduce(merge, daily) if daily else reference
    features, schema = compared(reference, current, names, daily)
    current_days = _days(window, zone) if window else None
    return detect(
        features, settings, schema=schema, current_days=current_days, window=window, looks=looks, seed=seed
    )


def compared(
    reference: Profile,
    current: Profile,
    names: Collection[str] | None = None,
    days: Sequence[Profile] = (),
) -> Compared:
    """Returns two profiles' columns as features, with what is wrong with the others.

    Args:
        reference: Of the champion's training rows.
        current: Of the current window.
        names: Columns to compare; by default all that the reference profiles as numbers or categories.
        days: Daily profiles of the reference, in order.

    Returns:
        A numeric column's infinite values count as missing: neither is a number.

    Raises:
        DataError: If a column is in neither the names' reference nor its days with the same edges.
    """
    wanted = {n: c for n, c in reference.columns.items() if not isinstance(c, OtherProfile)}
    if names is not None:
        if unknown := sorted(set(names) - set(wanted)):
            raise DataError(
                f"columns to compare are {', '.join(unknown)}; the reference profiles {', '.join(wanted)}"
            )
        wanted = {name: column for name, column in wanted.items() if name in names}
    schema = tuple(_problems(wanted, current.columns))
    features = []
    for name, column in wanted.items():
        other = current.columns.get(name)
        if other is not None and other.kind == column.kind:
            features.append(_feature(name, column, other, [day.columns.get(name) for day in days]))
    return Compared(tuple(features), schema)


def window_of(profile: Profile) -> tuple[datetime, datetime] | None:
    """Returns start and end of a profile's window; None when it does not say.

    Raises:
        DataError: If one is no instant.
    """
    if profile.window is None:
        return None
    try:
        start, end = map(datetime.fromisoformat, profile.window)
    except ValueError as error:
        raise DataError(f"a profile's window is {profile.window}; allowed: ISO 8601 ({error})") from error
    return start, end


def _known_window(profile: Profile) -> tuple[datetime, datetime]:
    window = window_of(profile)
    if window is None:
        raise DataError(
            "a daily profile, or the one compared with it, does not say its window; allowed: ones that do"
        )
    return window


def _days(window: tuple[datetime, datetime], zone: tzinfo | None = None) -> int:
    """Returns how many calendar days a window has, at least 1: the nearest number, as clocks are changed."""
    start, end = (_wall(instant, zone) for instant in window)
    return max(round((end - start) / _DAY), 1)


def _weekdays(window: tuple[datetime, datetime], zone: tzinfo | None = None) -> set[int]:
    start = _wall(window[0], zone)
    return {(start + _DAY * day).weekday() for day in range(min(_days(window, zone), 7))}


def _wall(instant: datetime, zone: tzinfo | None) -> datetime:
    """Returns what a zone's clocks show; those by which the instant is written, without a zone."""
    return (instant.astimezone(zone) if zone and instant.tzinfo else instant).replace(tzinfo=None)


def _problems(wanted: Mapping[str, ColumnProfile], current: Mapping[str, ColumnProfile]) -> Iterator[str]:
    for name, column in wanted.items():
        other = current.get(name)
        if other is None:
            yield f"{name} is gone"
        elif other.kind != column.kind:
            now = other.type if isinstance(other, OtherProfile) else other.kind
            yield f"{name} was {column.kind} and is {now}"


def _feature(
    name: str, reference: ColumnProfile, current: ColumnProfile, days: Sequence[ColumnProfile | None]
) -> Feature:
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        numeric = [day for day in days if isinstance(day, NumericProfile)]
        return Feature(
            name,
            _numeric_bins(name, reference, current),
            edges=np.array(reference.edges, dtype=np.float64),
            reference=_moments(reference),
            current=_moments(current),
            days=_stacked([_numeric_bins(name, reference, day) for day in numeric], days),
            bounds=_bounds(reference, numeric),
        )
    assert isinstance(reference, CategoricalProfile)
    assert isinstance(current, CategoricalProfile)
    daily = [_categorical_bins(reference, d) for d in days if isinstance(d, CategoricalProfile)]
    return Feature(name, _categorical_bins(reference, current), days=_stacked(daily, days))


def _bounds(reference: NumericProfile, days: Sequence[NumericProfile]) -> tuple[float, ...]:
    """Returns which of the reference's extremes most of its days reach exactly."""
    if len(days) < FEWEST_DAYS:
        return ()
    known = (("minimum", reference.minimum), ("maximum", reference.maximum))
    return tuple(
        extreme
        for name, extreme in known
        if extreme is not None and 2 * sum(getattr(day, name) == extreme for day in days) > len(days)
    )


def _numeric_bins(name: str, reference: NumericProfile, current: NumericProfile) -> Bins:
    if reference.edges != current.edges:
        raise DataError(
            f"profiles of column {name!r} have different histogram edges ({len(reference.edges)} and "
            f"{len(current.edges)}); allowed: profiles made with the same edges"
        )
    outer = np.zeros(len(reference.counts) + 1, dtype=np.bool_)
    outer[[0, -2]] = True
    return Bins(_with_missing(reference), _with_missing(current), outer)


def _with_missing(profile: NumericProfile) -> Ints:
    return np.array([*profile.counts, profile.count - profile.finite], dtype=np.intp)


def _categorical_bins(reference: CategoricalProfile, current: CategoricalProfile) -> Bins:
    return categorical_bins(
        reference.categories,
        current.categories,
        missing=(reference.nulls, current.nulls),
        other=(reference.other, current.other),
    )


def _stacked(daily: Sequence[Bins], days: Sequence[ColumnProfile | None]) -> Ints | None:
    """Returns the days' counts; None when there are none, or a day lacks the column."""
    if not daily or len(daily) < len(days):
        return None
    return np.stack([bins.current for bins in daily])


def _moments(profile: NumericProfile) -> Moments | None:
    if profile.mean is None or profile.deviation is None:
        return None
    return Moments(profile.mean, profile.deviation, profile.minimum, profile.maximum)
