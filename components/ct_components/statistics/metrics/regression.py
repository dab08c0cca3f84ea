"""Metrics of predicted numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.metrics.metric import Additive, Truth, group_sums
from ct_components.statistics.metrics.predicted import Predicted

_ROUNDING = 1e-12
"""A share of the target's variance below this is a sum of rounding errors."""


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
        spread = _spread(sums)
        with np.errstate(divide="ignore", invalid="ignore"):  # where the target does not vary there is none
            return np.asarray(1 - sums[..., 0] / spread)

    def without_each(self, truth: Truth, predicted: Predicted, index: Ints) -> Floats:
        """Returns the share without each cluster; NaN where the target varies in that cluster alone."""
        sums = self.sums(truth, predicted, index, int(index.max()) + 1)
        whole, rest = sums.sum(axis=0), sums.sum(axis=0) - sums
        return np.where(_spread(rest) > _ROUNDING * _spread(whole), self.of(rest), np.nan)


def _spread(sums: Floats) -> Floats:
    """Returns the target's squared deviations from its mean, from the sums of `RSquared`."""
    _, total, squares, n = np.moveaxis(sums, -1, 0)
    return np.asarray(squares - np.square(total) / n)


MAE = MeanError("mae", error=np.abs, back=np.asarray)
RMSE = MeanError("rmse", error=np.square, back=np.sqrt)
R2 = RSquared("r2")
