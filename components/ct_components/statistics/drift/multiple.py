r"""Many features at once: which p-values count, and how often nothing but chance raises an alarm.

Of 50 features without drift, each tested at alpha 0.05, at least one has a small p-value in 92 of 100
windows. Benjamini and Hochberg's procedure rejects the :math:`k` smallest of :math:`F` p-values for the
largest :math:`k` with :math:`p_{(k)} \le \alpha k / F`, and keeps the expected share of false ones among
the rejected at alpha, also for features that depend on each other positively.

When nothing drifts and features are independent, the number :math:`R` of rejected ones is known exactly:

.. math:: P(R = k) = \binom{F}{k} (1 - \alpha) \left(\frac{k \alpha}{F}\right)^k
    \left(1 - \frac{k \alpha}{F}\right)^{F - k - 1}

References:
    Benjamini & Hochberg (1995). Controlling the false discovery rate. Journal of the Royal Statistical
    Society B 57, 289-300. https://doi.org/10.1111/j.2517-6161.1995.tb02031.x

    Benjamini & Yekutieli (2001). The control of the false discovery rate in multiple testing under
    dependency. Annals of Statistics 29, 1165-1188. https://doi.org/10.1214/aos/1013699998

    Finner & Roters (2002). Multiple hypotheses testing and expected number of type I errors. Annals of
    Statistics 30, 220-238. https://doi.org/10.1214/aos/1015362191
"""

import math

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats


def adjusted_p_values(p_values: npt.ArrayLike) -> Floats:
    """Returns p-values adjusted by Benjamini and Hochberg: those of alpha or less survive at alpha.

    Args:
        p_values: Shape (F,), 0 to 1; F may be 0.

    Returns:
        Shape (F,), in the same order; each at least the p-value itself.

    Raises:
        DataError: If one is NaN or lies outside 0 to 1.

    >>> adjusted_p_values([0.01, 0.5, 0.02, 0.03]).round(3)
    array([0.04, 0.5 , 0.04, 0.04])
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise DataError(f"p-values are {p_values!r}; allowed: 0 to 1, in one dimension")
    order = np.argsort(p)[::-1]
    ranks = np.arange(p.size, 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(np.minimum(p[order] * (p.size / np.maximum(ranks, 1)), 1.0))
    return adjusted


def probability_of_false_alarm(features: int, alpha: float, share: float) -> float:
    """Returns how probably more than a share of independent features survive though none drifted.

    The practical limit on PSI makes it smaller still. Features that depend on each other make it larger, up
    to alpha when all are copies of one.

    Args:
        features: How many are tested, at least 1.
        alpha: Of Benjamini and Hochberg's procedure, above 0 and below 1.
        share: The share of features that must be exceeded, 0 or more and below 1.

    Returns:
        0 to alpha.

    Raises:
        DataError: If an argument lies outside its range.

    >>> [round(probability_of_false_alarm(features, 0.05, 0.0), 4) for features in (1, 50)]
    [0.05, 0.05]
    >>> f"{probability_of_false_alarm(5, 0.05, 0.2):.4f} {probability_of_false_alarm(50, 0.05, 0.2):.0e}"
    '0.0039 7e-12'
    """
    if features < 1 or not 0 < alpha < 1 or not 0 <= share < 1:
        raise DataError(
            f"features, alpha and share are {features}, {alpha} and {share}; allowed: at least 1 feature, "
            "alpha above 0 and below 1, share 0 or more and below 1"
        )
    fewest = math.floor(share * features + _ROUNDING) + 1
    return math.fsum(_exactly(k, features, alpha) for k in range(fewest, features + 1))


_ROUNDING = 1e-9
"""So that 0.28 of 25 features, in floats a little more than 7, is 7."""


def _exactly(k: int, features: int, alpha: float) -> float:
    """Returns the probability that k of the features are rejected, 1 or more, in logarithms."""
    level = k * alpha / features
    choices = math.lgamma(features + 1) - math.lgamma(k + 1) - math.lgamma(features - k + 1)
    return math.exp(
        choices + math.log1p(-alpha) + k * math.log(level) + (features - k - 1) * math.log1p(-level)
    )
