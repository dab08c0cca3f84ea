r"""What PSI looks like without drift, when rows are independent: its mean, its noise and the p-value.

PSI is positive without any drift, the more so the fewer the rows: with 1,000 rows in 34 bins 0.03 to 0.05,
with 100 rows 0.2 and more. So it is compared with what it would be if the current rows came from the
reference's distribution. That one is known only as far as the reference's rows tell, so it is drawn too:

.. math:: p \sim Dirichlet(c + prior), \qquad current \sim Multinomial(m, p)

Between order statistics, the shares of a distribution follow a Dirichlet law whose parameters are the
counts, and 1 on either side beyond the extremes. That is why an empty outer bin weighs 1; other empty bins
weigh 1/2 (Jeffreys). The same draws give the bias (the mean), the noise (a quantile) and the p-value
:math:`(1 + \#\{null \ge observed\}) / (R + 1)`. A permutation of rows errs here, since the edges come from
the reference and not from both.

All features are drawn together, in batches. A feature's draws end

- when 50 of them reach its PSI: the p-value is then 50 over the number of draws it took, which is as valid
  as that of all draws (Besag & Clifford);
- when its p-value is surely small enough: Benjamini and Hochberg's procedure rejects it even with all
  p-values at their upper confidence limits, at a risk of 0.0001 for each batch (after Gandy & Hahn);
- at :math:`R = 20 F / \alpha` draws for :math:`F` features, at least 2,000.

References:
    Wilks (1962). Mathematical Statistics, section 8.7 (coverages of order statistics). Wiley.

    Davison & Hinkley (1997). Bootstrap Methods and their Application, section 4.2 (Monte Carlo p-values).
    Cambridge University Press. https://doi.org/10.1017/CBO9780511802843

    Besag & Clifford (1991). Sequential Monte Carlo p-values. Biometrika 78, 301-304.
    https://doi.org/10.1093/biomet/78.2.301

    Gandy & Hahn (2014). MMCTest: a safe algorithm for implementing multiple Monte Carlo tests. Scandinavian
    Journal of Statistics 41, 1083-1101. https://doi.org/10.1111/sjos.12085
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats
from ct_components.statistics.drift.bins import Bins
from ct_components.statistics.drift.divergence import psi, psi_of_each
from ct_components.statistics.drift.multiple import adjusted_p_values

FIRST_DRAWS = 500
"""Fewest draws of every feature: enough for the mean and the 95 % quantile."""

FEWEST_DRAWS = 2000
"""Draws for a p-value that decides, however few features there are."""

_ENOUGH_REACHED = 50
_RISK = 1e-4
_CELLS = 250_000
"""Numbers drawn at once: 2 MB, so that a feature of 1,000 categories needs no more memory than one of 10."""


@dataclass(frozen=True)
class Null:
    """Where an observed PSI lies among those without drift.

    Attributes:
        mean: Mean without drift: the bias, to be subtracted.
        noise: The 1 - alpha quantile without drift.
        p_value: How probably PSI would be as large without drift; never 0.
        draws: How many draws these rest on.
    """

    mean: float
    noise: float
    p_value: float
    draws: int


def draw_psi(bins: Bins, draws: int, rng: np.random.Generator) -> Floats:
    """Returns the PSI of current windows that come from the reference's distribution.

    Args:
        bins: One feature; of the current window, only the number of rows counts.
        draws: How many.
        rng: Where chance comes from.

    Returns:
        Shape (draws,).

    Raises:
        DataError: If a side has no rows.

    >>> bins = Bins(np.array([0, 500, 500, 0]), np.array([0, 260, 240, 0]), np.array([1, 0, 0, 0]) > 0)
    >>> draw_psi(bins, 2000, np.random.default_rng(0)).mean().round(3).item()
    0.007
    """
    _require_rows(bins)
    weights = prior_weights(bins)
    chunks = [np.zeros(0)]
    for size in _chunks(draws, max(1, _CELLS // weights.size)):
        shares = rng.standard_gamma(weights, (size, weights.size))
        shares /= shares.sum(axis=1, keepdims=True)
        chunks.append(psi_of_each(bins.reference, rng.multinomial(bins.current_rows, shares)))
    return np.concatenate(chunks)


def prior_weights(bins: Bins) -> Floats:
    """Returns the parameters of the Dirichlet law that the reference leaves open; shape (B,).

    >>> prior_weights(Bins(np.array([0, 7, 0, 3]), np.array([1, 1, 1, 1]), np.array([1, 0, 0, 0]) > 0))
    array([1. , 7. , 0.5, 3. ])
    """
    seen = bins.reference > 0
    weights = np.where(seen, bins.reference, np.where(bins.outer, 1.0, 0.5))
    if bins.discount:
        named = seen & ~bins.outer
        named[-1] = False  # missing is no category
        weights[named] -= bins.discount
        lent = bins.discount * np.count_nonzero(named)
        weights[bins.outer] = np.maximum(bins.reference[bins.outer] + lent, 1.0)
    return weights


def null_of_rows(
    features: Mapping[str, Bins], alpha: float, seed: int, at_least: Mapping[str, float] | None = None
) -> dict[str, Null]:
    """Returns the null of each feature's PSI, for independent rows.

    Args:
        features: By name; the names take part in the seed, so that neither their order nor further features
            change the draws of one.
        alpha: Above 0 and below 1; of the procedure of Benjamini and Hochberg, and of the noise quantile.
        seed: Of the draws, 0 or more.
        at_least: P-values, by name, below which those of rows are not taken; from days, for example. Draws
            that could not change a decision any more are saved.

    Returns:
        One for each feature.

    Raises:
        DataError: If a side of a feature has no rows, or the seed is negative.

    >>> bins = Bins(np.array([0, 500, 500, 0]), np.array([0, 350, 650, 0]), np.array([1, 0, 0, 0]) > 0)
    >>> null_of_rows({"x": bins}, alpha=0.05, seed=0)["x"].p_value < 0.01
    True
    """
    if seed < 0:
        raise DataError(f"seed is {seed}; allowed: 0 or more")
    known = at_least or {}
    draws = [_Draws(name, bins, seed, known.get(name, 0.0)) for name, bins in features.items()]
    for target in _targets(len(draws), alpha):
        for feature in draws:
            feature.draw_up_to(target)
        _settle(draws, alpha)
    return {feature.name: feature.null(alpha) for feature in draws}


class _Draws:
    """The draws of one feature so far."""

    def __init__(self, name: str, bins: Bins, seed: int, at_least: float) -> None:
        _require_rows(bins)
        self.name, self.bins, self.at_least = name, bins, at_least
        self.observed = psi(bins.reference, bins.current)
        self.values = np.zeros(0)
        self.settled = False
        self._rng = np.random.default_rng([seed, *name.encode()])

    @property
    def reached(self) -> int:
        """How many draws are as large as the observed value."""
        return int(np.count_nonzero(self._reaching))

    @property
    def _reaching(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        # Values equal but for the order of summation are equal.
        return np.asarray(self.values >= self.observed * (1 - 1e-12), dtype=np.bool_)

    def draw_up_to(self, target: int) -> None:
        if not self.settled:
            new = draw_psi(self.bins, target - self.values.size, self._rng)
            self.values = np.concatenate([self.values, new])

    def p_value(self) -> float:
        if self.reached >= _ENOUGH_REACHED:
            at = int(np.flatnonzero(self._reaching)[_ENOUGH_REACHED - 1])
            return max(_ENOUGH_REACHED / (at + 1), self.at_least)
        return max((1 + self.reached) / (self.values.size + 1), self.at_least)

    def upper_p_value(self) -> float:
        """Returns the upper confidence limit (Clopper & Pearson) of the p-value of infinitely many draws."""
        from scipy.special import betaincinv

        limit = float(betaincinv(self.reached + 1, max(self.values.size - self.reached, 1), 1 - _RISK))
        return max(limit, self.at_least)

    def null(self, alpha: float) -> Null:
        return Null(
            mean=float(self.values.mean()),
            noise=float(np.quantile(self.values, 1 - alpha)),
            p_value=self.p_value(),
            draws=self.values.size,
        )


def _settle(draws: list[_Draws], alpha: float) -> None:
    surely = adjusted_p_values([feature.upper_p_value() for feature in draws]) <= alpha
    for feature, rejected in zip(draws, surely, strict=True):
        hopeless = feature.reached >= _ENOUGH_REACHED or feature.at_least > alpha
        feature.settled |= bool(rejected) or hopeless


def _targets(features: int, alpha: float) -> Iterator[int]:
    """Yields how many draws there are after each batch: halves of the last, down to the first.

    At half of the last, the upper limit of a p-value that nothing reached is below alpha / features, so that
    even a single feature of many need not go to the end.
    """
    last = max(FEWEST_DRAWS, math.ceil(20 * features / alpha))
    halvings = int(math.log2(last / FIRST_DRAWS))
    yield from (math.ceil(last / 2**k) for k in range(halvings, -1, -1))


def _chunks(total: int, largest: int) -> Iterator[int]:
    for start in range(0, total, largest):
        yield min(largest, total - start)


def _require_rows(bins: Bins) -> None:
    for role, rows in (("reference", bins.reference_rows), ("current window", bins.current_rows)):
        if not rows:
            raise DataError(f"the {role} has 0 rows; allowed: at least 1")
