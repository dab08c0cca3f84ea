r"""Looks at windows over time: which of them count, and how often chance alone raises an alarm.

Whoever looks every hour at the rows of the last seven days looks at one window, and its alarms are one
alarm. So only windows that share no row count as further evidence, and alarms that follow one another are
one episode.

What the settings promise is said in the unit that people ask for, **false alarms per month**. For `k of n`
windows that are independent and each raise an alarm with probability :math:`q`, an episode begins when k of
the last n drifted, the current one among them, and one window before it was not so; its probability is
summed over all outcomes of the n + 1 windows.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ct_components.errors import DataError
from ct_components.statistics.drift.multiple import probability_of_false_alarm
from ct_components.statistics.drift.settings import Drift, Windows

_MOST_ENUMERATED = 14
"""Windows whose outcomes are enumerated: 2 to the 15th."""


class Look(NamedTuple):
    """One look at one window.

    Attributes:
        start: First instant of the window.
        end: First instant after it.
        drifted: Whether the drifted share of features exceeded the limit; None when there were too few
            rows, or broken ones, to say.
    """

    start: datetime
    end: datetime
    drifted: bool | None


class FalseAlarms(NamedTuple):
    """How often nothing but chance raises an alarm.

    Attributes:
        independent: Expected episodes, when features do not depend on each other.
        at_most: The same when all features move as one, which is the worst case.
    """

    independent: float
    at_most: float


def disjoint(looks: Iterable[Look]) -> list[Look]:
    """Returns the looks that count: the last one at each of the newest windows that share no instant.

    Args:
        looks: In the order in which they were taken; windows may overlap and be looked at repeatedly.

    Returns:
        Newest window first. Looks that could not say anything are left out.

    Raises:
        DataError: If a window does not end after it starts.

    >>> day = [datetime(2013, 4, day) for day in range(1, 30)]
    >>> looks = [Look(day[0], day[7], True), Look(day[1], day[8], True), Look(day[8], day[15], False)]
    >>> [(look.start.day, look.drifted) for look in disjoint(looks)]
    [(9, False), (2, True)]
    """
    last: dict[tuple[datetime, datetime], Look] = {}
    for look in looks:
        if not look.start < look.end:
            raise DataError(f"a window from {look.start} to {look.end}; allowed: an end after the start")
        if look.drifted is not None:
            last[look.start, look.end] = look
    kept: list[Look] = []
    for look in sorted(last.values(), key=lambda look: (look.end, look.start), reverse=True):
        if not kept or look.end <= kept[-1].start:
            kept.append(look)
    return kept


def drifted_windows(looks: Iterable[Look], windows: Windows) -> int:
    """Returns how many of the last disjoint windows drifted.

    Args:
        looks: As in `disjoint`.
        windows: Of which `last` are looked at.

    Returns:
        0 to `windows.last`.

    Raises:
        DataError: As `disjoint`.

    >>> drifted_windows([Look(datetime(2013, 4, 1), datetime(2013, 4, 8), True)], Windows(2, 3))
    1
    """
    return sum(bool(look.drifted) for look in disjoint(looks)[: windows.last])


def episodes(alarms: Iterable[bool]) -> int:
    """Returns how many runs of alarms there are; alarms that follow one another are one.

    Args:
        alarms: Of each look, in order.

    Returns:
        0 or more.

    >>> episodes([False, True, True, False, True])
    2
    """
    return sum(alarm for alarm, _ in itertools.groupby(bool(alarm) for alarm in alarms))


def false_alarms_per_month(settings: Drift, features: int, windows_per_month: float) -> FalseAlarms:
    """Returns how many false alarms the settings let one expect.

    The practical limit on PSI is not counted in: with many rows it makes false alarms all but impossible. The
    figures hold as far as p-values do: rows that depend on each other want daily profiles of the reference.

    Args:
        settings: Share, alpha and windows count.
        features: How many features are compared, at least 1.
        windows_per_month: How many disjoint windows a month has: 30.4 for windows of a day, 4.3 for a week.
            With windows that overlap, the number of different ones is a limit from above.

    Returns:
        Episodes a month.

    Raises:
        DataError: If there are no features, the number of windows is not above 0 and finite, or n of "k of
            n" is above 14.

    >>> expected = false_alarms_per_month(Drift(), features=5, windows_per_month=30.4)
    >>> f"{expected.independent:.2f} {expected.at_most:.2f}"
    '0.12 1.44'
    >>> f"{false_alarms_per_month(Drift(windows='2 of 3'), 5, 30.4).at_most:.2f}"
    '0.14'
    """
    if not 0 < windows_per_month < math.inf:
        raise DataError(f"windows in a month are {windows_per_month}; allowed: above 0 and finite")
    alpha = settings.alpha if settings.ks_alpha is None else max(settings.alpha, settings.ks_alpha)
    per_window = probability_of_false_alarm(features, alpha, settings.drift_share)
    windows = settings.k_of_n
    return FalseAlarms(
        windows_per_month * episode_probability(per_window, windows),
        windows_per_month * episode_probability(alpha, windows),
    )


def episode_probability(alarm: float, windows: Windows) -> float:
    """Returns how probably an episode begins at a window.

    Args:
        alarm: Probability that one window drifts by chance, 0 to 1; windows are independent.
        windows: k of n, n at most 14.

    Returns:
        0 to 1.

    Raises:
        DataError: If n is above 14.

    >>> round(episode_probability(0.05, Windows(1, 1)), 4)
    0.0475
    """
    if windows.last > _MOST_ENUMERATED:
        raise DataError(f"windows are {windows}; allowed here: up to {_MOST_ENUMERATED}")
    total = 0.0
    for outcome in itertools.product((False, True), repeat=windows.last + 1):
        if _alarms(outcome[1:], windows) and not _alarms(outcome[:-1], windows):
            drifted = sum(outcome)
            total += alarm**drifted * (1 - alarm) ** (len(outcome) - drifted)
    return total


def _alarms(outcome: Sequence[bool], windows: Windows) -> bool:
    return outcome[-1] and sum(outcome) >= windows.needed
