r"""How large a metric or a gain is, and how sure, when rows of one cluster resemble each other.

Clusters, unlike rows, are independent, so the error is that of the delete-one-cluster jackknife. With
:math:`\theta_{-g}` the number on all rows but those of cluster :math:`g`, and :math:`\bar\theta` the mean of
these over the :math:`G` clusters,

.. math:: SE^2 = \frac{G - 1}{G} \sum_g (\theta_{-g} - \bar\theta)^2

Any metric will do, and nothing is ranked or summed anew for it (`Metric.without_each`). Limits use the exact
law of the ratio for the clusters' own weights (`unequal.ClusterT`), which is Student's t with
:math:`G - 1` degrees of freedom when all weigh alike.

If every row is its own cluster, with :math:`m` positive and :math:`k` negative rows, the variance of a ROC
AUC is DeLong's :math:`S_{10} / m + S_{01} / k` with :math:`m - 1` and :math:`k - 1` in place of :math:`m` and
:math:`k`, times :math:`(n - 1) / n`: at least as large, and for many rows the same. Obuchowski's sums of
DeLong's placement values by cluster estimate the same variance to first order. They take each cluster's pull
on the area for small, and so are too small themselves when a few clusters hold most rows of a class.

How often limits are wrong is in docs/reference/calibration.md.

References:
    Efron (1982). The Jackknife, the Bootstrap and Other Resampling Plans. CBMS-NSF Regional Conference Series
    in Applied Mathematics 38, SIAM. https://doi.org/10.1137/1.9781611970319

    MacKinnon, Nielsen & Webb (2023). Fast and reliable jackknife and bootstrap methods for cluster-robust
    inference (why the jackknife, when clusters are unequal). Journal of Applied Econometrics 38, 671-694.
    https://doi.org/10.1002/jae.2969

    Obuchowski (1997). Nonparametric analysis of clustered ROC curve data. Biometrics 53, 567-578.
    https://doi.org/10.2307/2533958

    DeLong, DeLong & Clarke-Pearson (1988). Biometrics 44, 837-845. https://doi.org/10.2307/2531595
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats, Ints, as_clusters
from ct_components.statistics.metrics.metric import CERTAIN, Metric, Truth
from ct_components.statistics.metrics.predicted import Predicted
from ct_components.statistics.sequential import ALPHA_BOUND
from ct_components.statistics.student import t_quantile, t_upper_tail
from ct_components.statistics.unequal import ClusterT, law_of

_LARGEST_EXPONENT = 700.0
_ROUNDING = 1e-12
"""A standard error below this is a sum of rounding errors; areas of 100,000 rows differ by more."""


class Limits(Protocol):
    """A number with one-sided limits, however they come about: `Estimate` says what each member means."""

    @property
    def value(self) -> float:
        """The estimate itself."""

    @property
    def standard_error(self) -> float:
        """Its standard error, in the same unit."""

    @property
    def degrees_of_freedom(self) -> float:
        """Independent pieces behind the standard error, less those used up."""

    @property
    def n(self) -> int:
        """Rows behind it."""

    @property
    def clusters(self) -> int:
        """Independent clusters behind it."""

    def margin(self, alpha: float) -> float:
        """Returns the smallest gain whose lower limit would be above 0."""

    def lower(self, alpha: float) -> float:
        """Returns the one-sided lower limit."""

    def upper(self, alpha: float) -> float:
        """Returns the one-sided upper limit."""

    def p_value(self) -> float:
        """Returns the one-sided p-value of "the true value is 0 or less"."""


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
        law: Of value / standard error, where clusters are unequal; None for Student's t.

    >>> gain = Estimate(value=0.03, standard_error=0.01, degrees_of_freedom=13, n=28000, clusters=14)
    >>> print(f"{gain.lower(0.05):.4f} {gain.upper(0.05):.4f} {gain.p_value():.4f}")
    0.0123 0.0477 0.0051
    """

    value: float
    standard_error: float
    degrees_of_freedom: float
    n: int
    clusters: int
    law: ClusterT | None = field(default=None, repr=False, compare=False)

    @property
    def effective_clusters(self) -> float:
        """How many clusters of equal weight would be as many."""
        return self.law.effective_clusters if self.law else self.degrees_of_freedom + 1

    def margin(self, alpha: float) -> float:
        """Returns how far the estimate must exceed a value to be proven larger than it.

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
        if self.law:
            return self.law.quantile(alpha) * self.standard_error
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
        ratio = self.value / self.standard_error
        return self.law.upper_tail(ratio) if self.law else t_upper_tail(ratio, self.degrees_of_freedom)


@dataclass(frozen=True)
class RelativeGain:
    """A gain in a loss, relative to the old one, whose error is estimated for the logarithm of their ratio.

    A ratio is skewed, and its logarithm is not; and exchanging the models changes the logarithm's sign alone.

    Attributes:
        contrast: log(old loss / new loss), with its error.

    >>> halved = RelativeGain(Estimate(math.log(2), 0.1, degrees_of_freedom=13, n=28000, clusters=14))
    >>> print(f"{halved.value:.4f} {halved.lower(0.05):.4f} {halved.upper(0.05):.4f}")
    0.5000 0.4031 0.5811
    """

    contrast: Estimate

    @property
    def value(self) -> float:
        """The gain: (old - new) / old; -1 where the old loss is 0, and the new one is not (`Metric.gain`)."""
        return -1.0 if self.contrast.value == -CERTAIN else _relative(self.contrast.value)

    @property
    def standard_error(self) -> float:
        """Its standard error, to first order."""
        return self.contrast.standard_error * math.exp(min(-self.contrast.value, _LARGEST_EXPONENT))

    @property
    def degrees_of_freedom(self) -> float:
        """Of Student's t."""
        return self.contrast.degrees_of_freedom

    @property
    def n(self) -> int:
        """Rows behind it."""
        return self.contrast.n

    @property
    def clusters(self) -> int:
        """Independent clusters behind it."""
        return self.contrast.clusters

    @property
    def effective_clusters(self) -> float:
        """How many clusters of equal weight would be as many."""
        return self.contrast.effective_clusters

    def margin(self, alpha: float) -> float:
        """Returns the smallest gain whose lower limit would be above 0; infinite where nothing can be."""
        return _relative(self.contrast.margin(alpha))

    def lower(self, alpha: float) -> float:
        """Returns the one-sided lower limit."""
        return _relative(self.contrast.lower(alpha))

    def upper(self, alpha: float) -> float:
        """Returns the one-sided upper limit."""
        return _relative(self.contrast.upper(alpha))

    def p_value(self) -> float:
        """Returns the one-sided p-value of "the new loss is no smaller"."""
        return self.contrast.p_value()


