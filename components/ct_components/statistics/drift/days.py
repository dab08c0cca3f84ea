r"""What PSI looks like without drift, when rows of one day resemble each other.

One storm or one campaign moves a thousand rows at once. If 5 % of a feature's variance lies between days,
the rows of a week say about as much as a fiftieth of them would if they were independent, and a test that
counts rows raises an alarm in three of four weeks. So the reference's own days say what is usual: each run
of as many consecutive days as the current window has is taken as if it were the current window, and the
other days as its reference. Runs keep what days next to each other share, and with whole weeks, the
weekdays; the last day is followed by the first.

Runs are few, and they overlap, so ranks among them can neither be small nor be trusted far out: 30 days
hold four weeks. The tail is taken from an F distribution instead, as for chi-squared statistics of
clustered samples: PSI over its mean without drift, with :math:`\nu` and :math:`\nu (D / L - 1)` degrees of
freedom for :math:`D` days and runs of :math:`L`. Mean and variance of the runs give :math:`2\,mean^2 /
variance` for the first (Satterthwaite); half of it is taken, at least 1, because few overlapping runs vary
too little, and because one direction in which days differ most has the heavier tail.

Measured without drift, at an ICC of 0.05 and 1,000 rows a day, runs of 7 days, 32 bins (2,000 windows each):

=====================================  ======  =======  =======
days                                   0.05    0.01     0.001
=====================================  ======  =======  =======
30, independent                        3.5 %   1.1 %    0.45 %
90, independent                        3.0 %   0.6 %    0.10 %
30, autocorrelated (0.5)               5.0 %   2.0 %    0.65 %
90, autocorrelated (0.5)               3.5 %   0.9 %    0.00 %
90, weekdays differ                    2.6 %   0.5 %    0.10 %
=====================================  ======  =======  =======

Ranks among the runs err in 6 to 11 % at 0.05; 7 days drawn one by one in 23 % when days are autocorrelated; a
chi-squared test of rows in 65 to 77 %.

References:
    Thomas & Rao (1987). Small-sample comparisons of level and power for simple goodness-of-fit statistics
    under cluster sampling. Journal of the American Statistical Association 82, 630-636.
    https://doi.org/10.1080/01621459.1987.10478476

    Satterthwaite (1946). An approximate distribution of estimates of variance components. Biometrics
    Bulletin 2, 110-114. https://doi.org/10.2307/3002019

    Kunsch (1989). The jackknife and the bootstrap for general stationary observations (why runs). Annals of
    Statistics 17, 1217-1241. https://doi.org/10.1214/aos/1176347265
"""

import sys

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.drift.divergence import psi_of_each
from ct_components.statistics.drift.null import Null

FEWEST_DAYS = 30
"""Daily profiles that the reference must have."""

FEWEST_RUNS = 4
"""How many current windows must fit into the reference's days."""


def enough_days(days: int, current_days: int) -> bool:
    """Returns whether the reference's days can say what is usual for a current window.

    Args:
        days: Daily profiles of the reference.
        current_days: Days of the current window, at least 1.

    Returns:
        True from 30 days on that are four times as many as the current ones.

    >>> enough_days(30, 7), enough_days(29, 1), enough_days(30, 14)
    (True, False, False)
    """
    return days >= max(FEWEST_DAYS, FEWEST_RUNS * current_days)


def runs_psi(days: npt.ArrayLike, current_days: int) -> Floats:
    """Returns the PSI of each run of consecutive days against the other days.

    Args:
        days: Rows by day and bin, shape (D, B), days in order.
        current_days: Length L of a run, at least 1 and below D.

    Returns:
        At most D values; runs without rows, or outside which there are none, are left out.

    Raises:
        DataError: If counts are no counts or the length does not fit.

    >>> runs_psi([[5, 5], [5, 5], [9, 1]], current_days=1).round(2)
    array([0.15, 0.15, 0.67])
    """
    counts = _as_daily_counts(days)
    if not 0 < current_days < len(counts):
        raise DataError(
            f"a run has {current_days} days for {len(counts)} days of reference; "
            "allowed: at least 1, and fewer than the reference has"
        )
    sums = np.cumsum(np.concatenate([counts[:1] * 0, counts, counts]), axis=0)
    runs = sums[current_days : current_days + len(counts)] - sums[: len(counts)]
    rest = counts.sum(axis=0) - runs
    filled = runs.any(axis=1) & rest.any(axis=1)
    return psi_of_each(rest[filled], runs[filled])


def null_of_days(observed: float, days: npt.ArrayLike, current_days: int, alpha: float) -> Null:
    """Returns the null of a feature's PSI, for rows that depend on each other within days.

    Args:
        observed: PSI of the current window against all days.
        days: Rows by day and bin, shape (D, B), days in order.
        current_days: Days of the current window; `enough_days` says whether there are enough.
        alpha: Of the noise quantile.

    Returns:
        With the number of runs as its draws.

    Raises:
        DataError: If there are not enough days, or fewer than two runs hold rows.

    >>> rng = np.random.default_rng(0)
    >>> days = rng.multinomial(1000, rng.dirichlet([50] * 10, size=60))
    >>> usual = null_of_days(0.005, days, 7, alpha=0.05)
    >>> round(usual.mean, 3), null_of_days(0.2, days, 7, alpha=0.05).p_value < 0.001 < usual.p_value
    (0.004, True)
    """
    from scipy.special import fdtrc

    values = runs_psi(days, current_days)
    count = len(np.asarray(days))
    if not enough_days(count, current_days) or values.size <= 1:
        raise DataError(
            f"{count} days of reference for {current_days} current ones, {values.size} runs with rows; "
            f"allowed: at least {FEWEST_DAYS} days, {FEWEST_RUNS} times the current ones, and 2 runs"
        )
    mean, variance = float(values.mean()), float(values.var(ddof=1))
    if mean <= 0:  # all days are the same: any difference is more than usual
        return Null(0.0, 0.0, 1.0 if observed <= 0 else 1 / (values.size + 1), values.size)
    degrees = max(mean**2 / variance, 1.0) if variance > 0 else float(values.size)
    p_value = float(fdtrc(degrees, degrees * (count / current_days - 1), max(observed, 0.0) / mean))
    return Null(mean, float(np.quantile(values, 1 - alpha)), max(p_value, sys.float_info.min), values.size)


def _as_daily_counts(days: npt.ArrayLike) -> Ints:
    counts: npt.NDArray[np.generic] = np.asarray(days)
    if counts.ndim != 2 or counts.shape[1] <= 1 or counts.dtype.kind not in "iu":  # noqa: PLR2004
        raise DataError(
            f"daily counts have the shape {counts.shape} and the type {counts.dtype}; "
            "allowed: whole numbers by day and bin"
        )
    whole = counts.astype(np.intp)
    if (whole < 0).any():
        raise DataError(f"daily counts hold {whole.min()}; allowed: 0 or more")
    return whole
