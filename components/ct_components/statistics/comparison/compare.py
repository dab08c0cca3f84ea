"""One gain with its limits, whatever the metric, and whether rows are independent or lie in clusters."""

from enum import StrEnum

from ct_components.statistics.arrays import Array, Ints
from ct_components.statistics.comparison.blocks import blocks_of
from ct_components.statistics.comparison.bootstrap import bootstrap_gain
from ct_components.statistics.comparison.cells import bootstrap_cells, cell_counts
from ct_components.statistics.comparison.delong import delong_gain
from ct_components.statistics.comparison.generic import generic_gain
from ct_components.statistics.comparison.mcnemar import paired_counts
from ct_components.statistics.comparison.tango import TangoEstimate
from ct_components.statistics.estimate import Limits, estimate_gain
from ct_components.statistics.metrics.classification import ACCURACY, Decided
from ct_components.statistics.metrics.metric import Additive, Metric, Truth
from ct_components.statistics.metrics.predicted import Predicted
from ct_components.statistics.metrics.ranking import ROC_AUC


class Method(StrEnum):
    """How a gain's limits come about; the words that reports use."""

    JACKKNIFE = "delete-a-cluster jackknife"
    TANGO = "Tango's score limits"
    DELONG = "DeLong's error"
    CELLS = "bootstrap of eight cells"
    BLOCKS = "bootstrap of blocks"
    GENERIC = "jackknife of blocks"


def method_of(metric: Metric, challenger: Predicted, *, clustered: bool) -> Method:
    """Returns how `compare` takes limits.

    Args:
        metric: What is compared.
        challenger: Its answers.
        clustered: Whether rows lie in clusters.

    >>> print(method_of(ROC_AUC, Predicted.binary([0.5]), clustered=False))
    DeLong's error
    """
    if clustered:
        return Method.JACKKNIFE
    if metric is ACCURACY:
        return Method.TANGO
    if metric is ROC_AUC:
        return Method.DELONG
    if isinstance(metric, Decided) and challenger.values.ndim == 1:
        return Method.CELLS
    return Method.BLOCKS if isinstance(metric, Additive) else Method.GENERIC


def compare(
    metric: Metric,
    truth: Truth,
    challenger: Predicted,
    champion: Predicted,
    *,
    index: Ints | None,
    ids: Array | None = None,
) -> Limits:
    """Returns the challenger's gain over the champion on the same rows.

    Clusters are left out one at a time, whatever the metric. Independent rows get the sharpest limit that
    there is: Tango's for accuracy, DeLong's error for the ROC AUC, the exact bootstrap of eight cells for
    other metrics of two classes' decisions, a bootstrap of blocks for what follows from sums, and else the
    jackknife of blocks.

    Args:
        metric: What is compared.
        truth: Shape (n,).
        challenger: n answers.
        champion: n answers.
        index: Shape (n,); each row's cluster, from 0 and without a gap; None if rows are independent.
        ids: Shape (n,); what identifies a row, for resampling that does not depend on the file's order.

    Returns:
        The gain and its limits.

    Raises:
        DataError: If the metric is not defined on these rows.

    >>> import numpy as np
    >>> y, rows = np.tile([True, False], 50), np.arange(100)
    >>> new, old = Predicted.binary(np.where(rows % 9, y, ~y)), Predicted.binary(np.where(rows % 5, y, ~y))
    >>> gain = compare(ACCURACY, y, new, old, index=None)
    >>> type(gain).__name__, round(gain.value, 2), round(gain.lower(0.05), 4)
    ('TangoEstimate', 0.08, -0.004)
    """
    if index is not None:
        return estimate_gain(metric, truth, challenger, champion, index)
    method = method_of(metric, challenger, clustered=False)
    if method is Method.DELONG:
        return delong_gain(truth, challenger.values, champion.values)
    new, old = challenger.decided, champion.decided
    if new is not None and old is not None:
        if method is Method.TANGO:
            return TangoEstimate(paired_counts(truth, new, old))
        if method is Method.CELLS and isinstance(metric, Additive):
            return bootstrap_cells(metric, cell_counts(truth, new, old)).estimate
    if isinstance(metric, Additive):
        blocks = blocks_of(truth.size, ids)
        return bootstrap_gain(metric, truth, challenger, champion, blocks).estimate
    return generic_gain(metric, truth, challenger, champion, ids=ids)
