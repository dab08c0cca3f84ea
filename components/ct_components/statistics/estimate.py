r"""How large a gain in ROC AUC is, and how sure, when rows of one cluster resemble each other.

Each row's placement value (`roc`) tells how the area changes with that row. Summed over the rows of a cluster
they give the cluster's influence, and clusters, unlike rows, are independent. With :math:`D` a row's
difference in placement values between challenger and champion, :math:`\Delta` the gain, and :math:`m`
positive and :math:`k` negative rows, cluster :math:`g` contributes

.. math:: a_g = \sum_{i \in g,\,+} (D_i - \Delta) / m, \qquad b_g = \sum_{j \in g,\,-} (D_j - \Delta) / k

.. math:: SE^2 = \frac{G_+}{G_+ - 1} \sum a_g^2 + \frac{G_-}{G_- - 1} \sum b_g^2
    + \frac{2 G}{G - 1} \sum a_g b_g

where :math:`G_+` and :math:`G_-` clusters hold positive and negative rows. If all hold both, this is
:math:`\frac{G}{G - 1} \sum (a_g + b_g)^2`; if every row is its own cluster, it is DeLong's variance
exactly. It is never negative, since neither factor of a square is below that of the product. Limits use
Student's t with :math:`\min(G_+, G_-) - 1` degrees of freedom: days without a positive row say nothing
about how positives vary.

Measured on 14 days of 40 rows, with two equal models that each rank better on some days than on others: at
alpha 0.05 the lower limit is above 0 in 5.2 % of 96,000 comparisons, at 0.01 in 1.07 %, at 0.0017 in 0.15 %;
with every row as its own cluster, in 14 % and 6 % at alpha 0.05 and 0.01.

References:
    Obuchowski (1997). Nonparametric analysis of clustered ROC curve data. Biometrics 53, 567-578.
    https://doi.org/10.2307/2533958

    DeLong, DeLong & Clarke-Pearson (1988). Biometrics 44, 837-845. https://doi.org/10.2307/2531595

    Cameron, Gelbach & Miller (2008). Bootstrap-based improvements for inference with clustered errors (why a
    t with few degrees of freedom, not a normal). Review of Economics and Statistics 90, 414-427.
    https://doi.org/10.1162/rest.90.3.414
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import (
    Bools,
    Floats,
    Ints,
    as_clusters,
    as_labels,
    as_scores,
)
from ct_components.statistics.roc import placements, roc_auc
from ct_components.statistics.sequential import ALPHA_BOUND
from ct_components.statistics.student import t_quantile, t_upper_tail

_ROUNDING = 1e-12
"""A standard error below this is a sum of rounding errors; areas of 100,000 rows differ by more."""


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty.

    A standard error of 0 means that the clusters show no variation whatever, so nothing is known about the
    size of the error, and no claim passes: the limits are infinite and the p-value is 1.

    Attributes:
        value: The estimate itself.
        standard_error: Its standard error, in the same unit; 0 or more.
        degrees_of_freedom: Of Student's t; at least 1.
        n: Rows behind it.
        clusters: Independent clusters behind it.

    >>> gain = Estimate(value=0.03, standard_error=0.01, degrees_of_freedom=13, n=28000, clusters=14)
    >>> print(f"{gain.lower(0.05):.4f} {gain.upper(0.05):.4f} {gain.p_value():.4f}")
    0.0123 0.0477 0.0051
    """

    value: float
    standard_error: float
    degrees_of_freedom: int
    n: int
    clusters: int

    def margin(self, alpha: float) -> float:
        """Returns how far the estimate must exceed a value to be proven larger than it: t(1 - alpha) SE.

        Args:
            alpha: One-sided; 0 proves nothing.

        Returns:
            0 or more; infinite when alpha is 0 or the standard error is.

        Raises:
            DataError: If alpha is below 0, or not below 0.5.
        """
        if not 0 <= alpha < ALPHA_BOUND:
            raise DataError(f"alpha is {alpha}; allowed: 0 to 0.5, 0.5 excluded")
        if alpha == 0 or self.standard_error == 0:
            return math.inf
        return t_quantile(alpha, self.degrees_of_freedom) * self.standard_error

    def lower(self, alpha: float) -> float:
        """Returns the one-sided lower limit: the true value is below it with probability alpha at most.

        Args:
            alpha: One-sided, 0 to 0.5.

        Returns:
            The limit; minus infinity when alpha or the standard error is 0.

        Raises:
            DataError: If alpha lies outside its range.
        """
        return self.value - self.margin(alpha)

    def upper(self, alpha: float) -> float:
        """Returns the one-sided upper limit: the true value is above it with probability alpha at most.

        Args:
            alpha: One-sided, 0 to 0.5.

        Returns:
            The limit; infinity when alpha or the standard error is 0.

        Raises:
            DataError: If alpha lies outside its range.
        """
        return self.value + self.margin(alpha)

    def p_value(self) -> float:
        """Returns the one-sided p-value of "the true value is 0 or less"; 1 when the standard error is 0.

        It is below alpha exactly when `lower(alpha)` is above 0.
        """
        if self.standard_error == 0:
            return 1.0
        return t_upper_tail(self.value / self.standard_error, self.degrees_of_freedom)


class ClusterScore(NamedTuple):
    """The rows of one cluster, and how well they are ranked among themselves.

    Attributes:
        cluster: The cluster's name as text; an ISO date when clusters are days.
        n: Its rows.
        auc: Area under the ROC curve within the cluster; None when its rows are of one class.
    """

    cluster: str
    n: int
    auc: float | None


