"""The gate's checks: one small callable for each reason to decide, asked in order until one does.

A check takes the evidence and returns a decision, or None to leave it to the next. The order is the policy:
evidence first, then what every model must pass, then the comparison, then what a better model must not harm.
`wins` always decides.

>>> from ct_components.statistics.settings import Gate
>>> from ct_components.statistics.evidence import gather
>>> gate = Gate(min_rows=10, min_per_class=5)
>>> evidence = gather([0, 1] * 9, [1, 2] * 9, None, ["mon"] * 18, gate=gate, challenge=1)
>>> enough_rows(evidence) is None
True
>>> print(decide(evidence).explanation)
Too little evidence: each class must occur on at least 10 days; one occurs on 1 of 1.
"""

from collections.abc import Callable, Sequence

from ct_components.statistics import policy
from ct_components.statistics.estimate import Limits, why_undefined
from ct_components.statistics.evidence import Evidence
from ct_components.statistics.explain import gain_text, limit_text, over, score_text
from ct_components.statistics.metrics import Task
from ct_components.statistics.settings import Claim, Reason, Verdict

Decision = policy.Decision[Verdict, Reason]
"""What a check decides."""

Check = Callable[[Evidence], Decision | None]
"""What decides, or leaves it to the next check."""


def enough_rows(evidence: Evidence) -> Decision | None:
    """Decides insufficient with fewer rows, or rows of a class, than the gate wants, as with none at all."""
    gate, counts = evidence.gate, evidence.class_rows
    if gate.task == Task.BINARY and min(counts) < gate.min_per_class:
        return Decision(
            Verdict.INSUFFICIENT,
            Reason.TOO_FEW_ROWS_OF_A_CLASS,
            f"Too little evidence: of {evidence.n} rows, {counts[1]} are positive and {counts[0]} negative; "
            f"at least {gate.min_per_class} of each are needed.",
        )
    one_class = gate.task == Task.MULTICLASS and sum(count > 0 for count in counts) == 1
    if evidence.n >= gate.min_rows and not one_class:
        return None
    return Decision(
        Verdict.INSUFFICIENT,
        Reason.TOO_FEW_ROWS,
        f"Too little evidence: {evidence.n} rows{' of a single class' if one_class else ''}; "
        f"at least {gate.min_rows}{' of several classes' if one_class else ''} are needed.",
    )


def enough_clusters(evidence: Evidence) -> Decision | None:
    """Decides insufficient when there are fewer clusters, also of a class, than the gate wants."""
    gate, found = evidence.gate, evidence.class_clusters
    if found >= gate.min_clusters:
        return None
    what = f"{gate.cluster}s" if gate.clustered else "rows"
    of_a_class = found < evidence.clusters or evidence.gate.task == Task.BINARY
    return Decision(
        Verdict.INSUFFICIENT,
        Reason.TOO_FEW_CLUSTERS,
        f"Too little evidence: each class must occur on at least {gate.min_clusters} {what}; "
        f"one occurs on {found} of {evidence.clusters}."
        if of_a_class
        else f"Too little evidence: {found} {what}; at least {gate.min_clusters} are needed.",
    )


def defined(evidence: Evidence) -> Decision | None:
    """Decides insufficient where the metric has no value or no error for challenger or baseline."""
    holdout, what = evidence.holdout, f"on these {evidence.n} rows"
    for who, answers in (("challenger", holdout.challenger), ("baseline predictor", holdout.baseline)):
        why = why_undefined(evidence.metric, holdout.truth, answers)
        if why is not None:
            return Decision(
                Verdict.INSUFFICIENT,
                Reason.UNDEFINED,
                f"No verdict: {evidence.metric.name} is not defined for the {who} {what}: {why}.",
            )
    if evidence.excess is not None:
        return None
    return Decision(
        Verdict.INSUFFICIENT,
        Reason.UNDEFINED,
        f"No verdict: the error of {evidence.metric.name} cannot be estimated {what}: "
        "it is not defined on some parts of them.",
    )


def above_floors(evidence: Evidence) -> Decision | None:
    """Rejects a score worse than a metric's absolute floor, champion or not."""
    for name, floor in evidence.gate.floors.items():
        metric = evidence.gate.metric_named(name)
        score = evidence.score(metric, evidence.holdout.challenger)
        if score is not None and metric.gain(score, floor) >= 0:
            continue
        side = "below" if metric.higher_is_better else "above"
        found = "is not defined, so it does not pass" if score is None else f"{score:.4f} is {side}"
        return Decision(
            Verdict.REJECT, Reason.FLOOR, f"The challenger's {name} {found} the floor {floor:.4f}."
        )
    return None


