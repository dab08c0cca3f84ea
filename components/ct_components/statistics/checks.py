"""The gate's checks: one small callable for each reason to decide, asked in order until one does.

A check takes the evidence and returns a decision, or None to leave it to the next. The order is the policy:
evidence first, then what every model must pass, then the comparison. `superior` always decides.

>>> from ct_components.statistics.settings import Gate
>>> from ct_components.statistics.evidence import gather
>>> evidence = gather([0, 1] * 9, [1, 2] * 9, None, ["mon"] * 18, gate=Gate(min_per_class=5), challenge=1)
>>> enough_rows(evidence) is None
True
>>> print(decide(evidence).explanation)
Too little evidence: each class must occur on at least 10 days; one occurs on 1 of 1.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ct_components.statistics.estimate import Estimate
from ct_components.statistics.evidence import BASELINE_SCORE, Evidence
from ct_components.statistics.settings import Reason, Verdict


class Decision(NamedTuple):
    """A verdict with its reason.

    Attributes:
        verdict: What is decided.
        reason: Why, in one stable word.
        explanation: Why, in one sentence with the numbers.
    """

    verdict: Verdict
    reason: Reason
    explanation: str


Check = Callable[[Evidence], Decision | None]
"""What decides, or leaves it to the next check."""


def enough_rows(evidence: Evidence) -> Decision | None:
    """Decides insufficient with fewer rows of a class than the gate wants, as with none at all."""
    if evidence.rarer_class >= evidence.gate.min_per_class:
        return None
    return Decision(
        Verdict.INSUFFICIENT,
        Reason.TOO_FEW_ROWS_OF_A_CLASS,
        f"Too little evidence: of {evidence.n} rows, {evidence.positives} are positive and "
        f"{evidence.n - evidence.positives} negative; at least {evidence.gate.min_per_class} of each "
        "are needed.",
    )


def enough_clusters(evidence: Evidence) -> Decision | None:
    """Decides insufficient when a class occurs in fewer clusters than the gate wants."""
    if evidence.class_clusters >= evidence.gate.min_clusters:
        return None
    return Decision(
        Verdict.INSUFFICIENT,
        Reason.TOO_FEW_CLUSTERS,
        f"Too little evidence: each class must occur on at least {evidence.gate.min_clusters} "
        f"{evidence.gate.cluster}s; one occurs on {evidence.class_clusters} of {evidence.clusters}.",
    )


def above_floor(evidence: Evidence) -> Decision | None:
    """Rejects a score below the metric's absolute floor, champion or not."""
    score, metric = evidence.challenger_score, evidence.gate.metric
    assert score is not None
    floor = evidence.gate.floors.get(metric)
    if floor is None or score >= floor:
        return None
    return Decision(
        Verdict.REJECT, Reason.FLOOR, f"The challenger's {metric} {score:.4f} is below the floor {floor:.4f}."
    )


def above_baseline(evidence: Evidence) -> Decision | None:
    """Rejects what is not proven better than the baseline predictor, at the gate's whole one-sided alpha.

    One that ranks every positive row above every negative one leaves no error to estimate; it is put on
    hold, since a leaked label is likelier than a perfect model.
    """
    excess = _known(evidence.excess)
    if excess.standard_error == 0 and excess.value > 0:
        return _no_variance(evidence, f"{excess.value:+.4f} over the baseline predictor")
    if excess.lower(evidence.gate.alpha) > 0:
        return None
    return Decision(
        Verdict.REJECT,
        Reason.BASELINE,
        f"Not proven better than the baseline predictor: {_over_baseline(evidence)}; "
        f"a limit above {BASELINE_SCORE} is needed.",
    )


def first_model(evidence: Evidence) -> Decision | None:
    """Promotes where there is no champion: floors and baseline are passed by now."""
    if evidence.has_champion:
        return None
    return Decision(
        Verdict.PROMOTE,
        Reason.FIRST,
        f"There is no champion yet, and {_over_baseline(evidence)}, passes floors and baseline.",
    )


def alpha_left(evidence: Evidence) -> Decision | None:
    """Holds when earlier challenges of this champion spent the whole alpha."""
    if evidence.alpha > 0:
        return None
    return Decision(
        Verdict.HOLD,
        Reason.NO_ALPHA_LEFT,
        f"Nothing can be proven: this is challenge {evidence.challenge} of the champion, and spending "
        f"{evidence.gate.spending} has left no alpha.",
    )


