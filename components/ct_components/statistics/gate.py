"""The gate: is the challenger proven better than the champion?

One one-sided lower limit of the gain decides, on rows that neither model has seen, clustered by day and
with alpha spent over the champion's challenges. See `checks` for the policy, `estimate` for the limit,
`sequential` for alpha.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy.typing as npt

from ct_components.statistics.checks import CHECKS, Check, Decision, decide
from ct_components.statistics.evidence import BASELINE_SCORE, Evidence, gather
from ct_components.statistics.sequential import left
from ct_components.statistics.settings import Gate, Reason, Verdict

__all__ = ["Gate", "Judgement", "Reason", "Verdict", "judge"]


@dataclass(frozen=True)
class Judgement:
    """A verdict and all that it rests on.

    What is not known is None, never NaN or an infinity: scores without both classes, limits when the
    evidence is insufficient or shows no variance, everything about a champion that does not exist.

    Attributes:
        verdict: What is decided.
        reason: Why, in one stable word.
        explanation: Why, in one sentence with the numbers.
        metric: What is compared.
        champion_score: The champion's metric on the holdout.
        challenger_score: The challenger's metric on the same rows.
        gain: Challenger less champion, in units of the metric.
        lower: One-sided lower limit of the gain at `alpha`.
        upper: One-sided upper limit of the gain at `alpha`.
        standard_error: Of the gain.
        smallest_provable_gain: A gain above this would have had a lower limit above 0 on this holdout.
        min_improvement: The smallest gain worth a promotion.
        p_value: One-sided, of "the challenger is no better than the champion".
        alpha: One-sided alpha of the champion's comparison at this challenge; 0 when nothing was left.
        alpha_spent: What this verdict took of the champion's alpha: 0 if insufficient or without a champion.
        alpha_left: What later challenges of the same champion have left.
        challenge: Which challenge of this champion this was, from 1.
        baseline_score: The baseline predictor's metric.
        baseline_gain: Challenger less baseline predictor.
        baseline_lower: One-sided lower limit of `baseline_gain` at the gate's whole alpha.
        n: Rows of the holdout.
        positives: Its positive rows.
        clusters: Its clusters.
    """

    verdict: Verdict
    reason: Reason
    explanation: str
    metric: str
    champion_score: float | None
    challenger_score: float | None
    gain: float | None
    lower: float | None
    upper: float | None
    standard_error: float | None
    smallest_provable_gain: float | None
    min_improvement: float
    p_value: float | None
    alpha: float
    alpha_spent: float
    alpha_left: float
    challenge: int
    baseline_score: float
    baseline_gain: float | None
    baseline_lower: float | None
    n: int
    positives: int
    clusters: int

    def to_dict(self) -> dict[str, str | int | float | None]:
        """Returns the judgement in JSON's own types: no enum, no NaN, no infinity.

        Returns:
            One entry for each field, in their order.
        """
        return asdict(self) | {"verdict": self.verdict.value, "reason": self.reason.value}


def judge(
    y: npt.ArrayLike,
    challenger: npt.ArrayLike,
    champion: npt.ArrayLike | None,
    clusters: npt.ArrayLike,
    gate: Gate,
    challenge: int = 1,
    *,
    checks: Sequence[Check] = CHECKS,
) -> Judgement:
    """Judges a challenger on the holdout.

    In this order: too few rows of a class or too few clusters is insufficient; a score below a floor, or not
    proven above the baseline predictor, is rejected; a first model is then promoted; a challenger proven
    worse is rejected; one proven better (lower limit above 0) by at least `Gate.min_improvement` is
    promoted; the rest is on hold.

    Args:
        y: Labels of the holdout, shape (n,); True is positive. No rows, or one class, is insufficient.
        challenger: The challenger's scores, shape (n,).
        champion: The champion's scores on the same rows, shape (n,); None for a first model.
        clusters: Shape (n,); the cluster of each row, such as its day. Rows of different clusters are taken
            to be independent.
        gate: The settings to judge by.
        challenge: Which challenge of this champion this is, from 1, insufficient verdicts and replays not
            counted. It has no effect for a first model.
        checks: The policy, for gates that check more.

    Returns:
        The judgement.

    Raises:
        DataError: If lengths are unequal, a label is neither 0 nor 1, a score is NaN or infinite, a row has
            no cluster, or the challenge is below 1.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y, days = rng.random(2800) < 0.25, np.repeat(np.arange(14), 200)
    >>> champion, challenger = y + rng.normal(0, 1.5, 2800), y + rng.normal(0, 1, 2800)
    >>> judgement = judge(y, challenger, champion, days, Gate())
    >>> judgement.verdict.value, judgement.reason.value
    ('promote', 'superior')
    >>> round(judgement.gain, 4), round(judgement.lower, 4), round(judgement.smallest_provable_gain, 4)
    (0.0687, 0.0377, 0.031)
    """
    evidence = gather(y, challenger, champion, clusters, gate=gate, challenge=challenge)
    return _judgement(evidence, decide(evidence, checks))


def _judgement(evidence: Evidence, decision: Decision) -> Judgement:
    gate, gain, excess = evidence.gate, evidence.gain, evidence.excess
    sufficient = decision.verdict is not Verdict.INSUFFICIENT
    spends = sufficient and evidence.has_champion
    challenges = evidence.challenge if spends else evidence.challenge - 1
    # Limits from fewer clusters than the gate wants are not to be trusted, so they are not shown either.
    limited = gain if sufficient else None
    return Judgement(
        verdict=decision.verdict,
        reason=decision.reason,
        explanation=decision.explanation,
        metric=gate.metric,
        champion_score=evidence.champion_score,
        challenger_score=evidence.challenger_score,
        gain=_difference(evidence.challenger_score, evidence.champion_score),
        lower=_finite_or_none(limited.lower(evidence.alpha)) if limited else None,
        upper=_finite_or_none(limited.upper(evidence.alpha)) if limited else None,
        standard_error=limited.standard_error if limited else None,
        smallest_provable_gain=_finite_or_none(limited.margin(evidence.alpha)) if limited else None,
        min_improvement=gate.min_improvement,
        p_value=limited.p_value() if limited else None,
        alpha=evidence.alpha,
        alpha_spent=evidence.alpha if spends else 0.0,
        alpha_left=left(gate.alpha, challenges, gate.spending),
        challenge=evidence.challenge,
        baseline_score=BASELINE_SCORE,
        baseline_gain=_difference(evidence.challenger_score, BASELINE_SCORE),
        baseline_lower=_finite_or_none(excess.lower(gate.alpha)) if excess and sufficient else None,
        n=evidence.n,
        positives=evidence.positives,
        clusters=evidence.clusters,
    )


def _difference(new: float | None, old: float | None) -> float | None:
    return None if new is None or old is None else new - old


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
