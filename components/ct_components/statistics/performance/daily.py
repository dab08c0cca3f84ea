"""A metric's daily values: of single days, or of a few days together where one alone says too little.

A sequence of looks bets on values of disjoint days, so these must mean something one by one. The recall of a
day without a positive row is undefined and not 0, and the F1 of a day with one of them is 0 or 1. Days are
therefore joined, in order, until a run of them holds enough of the rows that the metric rests on:

====================================  ===============================================================
metric                                a run holds at least
====================================  ===============================================================
means over rows (`is_mean`)           one day
recall, f1                            10 positive rows
precision                             10 rows that are decided positive
other metrics that look at classes    10 rows of each class
others (rmse, r2, the user's own)     30 rows
====================================  ===============================================================

Or else 28 days, so that a rare class delays a value but never prevents it. A run is complete as soon as it
holds enough, whatever follows, so later days never change an earlier value. The last run, while it is not
complete, has no value yet.

The mean of these values is what daily looks watch. Of a mean over rows it is the metric of all rows, if
quality does not go with a day's number of rows; of other metrics it is a number of its own, as a ROC AUC
within days compares no rows of different ones. Whatever it is compared with must be measured the same way
(`Baseline`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ct_components.statistics.arrays import Bools, Floats, Ints, as_clusters
from ct_components.statistics.estimate import value_or_none
from ct_components.statistics.metrics import Metric, Predicted
from ct_components.statistics.metrics.classification import ACCURACY, F1, PRECISION, RECALL, MeanLoss
from ct_components.statistics.metrics.metric import Truth
from ct_components.statistics.metrics.regression import MeanError

_PER_KIND = 10
"""Rows of each kind: the mean F1 of runs is then within 0.01 of that of all rows."""
_ROWS = 30
"""A root of a mean square of as many is too small by 1 %."""
_LONGEST = 28
"""Days of a run, at most."""


class DailyValue(NamedTuple):
    """A metric on a run of days, mostly of one.

    Attributes:
        first: The run's first day, as text.
        last: Its last day, under which the value is stored.
        n: Its rows.
        value: The metric; None where it is not defined on these rows.
    """

    first: str
    last: str
    n: int
    value: float | None


@dataclass(frozen=True)
class Baseline:
    """How good the champion was on its promotion holdout, in both ways in which it can be watched.

    Attributes:
        of_rows: The metric on all rows at once; None if unknown.
        of_days: The mean of its daily values (`daily_values`); None if unknown.
    """

    of_rows: float | None = None
    of_days: float | None = None


def is_mean(metric: Metric) -> bool:
    """Returns whether a metric is a mean over rows, so that values of days make up that of all rows.

    >>> from ct_components.statistics.metrics import metrics_of
    >>> [name for name, metric in metrics_of("binary").items() if is_mean(metric)]
    ['log_loss', 'brier_score', 'accuracy']
    >>> [name for name, metric in metrics_of("regression").items() if is_mean(metric)]
    ['mae']
    """
    plain_error = isinstance(metric, MeanError) and metric.back is np.asarray
    return metric is ACCURACY or isinstance(metric, MeanLoss) or plain_error


def daily_values(metric: Metric, truth: Truth, predicted: Predicted, days: npt.ArrayLike) -> list[DailyValue]:
    """Returns a metric's daily values, as daily looks take them, and as they are to be stored.

    Args:
        metric: What is measured.
        truth: Shape (n,); as `metrics.catalogue.as_truth` returns it.
        predicted: n answers.
        days: Shape (n,); the day of each prediction, which sorts.

    Returns:
        One for each complete run of days, in order.

    Raises:
        DataError: If lengths are unequal, or a row has no day.

    >>> from ct_components.statistics.metrics import metric_named
    >>> truth, scores = np.array([True] * 8 + [False] * 12), Predicted.binary([0.9] * 7 + [0.1] * 13)
    >>> halves = np.arange(20) % 2
    >>> for day in daily_values(metric_named("accuracy"), truth, scores, halves):
    ...     print(*day)
    0 0 10 1.0
    1 1 10 0.9
    >>> daily_values(metric_named("recall"), truth, scores, halves)  # 8 positive rows: not yet
    []
    """
    names, index = as_clusters(days, truth)
    if not truth.size:
        return []
    kinds = _kinds(metric, truth, predicted)
    counts = np.column_stack([np.bincount(index[kind], minlength=names.size) for kind in kinds])
    runs = _runs(counts, _needed(metric, len(kinds)))
    run_of_day = np.full(names.size, len(runs))
    for place, (first, last) in enumerate(runs):
        run_of_day[first : last + 1] = place
    values, run_of_row = [], run_of_day[index]
    for place, (first, last) in enumerate(runs):
        rows = run_of_row == place
        known = bool(counts[first : last + 1].sum(axis=0).all()) or predicted.values.ndim > 1
        value = value_or_none(metric, truth[rows], predicted.rows(rows)) if known else None
        values.append(DailyValue(str(names[first]), str(names[last]), int(np.count_nonzero(rows)), value))
    return values


def defined(metric: Metric, truth: Truth, predicted: Predicted) -> bool:
    """Returns whether there is anything to count; the share of nothing is undefined here, and not 0.

    >>> from ct_components.statistics.metrics import metric_named
    >>> defined(metric_named("precision"), np.array([True, False]), Predicted.binary([0.1, 0.1]))
    False
    """
    return metric not in (RECALL, F1, PRECISION) or bool(_kinds(metric, truth, predicted)[0].any())


def _kinds(metric: Metric, truth: Truth, predicted: Predicted) -> list[Bools]:
    """Returns which rows are of each kind that the metric needs."""
    if metric in (RECALL, F1):
        return [truth.astype(np.bool_)]
    if metric is PRECISION:
        return [np.asarray(predicted.decided == 1)]
    if is_mean(metric) or predicted.decided is None or not _by_class(metric, truth):
        return [np.ones(truth.size, dtype=np.bool_)]
    classes = 2 if predicted.values.ndim == 1 else predicted.values.shape[1]
    return [np.asarray(truth.astype(np.intp) == code) for code in range(classes)]


def _by_class(metric: Metric, truth: Truth) -> bool:
    """Returns whether a metric looks at each class, asked of two rows: later days must not change it."""
    return len(metric.shares(np.array([0, 1]).astype(truth.dtype), np.zeros(2, dtype=np.intp))) > 1


def _needed(metric: Metric, kinds: int) -> int:
    """Returns how many rows of each kind make a run complete."""
    if is_mean(metric):
        return 1
    return _PER_KIND if kinds > 1 or metric in (RECALL, F1, PRECISION) else _ROWS


def _runs(counts: Ints, needed: int) -> list[tuple[int, int]]:
    """Returns the first and last day of each complete run."""
    runs, first = [], 0
    held = np.zeros(counts.shape[1], dtype=np.intp)
    for day, count in enumerate(counts):
        held = held + count
        if held.min() >= needed or day - first + 1 >= _LONGEST:
            runs.append((first, day))
            first, held = day + 1, np.zeros_like(held)
    return runs


def values_of(runs: list[DailyValue]) -> Floats:
    """Returns the values of runs on which the metric is defined; shape (runs,)."""
    return np.array([run.value for run in runs if run.value is not None], dtype=np.float64)
