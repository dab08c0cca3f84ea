r"""The law of a jackknife t when clusters differ in weight: Student's t for clusters all alike, heavier else.

A gain is a weighted mean of what the clusters say, :math:`N = \sum_g w_g x_g`, and the delete-one-cluster
jackknife estimates its variance by a quadratic form :math:`Q` in the same :math:`x_g`. Student's t with
:math:`G - 1` degrees of freedom is the law of :math:`N / \sqrt Q` for equal weights only. When three of
fourteen days hold most rows, three days make the mean and its error, and t(13) is far too sure in the tail;
matching degrees of freedom by moments (Satterthwaite) is far too careful there, since one large and many
small weights give no chi-square. The law itself is known: for independent normal :math:`x_g`,

.. math:: P(N > c \sqrt Q) = \tfrac12 P(x' (w w' - c^2 Q) x > 0)

has one positive eigenvalue :math:`\lambda_0` and else negative ones :math:`-\lambda_i`, and Craig's form of
the normal tail turns it into one smooth integral, exact at any depth:

.. math::

    \frac1\pi \int_0^{\pi/2} \prod_i
    \left(1 + \frac{\lambda_i}{\lambda_0 \sin^2 \varphi}\right)^{-1/2} d\varphi

The :math:`x_g` are taken to vary alike whatever their cluster's weight, as when the day, and not the number
of its rows, makes the noise. Where rows make it, large clusters vary less, and the law is a little too
careful. A metric that looks at each class for itself rests on weights of its own for each, and nobody knows
which class makes the error: the law is that of the class for which it is heaviest. Measured
(docs/reference/calibration.md): a gain in ROC AUC keeps its level far out in the tail, where t(G - 1) is
wrong several times as often as it says; a skewed gain, as in log loss on very unequal days, errs slightly.

References:
    Hansen (2021). The exact distribution of the White t-ratio (the same ratio in regression). University of
    Wisconsin working paper.

    Young (2016). Improved, nearly exact, statistical inference with robust and clustered covariance matrices
    using effective degrees of freedom corrections. London School of Economics working paper.

    Imhof (1961). Computing the distribution of quadratic forms in normal variables. Biometrika 48, 419-426.
    https://doi.org/10.1093/biomet/48.3-4.419

    Craig (1991). A new, simple and exact result for calculating the probability of error for two-dimensional
    signal constellations. IEEE MILCOM 571-575. https://doi.org/10.1109/MILCOM.1991.258319
"""

import math
from functools import cached_property, lru_cache
from typing import NamedTuple, Self

import numpy as np

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats
from ct_components.statistics.student import t_quantile

_NODES = 200
"""Of Gauss-Legendre quadrature: eleven digits for 2 to 200 clusters."""
_TINY = 1e-12
_LEAST = 1e-100
"""A probability below this is exceeded by nothing: the squares of such ratios would be no numbers."""
_MOST = 200
"""Clusters that the law tells apart."""


class ClusterT:
    """The law of a jackknife t-ratio over clusters of given weights.

    Attributes:
        shares: How rows spread over the clusters, shape (kinds, clusters), each row summing to 1; one kind
            for a mean of all rows, one for each class where a metric looks at each for itself.

    Raises:
        DataError: If a kind of rows lies in one cluster, about whose variation nothing can be known.

    >>> alike = ClusterT(np.full((1, 14), 1 / 14))
    >>> round(alike.upper_tail(1.7709), 4), round(alike.quantile(0.05), 4)
    (0.05, 1.7709)
    >>> unequal = ClusterT(np.array([[0.3, 0.3, 0.2] + [0.2 / 11] * 11]))
    >>> round(unequal.upper_tail(1.7709), 4), round(unequal.quantile(0.0001), 1)
    (0.0892, 9.8)
    """

    def __init__(self, shares: Floats) -> None:
        self.shares = np.atleast_2d(shares)
        self._quantiles: dict[float, float] = {}
        if self.shares.size and self.shares.max() >= 1 - _TINY:
            raise DataError(
                f"all rows of a kind lie in 1 of {self.shares.shape[1]} clusters; allowed: at least 2"
            )

    @property
    def effective_clusters(self) -> float:
        """How many clusters of equal weight would weigh alike (Kish): of the kind that has fewest."""
        return float(1 / np.square(self.shares).sum(axis=1).max())

    def upper_tail(self, ratio: float) -> float:
        """Returns the probability that the ratio exceeds a value.

        Args:
            ratio: Any finite number.

        Returns:
            0 to 1.
        """
        if ratio <= 0:
            return 0.5 if ratio == 0 else 1 - self.upper_tail(-ratio)
        return max(form.upper_tail(ratio) for form in self._forms)

    def quantile(self, probability: float) -> float:
        """Returns the value that the ratio exceeds with this probability (the upper tail).

        Args:
            probability: Above 0, below one half.

        Returns:
            Positive; infinite below a probability of 1e-100.
        """
        if probability not in self._quantiles:
            self._quantiles[probability] = self._root(probability)
        return self._quantiles[probability]

    @cached_property
    def _forms(self) -> list["_Form"]:
        return [_Form.of(kind) for kind in np.unique(_pooled(self.shares), axis=0)]

    def _root(self, probability: float) -> float:
        from scipy.optimize import brentq

        if probability < _LEAST:
            return math.inf
        target = math.log(probability)
        low = 0.1 * t_quantile(probability, self.shares.shape[1])
        high = 2 * low
        while self.upper_tail(high) > probability:
            low, high = high, 2 * high

        def excess(log_ratio: float) -> float:
            return math.log(self.upper_tail(math.exp(log_ratio))) - target

        return math.exp(brentq(excess, math.log(low), math.log(high), xtol=1e-10))


