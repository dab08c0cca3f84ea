"""What others make of the same rows: methods that the calibration shows beside the project's own.

References:
    Obuchowski (1997). Nonparametric analysis of clustered ROC curve data. Biometrics 53, 567-578.
    https://doi.org/10.2307/2533958

    DeLong, DeLong & Clarke-Pearson (1988). Biometrics 44, 837-845. https://doi.org/10.2307/2531595
"""

import math

import numpy as np

from calibration.laws import Rng, Rows
from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.metrics import Additive
from ct_components.statistics.roc import placements
from ct_components.statistics.student import t_upper_tail

RESAMPLES = 1000


def placement_differences(rows: Rows) -> Floats:
    """Returns how much higher the challenger places each row among those of the other class, -1 to 1."""
    y = np.asarray(rows.truth, dtype=np.bool_)
    new, old = placements(y, rows.challenger.values), placements(y, rows.champion.values)
    differences = np.empty(y.size)
    differences[y] = (new.positive - old.positive) / (~y).sum()
    differences[~y] = (new.negative - old.negative) / y.sum()
    return differences


def obuchowski(rows: Rows, differences: Floats, gain: float) -> float:
    """Returns the p-value by sums of placement values over days, and t with days less one."""
    y = np.asarray(rows.truth, dtype=np.bool_)
    a, b = (_by_day(differences[kind] - gain, rows.day[kind], rows.day) / kind.sum() for kind in (y, ~y))
    positive, negative, both = (np.unique(rows.day[kind]).size for kind in (y, ~y, slice(None)))
    variance = (
        positive / (positive - 1) * (a @ a)
        + negative / (negative - 1) * (b @ b)
        + 2 * both / (both - 1) * (a @ b)
    )
    return t_upper_tail(gain / math.sqrt(variance), min(positive, negative) - 1) if variance > 0 else 0.5


def delong(rows: Rows, differences: Floats, gain: float) -> float:
    """Returns DeLong's p-value, for which each row is independent of all others."""
    y = np.asarray(rows.truth, dtype=np.bool_)
    variance = sum(float(np.var(differences[kind], ddof=1)) / kind.sum() for kind in (y, ~y))
    return t_upper_tail(gain / math.sqrt(variance), y.size - 2)


def percentile_bootstrap(rows: Rows, metric: Additive, index: Ints, rng: Rng) -> float:
    """Returns the p-value of a bootstrap of days: the share of resamples without a gain."""
    days = int(index.max()) + 1
    drawn = rng.multinomial(days, np.full(days, 1 / days), size=RESAMPLES).astype(np.float64)
    new, old = (
        metric.of(drawn @ metric.sums(rows.truth, each, index, days))
        for each in (rows.challenger, rows.champion)
    )
    return float(np.mean(metric.gain(new, old) <= 0))


def _by_day(values: Floats, day: Ints, days: Ints) -> Floats:
    return np.asarray(np.bincount(day, weights=values, minlength=int(days.max()) + 1), dtype=np.float64)
