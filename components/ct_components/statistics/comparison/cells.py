"""The gain in any metric of two classes' decisions, from eight counts: label, challenger and champion.

Accuracy, balanced accuracy, F1, precision and recall look at a row only through its label and what each model
decides. So all rows of one of the eight cells are the same row, and a bootstrap of a million rows is a draw
of eight numbers from a multinomial distribution: the exact law of resampling the rows one by one, not an
approximation. With clusters, whole clusters are drawn, each with its eight counts.

Limits are taken as in `bootstrap`, for the same reason.

References:
    Efron & Tibshirani (1993). An Introduction to the Bootstrap. Chapman & Hall.
    https://doi.org/10.1201/9780429246593
"""

import itertools

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Bools, Floats, Ints, as_labels
from ct_components.statistics.comparison.bootstrap import (
    RESAMPLES,
    Bootstrap,
    bootstrap,
    resampled_sums,
)
from ct_components.statistics.comparison.mcnemar import PairedCounts, as_decisions
from ct_components.statistics.metrics.metric import Additive
from ct_components.statistics.metrics.predicted import Predicted

_CELLS = 8
_SHAPE = (2, 2, 2)
_LABEL, _NEW, _OLD = (np.indices(_SHAPE)[axis].ravel() for axis in range(3))
"""Of each cell, in the counts' own order: its label, and what each model decides."""

_AS_THEY_ARE = np.arange(_CELLS)
_EXCHANGED = _AS_THEY_ARE.reshape(_SHAPE).swapaxes(1, 2).ravel()
"""The cells in the order that they have when the models are exchanged."""


def cell_counts(
    y: npt.ArrayLike, challenger: npt.ArrayLike, champion: npt.ArrayLike, index: Ints | None = None
) -> Ints:
    """Returns how many rows have each label, challenger's decision and champion's decision.

    Args:
        y: Labels, shape (n,); True is positive.
        challenger: What the challenger decides, shape (n,): booleans, or 0 and 1.
        champion: What the champion decides, shape (n,).
        index: Shape (n,); each row's cluster, from 0 and without a gap. None counts all rows together.

    Returns:
        Shape (2, 2, 2), or (clusters, 2, 2, 2): by label, challenger and champion, the positive one second.

    Raises:
        DataError: If lengths are unequal, or a value is not 0, 1, False or True.

    >>> cell_counts([0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 1, 0]).tolist()
    [[[1, 1], [0, 0]], [[0, 0], [1, 1]]]
    """
    labels = as_labels(y)
    new = _decisions(challenger, labels, "challenger decisions")
    old = _decisions(champion, labels, "champion decisions")
    if index is None:
        cells = itertools.product(*((~flags, flags) for flags in (labels, new, old)))
        return np.array([np.count_nonzero(a & b & c) for a, b, c in cells]).reshape(_SHAPE)
    if index.size != labels.size:
        raise DataError(f"{index.size} clusters for {labels.size} labels; allowed: one for each")
    code = labels.view(np.uint8) << 2 | new.view(np.uint8) << 1 | old.view(np.uint8)
    groups = int(index.max(initial=-1)) + 1
    return np.bincount(index * _CELLS + code, minlength=groups * _CELLS).reshape(groups, *_SHAPE)


def paired_counts_of(counts: npt.ArrayLike) -> PairedCounts:
    """Returns which of the two models is right how often, as McNemar's test and Tango's limits take it.

    Args:
        counts: Shape (2, 2, 2), or (clusters, 2, 2, 2).

    Raises:
        DataError: If they have another shape, or one is negative.

    >>> paired_counts_of([[[1, 1], [0, 0]], [[0, 0], [1, 1]]])
    PairedCounts(both=2, challenger=2, champion=0, neither=0)
    """
    cells = _checked(counts).sum(axis=0)
    by_new, by_old = _NEW == _LABEL, _OLD == _LABEL
    return PairedCounts(
        *(int(cells[new & old].sum()) for new, old in ((by_new, by_old), (by_new, ~by_old))),
        *(int(cells[new & old].sum()) for new, old in ((~by_new, by_old), (~by_new, ~by_old))),
    )


