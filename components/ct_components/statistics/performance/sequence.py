r"""A limit that holds at every look: a confidence sequence for the mean of a metric's daily values.

A limit made for one look fails far more often than it says if one looks every day. Here a gambler bets each
day, before its value is known, that the model is too bad. With :math:`d_t` the day's distance from
the best possible value (1 for a score, 0 for a loss) and :math:`\delta` the distance that is allowed, the
gambler's capital is

.. math:: K_t(\delta) = \prod_{s \le t} \left(1 + \lambda_s \left(\frac{d_s}{\delta} - 1\right)\right),
          \qquad 0 \le \lambda_s < 1

As long as no day's expected distance exceeds :math:`\delta`, given the days before, the capital is a
non-negative supermartingale that starts at 1, so it ever reaches :math:`1 / \alpha` with probability alpha at
most (Ville's inequality): whatever the law of the days, however they vary, and however often one looks. Only
the bound on the best side matters, so a loss needs no largest value. For given stakes the capital falls as
:math:`\delta` rises, so one root separates the distances that are ruled out from those that are credible: the
limit. Where the expected value changes, the limit is one of its worst days.

Any bets that know earlier days only are right; good ones grow fast once the model is too bad, and lose little
while it is good. These are Waudby-Smith and Ramdas's approximately growth-optimal ones,
:math:`\lambda = g / (v + g^2)` cut to [0, 0.9], with :math:`g` by how much the mean day exceeds what is
allowed, and :math:`v` the days' variance; but they forget: a day counts half after a week, and the mean is
remembered as a tenth better than allowed at most. So a champion that was good for half a year is found out
nearly as fast as a new one, where bets from the mean since promotion would first have to outweigh the good
days. As long as recent days are good enough, nothing is bet, and nothing lost. What was measured is in
docs/explanation/performance.md.

All days count alike, whatever their number of rows. A day must be complete: to change a value after bets were
laid on it voids the promise.

References:
    Waudby-Smith & Ramdas (2024). Estimating means of bounded random variables by betting. Journal of the
    Royal Statistical Society B 86, 1-27. https://doi.org/10.1093/jrsssb/qkad009

    Ville (1939). Étude critique de la notion de collectif. Gauthier-Villars.

    Shafer (2021). Testing by betting: a strategy for statistical and scientific communication. Journal of the
    Royal Statistical Society A 184, 407-431. https://doi.org/10.1111/rssa.12647
"""

import math
import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats, as_numbers
from ct_components.statistics.sequential import ALPHA_BOUND

_MOST = 0.9
"""Of the capital, what a bet may risk: the rest survives a perfect day."""
_KEPT = 0.5 ** (1 / 7)
"""What a day's weight is multiplied by each day: half after a week, so that weekdays even out."""
_FIRST_VARIANCE = 1 / 16
"""Before the first day: distances from the best value vary by a quarter of what is allowed."""
_NEAREST = 0.9
"""Of the allowed distance: days that were better yet are remembered as this good, and sooner outweighed."""
_FARTHEST = 1e6
"""What bets learn from a day that is farther off: its square must stay a number."""
_MOST_ALLOWED = 1e200
"""Of allowed distances, how far off a day can be: a capital that this pays has long fired."""
_NEARLY_0 = 1e-12
"""A variance below this is none; after many equal days it would vanish."""
_LOG_LARGEST = math.log(sys.float_info.max)


@dataclass(frozen=True)
class Wager:
    """The gambler after some days: all that the bet of the next day needs.

    It can be kept and carried on, or made anew from the days, with the same result. Distances are multiples
    of the one that is allowed. Any number of sequences run side by side.

    Attributes:
        log_capital: Natural logarithm of the capital; starts at 0. Shape (...), as all of them.
        weight: Of the days so far, forgetting included.
        mean: Of their distances.
        squares: Weighted sum of squared deviations from that mean.

    >>> wager = Wager()
    >>> for distance in (1.5, 1.25, 1.5):
    ...     wager = wager.after(distance)
    >>> round(float(wager.bet), 4), round(float(np.exp(wager.log_capital)), 4)
    (0.9, 1.7763)
    """

    log_capital: Floats | float = 0.0
    weight: float = 1.0
    mean: Floats | float = 1.0
    squares: Floats | float = _FIRST_VARIANCE

    @property
    def bet(self) -> Floats:
        """The share of the capital that is risked on the next day, 0 to 0.9."""
        excess = np.asarray(self.mean) - 1
        variance = np.maximum(np.asarray(self.squares) / self.weight, _NEARLY_0)
        optimal = excess / (variance + np.square(excess))
        cut: Floats = np.clip(optimal, 0.0, _MOST)
        return cut

    def after(self, distance: Floats | float) -> "Wager":
        """Returns the gambler after one more day.

        Args:
            distance: The day's distance from the best value, as a multiple of what is allowed; 0 or more.
        """
        paid = np.log1p(self.bet * (np.asarray(distance) - 1))
        learned = np.minimum(distance, _FARTHEST)
        weight = _KEPT * self.weight + 1
        deviation = learned - self.mean
        mean = self.mean + deviation / weight
        squares = _KEPT * np.asarray(self.squares) + deviation * (learned - mean)
        mean = np.maximum(mean, _NEAREST)
        return Wager(self.log_capital + paid, weight, mean, squares)


