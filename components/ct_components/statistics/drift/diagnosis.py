"""Is a change in the data a change of the world, or a fault on the way?

A model that is retrained on broken data learns the fault. So what looks like one is told apart from drift:
values that went missing, numbers that came in another unit (`units`), and a feature that no longer varies.
Calling drift broken is a fault too, since nothing retrains then: where the evidence leaves room, it is drift.
"""

import math
from dataclasses import dataclass

import numpy as np

from ct_components.errors import DataError
from ct_components.statistics.arrays import Ints
from ct_components.statistics.drift.bins import Bins


@dataclass(frozen=True)
class Moments:
    """Mean, standard deviation and extremes of a feature's numbers.

    Attributes:
        mean: Mean.
        deviation: Standard deviation.
        minimum: Smallest number; None when it is not known, and then no change of unit is recognised.
        maximum: Largest number; None likewise.

    Raises:
        DataError: If one is NaN or infinite, the deviation is negative, or the extremes are exchanged.
    """

    mean: float
    deviation: float
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        """Refuses what cannot be moments."""
        if not math.isfinite(self.mean) or not 0 <= self.deviation < math.inf:
            raise DataError(
                f"mean and standard deviation are {self.mean} and {self.deviation}; "
                "allowed: finite numbers, the second 0 or more"
            )
        if self.minimum is None or self.maximum is None:
            return
        if not -math.inf < self.minimum <= self.maximum < math.inf:
            raise DataError(
                f"minimum and maximum are {self.minimum} and {self.maximum}; "
                "allowed: finite numbers, the second not below the first"
            )

    @property
    def constant(self) -> bool:
        """Whether all numbers are one; by the extremes where known, as deviations are rounded."""
        if self.minimum is None or self.maximum is None:
            return self.deviation == 0
        return self.minimum == self.maximum


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


def frozen(current: Moments, bins: Bins, days: Ints, current_days: int) -> bool:
    """Returns whether a feature stands still that moved on every day of the reference.

    Features of the calendar stand still on each day, and rain does on dry ones: these are not frozen. Nor is
    what a window of an hour shows: it needs half the rows of as many ordinary days.

    Args:
        current: Moments of the current window's numbers.
        bins: Rows of both.
        days: Rows by day and bin of the reference's days, shape (D, B).
        current_days: Days of the current window, at least 1.

    Returns:
        True when all current numbers are one, and no day's fell into one bin.

    >>> days = np.array([[0, 4, 6, 0, 0], [0, 7, 3, 0, 0]])
    >>> bins = Bins(days.sum(axis=0), np.array([9, 0, 0, 0, 0]), np.array([1, 0, 0, 1, 0]) > 0)
    >>> frozen(Moments(0.0, 0.0), bins, days, 1), frozen(Moments(0.5, 0.1), bins, days, 1)
    (True, False)
    """
    numbers = days[:, :-1]
    moved = np.count_nonzero(numbers, axis=1) > 1
    usual = float(np.median(days.sum(axis=1))) * current_days
    return current.constant and bool(moved.all()) and 2 * int(bins.current[:-1].sum()) >= usual
