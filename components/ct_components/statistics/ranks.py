"""Rows in the order of their scores, and how many rows of the other class each has passed.

One sort serves every area under a curve and every placement value. What is counted are multiples of one half,
so that sums and differences are exact whatever their order.

References:
    Sun & Xu (2014). Fast implementation of DeLong's algorithm for comparing the areas under correlated
    receiver operating characteristic curves. IEEE Signal Processing Letters 21, 1389-1393.
    https://doi.org/10.1109/LSP.2014.2337313
"""

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ct_components.statistics.arrays import Bools, Floats, Ints

Integers = npt.NDArray[np.integer[Any]]
"""Of any width: short ones are read faster."""

_Values = TypeVar("_Values", Floats, Integers)


class Ranked(NamedTuple):
    """Rows sorted by score.

    Attributes:
        order: Shape (n,); the row at each place.
        positive: Shape (n,); the label at each place.
        starts: Shape (n,); whether a place scores more than the one before it.
        placed: Shape (n,); the placement value at each place, as a count (`roc.Placements`).
    """

    order: Ints
    positive: Bools
    starts: Bools
    placed: Floats


def rank(labels: Bools, scores: Floats) -> Ranked:
    """Returns the rows by rising score.

    Args:
        labels: Shape (n,); True is positive.
        scores: Shape (n,), finite.

    >>> rank(np.array([True, False, True]), np.array([2.0, 1.0, 1.0])).placed[-1]
    np.float64(1.0)
    """
    order = np.argsort(scores)
    ascending, positive = scores[order], labels[order]
    starts = np.append(True, ascending[1:] != ascending[:-1])
    below, above = below_each(~positive, starts), positive.sum() - below_each(positive, starts)
    return Ranked(order, positive, starts, np.where(positive, below, above))


def below_each(counted: Bools, starts: Bools) -> Floats:
    """Returns how many of the counted lie before each place that does not count itself, level ones half.

    Args:
        counted: Shape (n,); which places count; what is returned for these has no meaning.
        starts: Shape (n,); whether a place is above the one before it, not level with it.

    Returns:
        Shape (n,).

    >>> counted, starts = np.array([True, False, True, False]), np.array([True, True, True, False])
    >>> below_each(counted, starts)[~counted]
    array([1. , 1.5])
    """
    passed: Floats = np.cumsum(counted.astype(np.float64))
    if starts.all():
        return passed
    first = np.flatnonzero(starts)
    last = np.append(first[1:], counted.size) - 1
    middle = (passed[first] - counted[first] + passed[last]) / 2
    return np.repeat(middle, last - first + 1)


def parted(values: _Values, labels: Bools) -> tuple[_Values, _Values]:
    """Returns the values of the positive rows and those of the negative ones, in their order.

    Numpy takes a quarter of the time to pick values by number instead of by flags.

    Args:
        values: Shape (n,).
        labels: Shape (n,); True is positive.

    >>> parted(np.array([1, 2, 3]), np.array([True, False, True]))
    (array([1, 3]), array([2]))
    """
    return values[np.flatnonzero(labels)], values[np.flatnonzero(~labels)]
