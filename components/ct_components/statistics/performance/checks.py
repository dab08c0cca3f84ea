"""The performance trigger's checks: one callable for each reason to decide, asked in order until one does.

A check takes the evidence and returns a decision, or None to leave it to the next. The order is the policy:
enough rows, then what fires, then whether the window can say that all is well. `uncertain` always decides.

>>> from ct_components.statistics.performance.samples import Sample
>>> from ct_components.statistics.performance.settings import Performance, Watched
>>> performance = Performance({"accuracy": Watched(threshold=0.88)}, looks="once", cluster="none")
>>> few = Sample(value=0.6, limits=None, n=20)
>>> print(decide(Evidence(performance, "accuracy", few, few, None)).explanation)
Too little evidence: 20 matured rows; at least 500 are needed.
"""

from collections.abc import Callable, Sequence

from ct_components.statistics import policy
from ct_components.statistics.metrics import Task
from ct_components.statistics.performance.evidence import Evidence
from ct_components.statistics.performance.samples import Sample
from ct_components.statistics.performance.settings import Reason, Verdict

_SMALLEST_USUAL, _LARGEST_USUAL = 0.01, 1e9

Decision = policy.Decision[Verdict, Reason]
"""What a check decides."""

Check = Callable[[Evidence], Decision | None]
"""What decides, or leaves it to the next check."""


def level_known(evidence: Evidence) -> Decision | None:
    """Decides insufficient without a threshold, and without a baseline of which a share can be lost."""
    if evidence.level is not None:
        return None
    known = "none is known" if evidence.baseline is None else "of a baseline of 0 no share can be lost"
    return _insufficient(
        Reason.NO_LEVEL, f"{evidence.name} has no threshold, and no baseline to degrade from: {known}."
    )


def enough_to_fire(evidence: Evidence) -> Decision | None:
    """Decides insufficient with too few of the rows that may fire."""
    return _enough_rows(evidence, evidence.deciding)


def critically_degraded(evidence: Evidence) -> Decision | None:
    """Fires when even the optimistic limit is worse than the critical level."""
    if evidence.critical is None or not _proven_worse(evidence, evidence.critical):
        return None
    share = evidence.watched.critical_degradation
    return Decision(
        Verdict.FIRE,
        Reason.CRITICAL_DEGRADATION,
        f"Critically degraded: {_optimistic(evidence)} is {_worse(evidence)} {_shown(evidence.critical)}, "
        f"{share:.0%} worse than the baseline {_shown(evidence.baseline)}; {_seen(evidence)}.",
    )


def beyond_threshold(evidence: Evidence) -> Decision | None:
    """Fires when even the optimistic limit is worse than the threshold."""
    threshold = evidence.watched.threshold
    if threshold is None or not _proven_worse(evidence, threshold):
        return None
    return Decision(
        Verdict.FIRE,
        Reason.THRESHOLD,
        f"Too bad: {_optimistic(evidence)} is {_worse(evidence)} the threshold {_shown(threshold)}; "
        f"{_seen(evidence)}.",
    )


def dead(evidence: Evidence) -> Decision | None:
    """Fires at one look when all clusters say the same, and it is too bad for chance."""
    limits, chance = evidence.window.limits, evidence.chance_of_no_variation
    enough = evidence.window.clusters >= evidence.performance.min_clusters
    if evidence.daily or limits is None or limits.standard_error > 0 or not enough or chance > evidence.alpha:
        return None
    why = (
        "the model answers the same for every row"
        if evidence.window.constant
        else f"a champion that is good enough would look so with probability {chance:.2g} at most"
    )
    return Decision(
        Verdict.FIRE,
        Reason.DEAD,
        f"Dead: {_measured(evidence)} without any variation is {_worse(evidence)} {_level(evidence)}, "
        f"and {why}.",
    )


def enough_for_fine(evidence: Evidence) -> Decision | None:
    """Decides insufficient with too few rows in the window: nobody can say that all is well."""
    return _enough_rows(evidence, evidence.window)


def error_known(evidence: Evidence) -> Decision | None:
    """Decides insufficient where nothing tells how sure the metric is, as for one stored ROC AUC."""
    window = evidence.window
    if window.limits is not None:
        return None
    days = "1 day" if window.daily.size == 1 else f"{window.daily.size} days"
    found = (
        f"{evidence.name} has no value" if window.value is None else f"{evidence.name} {_shown(window.value)}"
    )
    return _insufficient(
        Reason.NO_ERROR, f"{found} on {days} with {window.n} rows, which tells no error of it."
    )


def enough_clusters(evidence: Evidence) -> Decision | None:
    """Decides insufficient when limits rest on fewer clusters than wanted."""
    performance, found = evidence.performance, evidence.window.clusters
    if found >= performance.min_clusters:
        return None
    what = performance.cluster if evidence.window.pooled and performance.clustered else "daily value"
    return _insufficient(
        Reason.TOO_FEW_CLUSTERS,
        f"the window holds {found} {what}{'' if found == 1 else 's'} that tell of {evidence.name}; "
        f"at least {performance.min_clusters} are needed.",
    )


