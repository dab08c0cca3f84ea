"""One model's answers on the rows of a window, checked once."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Bools, Floats, Ints, as_numbers, as_probabilities


@dataclass(frozen=True, eq=False)
class Predicted:
    """What one model says of n rows.

    Attributes:
        values: Binary: scores of the positive class, shape (n,). Multiclass: probabilities, shape
            (n, classes). Regression: numbers, shape (n,).
        decided: The class decided, shape (n,): 0 or 1, or a column of `values`; None for regression.
        probabilities: Whether the values are probabilities, so that a log loss has a meaning.
    """

    values: Floats
    decided: Ints | None
    probabilities: bool

    @classmethod
    def binary(
        cls,
        scores: npt.ArrayLike,
        *,
        threshold: float = 0.5,
        probabilities: bool | None = None,
        role: str = "scores",
    ) -> Self:
        """Returns the answers of a binary classifier.

        Args:
            scores: Shape (n,); larger means more probably positive.
            threshold: Rows that score at least this are decided positive.
            probabilities: Whether the scores are probabilities; by default, when all lie from 0 to 1.
            role: Whose scores, for the message.

        Raises:
            DataError: If a score is not finite, or no probability though it should be, or a threshold is NaN.

        >>> Predicted.binary([0.2, 0.5]).decided
        array([0, 1])
        """
        if math.isnan(threshold):
            raise DataError("threshold is NaN; allowed: a number")
        values = as_numbers(scores, role)
        outside = bool(((values < 0) | (values > 1)).any())
        if probabilities and outside:
            raise DataError(f"{role} reach from {values.min()} to {values.max()}; allowed: 0 to 1")
        sure = not outside if probabilities is None else probabilities
        return cls(values, (values >= threshold).astype(np.intp), sure)

    @classmethod
    def multiclass(cls, probabilities: npt.ArrayLike, *, role: str = "probabilities") -> Self:
        """Returns the answers of a classifier with any number of classes; it decides the likeliest.

        Args:
            probabilities: Shape (n, classes); rows sum to 1.
            role: Whose probabilities, for the message.

        Raises:
            DataError: If they are no probabilities.

        >>> Predicted.multiclass([[0.2, 0.5, 0.3]]).decided
        array([1])
        """
        values = as_probabilities(probabilities, role)
        return cls(values, values.argmax(axis=1), probabilities=True)

    @classmethod
    def regression(cls, numbers: npt.ArrayLike, *, role: str = "predictions") -> Self:
        """Returns the answers of a regression.

        Args:
            numbers: Shape (n,).
            role: Whose predictions, for the message.

        Raises:
            DataError: If one is NaN or infinite.

        >>> Predicted.regression([1, 2]).values
        array([1., 2.])
        """
        return cls(as_numbers(numbers, role), None, probabilities=False)

    def with_classes(self, classes: int) -> Self:
        """Returns the answers with a probability of 0 for further classes, which the model never saw.

        Args:
            classes: How many there are.
        """
        missing = classes - self.values.shape[1]
        if missing <= 0:
            return self
        values = np.pad(self.values, ((0, 0), (0, missing)))
        return type(self)(values, self.decided, self.probabilities)

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, chosen: Bools) -> Self:
        """Returns the answers on some of the rows.

        Args:
            chosen: Which, shape (n,).
        """
        decided = None if self.decided is None else self.decided[chosen]
        return type(self)(self.values[chosen], decided, self.probabilities)
