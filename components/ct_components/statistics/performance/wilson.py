r"""A proportion of independent rows with Wilson's score limits.

With the proportion :math:`p` of :math:`n` rows, and :math:`z` the normal quantile of :math:`1 - \alpha`, the
limits are where the score statistic reaches :math:`z`:

.. math::

    \frac{p + z^2 / 2n \pm z \sqrt{p (1 - p) / n + z^2 / 4n^2}}{1 + z^2 / n}

They stay within 0 and 1, and a proportion of 0 or 1 has limits like any other.

References:
    Wilson (1927). Probable inference, the law of succession, and statistical inference. Journal of the
    American Statistical Association 22, 209-212. https://doi.org/10.1080/01621459.1927.10502953

    Brown, Cai & DasGupta (2001). Interval estimation for a binomial proportion. Statistical Science 16,
    101-133. https://doi.org/10.1214/ss/1009213286
"""

import math
from dataclasses import dataclass

from ct_components.errors import DataError
from ct_components.statistics.sequential import ALPHA_BOUND


@dataclass(frozen=True)
class WilsonEstimate:
    """A proportion with score limits, which need not lie symmetrically about it.

    Attributes:
        value: The proportion, 0 to 1.
        n: Independent rows behind it, 1 or more.

    Raises:
        DataError: If the proportion or the number of rows lies outside its range.

    >>> accuracy = WilsonEstimate(value=0.9, n=500)
    >>> print(f"{accuracy.lower(0.05):.4f} {accuracy.upper(0.05):.4f}")
    0.8757 0.9200
    """

    value: float
    n: int

    def __post_init__(self) -> None:
        """Refuses what is no proportion of rows."""
        if not 0 <= self.value <= 1:
            raise DataError(f"proportion is {self.value}; allowed: 0 to 1")
        if not self.n >= 1:
            raise DataError(f"number of rows is {self.n}; allowed: 1 or more")

    @property
    def standard_error(self) -> float:
        """Wald's, for people to look at; no limit is made of it."""
        return math.sqrt(self.value * (1 - self.value) / self.n)

    @property
    def degrees_of_freedom(self) -> float:
        """Independent rows less one; the limits are normal ones."""
        return float(self.n - 1)

    @property
    def clusters(self) -> int:
        """Rows again: each is independent of the others."""
        return self.n

    def margin(self, alpha: float) -> float:
        """Returns how far the proportion lies above its lower limit; infinite when alpha is 0."""
        return self.value - self.lower(alpha)

    def lower(self, alpha: float) -> float:
        """Returns the one-sided lower limit.

        Args:
            alpha: One-sided, 0 to 0.5.

        Returns:
            The limit, 0 or more; minus infinity when alpha is 0.

        Raises:
            DataError: If alpha lies outside its range.
        """
        return -math.inf if _known(alpha) == 0 else _limit(self.value, self.n, alpha)

    def upper(self, alpha: float) -> float:
        """Returns the one-sided upper limit.

        Args:
            alpha: One-sided, 0 to 0.5.

        Returns:
            The limit, 1 or less; infinity when alpha is 0.

        Raises:
            DataError: If alpha lies outside its range.
        """
        return math.inf if _known(alpha) == 0 else 1 - _limit(1 - self.value, self.n, alpha)

    def p_value(self) -> float:
        """Returns the one-sided p-value of "the true proportion is 0": 0 once one row says otherwise."""
        return 0.0 if self.value > 0 else 1.0


def _limit(value: float, n: int, alpha: float) -> float:
    """Returns the lower limit."""
    from scipy.special import ndtri

    z = -float(ndtri(alpha))
    half = z * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n))
    # The lower root as the product of both over the upper one: no difference of nearly equal numbers.
    return value * value / (value + z * z / (2 * n) + half)


def _known(alpha: float) -> float:
    if not 0 <= alpha < ALPHA_BOUND:
        raise DataError(f"alpha is {alpha}; allowed: 0 to 0.5, 0.5 excluded")
    return alpha
