"""Numbers as the gate's sentences say them: scores in absolute units, gains in losses as percentages."""

import math
from typing import TYPE_CHECKING

from ct_components.statistics.metrics import Metric

if TYPE_CHECKING:
    from ct_components.statistics.estimate import Limits
    from ct_components.statistics.evidence import Evidence


def gain_text(evidence: "Evidence", gain: float, *, metric: Metric | None = None, sign: str = "+") -> str:
    """Returns a gain: four digits of a score, or how many percent of the old loss."""
    absolute = (metric or evidence.metric).higher_is_better
    return f"{gain:{sign}.4f}" if absolute else f"{100 * gain:{sign}.2f} %"


def score_text(evidence: "Evidence") -> str:
    """Returns the challenger's score with its name."""
    return f"{evidence.metric.name} {evidence.challenger_score:.4f}"


def limit_text(
    evidence: "Evidence", gain: "Limits", alpha: float, *, side: str = "lower", metric: Metric | None = None
) -> str:
    """Returns a gain with its limit."""
    limit = gain.lower(alpha) if side == "lower" else gain.upper(alpha)
    value = gain_text(evidence, gain.value, metric=metric)
    if math.isinf(limit):
        return f"{value} without any variation"
    return f"{value}, {side} limit {gain_text(evidence, limit, metric=metric)} at alpha {alpha:.3g}"


def over(evidence: "Evidence") -> str:
    """Returns how many clusters, or rows, a limit rests on."""
    what = f"{evidence.gate.cluster}s" if evidence.gate.clustered else "rows"
    return f" over {evidence.clusters} {what}"