def good_enough(evidence: Evidence) -> Decision | None:
    """Decides fine when the pessimistic limit is better than the level."""
    limit = evidence.pessimistic
    assert evidence.level is not None
    better = limit > evidence.level if evidence.metric.higher_is_better else limit < evidence.level
    if not better:
        return None
    return Decision(
        Verdict.FINE,
        Reason.GOOD_ENOUGH,
        f"Fine: {_measured(evidence)}, and even its pessimistic limit {_shown(limit)} is better than "
        f"{_level(evidence)}.",
    )


def some_variance(evidence: Evidence) -> Decision | None:
    """Decides uncertain when all clusters say the same: no error can be estimated from that."""
    assert evidence.window.limits is not None
    if evidence.window.limits.standard_error > 0:
        return None
    return Decision(
        Verdict.UNCERTAIN,
        Reason.NO_VARIANCE,
        f"Uncertain: {_measured(evidence)} without any variation, so its error cannot be estimated.",
    )


def uncertain(evidence: Evidence) -> Decision:
    """Decides uncertain: nothing before was proven."""
    return Decision(
        Verdict.UNCERTAIN,
        Reason.NOT_PROVEN,
        f"Uncertain: {_measured(evidence)} is proven neither worse nor better than {_level(evidence)}"
        f"{_wagered(evidence)}.",
    )


CHECKS: tuple[Check, ...] = (
    level_known,
    enough_to_fire,
    critically_degraded,
    beyond_threshold,
    dead,
    enough_for_fine,
    error_known,
    enough_clusters,
    good_enough,
    some_variance,
    uncertain,
)
"""The trigger's policy: asked in this order, the first decision counts."""


def decide(evidence: Evidence, checks: Sequence[Check] = CHECKS) -> Decision:
    """Asks the checks in order, and returns the first decision.

    Args:
        evidence: What is known of one metric.
        checks: In order; the last one must always decide.

    Returns:
        The first decision.

    Raises:
        LookupError: If no check decided, which is a bug in the list.
    """
    return policy.decide(evidence, checks)


def _enough_rows(evidence: Evidence, sample: Sample) -> Decision | None:
    performance, counts = evidence.performance, sample.class_rows
    if sample.n < performance.min_samples:
        return _insufficient(
            Reason.TOO_FEW_ROWS, f"{sample.n} matured rows; at least {performance.min_samples} are needed."
        )
    if performance.task == Task.BINARY and counts and min(counts) < performance.min_per_class:
        return _insufficient(
            Reason.TOO_FEW_ROWS_OF_A_CLASS,
            f"of {sample.n} matured rows, {counts[1]} are positive and {counts[0]} negative; "
            f"at least {performance.min_per_class} of each are needed.",
        )
    if counts and max(counts) == sample.n:
        return _insufficient(
            Reason.TOO_FEW_ROWS_OF_A_CLASS, f"all {sample.n} matured rows are of a single class."
        )
    return None


def _proven_worse(evidence: Evidence, level: float) -> bool:
    """Returns whether the optimistic limit is worse than a level, and the champion still is, too.

    What a sequence has proven stays proven; a champion that has recovered since needs no training.
    """
    recent = evidence.window.value
    still = recent is None or evidence.worse(recent, level)
    return still and evidence.worse(evidence.optimistic, level)


def _insufficient(reason: Reason, what: str) -> Decision:
    return Decision(Verdict.INSUFFICIENT, reason, f"Too little evidence: {what}")


def _shown(value: float | None) -> str:
    """Returns a number with four decimals, or with four digits where these would say nothing."""
    assert value is not None
    usual = value == 0 or _SMALLEST_USUAL <= abs(value) < _LARGEST_USUAL
    return f"{value:.4f}" if usual else f"{value:.4g}"


def _worse(evidence: Evidence) -> str:
    return "below" if evidence.metric.higher_is_better else "above"


def _optimistic(evidence: Evidence) -> str:
    return f"even the optimistic limit {_shown(evidence.optimistic)} of {evidence.name}"


def _measured(evidence: Evidence) -> str:
    assert evidence.window.value is not None
    return f"{evidence.name} {_shown(evidence.window.value)} on {evidence.window.n} rows"


def _seen(evidence: Evidence) -> str:
    days = f"{evidence.since.daily.size} daily values" if evidence.daily else "one look"
    recent = evidence.window.value
    now = "" if recent is None else f"{evidence.name} is {_shown(recent)} now, "
    return f"{now}from {evidence.deciding.n} rows and {days} at α {evidence.alpha:.4g}"


def _level(evidence: Evidence) -> str:
    what = "the threshold" if evidence.level == evidence.watched.threshold else "the critical level"
    return f"{what} {_shown(evidence.level)}"


def _wagered(evidence: Evidence) -> str:
    """Returns how far daily looks have come towards firing."""
    if evidence.sequence is None:
        return ""
    needed = 1 / evidence.alpha
    if evidence.sequence.capital >= needed:
        return "; all days since the promotion prove it worse, but the current window is on the good side"
    return f"; the evidence of daily looks stands at {evidence.sequence.capital:.3g} of {needed:.3g}"
