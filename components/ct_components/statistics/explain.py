"""Numbers as the gate's sentences say them: scores in absolute units, gains in losses as percentages."""

import math
from typing import TYPE_CHECKING

from ct_components.statistics.metrics import Metric

if TYPE_CHECKING:
    from ct_components.statistics.estimate import Limits
    from ct_components.statistics.evidence import Evidence


_SHORT, _LONG = 0.01, 1e9
"""Losses below, and numbers from here on are shown with four digits and their power of ten."""


def gain_text(evidence: "Evidence", gain: float, *, metric: Metric | None = None, sign: str = "+") -> str:
    """Returns a gain: four digits of a score, or how many percent of the old loss."""
    absolute = (metric or evidence.metric).higher_is_better
    shown = gain if absolute else 100 * gain
    digits = f"{shown:{sign}.4g}" if abs(shown) >= _LONG else f"{shown:{sign}.{4 if absolute else 2}f}"
    return digits if absolute else f"{digits} %"


def score_text(evidence: "Evidence") -> str:
    """Returns the challenger's score with its name."""
    score = evidence.challenger_score
    assert score is not None
    usual = score == 0 or _SHORT <= abs(score) < _LONG
    return f"{evidence.metric.name} {score:{'.4f' if usual else '.4g'}}"


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
