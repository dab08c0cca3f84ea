"""One gain with its limits, whatever the metric, and whether rows are independent or lie in clusters."""

from ct_components.statistics.arrays import Array, Ints
from ct_components.statistics.estimate import Limits, estimate_gain
from ct_components.statistics.metrics.metric import Metric, Truth
from ct_components.statistics.metrics.predicted import Predicted


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
    """
    if index is not None:
        return estimate_gain(metric, truth, challenger, champion, index)
    raise NotImplementedError(ids)