class _Form(NamedTuple):
    """The ratio's numerator and denominator along the axes of the jackknife.

    Attributes:
        spread: How much each axis adds to the squared standard error; shape (axes,).
        pull: How much it adds to the numerator's variance; shape (axes,).
        free: What it has besides.
    """

    spread: Floats
    pull: Floats
    free: float

    @classmethod
    def of(cls, weights: Floats) -> Self:
        """Returns the form for clusters of these weights."""
        jackknife = _left_out(weights)
        values, directions = np.linalg.eigh(jackknife @ jackknife.T)
        kept = values > _TINY * values.max(initial=0.0)
        spread = values[kept]
        pull = np.square(directions.T[kept] @ (jackknife @ weights)) / spread
        return cls(spread, pull, max(float(weights @ weights - pull.sum()), 0.0))

    def upper_tail(self, ratio: float) -> float:
        """Returns the probability that the ratio exceeds a positive value."""
        shrunk = ratio * ratio * self.spread
        top = _positive_eigenvalue(shrunk, self.pull, self.free)
        angles, steps = _quadrature()
        x = 1 / (top * np.square(np.sin(angles)))
        each = 1 + x[:, np.newaxis] * shrunk
        rest = 1 - x * (self.free + (self.pull / each).sum(axis=1))
        # The determinant of all eigenvalues without the positive one's factor; both are negative.
        logarithm = np.log(each).sum(axis=1) + np.log(rest / (1 - top * x))
        return float(np.exp(-logarithm / 2) @ steps) / math.pi


def _positive_eigenvalue(shrunk: Floats, pull: Floats, free: float) -> float:
    """Returns the one positive eigenvalue of w w' - diag(shrunk): the root of the secular equation."""
    from scipy.optimize import brentq

    def excess(log_value: float) -> float:
        value = math.exp(log_value)
        return free / value + float((pull / (value + shrunk)).sum()) - 1

    highest = math.log(free + pull.sum()) + 1  # above the root, also after rounding
    lowest = highest - 2
    while excess(lowest) < 0:
        lowest -= 2 * (highest - lowest)
    return math.exp(brentq(excess, lowest, highest, xtol=1e-15, rtol=1e-15))


def law_of(shares: Floats) -> ClusterT:
    """Returns the law for these shares; several metrics of the same rows have the same one.

    Args:
        shares: Shape (kinds, clusters); as `ClusterT` takes them.

    Raises:
        DataError: If a kind of rows lies in one cluster.
    """
    return _cached_law(shares.tobytes(), shares.shape)


@lru_cache(maxsize=16)
def _cached_law(shares: bytes, shape: tuple[int, ...]) -> ClusterT:
    return ClusterT(np.frombuffer(shares).reshape(shape))


def _pooled(shares: Floats) -> Floats:
    """Returns the shares of at most `_MOST` clusters: the largest half alone, the rest in groups.

    Fewer clusters can only make a limit more careful, and t(200) and t(2,000) are all but the same.
    """
    alone = _MOST // 2
    if shares.shape[1] <= _MOST:
        return shares
    order = np.argsort(-shares.max(axis=0), kind="stable")
    rest = shares[:, order[alone:]]
    groups = np.arange(rest.shape[1]) % alone
    pooled = [np.bincount(groups, weights=kind, minlength=alone) for kind in rest]
    return np.concatenate([shares[:, order[:alone]], np.array(pooled)], axis=1)


def _left_out(weights: Floats) -> Floats:
    """Returns the jackknife as a matrix: from what clusters say to the deviations without each.

    Its squared length is the squared standard error; shape (clusters, clusters).
    """
    clusters = weights.size
    without = np.tile(weights, (clusters, 1))
    np.fill_diagonal(without, 0)
    without /= 1 - weights[:, np.newaxis]
    centred: Floats = without - without.mean(axis=0)
    return centred * math.sqrt((clusters - 1) / clusters)


@lru_cache(maxsize=1)
def _quadrature() -> tuple[Floats, Floats]:
    """Returns angles in (0, pi / 2) and the weights of the values there."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1) * math.pi / 4, weights * math.pi / 4
