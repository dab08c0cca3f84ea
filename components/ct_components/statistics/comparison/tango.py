r"""The gain in accuracy on independent rows, with Tango's score limits.

With :math:`b` of :math:`n` rows that the challenger alone has right and :math:`c` that the champion alone has
right, the gain is :math:`(b - c) / n`. A limit is where the score statistic

.. math:: T(\Delta) = \frac{b - c - n \Delta}{\sqrt{n (2 \tilde q + \Delta (1 - \Delta))}}

reaches the normal quantile, :math:`\tilde q` being the maximum likelihood estimate of the share of the
:math:`c` rows if the gain is :math:`\Delta`. At :math:`\Delta = 0` it is McNemar's statistic, so that the
limit and that test never disagree. Limits stay within -1 and 1, are not symmetric about the gain, and hold
their level where Wald's do not: with few discordant rows, or with none on one side.

Over all tables of two equally accurate models, with 5, 20, 100 and 1,000 discordant rows expected of ten
times as many, the lower limit is above 0 in 5.0, 4.9, 5.0 and 5.0 % at alpha 5 %, in 0.44, 0.92, 0.99 and
1.0 % at 1 %, and in 0.009, 0.13, 0.16 and 0.17 % at 0.17 %.

References:
    Tango (1998). Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design. Statistics in Medicine 17, 891-908.
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B

    Fagerland, Lydersen & Laake (2014). Recommended tests and confidence intervals for paired binomial
    proportions. Statistics in Medicine 33, 2850-2875. https://doi.org/10.1002/sim.6148
"""

import math
from dataclasses import dataclass

from ct_components.errors import DataError
from ct_components.statistics.comparison.mcnemar import PairedCounts
from ct_components.statistics.sequential import ALPHA_BOUND


@dataclass(frozen=True)
class TangoEstimate:
    """The gain in accuracy, with limits that need not lie symmetrically about it.

    Where no row tells the models apart, or every row favours the same one, nothing is known about the size
    of the error, and no claim passes: the limits are infinite and the p-value is 1.

    Attributes:
        counts: The table.

    Raises:
        DataError: If there are no rows.

    >>> gain = TangoEstimate(PairedCounts(both=59, challenger=16, champion=6, neither=80))
    >>> print(f"{gain.value:.4f} {gain.lower(0.025):.4f} {gain.upper(0.025):.4f} {gain.p_value():.4f}")
    0.0621 0.0054 0.1240 0.0165
    """

    counts: PairedCounts

    def __post_init__(self) -> None:
        """Refuses a table without rows."""
        if not self.counts.n:
            raise DataError("no rows to compare accuracies on; allowed: 1 or more")

    @property
    def value(self) -> float:
        """The challenger's accuracy less the champion's, -1 to 1."""
        return (self.counts.challenger - self.counts.champion) / self.counts.n

    @property
    def standard_error(self) -> float:
        """Wald's, for people to look at; no limit is made of it."""
        if not self.counts.varies:
            return 0.0
        return math.sqrt((self.counts.discordant / self.counts.n - self.value**2) / self.counts.n)

    @property
    def degrees_of_freedom(self) -> float:
        """Independent rows less one; the limits are normal ones."""
        return float(self.n - 1)

    @property
    def n(self) -> int:
        """Rows."""
        return self.counts.n

    @property
    def clusters(self) -> int:
        """Rows again: each is independent of the others."""
        return self.counts.n

    def margin(self, alpha: float) -> float:
        """Returns the smallest gain that as many discordant rows could prove to be above 0.

        Args:
            alpha: One-sided; 0 proves nothing.

        Returns:
            0 or more; infinite when alpha or the standard error is 0.

        Raises:
            DataError: If alpha is below 0, or not below 0.5.
        """
        if not self.counts.varies:
            return math.inf
        return _normal_quantile(alpha) * math.sqrt(self.counts.discordant) / self.n

    def lower(self, alpha: float) -> float:
        """Returns the one-sided lower limit: the true gain is below it with probability alpha at most.

        Args:
            alpha: One-sided, 0 to 0.5.

        Returns:
            The limit, -1 or more; minus infinity when alpha or the standard error is 0.

        Raises:
            DataError: If alpha lies outside its range.
        """
        return _lower(self.counts, self.counts.challenger, self.counts.champion, alpha)

    def upper(self, alpha: float) -> float:
        """Returns the one-sided upper limit: the true gain is above it with probability alpha at most.

        Args:
            alpha: One-sided, 0 to 0.5.

        Returns:
            The limit, 1 or less; infinity when alpha or the standard error is 0.

        Raises:
            DataError: If alpha lies outside its range.
        """
        # The models exchanged: what one gains the other loses.
        return -_lower(self.counts, self.counts.champion, self.counts.challenger, alpha)

    def p_value(self) -> float:
        """Returns the one-sided p-value of "the true gain is 0 or less": McNemar's score test.

        It is below alpha exactly when `lower(alpha)` is above 0; 1 when the standard error is 0.
        """
        return _p_value(self.counts, self.counts.challenger, self.counts.champion)


def _lower(counts: PairedCounts, b: int, c: int, alpha: float) -> float:
    """Returns the lower limit of (b - c) / n."""
    n, z = counts.n, _normal_quantile(alpha)
    if math.isinf(z) or not counts.varies:
        return -math.inf
    if _p_value(counts, b, c) < alpha:
        return _root(b, c, n, z, (b - c) / n)
    return -_root(c, b, n, -z, 1.0)


def _normal_quantile(alpha: float) -> float:
    """Returns the value that a normal number exceeds with probability alpha; infinite for 0."""
    from scipy.special import ndtri

    if not 0 <= alpha < ALPHA_BOUND:
        raise DataError(f"alpha is {alpha}; allowed: 0 to 0.5, 0.5 excluded")
    return -float(ndtri(alpha))


def _p_value(counts: PairedCounts, b: int, c: int) -> float:
    from scipy.special import ndtr

    return float(ndtr((c - b) / math.sqrt(b + c))) if counts.varies else 1.0


def _root(b: int, c: int, n: int, target: float, above: float) -> float:
    """Returns the gain, between 0 and one above it, where the score statistic falls to the target.

    Halving the interval is slow and never fails: some 60 steps of a few operations.
    """
    below = 0.0
    while (middle := (below + above) / 2) not in (below, above):
        if _score(b, c, n, middle) > target:
            below = middle
        else:
            above = middle
    return above


def _score(b: int, c: int, n: int, gain: float) -> float:
    """Returns Tango's statistic T at a gain above 0 and below 1; it falls as the gain rises."""
    half = (2 * n - b + c) * gain - (b + c)
    product = c * gain * (1 - gain)
    root = math.sqrt(half**2 + 8 * n * product)
    # The same root in two forms, each without a difference of nearly equal numbers.
    share = 2 * product / (root + half) if half > 0 else (root - half) / (4 * n)
    return (b - c - n * gain) / math.sqrt(n * (2 * share + gain * (1 - gain)))