def cell_values(metric: Additive, counts: npt.ArrayLike) -> tuple[float, float]:
    """Returns the metric of the challenger and of the champion.

    Args:
        metric: Of decisions, such as F1; not of probabilities.
        counts: Shape (2, 2, 2), or (clusters, 2, 2, 2).

    Raises:
        DataError: If counts have another shape, one is negative, or the metric needs more than decisions.

    >>> from ct_components.statistics.metrics import metric_named
    >>> cell_values(metric_named("accuracy", "binary"), [[[1, 1], [0, 0]], [[0, 0], [1, 1]]])
    (1.0, 0.5)
    """
    new, old = _terms(metric)
    cells = _checked(counts).sum(axis=0)
    return float(metric.of(cells @ new)), float(metric.of(cells @ old))


def bootstrap_cells(
    metric: Additive, counts: npt.ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0
) -> Bootstrap:
    """Returns the challenger's gain over the champion, from resampled counts.

    Exchanging the two models negates the value and every resample's, and leaves the standard error as it is.

    Args:
        metric: Of decisions, such as F1; not of probabilities.
        counts: Shape (2, 2, 2) for independent rows, or (clusters, 2, 2, 2) to draw whole clusters.
        resamples: How many.
        seed: Of the resamples.

    Returns:
        The gain.

    Raises:
        DataError: If counts have another shape, one is negative, there are fewer than two rows (or clusters)
            or resamples, or the metric needs more than decisions.

    >>> from ct_components.statistics.metrics import metric_named
    >>> counts = [[[700, 30], [10, 60]], [[40, 20], [50, 90]]]
    >>> gain = bootstrap_cells(metric_named("f1", "binary"), counts)
    >>> round(gain.estimate.value, 3), round(gain.estimate.standard_error, 3), gain.estimate.n
    (0.133, 0.03, 1000)
    """
    new, old = _terms(metric)
    cells = _checked(counts)
    total = cells.sum(axis=0)
    n = int(total.sum())
    if cells.shape[0] > 1 or np.ndim(counts) > len(_SHAPE):
        units, drawn = cells.shape[0], resampled_sums(cells, resamples, seed)
    else:
        units, drawn = n, _drawn(total, n, resamples, seed)
    return bootstrap(metric, [total @ new, total @ old], [drawn @ new, drawn @ old], n=n, units=units)


def _drawn(cells: Floats, n: int, resamples: int, seed: int) -> Floats:
    if min(n, resamples) <= 1:
        raise DataError(f"{resamples} resamples of {n} rows; allowed: at least 2 of each")
    # Cells are drawn in the same order whichever of two models is called the challenger.
    order = max(_AS_THEY_ARE, _EXCHANGED, key=lambda order: cells[order].tolist())
    draws = np.random.default_rng(seed).multinomial(n, cells[order] / n, size=resamples)
    return draws[:, order].astype(np.float64)


def _terms(metric: Additive) -> tuple[Floats, Floats]:
    """Returns what one row of each cell adds to each model's sums; shape (cells, terms), both."""
    each = np.arange(_CELLS)
    of_both = (
        Predicted(decided.astype(np.float64), decided, probabilities=False) for decided in (_NEW, _OLD)
    )
    new, old = (metric.sums(_LABEL.astype(np.bool_), predicted, each, _CELLS) for predicted in of_both)
    return new, old


def _checked(counts: npt.ArrayLike) -> Floats:
    """Returns the counts of each cluster, or of all rows as one; shape (clusters, cells)."""
    cells = np.asarray(counts)
    if cells.shape[-3:] != _SHAPE or cells.ndim not in (3, 4):
        raise DataError(f"counts have the shape {cells.shape}; allowed: (2, 2, 2) or (clusters, 2, 2, 2)")
    if not (cells >= 0).all():
        raise DataError(f"the smallest count is {cells.min()}; allowed: 0 or more")
    strange = cells[np.isinf(cells) | (cells != np.floor(cells))]
    if strange.size:
        raise DataError(f"a count is {strange[0]}; allowed: 0, 1, 2 and so on")
    return cells.reshape(-1, _CELLS).astype(np.float64)


def _decisions(decided: npt.ArrayLike, labels: Bools, role: str) -> Bools:
    decisions = as_decisions(decided, role)
    if decisions.size != labels.size:
        raise DataError(f"{decisions.size} {role} for {labels.size} labels; allowed: one for each")
    return decisions