def auc_gain(
    y: npt.ArrayLike, challenger: npt.ArrayLike, champion: npt.ArrayLike, clusters: npt.ArrayLike
) -> Estimate:
    """Returns the challenger's ROC AUC less the champion's on the same rows, with a clustered error.

    Exchanging the two models negates the value exactly and leaves the standard error as it is.

    Args:
        y: Labels, shape (n,); True is positive.
        challenger: The challenger's scores, shape (n,).
        champion: The champion's scores, shape (n,); its scale may be another.
        clusters: Shape (n,). Rows of one cluster may depend on each other; rows of different ones do not.

    Returns:
        The gain in absolute units of AUC, -1 to 1.

    Raises:
        DataError: If all rows are of one class, lengths are unequal, a score is NaN or infinite, or a class
            lies in a single cluster, about whose variation nothing can be known.

    >>> y = [0, 1, 0, 1, 0, 1]
    >>> days = ["mon", "mon", "tue", "tue", "wed", "wed"]
    >>> gain = auc_gain(y, [1, 4, 2, 5, 3, 6], [1, 4, 5, 2, 3, 6], days)
    >>> round(gain.value, 4), round(gain.standard_error, 4), gain.degrees_of_freedom
    (0.3333, 0.3333, 2)
    """
    labels = as_labels(y)
    new = placements(labels, as_scores(challenger, labels, "challenger scores"))
    old = placements(labels, as_scores(champion, labels, "champion scores"))
    differences = (new.positive - old.positive, new.negative - old.negative)
    return _clustered(new.auc - old.auc, differences, labels, clusters)


def auc_excess(y: npt.ArrayLike, score: npt.ArrayLike, clusters: npt.ArrayLike) -> Estimate:
    """Returns the gain over the prior, a constant predictor, whose ROC AUC is 0.5 by definition.

    Args:
        y: Labels, shape (n,); True is positive.
        score: Shape (n,).
        clusters: Shape (n,); as in `auc_gain`.

    Returns:
        The area less 0.5, -0.5 to 0.5; equal to `auc_gain` against a constant.

    Raises:
        DataError: If `auc_gain` would raise it.

    >>> auc_excess([0, 1, 0, 1], [1, 4, 3, 2], ["mon", "mon", "tue", "tue"]).value
    0.25
    """
    labels = as_labels(y)
    placed = placements(labels, score)
    return _clustered(placed.auc - 0.5, (placed.positive - 0.5, placed.negative - 0.5), labels, clusters)


def auc_by_cluster(y: npt.ArrayLike, score: npt.ArrayLike, clusters: npt.ArrayLike) -> list[ClusterScore]:
    """Returns the ROC AUC within each cluster, for people to look at; no decision is taken on it.

    Args:
        y: Labels, shape (n,); True is positive.
        score: Shape (n,).
        clusters: Shape (n,); as in `auc_gain`.

    Returns:
        One for each cluster, sorted by cluster.

    Raises:
        DataError: If lengths are unequal, a score is NaN or infinite, or a row has no cluster.

    >>> for day in auc_by_cluster([0, 1, 1], [1, 2, 3], ["mon", "mon", "tue"]):
    ...     print(day.cluster, day.n, day.auc)
    mon 2 1.0
    tue 1 None
    """
    labels = as_labels(y)
    scores = as_scores(score, labels)
    names, index = as_clusters(clusters, labels)
    order = np.argsort(index, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(index, minlength=names.size))[:-1]) if names.size else []
    return [
        ClusterScore(str(name), rows.size, _auc_or_none(labels[rows], scores[rows]))
        for name, rows in zip(names, rows_of, strict=True)
    ]


def fewest_clusters_of_a_class(labels: Bools, index: Ints) -> int:
    """Returns how many clusters hold the class that fewer clusters hold.

    Args:
        labels: Shape (n,); True is positive.
        index: Shape (n,); each row's cluster.

    Returns:
        0 when a class is absent.
    """
    return int(min(np.unique(index[labels]).size, np.unique(index[~labels]).size))


def _clustered(
    value: float, differences: tuple[Floats, Floats], labels: Bools, clusters: npt.ArrayLike
) -> Estimate:
    """Returns the estimate from the rows' differences in placement values, positive and negative apart."""
    names, index = as_clusters(clusters, labels)
    a, positive_clusters = _influence(differences[0] - value, index[labels], names.size)
    b, negative_clusters = _influence(differences[1] - value, index[~labels], names.size)
    fewest = min(positive_clusters, negative_clusters)
    if fewest <= 1:
        raise DataError(f"all rows of a class lie in 1 of {names.size} clusters; allowed: at least 2")
    variance = (
        _correction(positive_clusters) * float(a @ a)
        + _correction(negative_clusters) * float(b @ b)
        + _correction(names.size) * 2 * float(a @ b)
    )
    error = math.sqrt(max(variance, 0.0))
    return Estimate(
        value=value,
        standard_error=error if error > _ROUNDING else 0.0,
        degrees_of_freedom=fewest - 1,
        n=labels.size,
        clusters=int(names.size),
    )


def _influence(deviations: Floats, index: Ints, clusters: int) -> tuple[Floats, int]:
    """Returns one class's influence by cluster, shape (clusters,), and how many clusters hold that class."""
    sums: Floats = np.bincount(index, weights=deviations, minlength=clusters) / index.size
    return sums, int(np.unique(index).size)


def _correction(clusters: int) -> float:
    return clusters / (clusters - 1)


def _auc_or_none(labels: Bools, scores: Floats) -> float | None:
    return roc_auc(labels, scores) if labels.any() and not labels.all() else None
