"""Is a change in the data a change of the world, or a fault on the way?

A model that is retrained on broken data learns the fault. So what looks like one is told apart from drift:
values that went missing, and numbers that came in another unit. A unit leaves a signature that the world
hardly imitates: mean and standard deviation move by the same factor, and one out of a short list. Factors
near 1, such as miles to kilometres, are not on it: prices rise by 1.6 too.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from ct_components.errors import DataError
from ct_components.statistics.drift.bins import Bins


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of a feature's numbers.

    Raises:
        DataError: If one is NaN or infinite, or the deviation is negative.
    """

    mean: float
    deviation: float

    def __post_init__(self) -> None:
        """Refuses what cannot be moments."""
        if not math.isfinite(self.mean) or not 0 <= self.deviation < math.inf:
            raise DataError(
                f"mean and standard deviation are {self.mean} and {self.deviation}; "
                "allowed: finite numbers, the second 0 or more"
            )


class Conversion(NamedTuple):
    """A change of unit: x becomes factor x + offset.

    Attributes:
        words: How a message calls it.
        factor: Of the values.
        offset: Added after it.
    """

    words: str
    factor: float
    offset: float = 0.0

    def undone(self, moments: Moments) -> Moments:
        """Returns what the moments were before."""
        return Moments((moments.mean - self.offset) / self.factor, moments.deviation / self.factor)


_FACTORS = {
    10.0: "10",
    100.0: "100, such as percent",
    1000.0: "1,000, such as seconds to milliseconds",
    1e6: "1,000,000, such as seconds to microseconds",
    1e9: "1,000,000,000, such as seconds to nanoseconds",
    24.0: "24, such as days to hours",
    60.0: "60, such as hours to minutes",
    1440.0: "1,440, such as days to minutes",
    3600.0: "3,600, such as hours to seconds",
    86400.0: "86,400, such as days to seconds",
    2.54: "2.54, inches to centimetres",
    25.4: "25.4, inches to millimetres",
}

CONVERSIONS: tuple[Conversion, ...] = (
    *(Conversion(f"multiplied by {words}", factor) for factor, words in _FACTORS.items()),
    *(Conversion(f"divided by {words}", 1 / factor) for factor, words in _FACTORS.items()),
    Conversion("converted from degrees Celsius to Fahrenheit, 1.8 x + 32", 1.8, 32.0),
    Conversion("converted from degrees Fahrenheit to Celsius", 1 / 1.8, -32 / 1.8),
    Conversion("converted from degrees Celsius to kelvins, x + 273.15", 1.0, 273.15),
    Conversion("converted from kelvins to degrees Celsius", 1.0, -273.15),
)
"""The changes of unit that are looked for."""

_NEAR = 0.25  # standard deviations that the mean may be away
_SPREAD = math.log(1.4)  # by which the standard deviation may differ after a factor: heavy tails
_SMALL_SPREAD = math.log(1.1)  # after a factor below 2, which drift imitates more easily


def unit_change(reference: Moments, current: Moments) -> Conversion | None:
    """Returns the change of unit that explains how a feature's moments moved.

    Args:
        reference: Moments of the reference.
        current: Moments of the current window.

    Returns:
        The conversion that fits best; None when none fits, when no change is needed to fit, or when a side
        does not vary.

    >>> print(unit_change(Moments(20.0, 8.0), Moments(68.3, 14.2)).words)
    converted from degrees Celsius to Fahrenheit, 1.8 x + 32
    >>> unit_change(Moments(20.0, 8.0), Moments(31.0, 9.0)) is None
    True
    """
    if reference.deviation == 0 or current.deviation == 0:
        return None
    if _distance(reference, current, _SPREAD) <= 1:
        return None
    fits = []
    for conversion in CONVERSIONS:
        large = max(conversion.factor, 1 / conversion.factor) >= 2  # noqa: PLR2004 — above what drift does
        undone = conversion.undone(current)
        distance = _distance(reference, undone, _SPREAD if large else _SMALL_SPREAD)
        if distance <= 1:
            fits.append((distance, conversion))
    return min(fits)[1] if fits else None


def missing_jump(bins: Bins, limit: float) -> bool:
    """Returns whether a feature's share of missing values rose by more than a limit.

    Args:
        bins: Its rows.
        limit: In shares of rows, 0 to 1.

    Returns:
        False when the share fell.

    >>> import numpy as np
    >>> bins = Bins(np.array([9, 1]), np.array([5, 5]), np.array([False, False]))
    >>> missing_jump(bins, 0.3), missing_jump(bins, 0.5)
    (True, False)
    """
    before, now = bins.missing_shares
    return now - before > limit


def _distance(one: Moments, other: Moments, spread: float) -> float:
    """Returns how far apart moments are, 1 at the limit of what counts as equal."""
    shift = abs(one.mean - other.mean) / one.deviation
    return max(shift / _NEAR, abs(math.log(other.deviation / one.deviation)) / spread)