@dataclass(frozen=True, eq=False)
class Sequence:
    """What a gambler says of a metric's days so far.

    Attributes:
        distances: Shape (days,); how far each day's value lies from the bound, in the metric's unit.
        bets: Shape (days,); the share of the capital that was risked on each.
        level: The value that is in question.
        bound: What no day's value passes. From the best value, the gambler bets that the mean is worse than
            the level; from the worst value, that it is better.
    """

    distances: Floats
    bets: Floats
    level: float
    bound: float

    @property
    def capital(self) -> float:
        """What the gambler's 1 has become; the largest number there is, if more."""
        return math.exp(min(self._log_capital(self._allowed), _LOG_LARGEST))

    def limit(self, alpha: float) -> float:
        """Returns the limit of the mean, on the level's side of the bound, that holds at all looks together.

        The level lies between it and the bound exactly when the capital exceeds 1 / alpha.

        Args:
            alpha: One-sided, above 0 and below 0.5.

        Returns:
            The upper limit where the bound lies above the level, else the lower one; the bound itself if
            nothing is proven.

        Raises:
            DataError: If alpha lies outside its range.
        """
        if not 0 < alpha < ALPHA_BOUND:
            raise DataError(f"alpha is {alpha}; allowed: above 0 and below 0.5")
        distance = self._largest_ruled_out(-math.log(alpha))
        return self.bound - distance if self.bound > self.level else self.bound + distance

    def _largest_ruled_out(self, enough: float) -> float:
        """Returns the largest distance that the capital rules out; 0 if it rules out none.

        Halving ends when no number lies between: exact also beside a day that is off by a factor of 1e300.
        """
        ruled_out, credible = 0.0, float(self.distances.max(initial=0.0))
        if self._log_capital(0.0) <= enough:
            return 0.0
        while (middle := (ruled_out + credible) / 2) not in (ruled_out, credible):
            if self._log_capital(middle) > enough:
                ruled_out = middle
            else:
                credible = middle
        return ruled_out

    @property
    def _allowed(self) -> float:
        return abs(self.bound - self.level)

    def _log_capital(self, candidate: float) -> float:
        """Returns the capital, had this distance been the one that is allowed.

        The bets are the same stakes, cut where they would risk too much of the capital.
        """
        most = _MOST / candidate if candidate > 0 else math.inf
        stakes = np.minimum(self.bets / self._allowed, most)
        return float(np.log1p(stakes * (self.distances - candidate)).sum())


def sequence(values: npt.ArrayLike, *, level: float, bound: float) -> Sequence:
    """Returns what a gambler makes of a metric's daily values.

    Args:
        values: Shape (days,); of complete, disjoint days, in order.
        level: The value in question.
        bound: What no day's value passes: the best value to prove the mean worse than the level, the worst
            one to prove it better.

    Returns:
        Bets, capital and limit; with no day the capital is 1, and the limit the bound.

    Raises:
        DataError: If a value is not finite or lies beyond the bound, or the level does not lie before it.

    >>> worse = sequence([0.5] * 7, level=0.75, bound=1)
    >>> round(worse.capital, 2), round(worse.limit(0.05), 4)
    (47.05, 0.7092)
    """
    numbers = as_numbers(values, "daily values")
    if not (math.isfinite(bound) and math.isfinite(level)) or bound == level:
        raise DataError(f"level is {level} and bound {bound}; allowed: two different finite numbers")
    distances = (bound - numbers) * math.copysign(1.0, bound - level)
    beyond = np.flatnonzero(distances < 0)
    if beyond.size:
        side = "most" if bound > level else "least"
        raise DataError(f"value of day {beyond[0] + 1} is {numbers[beyond[0]]}; allowed: at {side} {bound}")
    allowed = abs(bound - level)
    distances = np.minimum(distances, min(allowed * _MOST_ALLOWED, sys.float_info.max))
    return Sequence(distances, bets(distances / allowed), level, bound)


def bets(distances: npt.ArrayLike) -> Floats:
    """Returns the share of the capital to risk on each day, which knows the days before it only.

    Args:
        distances: Shape (..., days); as multiples of the distance that is allowed. Any number of sequences
            side by side.

    Returns:
        The same shape; 0 to 0.9.

    >>> bets([1.5, 1.5, 1.0])
    array([0. , 0.9, 0.9])
    """
    given = np.asarray(distances, dtype=np.float64)
    risked, wager = np.empty_like(given), Wager()
    for day in range(given.shape[-1]):
        risked[..., day] = wager.bet
        wager = wager.after(given[..., day])
    return risked