def some_variance(evidence: Evidence) -> Decision | None:
    """Holds when all clusters say the same; two models that rank all rows alike are the common case."""
    gain = _known(evidence.gain)
    return _no_variance(evidence, f"a gain of {gain.value:+.4f}") if gain.standard_error == 0 else None


def proven_worse(evidence: Evidence) -> Decision | None:
    """Rejects when even the upper limit of the gain is below 0."""
    gain = _known(evidence.gain)
    if gain.upper(evidence.alpha) >= 0:
        return None
    return Decision(
        Verdict.REJECT,
        Reason.WORSE,
        "Proven worse than the champion: gain "
        f"{_limit('upper', gain.value, gain.upper(evidence.alpha), evidence.alpha, sign='+')}.",
    )


def not_proven(evidence: Evidence) -> Decision | None:
    """Holds unless the lower limit of the gain is above 0; says what gain could have been proven."""
    gain = _known(evidence.gain)
    if gain.lower(evidence.alpha) > 0:
        return None
    return Decision(
        Verdict.HOLD,
        Reason.NOT_PROVEN,
        f"Not proven better than the champion: gain {_lower(evidence)}; "
        f"this holdout could have proven a gain above {gain.margin(evidence.alpha):.4f}.",
    )


def enough_improvement(evidence: Evidence) -> Decision | None:
    """Holds when the gain, or its lower limit if the gate is strict, does not reach the least improvement."""
    gain, gate = _known(evidence.gain), evidence.gate
    reached = gain.lower(evidence.alpha) if gate.strict else gain.value
    if reached >= gate.min_improvement:
        return None
    what = "the lower limit" if gate.strict else "the gain"
    return Decision(
        Verdict.HOLD,
        Reason.BELOW_MIN_IMPROVEMENT,
        f"Proven better, but not by enough: gain {_lower(evidence)}; "
        f"{what} must reach {gate.min_improvement:.4f}.",
    )


def superior(evidence: Evidence) -> Decision | None:
    """Promotes: the comparison is passed by now."""
    return Decision(
        Verdict.PROMOTE,
        Reason.SUPERIOR,
        f"Proven better than the champion: gain {_lower(evidence)}; "
        f"at least {evidence.gate.min_improvement:.4f} is needed.",
    )


CHECKS: tuple[Check, ...] = (
    enough_rows,
    enough_clusters,
    above_floor,
    above_baseline,
    first_model,
    alpha_left,
    some_variance,
    proven_worse,
    not_proven,
    enough_improvement,
    superior,
)
"""The policy. A guardrail or slice check belongs behind `above_baseline`."""


def decide(evidence: Evidence, checks: Sequence[Check] = CHECKS) -> Decision:
    """Asks the checks in order, and returns the first decision.

    Args:
        evidence: What the holdout says.
        checks: In order; the last one must always decide.

    Returns:
        The first decision.

    Raises:
        LookupError: If no check decided, which is a bug in the list.
    """
    for check in checks:
        decision = check(evidence)
        if decision is not None:
            return decision
    raise LookupError("none of the gate's checks decided; the last one always must")


def _no_variance(evidence: Evidence, what: str) -> Decision:
    return Decision(
        Verdict.HOLD,
        Reason.NO_VARIANCE,
        f"Nothing is proven: {what} without any variation between {evidence.clusters} "
        f"{evidence.gate.cluster}s, so its error cannot be estimated.",
    )


def _lower(evidence: Evidence) -> str:
    gain = _known(evidence.gain)
    limit = _limit("lower", gain.value, gain.lower(evidence.alpha), evidence.alpha, sign="+")
    return f"{limit} over {evidence.clusters} {evidence.gate.cluster}s"


def _over_baseline(evidence: Evidence) -> str:
    excess, alpha = _known(evidence.excess), evidence.gate.alpha
    limit = _limit("lower", BASELINE_SCORE + excess.value, BASELINE_SCORE + excess.lower(alpha), alpha)
    return f"{evidence.gate.metric} {limit}"


def _limit(side: str, value: float, limit: float, alpha: float, sign: str = "") -> str:
    """Returns a value with its limit, four digits each."""
    if math.isinf(limit):
        return f"{value:{sign}.4f} without any variation"
    return f"{value:{sign}.4f}, {side} limit {limit:{sign}.4f} at alpha {alpha:.3g}"


def _known(estimate: Estimate | None) -> Estimate:
    """Returns an estimate that the checks before have made sure of."""
    assert estimate is not None
    return estimate
