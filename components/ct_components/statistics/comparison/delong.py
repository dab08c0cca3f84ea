r"""The gain in ROC AUC on independent rows, with DeLong's error.

Of a model, let :math:`V_i` be the share of negative rows that positive row :math:`i` scores above, ties
half, and :math:`W_j` the share of positive rows that score above negative row :math:`j`: the placement
values. The mean of either is the area. Of :math:`m` positive and :math:`k` negative rows, the variance of an
area, or of a difference of two with the differences in place of the values, is

.. math:: \frac{S^2_V}{m} + \frac{S^2_W}{k}

with the sample variances :math:`S^2` (over :math:`m - 1` and :math:`k - 1`). These are the two samples of
Welch's t-test, whose degrees of freedom serve here as well. A million rows of two models take 0.16 s.

How often equal models are proven better, in percent at alpha 5, 1 and 0.17 %, over 15,000 to 30,000 holdouts:
with 12 of 60 rows positive 4.7, 0.81 and 0.12 (5.5, 1.3 and 0.30 by normal limits), with 20 of 100 4.7, 0.83
and 0.14 (5.2, 1.2 and 0.26), with 50 of 1,000 5.0, 0.95 and 0.15 (5.3, 1.1 and 0.23).

References:
    DeLong, DeLong & Clarke-Pearson (1988). Comparing the areas under two or more correlated receiver
    operating characteristic curves: a nonparametric approach. Biometrics 44, 837-845.
    https://doi.org/10.2307/2531595

    Sun & Xu (2014). Fast implementation of DeLong's algorithm for comparing the areas under correlated
    receiver operating characteristic curves. IEEE Signal Processing Letters 21, 1389-1393.
    https://doi.org/10.1109/LSP.2014.2337313

    Welch (1947). The generalization of "Student's" problem when several different population variances are
    involved. Biometrika 34, 28-35. https://doi.org/10.1093/biomet/34.1-2.28
"""

import math

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Bools, Floats, as_labels, as_scores, require_both_classes
from ct_components.statistics.estimate import Estimate
from ct_components.statistics.roc import placements

_ROUNDING = 1e-12
"""A standard error below this is a sum of rounding errors; areas of 100,000 rows differ by more."""


def delong_gain(y: npt.ArrayLike, challenger: npt.ArrayLike, champion: npt.ArrayLike) -> Estimate:
    """Returns the challenger's ROC AUC less the champion's on the same independent rows.

    Exchanging the two models negates the value exactly and leaves the standard error as it is.

    Args:
        y: Labels, shape (n,); True is positive.
        challenger: The challenger's scores, shape (n,).
        champion: The champion's scores, shape (n,); its scale may be another.

    Returns:
        The gain in absolute units of AUC, -1 to 1.

    Raises:
        DataError: If a class has fewer than two rows, lengths are unequal, or a score is NaN or infinite.

    >>> gain = delong_gain([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [1, 4, 6, 2, 3, 5])
    >>> round(gain.value, 4), round(gain.standard_error, 4)
    (0.4444, 0.2485)
    """
    labels = as_labels(y)
    new_scores = as_scores(challenger, labels, "challenger scores")
    old_scores = as_scores(champion, labels, "champion scores")
    _require_two_of_each(labels)
    new, old = placements(labels, new_scores), placements(labels, old_scores)
    return _estimate(new.auc - old.auc, new.positive - old.positive, new.negative - old.negative)


def delong_auc(y: npt.ArrayLike, score: npt.ArrayLike) -> Estimate:
    """Returns one model's ROC AUC on independent rows.

    Its p-value would be that of an area of 0: take the chance of 0.5 off first, or compare the lower limit.

    Args:
        y: Labels, shape (n,); True is positive.
        score: Shape (n,).

    Returns:
        The area, 0 to 1; a limit may lie outside.

    Raises:
        DataError: If a class has fewer than two rows, lengths are unequal, or a score is NaN or infinite.

    >>> area = delong_auc([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6])
    >>> round(area.value, 4), round(area.standard_error, 4)
    (0.8889, 0.1571)
    """
    labels = as_labels(y)
    scores = as_scores(score, labels)
    _require_two_of_each(labels)
    placed = placements(labels, scores)
    return _estimate(placed.auc, placed.positive, placed.negative)


def _estimate(value: float, positive: Floats, negative: Floats) -> Estimate:
    """Returns the estimate from placement values, as counts, or from their differences."""
    m, k = positive.size, negative.size
    of_positive = float(np.var(positive, ddof=1)) / k**2 / m
    of_negative = float(np.var(negative, ddof=1)) / m**2 / k
    variance = of_positive + of_negative
    varies = math.sqrt(variance) > _ROUNDING
    freedom = variance**2 / (of_positive**2 / (m - 1) + of_negative**2 / (k - 1)) if varies else m + k - 2
    return Estimate(
        value=value,
        standard_error=math.sqrt(variance) if varies else 0.0,
        degrees_of_freedom=freedom,
        n=m + k,
        clusters=m + k,
    )


def _require_two_of_each(labels: Bools) -> None:
    require_both_classes(labels)
    positives = int(np.count_nonzero(labels))
    if min(positives, labels.size - positives) == 1:
        raise DataError(
            f"{positives} positive and {labels.size - positives} negative rows; "
            "a variance needs at least two of each"
        )
