"""Metrics of what a classifier decides, and of the probabilities that it gives.

All follow from counts or sums by class, so that leaving out a day or drawing resamples costs additions.
A share of nothing, such as the precision of a model that decides no row positive, is 0.

References:
    Brier (1950). Verification of forecasts expressed in terms of probability. Monthly Weather Review 78, 1-3.

    Brodersen, Ong, Stephan & Buhmann (2010). The balanced accuracy and its posterior distribution. ICPR
    3121-3124. https://doi.org/10.1109/ICPR.2010.764
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.metrics.metric import Additive, Truth, class_shares, group_sums, share
from ct_components.statistics.metrics.predicted import Predicted

_SMALLEST = float(np.finfo(np.float64).eps)
"""A probability below this counts as this: one sure mistake must not make a loss infinite."""

_POSITIVE = 1
_MOST_CROSSED = 32


@dataclass(frozen=True)
class Decided(Additive):
    """A metric of decisions, from three counts of each class: decided rightly, decided, true.

    Attributes:
        formula: From those counts, each of shape (..., classes), to the metric, shape (...).
        by_class: Whether each class matters for itself, not only by its size.
    """

    formula: Callable[[Floats, Floats, Floats], Floats] = field(kw_only=True)
    by_class: bool = field(default=True, kw_only=True)

    def sums(self, truth: Truth, predicted: Predicted, index: Ints, groups: int) -> Floats:
        """Returns the three counts of each class in each group; shape (groups, 3 * classes)."""
        decided, classes = _decisions(predicted), _classes(predicted)
        if classes > _MOST_CROSSED:
            return _counts_one_by_one(truth.astype(np.intp), decided, classes, index, groups)
        cells = (index * classes + truth.astype(np.intp)) * classes + decided
        counts = np.bincount(cells, minlength=groups * classes**2).reshape(groups, classes, classes)
        three = np.diagonal(counts, axis1=1, axis2=2), counts.sum(axis=1), counts.sum(axis=2)
        return np.concatenate(three, axis=1).astype(np.float64)

    def of(self, sums: Floats) -> Floats:
        """Returns the metric from counts; shape (...)."""
        right, decided, true = np.split(sums, 3, axis=-1)
        return self.formula(right, decided, true)

    def shares(self, truth: Truth, index: Ints) -> Floats:
        """Returns how the rows of each class spread over the clusters, or all rows at once."""
        if not self.by_class:
            return super().shares(truth, index)
        return class_shares(truth, index)


@dataclass(frozen=True)
class MeanLoss(Additive):
    """The mean of a loss of each row's probabilities.

    Attributes:
        loss: From the probability of each class, shape (n, classes), and the true class, shape (n,), to each
            row's loss, shape (n,).
    """

    higher_is_better: bool = False
    loss: Callable[[Floats, Ints], Floats] = field(kw_only=True)

    def sums(self, truth: Truth, predicted: Predicted, index: Ints, groups: int) -> Floats:
        """Returns the losses' sum and the number of rows of each group; shape (groups, 2).

        Raises:
            DataError: If the model gives no probabilities.
        """
        if not predicted.probabilities:
            raise DataError(f"{self.name} needs probabilities, and the scores are none; allowed: 0 to 1")
        return group_sums(index, groups, self.loss(predicted.values, truth.astype(np.intp)))

    def of(self, sums: Floats) -> Floats:
        """Returns the mean loss; shape (...)."""
        return sums[..., 0] / sums[..., 1]


def _log_loss(probabilities: Floats, truth: Ints) -> Floats:
    return np.asarray(-np.log(np.maximum(_of_true_class(probabilities, truth), _SMALLEST)))


def _brier(probabilities: Floats, truth: Ints) -> Floats:
    return np.asarray(np.square(1 - _of_true_class(probabilities, truth)))


def _of_true_class(probabilities: Floats, truth: Ints) -> Floats:
    """Returns the probability that each row's true class was given; shape (n,)."""
    if probabilities.ndim == 1:
        return np.where(truth == _POSITIVE, probabilities, 1 - probabilities)
    return np.take_along_axis(probabilities, truth[:, np.newaxis], axis=1)[:, 0]


def _accuracy(right: Floats, decided: Floats, true: Floats) -> Floats:  # noqa: ARG001 — as its siblings
    return share(right.sum(axis=-1), true.sum(axis=-1))


def _balanced_accuracy(right: Floats, decided: Floats, true: Floats) -> Floats:  # noqa: ARG001
    return share(share(right, true).sum(axis=-1), (true > 0).sum(axis=-1))


def _f1_of_each(right: Floats, decided: Floats, true: Floats) -> Floats:
    return share(2 * right, decided + true)


def _f1_macro(right: Floats, decided: Floats, true: Floats) -> Floats:
    return share(_f1_of_each(right, decided, true).sum(axis=-1), (decided + true > 0).sum(axis=-1))


def _f1(right: Floats, decided: Floats, true: Floats) -> Floats:
    return _f1_of_each(right, decided, true)[..., _POSITIVE]


def _precision(right: Floats, decided: Floats, true: Floats) -> Floats:  # noqa: ARG001
    return share(right, decided)[..., _POSITIVE]


def _recall(right: Floats, decided: Floats, true: Floats) -> Floats:  # noqa: ARG001
    return share(right, true)[..., _POSITIVE]


ACCURACY = Decided("accuracy", formula=_accuracy, by_class=False)
BALANCED_ACCURACY = Decided("balanced_accuracy", formula=_balanced_accuracy)
F1 = Decided("f1", formula=_f1)
F1_MACRO = Decided("f1_macro", formula=_f1_macro)
PRECISION = Decided("precision", formula=_precision)
RECALL = Decided("recall", formula=_recall)
LOG_LOSS = MeanLoss("log_loss", loss=_log_loss)
BRIER_SCORE = MeanLoss("brier_score", loss=_brier)


def _decisions(predicted: Predicted) -> Ints:
    assert predicted.decided is not None, "a regression decides no class"
    return predicted.decided


def _counts_one_by_one(codes: Ints, decided: Ints, classes: int, index: Ints, groups: int) -> Floats:
    """Returns the three counts of each class where a table of all pairs of classes would be too large."""
    right = codes == decided
    counts = [
        np.bincount(rows * classes + of, minlength=groups * classes).reshape(groups, classes)
        for rows, of in ((index[right], codes[right]), (index, decided), (index, codes))
    ]
    return np.concatenate(counts, axis=1).astype(np.float64)


def _classes(predicted: Predicted) -> int:
    return 2 if predicted.values.ndim == 1 else predicted.values.shape[1]
