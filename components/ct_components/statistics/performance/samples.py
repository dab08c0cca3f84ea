"""A metric with its limits, from rows with predictions and labels, or from stored daily values.

From rows, limits are those of the delete-a-day jackknife (`estimate`); where rows are declared independent,
Wilson's for proportions, DeLong's for ROC AUC, and else the jackknife over a hundred random blocks. From
stored daily values, of which only their rows' number is known, the days' mean has the jackknife's limits over
days; for accuracy on independent rows, Wilson's of all rows together.

Weighted by rows, the mean of daily values is the metric of all rows for means over rows (accuracy, log_loss,
brier_score, mae). Of other metrics it is a number of its own (`daily`), in which each day counts alike.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats, Ints, as_clusters, as_numbers
from ct_components.statistics.estimate import (
    Estimate,
    Limits,
    estimate_value,
    fewest_clusters,
    value_or_none,
)
from ct_components.statistics.metrics import Metric, Predicted
from ct_components.statistics.metrics.classification import ACCURACY, PRECISION, RECALL
from ct_components.statistics.metrics.metric import Truth
from ct_components.statistics.metrics.ranking import ROC_AUC
from ct_components.statistics.performance.area import estimate_area
from ct_components.statistics.performance.daily import Baseline, daily_values, defined, is_mean, values_of
from ct_components.statistics.performance.wilson import WilsonEstimate
from ct_components.statistics.unequal import ClusterT

_BLOCKS = 100
"""Of independent rows: t(99) is hardly wider than the normal distribution."""
_ROUNDING = 1e-12
"""A standard error below this share of the largest value is a sum of rounding errors."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What is known of one metric of one model version over some days.

    Attributes:
        value: The metric; None where it has none, as ROC AUC of one class.
        limits: The same with its error; None where that cannot be known.
        n: Matured rows with a label.
        class_rows: Rows of each class; empty where the rows do not say it.
        clusters: Clusters that hold the kind of rows that fewest hold; `n` for independent rows.
        daily: Shape (days,); the metric's daily values (`daily.daily_values`), in order of days.
        pooled: Whether the value is the metric of all rows at once, and no mean of days that differs from it.
        constant: Whether the model answered the same for every row.
    """

    value: float | None
    limits: Limits | None
    n: int
    class_rows: tuple[int, ...] = ()
    clusters: int = 0
    daily: Floats = field(default_factory=lambda: np.zeros(0))
    pooled: bool = True
    constant: bool = False

    @property
    def by_day(self) -> "Sample":
        """The same with the mean of daily values, each day alike, in place of the metric of all rows.

        >>> row = np.arange(80)
        >>> sample = sample_rows(ROC_AUC, row % 2 == 0, Predicted.binary(row), days=row // 40)
        >>> sample.value, sample.by_day.value
        (0.4875, 0.475)
        """
        mean = _mean(self.daily, np.ones(self.daily.size), self.n) if self.daily.size else None
        return replace(
            self,
            value=mean.value if mean else None,
            limits=mean if self.daily.size > 1 else None,
            clusters=self.daily.size,
            pooled=False,
        )

    @property
    def baseline(self) -> Baseline:
        """What a promotion holdout's sample is to what came after it."""
        return Baseline(self.value if self.pooled else None, self.by_day.value)


def sample_rows(
    metric: Metric,
    truth: Truth,
    predicted: Predicted,
    days: npt.ArrayLike,
    *,
    clustered: bool = True,
    ids: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Sample:
    """Returns a metric of rows with predictions and labels.

    Args:
        metric: What is measured.
        truth: Shape (n,); as `metrics.catalogue.as_truth` returns it.
        predicted: n answers.
        days: Shape (n,); the day of each prediction.
        clustered: Whether rows of a day may depend on each other.
        ids: Shape (n,); what identifies a row, so that blocks of rows do not depend on the file's order; by
            default they do.
        seed: Of the random blocks.

    Returns:
        The metric. No row, or rows on which it is not defined, are a sample without value or limits.

    Raises:
        DataError: If lengths are unequal, or a row has no day.

    >>> from ct_components.statistics.metrics import metric_named
    >>> truth, days = np.array([0, 1, 0, 1], dtype=bool), ["mon", "mon", "tue", "tue"]
    >>> sample = sample_rows(metric_named("accuracy"), truth, Predicted.binary([0.1, 0.9, 0.2, 0.3]), days)
    >>> sample.value, sample.class_rows, sample.daily
    (0.75, (2, 2), array([1. , 0.5]))
    """
    if len(predicted) != truth.size:
        raise DataError(f"{len(predicted)} predictions for {truth.size} labels; allowed: one for each")
    _, index = as_clusters(days, truth)
    runs = daily_values(metric, truth, predicted, days)
    value = value_or_none(metric, truth, predicted) if defined(metric, truth, predicted) else None
    limits: Limits | None = None
    if value is not None and clustered:
        limits = _by_cluster(metric, truth, predicted, index)
    elif value is not None:
        limits = _independent(metric, truth, predicted, _shuffled(truth, ids, seed))
    return Sample(
        value=value,
        limits=limits,
        n=truth.size,
        class_rows=_class_rows(truth, predicted),
        clusters=fewest_clusters(metric, truth, index) if clustered else truth.size,
        daily=values_of(runs),
        constant=bool((predicted.values == predicted.values[:1]).all()),
    )


def sample_days(
    metric: Metric,
    values: npt.ArrayLike,
    n: npt.ArrayLike,
    *,
    clustered: bool = True,
    degrees_of_freedom: float | None = None,
) -> Sample:
    """Returns a metric of stored daily values.

    Args:
        metric: What was measured.
        values: Shape (days,); in order of days, one for each (`maturing.latest_rows`), made by
            `daily.daily_values`. One that is None, as the metric is not defined on this day, is left out.
        n: Shape (days,); the rows behind each value. A day without rows says nothing and is left out.
        clustered: Whether rows of a day may depend on each other.
        degrees_of_freedom: Of Student's t; by default the exact law for the days' own weights.

    Returns:
        The mean of daily values: weighted by rows for means over rows, and else each day alike. A single day
        tells no error, but of accuracy on independent rows.

    Raises:
        DataError: If lengths are unequal, a value is not finite, or a number of rows is negative or broken.

    >>> from ct_components.statistics.metrics import metric_named
    >>> sample = sample_days(metric_named("roc_auc"), [0.75, 0.5, 0.625], [100, 100, 200])
    >>> sample.value, sample.n, round(sample.limits.standard_error, 4)
    (0.625, 400, 0.0722)
    >>> sample_days(metric_named("roc_auc"), [0.75], [100]).limits is None
    True
    """
    numbers, rows = _stored(values, n)
    total, pooled = int(rows.sum()), is_mean(metric)
    if not total:
        return Sample(value=None, limits=None, n=0, pooled=pooled)
    mean = _mean(numbers, rows if pooled else np.ones(rows.size), total, degrees_of_freedom)
    limits: Limits | None = mean if rows.size > 1 else None
    if metric is ACCURACY and not clustered:
        limits = WilsonEstimate(mean.value, total)
    clusters = total if isinstance(limits, WilsonEstimate) else rows.size
    return Sample(mean.value, limits, total, clusters=clusters, daily=numbers, pooled=pooled)


def _stored(values: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Returns daily values and their numbers of rows, of days that say something."""
    given, rows = np.asarray(values), as_numbers(n, "numbers of rows")
    if rows.shape != given.shape:
        raise DataError(f"{rows.size} numbers of rows for {given.size} daily values; allowed: one for each")
    strange = (rows < 0) | (rows != np.floor(rows))
    if strange.any():
        raise DataError(f"number of rows is {rows[strange][0]:g}; allowed: 0, 1, 2 and so on")
    if given.dtype == object:
        known = np.array([value is not None for value in given], dtype=np.bool_)
        given, rows = np.array(given[known].tolist(), dtype=None if known.any() else np.float64), rows[known]
    numbers = as_numbers(given, "daily values")
    return numbers[rows > 0], rows[rows > 0]


def _by_cluster(metric: Metric, truth: Truth, predicted: Predicted, index: Ints) -> Estimate | None:
    """Returns the jackknife's estimate; None where leaving a cluster out leaves no metric."""
    if fewest_clusters(metric, truth, index) <= 1:
        return None
    estimate = estimate_value(metric, truth, predicted, index)
    return estimate if math.isfinite(estimate.standard_error) else None


def _independent(metric: Metric, truth: Truth, predicted: Predicted, order: Ints) -> Limits | None:
    """Returns limits for independent rows; None where nothing tells an error."""
    wholes = ((ACCURACY, np.ones(truth.size)), (RECALL, truth), (PRECISION, predicted.decided))
    for proportion, rows in wholes:
        if metric is proportion:
            n = int(np.count_nonzero(np.asarray(rows)))
            return WilsonEstimate(metric.value(truth, predicted), n) if n else None
    if metric is ROC_AUC:
        rarer = min(np.count_nonzero(truth), np.count_nonzero(~truth.astype(np.bool_)))
        return estimate_area(truth, predicted.values) if rarer > 1 else None
    return _by_cluster(metric, truth, predicted, order % min(_BLOCKS, truth.size))


def _shuffled(truth: Truth, ids: npt.ArrayLike | None, seed: int) -> Ints:
    """Returns each row's place in a random order of all, which is one of the ids where there are any."""
    ranks = np.arange(truth.size) if ids is None else as_clusters(ids, truth)[1]
    places: Ints = np.random.default_rng(seed).permutation(truth.size)[ranks]
    return places


def _mean(values: Floats, weights: Floats, n: int, degrees_of_freedom: float | None = None) -> Estimate:
    """Returns the days' weighted mean, with the delete-a-day jackknife's error; 0 for a single day."""
    # In units of the largest value: no sum of finite numbers, nor of their squares, overflows.
    unit = float(np.abs(values).max()) or 1.0
    shares = weights / weights.sum()
    parts = values / unit * shares
    mean, error = float(parts.sum()), 0.0
    if values.size > 1:
        without = (mean - parts) / (1 - shares)
        deviations = without - without.mean()
        error = math.sqrt((values.size - 1) / values.size * float(deviations @ deviations))
    return Estimate(
        value=min(max(mean * unit, float(values.min())), float(values.max())),  # a mean, rounded or not
        standard_error=error * unit if error > _ROUNDING else 0.0,
        degrees_of_freedom=values.size - 1 if degrees_of_freedom is None else degrees_of_freedom,
        n=n,
        clusters=values.size,
        law=ClusterT(shares) if degrees_of_freedom is None and values.size > 1 else None,
    )


def _class_rows(truth: Truth, predicted: Predicted) -> tuple[int, ...]:
    if predicted.decided is None:
        return ()
    classes = 2 if predicted.values.ndim == 1 else predicted.values.shape[1]
    return tuple(np.bincount(truth.astype(np.intp), minlength=classes).tolist())
