"""Metrics of predicted numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.metrics.metric import Additive, Truth, group_sums
from ct_components.statistics.metrics.predicted import Predicted


@dataclass(frozen=True)
class MeanError(Additive):
    """A mean of each row's error, in the target's own unit.

    Attributes:
        error: From the differences, shape (n,), to what is averaged.
        back: From that mean to the target's unit.
    """

    higher_is_better: bool = False
    error: Callable[[Floats], Floats] = field(kw_only=True)
    back: Callable[[Floats], Floats] = field(kw_only=True)

    def sums(self, truth: Truth, predicted: Predicted, index: Ints, groups: int) -> Floats:
        """Returns the errors' sum and the number of rows of each group; shape (groups, 2)."""
        return group_sums(index, groups, self.error(predicted.values - truth.astype(np.float64)))

    def of(self, sums: Floats) -> Floats:
        """Returns the metric; shape (...)."""
        # Taking one group from the whole can leave a little less than nothing.
        return self.back(np.maximum(sums[..., 0], 0) / sums[..., 1])


@dataclass(frozen=True)
class RSquared(Additive):
    """The share of the target's variance that is explained; below 0 for less than its mean would."""

    def sums(self, truth: Truth, predicted: Predicted, index: Ints, groups: int) -> Floats:
        """Returns squared errors, targets, squared targets and rows of each group; shape (groups, 4).

        Raises:
            DataError: If the target does not vary.
        """
        # About the mean of all rows, or the variance would be a difference of two large numbers.
        target = truth.astype(np.float64)
        centred = target - target.mean()
        if not centred.any():
            raise DataError("the target has the same value in every row; r2 needs two or more values")
        errors = np.square(predicted.values - target)
        return group_sums(index, groups, errors, centred, np.square(centred))

    def of(self, sums: Floats) -> Floats:
        """Returns the share; shape (...)."""
        errors, total, squares, n = np.moveaxis(sums, -1, 0)
        return np.asarray(1 - errors / (squares - np.square(total) / n))


MAE = MeanError("mae", error=np.abs, back=np.asarray)
RMSE = MeanError("rmse", error=np.square, back=np.sqrt)
R2 = RSquared("r2")
