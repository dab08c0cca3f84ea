"""The gate: is the challenger proven better than the champion?

One one-sided lower limit of the gain decides, on rows that neither model has seen, clustered by day and
with alpha spent over the champion's challenges. See `checks` for the policy, `estimate` for the limit,
`sequential` for alpha.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy.typing as npt

from ct_components.statistics.checks import CHECKS, Check, Decision, alerts, decide
from ct_components.statistics.comparison.compare import method_of
from ct_components.statistics.estimate import Estimate, Limits, RelativeGain
from ct_components.statistics.evidence import Evidence, gather
from ct_components.statistics.metrics import Predicted
from ct_components.statistics.sequential import left
from ct_components.statistics.settings import Claim, Gate, Interval, Reason, Verdict

__all__ = ["Claim", "Gate", "Judgement", "Reason", "Verdict", "judge"]


@dataclass(frozen=True)
class Judgement:
    """A verdict and all that it rests on.

    What is not known is None, never NaN or an infinity: scores that the rows do not define, limits when the
    evidence is insufficient or shows no variance, everything about a champion that does not exist.

    Attributes:
        verdict: What is decided.
        reason: Why, in one stable word.
        explanation: Why, in one sentence with the numbers.
        task: What is predicted.
        metric: What is compared.
        relative: Whether gains are relative to the old loss; else they are in units of the metric.
        method: How the limits come about.
        champion_score: The champion's metric on the holdout.
        challenger_score: The challenger's metric on the same rows.
        gain: Of the challenger over the champion; positive is better.
        lower: One-sided lower limit of the gain at `alpha`.
        upper: One-sided upper limit of the gain at `alpha`.
        standard_error: Of the gain.
        smallest_provable_gain: A gain above this would have had a lower limit above 0 on this holdout.
        min_improvement: The smallest gain worth a promotion.
        margin: How much worse counts as no worse.
        p_value: One-sided, of "the challenger is no better than the champion".
        alpha: One-sided alpha of this challenge, or of this attempt; 0 when nothing was left.
        alpha_spent: What this verdict took of the champion's alpha; 0 if insufficient.
        alpha_left: What later challenges of the same champion have left.
        challenge: Which challenge of this champion, or attempt to become the first one, this was, from 1.
        baseline_score: The baseline predictor's metric.
        baseline_gain: Of the challenger over the baseline predictor.
        baseline_lower: One-sided lower limit of `baseline_gain`: at the gate's whole alpha, and without a
            champion at `alpha`.
        anchor_gain: Over the last version proven superior, where the champion was not.
        anchor_lower: One-sided lower limit of `anchor_gain` at `alpha`.
        n: Rows of the holdout.
        positives: Its positive rows; None unless the task is binary.
        clusters: Its clusters.
        effective_clusters: How many clusters of equal weight would be as many; None when insufficient.
        guardrails: The gain in each guardrail metric.
        slices: The gain on each slice.
        mcnemar: Right and wrong decisions of both models, row by row, with the mid-p test that takes rows as
            independent; for people to look at.
        alerts: What people should know although it decides nothing.
    """

    verdict: Verdict
    reason: Reason
    explanation: str
    task: str
    metric: str
    relative: bool
    method: str
    champion_score: float | None
    challenger_score: float | None
    gain: float | None
    lower: float | None
    upper: float | None
    standard_error: float | None
    smallest_provable_gain: float | None
    min_improvement: float
    margin: float
    p_value: float | None
    alpha: float
    alpha_spent: float
    alpha_left: float
    challenge: int
    baseline_score: float | None
    baseline_gain: float | None
    baseline_lower: float | None
    anchor_gain: float | None
    anchor_lower: float | None
    n: int
    positives: int | None
    clusters: int
    effective_clusters: float | None
    guardrails: tuple[Interval, ...]
    slices: tuple[Interval, ...]
    mcnemar: Mapping[str, Any] | None
    alerts: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the judgement in JSON's own types: no enum, no tuple, no NaN, no infinity.

        Returns:
            One entry for each field, in their order.
        """
        plain = {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }
        return plain | {"verdict": self.verdict.value, "reason": self.reason.value}


