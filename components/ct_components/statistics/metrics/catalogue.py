"""Each task's metrics by name, its default, and the predictor that any model must beat."""

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError, SpecError
from ct_components.statistics.arrays import as_codes, as_labels, as_numbers
from ct_components.statistics.metrics.classification import (
    ACCURACY,
    BALANCED_ACCURACY,
    BRIER_SCORE,
    F1,
    F1_MACRO,
    LOG_LOSS,
    PRECISION,
    RECALL,
)
from ct_components.statistics.metrics.metric import Metric, Truth
from ct_components.statistics.metrics.predicted import Predicted
from ct_components.statistics.metrics.ranking import AVERAGE_PRECISION, ROC_AUC, ROC_AUC_OVR
from ct_components.statistics.metrics.regression import MAE, R2, RMSE


class Task(StrEnum):
    """What is predicted.

    >>> print(Task.BINARY)
    binary
    """

    BINARY = "binary"
    """One of two classes."""
    MULTICLASS = "multiclass"
    """One of several classes."""
    REGRESSION = "regression"
    """A number."""


_BINARY = (
    ROC_AUC,
    AVERAGE_PRECISION,
    LOG_LOSS,
    BRIER_SCORE,
    ACCURACY,
    BALANCED_ACCURACY,
    F1,
    PRECISION,
    RECALL,
)
_MULTICLASS = (LOG_LOSS, ROC_AUC_OVR, ACCURACY, BALANCED_ACCURACY, F1_MACRO)
_THRESHOLDS = {F1.name: 0.0, PRECISION.name: 0.0, RECALL.name: 2.0}
"""From which share on the baseline predictor decides positive: always, always, never."""
_REGRESSION = (MAE, RMSE, R2)
_BY_TASK: dict[Task, tuple[Metric, ...]] = {
    Task.BINARY: _BINARY,
    Task.MULTICLASS: _MULTICLASS,
    Task.REGRESSION: _REGRESSION,
}


def metrics_of(task: str) -> dict[str, Metric]:
    """Returns a task's metrics by name, its default first.

    Raises:
        ValueError: If there is no such task.

    >>> list(metrics_of("regression"))
    ['mae', 'rmse', 'r2']
    """
    return {metric.name: metric for metric in _BY_TASK[Task(task)]}


def metric_named(name: str, task: str = Task.BINARY) -> Metric:
    """Returns a task's metric.

    Raises:
        SpecError: If the task has no metric of this name.

    >>> metric_named("mae", "regression").higher_is_better
    False
    """
    known = metrics_of(task)
    if name not in known:
        raise SpecError(f"metric is {name!r}; allowed for task {task}: {', '.join(known)}")
    return known[name]


def as_truth(y: npt.ArrayLike, task: str) -> Truth:
    """Returns what is true of each row, as the task's metrics take it.

    Args:
        y: Shape (n,): labels of two classes, codes of classes from 0, or numbers.
        task: What is predicted.

    Raises:
        DataError: If there are other values, or they are not one-dimensional.

    >>> as_truth([1, 0], "binary"), as_truth([1, 0.5], "regression")
    (array([ True, False]), array([1. , 0.5]))
    """
    if Task(task) is Task.BINARY:
        return as_labels(y)
    return as_codes(y) if Task(task) is Task.MULTICLASS else as_numbers(y, "targets")


def baseline(metric: Metric, task: str, centre: npt.ArrayLike, n: int) -> Predicted:
    """Returns what a predictor says that knows the training target alone, and no feature.

    It says the constant that is best for the metric: the classes' shares for a probability, the most
    frequent class for a decision (for f1 and precision the positive one, since the other scores 0; for recall
    the negative one, since no model beats deciding every row positive), the mean for squared errors, the
    median for absolute ones.

    Args:
        metric: What it is measured by.
        task: What is predicted.
        centre: Of the training rows: the share of each class, shape (classes,), or the positive one's alone;
            for regression mean and median.
        n: For how many rows.

    Raises:
        DataError: If it knows too little, or what is no number, or no share.

    >>> baseline(MAE, "regression", [3.5, 2.0], n=2).values
    array([2., 2.])
    >>> baseline(F1, "binary", 0.2, n=2).decided
    array([1, 1])
    """
    known = as_numbers(np.atleast_1d(centre), "what the baseline predictor knows")
    fewest = 2 if Task(task) is Task.REGRESSION else 1
    if known.size < fewest:
        raise DataError(f"the baseline predictor knows {known.size} numbers; allowed: mean and median")
    if Task(task) is Task.REGRESSION:
        return Predicted.regression(np.full(n, known[1 if metric is MAE else 0]))
    shares = known if known.size > 1 else np.array([1 - known[0], known[0]])
    if not ((shares >= 0) & (shares <= 1)).all() or not shares.any():
        raise DataError(
            f"the baseline predictor knows the shares {shares.tolist()}; allowed: 0 to 1, not all 0"
        )
    if Task(task) is Task.MULTICLASS:
        return Predicted.multiclass(np.tile(shares / shares.sum(), (n, 1)))
    return Predicted.binary(np.full(n, shares[1]), threshold=_THRESHOLDS.get(metric.name, 0.5))