class ClusterValue(NamedTuple):
    """The rows of one cluster, and the metric on them alone.

    Attributes:
        cluster: The cluster's name as text; an ISO date when clusters are days.
        n: Its rows.
        value: The metric; None where it is not defined on these rows, as an area is for one class.
    """

    cluster: str
    n: int
    value: float | None


def estimate_gain(
    metric: Metric, truth: Truth, challenger: Predicted, champion: Predicted, index: Ints
) -> Limits:
    """Returns the challenger's gain over the champion on the same rows, with a clustered error.

    Exchanging the two models exchanges the limits: what is proven better one way is proven worse the other.

    Args:
        metric: What is compared.
        truth: Shape (n,).
        challenger: n answers.
        champion: n answers.
        index: Shape (n,); each row's cluster, from 0 and without a gap. Rows of one cluster may depend on
            each other; rows of different ones do not.

    Returns:
        The gain, in the metric's unit of gains. Its standard error is NaN where the metric is not defined on
            all rows but those of some cluster.

    Raises:
        DataError: If the metric is not defined on these rows, or rows of a kind lie in a single cluster,
            about whose variation nothing can be known.

    >>> from ct_components.statistics.metrics import metric_named
    >>> truth, days = np.array([0, 1] * 3, dtype=bool), np.array([0, 0, 1, 1, 2, 2])
    >>> new, old = Predicted.binary([1, 4, 2, 5, 3, 6]), Predicted.binary([1, 4, 5, 2, 3, 6])
    >>> gain = estimate_gain(metric_named("roc_auc"), truth, new, old, days)
    >>> round(gain.value, 4), round(gain.standard_error, 4), gain.degrees_of_freedom
    (0.3333, 0.3333, 2)
    """
    law = law_of(metric.shares(truth, index))
    value = metric.contrast(metric.value(truth, challenger), metric.value(truth, champion))
    without = metric.contrast(
        metric.without_each(truth, challenger, index), metric.without_each(truth, champion, index)
    )
    return gain_of(metric, _jackknife(float(value), without, law, truth.size))