def judge(
    y: npt.ArrayLike,
    challenger: npt.ArrayLike | Predicted,
    champion: npt.ArrayLike | Predicted | None,
    clusters: npt.ArrayLike | None,
    gate: Gate,
    challenge: int = 1,
    *,
    anchor: npt.ArrayLike | Predicted | None = None,
    centre: npt.ArrayLike | None = None,
    slices: Mapping[str, npt.ArrayLike] | None = None,
    ids: npt.ArrayLike | None = None,
    checks: Sequence[Check] = CHECKS,
) -> Judgement:
    """Judges a challenger on the holdout.

    In this order: too few rows, rows of a class or clusters is insufficient; a score worse than a floor, or
    not proven better than the baseline predictor's, is rejected; a first model is then promoted; a
    challenger proven worse is rejected; one not proven better (lower limit above 0) by at least
    `Gate.min_improvement` is on hold, or where `Gate.claim` is non-inferiority, one not proven as good; one
    that fails a guardrail, or is proven to harm a slice, is rejected; the rest is promoted.

    Args:
        y: What is true, shape (n,): labels, where True is positive (binary), class codes from 0 (multiclass)
            or numbers (regression). No rows, or one class, is insufficient.
        challenger: The challenger's answers: scores of shape (n,), probabilities of shape (n, classes),
            numbers of shape (n,), or `Predicted`, which may have a decision threshold.
        champion: The champion's answers on the same rows; None for a first model.
        clusters: Shape (n,); the cluster of each row, such as its day. Rows of different clusters are taken
            to be independent. None if `Gate.cluster` is "none".
        gate: The settings to judge by.
        challenge: Which challenge of this champion this is, from 1, insufficient verdicts and replays not
            counted; for a first model, which attempt to become one.
        anchor: Answers of the last version that was proven superior, if the champion itself was not.
        centre: What the baseline predictor knows of the training target (`metrics.baseline`); None gives it
            the holdout's own, which is as hard to beat as a constant can be.
        slices: By name, whether each row belongs to it, shape (n,).
        ids: Shape (n,); what identifies a row. Resampling then does not depend on the file's order.
        checks: The policy, for gates that check more.

    Returns:
        The judgement.

    Raises:
        DataError: If lengths are unequal, a label has another value than the task allows, an answer is NaN or
            infinite, a row has no cluster, or the challenge is below 1.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y, days = rng.random(2800) < 0.25, np.repeat(np.arange(14), 200)
    >>> champion, challenger = y + rng.normal(0, 1.5, 2800), y + rng.normal(0, 1, 2800)
    >>> judgement = judge(y, challenger, champion, days, Gate())
    >>> judgement.verdict.value, judgement.reason.value
    ('promote', 'superior')
    >>> round(judgement.gain, 4), round(judgement.lower, 4), round(judgement.smallest_provable_gain, 4)
    (0.0687, 0.0376, 0.0311)
    """
    evidence = gather(
        y,
        challenger,
        champion,
        clusters,
        gate=gate,
        challenge=challenge,
        anchor=anchor,
        centre=centre,
        slices=slices,
        ids=ids,
    )
    return _judgement(evidence, decide(evidence, checks))


def _judgement(evidence: Evidence, decision: Decision) -> Judgement:
    gate = evidence.gate
    sufficient = decision.verdict is not Verdict.INSUFFICIENT
    challenges = evidence.challenge if sufficient else evidence.challenge - 1
    # Limits from fewer clusters than the gate wants are not to be trusted, so they are not shown either.
    gain, excess, anchor = (
        (evidence.gain, evidence.excess, evidence.anchor_gain) if sufficient else (None, None, None)
    )
    return Judgement(
        verdict=decision.verdict,
        reason=decision.reason,
        explanation=decision.explanation,
        task=str(gate.task),
        metric=evidence.metric.name,
        relative=not evidence.metric.higher_is_better,
        method=method_of(evidence.metric, evidence.holdout.challenger, clustered=gate.clustered).value,
        champion_score=evidence.champion_score,
        challenger_score=evidence.challenger_score,
        gain=_gain(evidence, evidence.champion_score),
        lower=_finite_or_none(gain.lower(evidence.alpha)) if gain else None,
        upper=_finite_or_none(gain.upper(evidence.alpha)) if gain else None,
        standard_error=gain.standard_error if gain else None,
        smallest_provable_gain=_finite_or_none(gain.margin(evidence.alpha)) if gain else None,
        min_improvement=gate.min_improvement,
        margin=gate.delta,
        p_value=gain.p_value() if gain else None,
        alpha=evidence.alpha,
        alpha_spent=evidence.alpha if sufficient else 0.0,
        alpha_left=left(gate.alpha, challenges, gate.spending),
        challenge=evidence.challenge,
        baseline_score=evidence.baseline_score,
        baseline_gain=_gain(evidence, evidence.baseline_score),
        baseline_lower=_finite_or_none(excess.lower(evidence.baseline_alpha)) if excess else None,
        anchor_gain=anchor.value if anchor else None,
        anchor_lower=_finite_or_none(anchor.lower(evidence.alpha)) if anchor else None,
        n=evidence.n,
        positives=evidence.positives,
        clusters=evidence.clusters,
        effective_clusters=_effective(gain or excess) if gate.clustered else None,
        guardrails=_guardrails(evidence) if sufficient else (),
        slices=_slices(evidence) if sufficient else (),
        mcnemar=evidence.mcnemar.to_dict() if evidence.mcnemar else None,
        alerts=alerts(evidence) if sufficient else (),
    )


def _guardrails(evidence: Evidence) -> tuple[Interval, ...]:
    alpha = evidence.gate.alpha
    return tuple(
        _interval(
            each.metric.name,
            evidence.n,
            each.gain,
            alpha,
            margin=each.margin,
            relative=not each.metric.higher_is_better,
        )
        for each in evidence.guardrails
    )


def _slices(evidence: Evidence) -> tuple[Interval, ...]:
    judged = sum(each.gain is not None for each in evidence.slice_gains)
    alpha = evidence.gate.alpha / max(judged, 1)
    return tuple(
        _interval(
            each.name,
            each.n,
            each.gain,
            alpha,
            margin=evidence.gate.delta,
            relative=not evidence.metric.higher_is_better,
        )
        for each in evidence.slice_gains
    )


def _interval(
    name: str, n: int, gain: Limits | None, alpha: float, *, margin: float, relative: bool
) -> Interval:
    return Interval(
        name=name,
        n=n,
        gain=gain.value if gain else None,
        lower=_finite_or_none(gain.lower(alpha)) if gain else None,
        upper=_finite_or_none(gain.upper(alpha)) if gain else None,
        alpha=alpha,
        margin=margin,
        relative=relative,
    )


def _gain(evidence: Evidence, old: float | None) -> float | None:
    new = evidence.challenger_score
    return None if new is None or old is None else _finite_or_none(float(evidence.metric.gain(new, old)))


def _effective(gain: Limits | None) -> float | None:
    return gain.effective_clusters if isinstance(gain, Estimate | RelativeGain) else None


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
