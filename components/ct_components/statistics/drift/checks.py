"""The checks on drift: one small callable for each reason to decide, asked in order until one does.

A check takes the evidence and returns a decision, or None to leave it to the next. The order is the policy:
first whether the data can be trusted, then whether there are enough, then whether features drifted, enough
of them, and long enough. `lasting` always decides.

>>> from ct_components.statistics.drift.evidence import Evidence
>>> from ct_components.statistics.drift.settings import Drift
>>> print(decide(Evidence(Drift(), reference_rows=90000, current_rows=100)).explanation)
Too few rows to say anything: 90,000 in the reference and 100 in the current window; 500 are needed in each.
"""

from collections.abc import Callable, Sequence

from ct_components.statistics import policy
from ct_components.statistics.drift.evidence import Evidence, FeatureDrift
from ct_components.statistics.drift.settings import Reason, Verdict

_NAMED = 3
"""Features that a sentence names."""


Decision = policy.Decision[Verdict, Reason]
"""What a check decides."""

Check = Callable[[Evidence], Decision | None]
"""What decides, or leaves it to the next check."""


def same_schema(evidence: Evidence) -> Decision | None:
    """Decides broken when a feature is gone or of another kind."""
    if not evidence.schema:
        return None
    return Decision(
        Verdict.BROKEN, Reason.SCHEMA, f"The data are broken, not drifted: {_listed(evidence.schema)}."
    )


def enough_rows(evidence: Evidence) -> Decision | None:
    """Decides insufficient with fewer rows on a side than the settings want."""
    least = evidence.settings.min_rows
    if min(evidence.reference_rows, evidence.current_rows) >= least:
        return None
    return Decision(
        Verdict.INSUFFICIENT,
        Reason.TOO_FEW_ROWS,
        f"Too few rows to say anything: {evidence.reference_rows:,} in the reference and "
        f"{evidence.current_rows:,} in the current window; {least:,} are needed in each.",
    )


def few_missing(evidence: Evidence) -> Decision | None:
    """Decides broken when a feature went missing."""
    found = [
        f"{feature.name} is missing in {feature.missing_current:.1%} of rows, before in "
        f"{feature.missing_reference:.1%}"
        for feature in evidence.features
        if feature.missing_jump
    ]
    if not found:
        return None
    return Decision(
        Verdict.BROKEN,
        Reason.MISSING_VALUES,
        f"The data are broken, not drifted: {_listed(found)}; a rise by "
        f"{100 * evidence.settings.missing_jump:g} points is allowed.",
    )


def same_units(evidence: Evidence) -> Decision | None:
    """Decides broken when a feature looks converted to another unit."""
    found = [f"{f.name} looks {f.unit_change}" for f in evidence.features if f.unit_change]
    if not found:
        return None
    return Decision(
        Verdict.BROKEN, Reason.UNIT_CHANGE, f"The data are broken, not drifted: {_listed(found)}."
    )


def none_frozen(evidence: Evidence) -> Decision | None:
    """Decides broken when a feature stands still that never did."""
    found = [
        f"{f.name} stands still, and moved on each day of the reference"
        for f in evidence.features
        if f.frozen
    ]
    if not found:
        return None
    return Decision(Verdict.BROKEN, Reason.FROZEN, f"The data are broken, not drifted: {_listed(found)}.")


def any_drifted(evidence: Evidence) -> Decision | None:
    """Decides no drift when no feature drifted; says which came nearest."""
    if evidence.drifted:
        return None
    nearest = max(evidence.features, key=lambda feature: feature.psi_corrected)
    return Decision(
        Verdict.NO_DRIFT,
        Reason.NOTHING_DRIFTED,
        f"None of {len(evidence.features)} features drifted; nearest is {_described(nearest)}.",
    )


def enough_features(evidence: Evidence) -> Decision | None:
    """Decides no drift when the drifted share does not exceed its limit."""
    if evidence.exceeded:
        return None
    return Decision(
        Verdict.NO_DRIFT,
        Reason.BELOW_SHARE,
        f"{_share(evidence)}, which does not exceed {evidence.settings.drift_share:g}: {_worst(evidence)}.",
    )


def enough_windows(evidence: Evidence) -> Decision | None:
    """Decides no drift when too few of the last windows drifted."""
    needed, last = evidence.settings.k_of_n
    drifted = evidence.windows_drifted + 1
    if drifted >= needed:
        return None
    return Decision(
        Verdict.NO_DRIFT,
        Reason.NOT_YET,
        f"{_share(evidence)}, above {evidence.settings.drift_share:g}, but only in "
        f"{drifted} of the last {last} windows; {needed} are needed: {_worst(evidence)}.",
    )


def lasting(evidence: Evidence) -> Decision | None:
    """Decides drift: enough features drifted, in enough windows, by now."""
    return Decision(
        Verdict.DRIFT,
        Reason.DRIFTED_SHARE,
        f"{_share(evidence)}, above {evidence.settings.drift_share:g}: {_worst(evidence)}.",
    )


CHECKS: tuple[Check, ...] = (
    same_schema,
    enough_rows,
    few_missing,
    same_units,
    none_frozen,
    any_drifted,
    enough_features,
    enough_windows,
    lasting,
)
"""The policy."""


def decide(evidence: Evidence, checks: Sequence[Check] = CHECKS) -> Decision:
    """Asks the checks in order, and returns the first decision.

    Args:
        evidence: What the current window says.
        checks: In order; the last one must always decide.

    Returns:
        The first decision.

    Raises:
        LookupError: If no check decided, which is a bug in the list.
    """
    return policy.decide(evidence, checks)


def _share(evidence: Evidence) -> str:
    weighted = "weighted " if evidence.settings.weights is not None else ""
    count = f"{len(evidence.drifted)} of {len(evidence.features)} features drifted"
    return f"{count}, a {weighted}share of {evidence.share:.2f}"


def _worst(evidence: Evidence) -> str:
    return _listed([_described(feature) for feature in evidence.drifted])


def _described(feature: FeatureDrift) -> str:
    if feature.decided_by == "ks":
        return f"{feature.name} with KS distance {feature.ks_lower:.3f} (adjusted p {feature.p_adjusted:.2g})"
    return (
        f"{feature.name} with PSI {feature.psi:.3f}, {feature.psi_corrected:.3f} without sampling noise "
        f"(adjusted p {feature.p_adjusted:.2g})"
    )


def _listed(phrases: Sequence[str]) -> str:
    more = [f"and {len(phrases) - _NAMED} more"] if len(phrases) > _NAMED else []
    return "; ".join([*phrases[:_NAMED], *more])