def gain_of(metric: Metric, contrast: Estimate) -> Limits:
    """Returns the gain that an estimated contrast stands for.

    Args:
        metric: What is compared.
        contrast: As `Metric.contrast`, with its error.
    """
    return contrast if metric.higher_is_better else RelativeGain(contrast)


def estimate_value(metric: Metric, truth: Truth, predicted: Predicted, index: Ints) -> Estimate:
    """Returns one model's metric with a clustered error.

    Args:
        metric: What is measured.
        truth: Shape (n,).
        predicted: n answers.
        index: Shape (n,); as in `estimate_gain`.

    Returns:
        The metric, with an error as in `estimate_gain`.

    Raises:
        DataError: If `estimate_gain` would raise it.

    >>> from ct_components.statistics.metrics import metric_named
    >>> truth, days = np.array([0, 1, 0, 1], dtype=bool), np.array([0, 0, 1, 1])
    >>> estimate_value(metric_named("roc_auc"), truth, Predicted.binary([1, 4, 3, 2]), days).value
    0.75
    """
    law = law_of(metric.shares(truth, index))
    without = metric.without_each(truth, predicted, index)
    value = metric.value(truth, predicted)
    # A loss is in units of its target, which may be as small as one likes.
    return _jackknife(value, without, law, truth.size, unit=1.0 if metric.higher_is_better else abs(value))


def value_by_cluster(
    metric: Metric, truth: Truth, predicted: Predicted, clusters: npt.ArrayLike
) -> list[ClusterValue]:
    """Returns the metric within each cluster, for people to look at; no decision is taken on it.

    Args:
        metric: What is measured.
        truth: Shape (n,).
        predicted: n answers.
        clusters: Shape (n,); the cluster of each row, such as its day.

    Returns:
        One for each cluster, sorted by cluster.

    Raises:
        DataError: If lengths are unequal, or a row has no cluster.

    >>> from ct_components.statistics.metrics import metric_named
    >>> truth, scores = np.array([False, True, True]), Predicted.binary([1, 2, 3])
    >>> for day in value_by_cluster(metric_named("roc_auc"), truth, scores, ["mon", "mon", "tue"]):
    ...     print(day.cluster, day.n, day.value)
    mon 2 1.0
    tue 1 None
    """
    names, index = as_clusters(clusters, truth)
    return [
        ClusterValue(str(name), int(rows.sum()), value_or_none(metric, truth[rows], predicted.rows(rows)))
        for name, rows in ((name, index == place) for place, name in enumerate(names))
    ]


def why_undefined(metric: Metric, truth: Truth, predicted: Predicted) -> str | None:
    """Returns why a metric has no value on these rows; None if it has one."""
    try:
        value = metric.value(truth, predicted)
    except DataError as error:
        return str(error)
    return None if math.isfinite(value) else "it is no finite number"


def value_or_none(metric: Metric, truth: Truth, predicted: Predicted) -> float | None:
    """Returns the metric, or None where it is not defined on these rows."""
    try:
        value = metric.value(truth, predicted) if truth.size else math.nan
    except DataError:
        return None
    return value if math.isfinite(value) else None


def fewest_clusters(metric: Metric, truth: Truth, index: Ints) -> int:
    """Returns how many clusters hold the kind of rows that fewest clusters hold.

    Args:
        metric: Says which kinds there are (`Metric.shares`).
        truth: Shape (n,).
        index: Shape (n,); each row's cluster.

    Returns:
        0 when a kind is absent.
    """
    return int(np.count_nonzero(metric.shares(truth, index), axis=1).min()) if truth.size else 0


def _relative(contrast: float) -> float:
    """Returns 1 - exp(-contrast); infinite limits stay what they are."""
    if math.isinf(contrast):
        return contrast
    return -math.expm1(min(-contrast, _LARGEST_EXPONENT))


def _jackknife(value: float, without: Floats, law: ClusterT, n: int, unit: float = 1.0) -> Estimate:
    """Returns the estimate from its values without each of the clusters."""
    deviations = without - without.mean()
    error = math.sqrt((without.size - 1) / without.size * float(deviations @ deviations))
    fewest = int(np.count_nonzero(law.shares, axis=1).min())
    return Estimate(
        value=value,
        standard_error=0.0 if error <= _ROUNDING * unit else error,
        degrees_of_freedom=fewest - 1,
        n=n,
        clusters=without.size,
        law=law,
    )