def above_baseline(evidence: Evidence) -> Decision | None:
    """Rejects what is not proven better than the baseline predictor.

    Where there is a champion to beat as well, at the gate's whole one-sided alpha. A first model has nothing
    else to prove, so the attempts to become one share alpha as challenges do.

    One that makes no mistake at all leaves no error to estimate; it is put on hold, since a leaked label is
    likelier than a perfect model.
    """
    excess = _known(evidence.excess)
    if excess.standard_error == 0 and excess.value > 0:
        return _no_variance(evidence, f"{gain_text(evidence, excess.value)} over the baseline predictor")
    if excess.lower(evidence.baseline_alpha) > 0:
        return None
    return Decision(
        Verdict.REJECT,
        Reason.BASELINE,
        f"Not proven better than the baseline predictor: {_over_baseline(evidence)}; "
        "a limit above 0 is needed.",
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


def comparable(evidence: Evidence) -> Decision | None:
    """Holds where the metric has no value for what the champion says: another metric must decide."""
    champion = evidence.holdout.champion
    why = champion and why_undefined(evidence.metric, evidence.holdout.truth, champion)
    if why is None and evidence.gain is None:
        why = "its error cannot be estimated"
    if why is None:
        return None
    return Decision(
        Verdict.HOLD,
        Reason.NOT_COMPARABLE,
        f"Not comparable: {evidence.metric.name} is not defined for the champion on these {evidence.n} rows: "
        f"{why}.",
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
    """Holds when all clusters say the same; two models that answer all rows alike are the common case."""
    gain = _known(evidence.gain)
    if gain.standard_error > 0:
        return None
    return _no_variance(evidence, f"a gain of {gain_text(evidence, gain.value)}")


def proven_worse(evidence: Evidence) -> Decision | None:
    """Rejects when even the upper limit of the gain is below 0."""
    gain = _known(evidence.gain)
    if gain.upper(evidence.alpha) >= 0:
        return None
    return Decision(
        Verdict.REJECT,
        Reason.WORSE,
        f"Proven worse than the champion: gain {limit_text(evidence, gain, evidence.alpha, side='upper')}.",
    )


def not_proven(evidence: Evidence) -> Decision | None:
    """Holds when the lower limit of the gain is not above 0, and says what could have been proven."""
    gain = _known(evidence.gain)
    if not _must_be_superior(evidence) or gain.lower(evidence.alpha) > 0:
        return None
    margin = gain_text(evidence, gain.margin(evidence.alpha), sign="")
    return Decision(
        Verdict.HOLD,
        Reason.NOT_PROVEN,
        f"Not proven better: gain {_lower(evidence, gain)}; "
        f"only a gain above {margin} could have been proven on this holdout.",
    )


def below_min_improvement(evidence: Evidence) -> Decision | None:
    """Holds when the gain, or with `Gate.strict` its lower limit, is too small to be worth a promotion."""
    gain, gate = _known(evidence.gain), evidence.gate
    counted = gain.lower(evidence.alpha) if gate.strict else gain.value
    if not _must_be_superior(evidence) or counted >= gate.min_improvement:
        return None
    what = "lower limit" if gate.strict else "gain"
    return Decision(
        Verdict.HOLD,
        Reason.BELOW_MIN_IMPROVEMENT,
        f"Proven better, but by too little: gain {_lower(evidence, gain)}; "
        f"a {what} of {gain_text(evidence, gate.min_improvement, sign='')} is needed.",
    )


def not_non_inferior(evidence: Evidence) -> Decision | None:
    """Holds, where no more than non-inferiority is asked, what may be worse by the margin or more."""
    gain, delta = _known(evidence.gain), evidence.gate.delta
    if _must_be_superior(evidence) or gain.lower(evidence.alpha) > -delta:
        return None
    return Decision(
        Verdict.HOLD,
        Reason.NOT_NON_INFERIOR,
        f"Not proven as good: gain {_lower(evidence, gain)}; "
        f"a limit above {gain_text(evidence, -delta)} is needed.",
    )


def behind_anchor(evidence: Evidence) -> Decision | None:
    """Holds what may be worse than the last version proven superior: small losses must not add up."""
    anchor, delta = evidence.anchor_gain, evidence.gate.delta
    if _must_be_superior(evidence) or _is_superior(evidence) or evidence.holdout.anchor is None:
        return None
    if anchor is not None and anchor.lower(evidence.alpha) > -delta:
        return None
    found = "its gain over it cannot be estimated" if anchor is None else f"gain {_lower(evidence, anchor)}"
    return Decision(
        Verdict.HOLD,
        Reason.BEHIND_ANCHOR,
        f"Not proven as good as the last version that was proven better: {found}; "
        f"a limit above {gain_text(evidence, -delta)} is needed.",
    )


def guardrails_hold(evidence: Evidence) -> Decision | None:
    """Rejects what may be worse by a guardrail's margin or more.

    Each is tested at the gate's whole alpha: a promotion needs all of them, so errors do not add up.
    """
    for guardrail in evidence.guardrails:
        gain, name = guardrail.gain, guardrail.metric.name
        if gain is not None and _no_worse(gain, evidence.gate.alpha, guardrail.margin):
            continue
        found = (
            "cannot be estimated"
            if gain is None
            else limit_text(evidence, gain, evidence.gate.alpha, metric=guardrail.metric)
        )
        needed = gain_text(evidence, -guardrail.margin, metric=guardrail.metric)
        return Decision(
            Verdict.REJECT,
            Reason.GUARDRAIL,
            f"Guardrail {name} does not hold: gain {found}; a limit above {needed} is needed.",
        )
    return None


def _no_worse(gain: Limits, alpha: float, margin: float) -> bool:
    """Returns whether a gain is proven above minus the margin; equal answers have nothing to prove."""
    return gain.lower(alpha) > -margin if gain.standard_error else gain.value >= 0


def no_slice_harmed(evidence: Evidence) -> Decision | None:
    """Rejects what is proven worse on a slice, by more than the margin.

    Harm must be demonstrated, with alpha shared among the slices: of twenty proofs of harmlessness, each with
    a power of 0.9, only 12 % of harmless challengers would pass all.
    """
    judged = [each for each in evidence.slice_gains if each.gain is not None]
    for each in judged:
        gain, alpha = _known(each.gain), evidence.gate.alpha / len(judged)
        # Harm that every cluster shows alike leaves no error to estimate, and is harm all the same.
        worst = gain.upper(alpha) if gain.standard_error else gain.value
        if worst >= -evidence.gate.delta:
            continue
        return Decision(
            Verdict.REJECT,
            Reason.SLICE,
            f"Proven worse on {each.name}: gain {limit_text(evidence, gain, alpha, side='upper')} "
            f"on {each.n} rows; a limit of at least {gain_text(evidence, -evidence.gate.delta)} is needed.",
        )
    return None


def wins(evidence: Evidence) -> Decision:
    """Promotes: nothing before objected."""
    gain = _known(evidence.gain)
    if _is_superior(evidence):
        return Decision(
            Verdict.PROMOTE,
            Reason.SUPERIOR,
            f"Proven better than the champion: gain {_lower(evidence, gain)}.",
        )
    margin = gain_text(evidence, evidence.gate.delta, sign="")
    return Decision(
        Verdict.PROMOTE,
        Reason.NON_INFERIOR,
        f"Proven as good, within {margin}: gain {_lower(evidence, gain)}.",
    )


CHECKS: tuple[Check, ...] = (
    enough_rows,
    enough_clusters,
    defined,
    above_floors,
    above_baseline,
    first_model,
    comparable,
    alpha_left,
    some_variance,
    proven_worse,
    not_proven,
    below_min_improvement,
    not_non_inferior,
    behind_anchor,
    guardrails_hold,
    no_slice_harmed,
    wins,
)
"""The gate's policy: asked in this order, the first decision counts."""


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
    return policy.decide(evidence, checks)


def alerts(evidence: Evidence) -> tuple[str, ...]:
    """Returns what people should know although it decides nothing: a champion no better than the baseline."""
    excess = evidence.champion_excess
    if excess is None or (excess.value > 0 and not excess.standard_error):
        return ()
    if excess.lower(evidence.gate.alpha) > 0:
        return ()
    limit = limit_text(evidence, excess, evidence.gate.alpha)
    return (f"The champion itself is not proven better than the baseline predictor: {limit}.",)


def _must_be_superior(evidence: Evidence) -> bool:
    return evidence.gate.claim == Claim.SUPERIOR


def _is_superior(evidence: Evidence) -> bool:
    gain, gate = _known(evidence.gain), evidence.gate
    lower = gain.lower(evidence.alpha)
    return lower > 0 and (lower if gate.strict else gain.value) >= gate.min_improvement


def _no_variance(evidence: Evidence, what: str) -> Decision:
    between = over(evidence).removeprefix(" over ")
    return Decision(
        Verdict.HOLD,
        Reason.NO_VARIANCE,
        f"Nothing is proven: {what} without any variation between {between}, "
        "so its error cannot be estimated.",
    )


def _lower(evidence: Evidence, gain: Limits) -> str:
    return f"{limit_text(evidence, gain, evidence.alpha)}{over(evidence)}"


def _over_baseline(evidence: Evidence) -> str:
    excess = limit_text(evidence, _known(evidence.excess), evidence.baseline_alpha)
    return f"{score_text(evidence)}, {excess} over the baseline predictor"


def _known(estimate: Limits | None) -> Limits:
    """Returns an estimate that the checks before have made sure of."""
    assert estimate is not None
    return estimate
