r"""One model's ROC AUC on independent rows: DeLong's error, with limits on the scale of log odds.

With DeLong's placement values, whose variances over :math:`m` positive and :math:`k` negative rows are
:math:`S_{10}` and :math:`S_{01}`, the area :math:`A` has the variance :math:`S_{10} / m + S_{01} / k`. Limits
are symmetric about :math:`\log A / (1 - A)`, so that they stay within 0 and 1 and keep their level near 1,
where an area itself is far from normal.

References:
    DeLong, DeLong & Clarke-Pearson (1988). Biometrics 44, 837-845. https://doi.org/10.2307/2531595

    Qin & Hotilovac (2008). Comparison of non-parametric confidence intervals for the area under the ROC curve
    of a continuous-scale diagnostic test. Statistical Methods in Medical Research 17, 207-221.
    https://doi.org/10.1177/0962280207087173
"""

import math
from dataclasses import dataclass

import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.estimate import Estimate
from ct_components.statistics.roc import placements

_TWO = 2


@dataclass(frozen=True)
class AreaEstimate:
    """A ROC AUC with limits within 0 and 1.

    A perfect area leaves no error to estimate: its standard error is 0, and its limits are infinite.

    Attributes:
        value: The area.
        standard_error: DeLong's.
        n: Rows behind it.
        degrees_of_freedom: Rows of the rarer class less one.
    """

    value: float
    standard_error: float
    n: int
    degrees_of_freedom: float

    @property
    def clusters(self) -> int:
        """Rows again: each is independent of the others."""
        return self.n

    def margin(self, alpha: float) -> float:
        """Returns how far the area lies above its lower limit; infinite when alpha or the error is 0."""
        return self.value - self.lower(alpha)

    def lower(self, alpha: float) -> float:
        """Returns the one-sided lower limit; minus infinity when alpha or the standard error is 0.

        Raises:
            DataError: If alpha is below 0, or not below 0.5.
        """
        return self._moved(-self._log_odds().margin(alpha))

    def upper(self, alpha: float) -> float:
        """Returns the one-sided upper limit; infinity when alpha or the standard error is 0.

        Raises:
            DataError: If alpha is below 0, or not below 0.5.
        """
        return self._moved(self._log_odds().margin(alpha))

    def p_value(self) -> float:
        """Returns the one-sided p-value of "the true area is 0": 0, but 1 when the standard error is 0."""
        return 0.0 if self.standard_error else 1.0

    def _log_odds(self) -> Estimate:
        """Returns the error on the scale of log odds; its value is not needed."""
        error = self.standard_error and self.standard_error / (self.value * (1 - self.value))
        return Estimate(0.0, error, self.degrees_of_freedom, self.n, self.n)

    def _moved(self, by: float) -> float:
        if math.isinf(by):
            return by
        odds = self.value / (1 - self.value)
        return 1 / (1 + math.exp(-by) / odds)


def estimate_area(y: npt.ArrayLike, score: npt.ArrayLike) -> AreaEstimate:
    """Returns the area under the ROC curve with DeLong's error.

    Args:
        y: Labels, shape (n,); True is positive; two or more of each class.
        score: Shape (n,); larger means more probably positive.

    Returns:
        The area.

    Raises:
        DataError: If there are fewer of a class, lengths are unequal, or a score is NaN or infinite.

    >>> area = estimate_area([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6])
    >>> print(f"{area.value:.4f} {area.standard_error:.4f}")
    0.8889 0.1571
    """
    placed = placements(y, score)
    m, k = placed.positive.size, placed.negative.size
    if min(m, k) < _TWO:
        raise DataError(f"{m} positive and {k} negative rows; allowed: 2 or more of each")
    variance = float(placed.positive.var(ddof=1)) / (k * k * m) + float(placed.negative.var(ddof=1)) / (
        m * m * k
    )
    imperfect = 0 < placed.auc < 1
    error = math.sqrt(variance) if imperfect else 0.0
    return AreaEstimate(placed.auc, error, m + k, float(min(m, k) - 1))
