r"""How far two distributions over the same bins lie apart.

The population stability index (PSI) is Jeffreys' divergence of the shares :math:`p` of the reference and
:math:`q` of the current window:

.. math:: PSI = \sum_b (q_b - p_b) \ln \frac{q_b}{p_b}

A bin that is empty on one side would make it infinite, so counts are smoothed:
:math:`p_b = (c_b + a) / (N + a B)` with :math:`a = \max(1/2, 10^{-4} N)`. Half a row is Jeffreys' prior; the
second term keeps an empty bin at a share of 0.0001 however many rows there are. A floor such as 1e-300
instead lets one row beyond the reference's maximum add 0.07 to the PSI of 10,000 rows.

PSI is symmetric in reference and current window. So is the Jensen-Shannon distance, which needs no smoothing,
reaches from 0 to 1, and is reported beside it.

References:
    Jeffreys (1946). An invariant form for the prior probability in estimation problems. Proceedings of the
    Royal Society A 186, 453-461. https://doi.org/10.1098/rspa.1946.0056

    Lin (1991). Divergence measures based on the Shannon entropy. IEEE Transactions on Information Theory 37,
    145-151. https://doi.org/10.1109/18.61115
"""

import math

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.drift.bins import as_counts

_FLOOR = 1e-4
"""Share of an empty bin when there are many rows."""


def psi(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Returns the population stability index of two sets of counts.

    Args:
        reference: Rows by bin, shape (B,). Bins for what lies outside, is missing or unseen are bins like
            others.
        current: Rows by bin, shape (B,).

    Returns:
        0 or more. Sampling alone makes it positive (`null`), so that no limit fits all numbers of rows.

    Raises:
        DataError: If one side has no rows, counts are no counts, or there are not as many.

    >>> round(psi([0, 5000, 5000, 0], [500, 4750, 4750, 0]), 2)
    0.31
    """
    old, new = _both(reference, current)
    return float(psi_of_each(old, new))


def psi_of_each(reference: Ints, current: Ints) -> Floats:
    """Returns the population stability index along the last axis, for many sets of counts at once.

    Args:
        reference: Shape (..., B), already checked.
        current: Shape (..., B), already checked.

    Returns:
        The shape of both, broadcast, without the last axis.

    >>> psi_of_each(np.array([5, 5]), np.array([[5, 5], [6, 4]])).round(3)
    array([0.   , 0.033])
    """
    old, new = smoothed(reference), smoothed(current)
    sums: Floats = np.sum((new - old) * np.log(new / old), axis=-1)
    return sums


def smoothed(counts: Ints) -> Floats:
    """Returns the share of each bin, none of them 0.

    Args:
        counts: Shape (..., B).

    Returns:
        Shape (..., B), sums 1 along the last axis.

    >>> smoothed(np.array([0, 9])).tolist()
    [0.05, 0.95]
    """
    rows = counts.sum(axis=-1, keepdims=True)
    added = np.maximum(0.5, _FLOOR * rows)
    shares: Floats = (counts + added) / (rows + added * counts.shape[-1])
    return shares


def jensen_shannon(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Returns the Jensen-Shannon distance of two sets of counts: the root of the divergence in bits.

    Args:
        reference: Rows by bin, shape (B,).
        current: Rows by bin, shape (B,).

    Returns:
        0 for equal shares to 1 when no bin holds rows of both.

    Raises:
        DataError: As `psi`.

    >>> jensen_shannon([5, 5, 0], [0, 0, 7]), jensen_shannon([5, 5], [1, 1])
    (1.0, 0.0)
    """
    p, q = (counts / counts.sum() for counts in _both(reference, current))
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return math.sqrt(min(max(divergence, 0.0), 1.0))  # rounding must not leave the range


def _relative_entropy(p: Floats, q: Floats) -> float:
    held = p > 0
    return float(np.sum(p[held] * np.log2(p[held] / q[held])))


def _both(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[Ints, Ints]:
    old = as_counts(reference, "reference counts")
    new = as_counts(current, "current counts", old.size)
    for role, counts in (("reference", old), ("current window", new)):
        if not counts.any():
            raise DataError(f"the {role} has 0 rows; allowed: at least 1")
    return old, new
