"""Metrics of how well scores rank: areas under curves, which no sum over rows gives.

References:
    Hand & Till (2001). A simple generalisation of the area under the ROC curve for multiple class
    classification problems. Machine Learning 45, 171-186. https://doi.org/10.1023/A:1010920819831

    Davis & Goadrich (2006). The relationship between precision-recall and ROC curves. ICML 233-240.
    https://doi.org/10.1145/1143844.1143874
"""

from dataclasses import dataclass

import numpy as np

from ct_components.statistics.arrays import Bools, Floats, Ints, require_both_classes
from ct_components.statistics.metrics.metric import Metric, Truth, class_shares
from ct_components.statistics.metrics.predicted import Predicted
from ct_components.statistics.roc import auc_without_each, roc_auc


@dataclass(frozen=True)
class Ranking(Metric):
    """A metric of two classes' ranks, which rests on the clusters of either class."""

    def shares(self, truth: Truth, index: Ints) -> Floats:
        """Returns how the rows of each class spread over the clusters; shape (classes, clusters)."""
        return class_shares(truth, index)


@dataclass(frozen=True)
class RocAuc(Ranking):
    """The area under the ROC curve (`roc`)."""

    def value(self, truth: Truth, predicted: Predicted) -> float:
        """Returns the area."""
        return roc_auc(truth, predicted.values)

    def without_each(self, truth: Truth, predicted: Predicted, index: Ints) -> Floats:
        """Returns the area without each cluster, ranked once."""
        return auc_without_each(truth, predicted.values, index)


@dataclass(frozen=True)
class RocAucOvr(Ranking):
    """The mean of each class's area under the ROC curve against the rest, all classes alike.

    Classes without a row, or with every row, are left out.
    """

    def value(self, truth: Truth, predicted: Predicted) -> float:
        """Returns the mean area."""
        areas = [roc_auc(truth == code, predicted.values[:, code]) for code in _present(truth)]
        return float(np.mean(areas))

    def without_each(self, truth: Truth, predicted: Predicted, index: Ints) -> Floats:
        """Returns the mean area without each cluster."""
        areas = [
            auc_without_each(truth == code, predicted.values[:, code], index) for code in _present(truth)
        ]
        return np.asarray(np.mean(areas, axis=0))


@dataclass(frozen=True)
class AveragePrecision(Ranking):
    """The area under the precision-recall curve, in steps: mean precision at each recall gained."""

    def value(self, truth: Truth, predicted: Predicted) -> float:
        """Returns the area."""
        labels = truth.astype(np.bool_)
        require_both_classes(labels)
        order = np.argsort(-predicted.values, kind="stable")
        return _average_precision(labels[order], predicted.values[order])

    def without_each(self, truth: Truth, predicted: Predicted, index: Ints) -> Floats:
        """Returns the area without each cluster, sorted once."""
        order = np.argsort(-predicted.values, kind="stable")
        labels, scores, cluster = truth.astype(np.bool_)[order], predicted.values[order], index[order]
        areas = []
        for each in range(int(index.max()) + 1):
            kept = cluster != each
            areas.append(_average_precision(labels[kept], scores[kept]))
        return np.array(areas)


ROC_AUC = RocAuc("roc_auc")
ROC_AUC_OVR = RocAucOvr("roc_auc_ovr")
AVERAGE_PRECISION = AveragePrecision("average_precision")


def _average_precision(labels: Bools, scores: Floats) -> float:
    """Returns the area from rows sorted by falling score; equal scores are one step."""
    last = np.append(scores[1:] != scores[:-1], True)
    found = np.cumsum(labels)[last]
    precision = found / (np.flatnonzero(last) + 1)
    return float(np.diff(found, prepend=0) @ precision / found[-1])


def _present(truth: Truth) -> list[int]:
    """Returns the classes that have a row and lack one."""
    codes = truth.astype(np.intp)
    counts = np.bincount(codes)
    present = [int(code) for code in np.flatnonzero(counts) if counts[code] < codes.size]
    if not present:
        require_both_classes(codes.astype(np.bool_))
    return present
