"""What every metric can say, and how two of its values make a gain.

A metric knows its direction, so that nobody subtracts a loss the wrong way round. Scores, of which more is
better, gain in absolute units; losses gain relative to the old one, (old - new) / old.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.metrics.predicted import Predicted

CERTAIN = 50.0
"""The contrast of a loss of 0 with any other."""

Truth = npt.NDArray[np.generic]
"""What is true of n rows: booleans (binary), class codes from 0 (multiclass) or float64 (regression)."""


@dataclass(frozen=True)
class Metric(ABC):
    """A number that says how well a model does on n rows.

    Attributes:
        name: As scikit-learn calls it, without its "neg_".
        higher_is_better: Whether it is a score; else it is a loss, of which less is better and 0 is best.
    """

    name: str
    higher_is_better: bool = True

    @abstractmethod
    def value(self, truth: Truth, predicted: Predicted) -> float:
        """Returns the metric on all rows.

        Args:
            truth: Shape (n,).
            predicted: n answers.

        Raises:
            DataError: If the metric is not defined on these rows.
        """

    @abstractmethod
    def without_each(self, truth: Truth, predicted: Predicted, index: Ints) -> Floats:
        """Returns the metric on all rows but those of one cluster, for each cluster.

        Args:
            truth: Shape (n,).
            predicted: n answers.
            index: Shape (n,); each row's cluster, from 0 and without a gap; at least two clusters.

        Returns:
            Shape (clusters,).
        """

    def shares(self, truth: Truth, index: Ints) -> Floats:  # noqa: ARG002 — classes look at it
        """Returns how the rows that the metric rests on spread over the clusters.

        A metric of all rows has one kind of them; one that looks at each class for itself has several, and
        rests on the clusters of the one that fewer hold.

        Args:
            truth: Shape (n,).
            index: Shape (n,); each row's cluster, from 0 and without a gap.

        Returns:
            Shape (kinds, clusters); each row sums to 1, or is 0 for a kind without rows.
        """
        return _normalised(np.bincount(index, minlength=_groups(index))[np.newaxis])

    def gain(self, new: Floats | float, old: Floats | float) -> Floats:
        """Returns by how much the new value is better than the old; element by element.

        Where an old loss is 0, nothing is better: the gain is 0 if the new loss is 0, too, and else -1.

        Args:
            new: Any shape.
            old: The same shape.

        Returns:
            Positive where the new value is better; the same shape.
        """
        new, old = np.asarray(new, dtype=np.float64), np.asarray(old, dtype=np.float64)
        if self.higher_is_better:
            return np.asarray(new - old)
        perfect = old == 0
        relative = (old - new) / np.where(perfect, 1.0, old)
        return np.where(perfect, -np.sign(new), relative)

    def contrast(self, new: Floats | float, old: Floats | float) -> Floats:
        """Returns the gain on the scale that its error is estimated on: exchanged models differ in sign.

        That is the difference of two scores, and the logarithm of the ratio of two losses. A loss of 0 leaves
        no error to estimate, so its contrast with any other is the same: 50.

        Args:
            new: Any shape.
            old: The same shape.

        Returns:
            Positive where the new value is better; the same shape. `estimate.gain_of` makes it a gain.
        """
        new, old = np.asarray(new, dtype=np.float64), np.asarray(old, dtype=np.float64)
        if self.higher_is_better:
            return np.asarray(new - old)
        perfect = np.where(new == old, 0.0, np.where(new == 0, CERTAIN, -CERTAIN))
        some = (new > 0) & (old > 0)
        return np.where(some, np.log(np.where(some, old, 1.0)) - np.log(np.where(some, new, 1.0)), perfect)


@dataclass(frozen=True)
class Additive(Metric):
    """A metric that follows from sums over the rows, so that any subset of groups costs one addition."""

    @abstractmethod
    def sums(self, truth: Truth, predicted: Predicted, index: Ints, groups: int) -> Floats:
        """Returns the sums of each group's rows.

        Args:
            truth: Shape (n,).
            predicted: n answers.
            index: Shape (n,); each row's group, 0 to groups - 1.
            groups: Number of groups.

        Returns:
            Shape (groups, terms).
        """

    @abstractmethod
    def of(self, sums: Floats) -> Floats:
        """Returns the metric from sums.

        Args:
            sums: Shape (..., terms).

        Returns:
            Shape (...).
        """

    def value(self, truth: Truth, predicted: Predicted) -> float:
        """Returns the metric on all rows."""
        return float(self.of(self.sums(truth, predicted, np.zeros(len(truth), dtype=np.intp), 1)[0]))

    def without_each(self, truth: Truth, predicted: Predicted, index: Ints) -> Floats:
        """Returns the metric on all rows but those of one cluster, for each cluster."""
        sums = self.sums(truth, predicted, index, _groups(index))
        return self.of(sums.sum(axis=0) - sums)


def class_shares(truth: Truth, index: Ints) -> Floats:
    """Returns how the rows of each class spread over the clusters; shape (classes, clusters).

    Of two classes both count, also one without rows. Of several, one that no row has does not.
    """
    groups, binary = _groups(index), truth.dtype == np.bool_
    codes = truth.astype(np.intp)
    classes = 2 if binary else int(codes.max(initial=0)) + 1
    counts = np.bincount(codes * groups + index, minlength=classes * groups).reshape(classes, groups)
    return _normalised(counts if binary else counts[counts.any(axis=1)])


def group_sums(index: Ints, groups: int, *terms: Floats) -> Floats:
    """Returns the sum of each term in each group, and the number of rows last; shape (groups, terms + 1)."""
    columns = [np.bincount(index, weights=term, minlength=groups) for term in terms]
    return np.column_stack([*columns, np.bincount(index, minlength=groups)]).astype(np.float64)


def share(part: Floats, whole: Floats) -> Floats:
    """Returns part / whole, and 0 where the whole is 0."""
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))


def _groups(index: Ints) -> int:
    return int(index.max()) + 1 if index.size else 0


def _normalised(counts: npt.NDArray[np.int_]) -> Floats:
    rows = counts.astype(np.float64)
    return share(rows, np.broadcast_to(rows.sum(axis=1, keepdims=True), rows.shape))
