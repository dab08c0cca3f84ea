"""Drift: has the world changed since the champion was trained, or are the data broken?

See `checks` for the policy, `divergence` for the measure, `null` and `days` for what chance alone makes of
it, and `looks` for windows over time.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.drift.bins import numeric_bins, quantile_edges
from ct_components.statistics.drift.checks import CHECKS, Check, decide
from ct_components.statistics.drift.evidence import Evidence, Feature, FeatureDrift, gather
from ct_components.statistics.drift.looks import Look, drifted_windows
from ct_components.statistics.drift.settings import Drift, Reason, Verdict, Windows

SCORE = "score"
"""Name of the feature that a model's scores make."""


@dataclass(frozen=True)
class Detection:
    """A verdict about one window, and all that it rests on.

    Attributes:
        verdict: What is decided.
        reason: Why, in one stable word.
        explanation: Why, in one sentence with the numbers.
        share: Weighted share of features that drifted; None when data were broken or too few.
        drift_share: The share that must be exceeded.
        window_drifted: Whether it was, which is what later looks count; None when data were broken or too
            few.
        windows_drifted: In how many of the last disjoint windows it was, the current one included; None
            likewise.
        windows: "k of n": how many must be.
        reference_rows: Rows of the reference.
        current_rows: Rows of the current window.
        features: What is known about each feature.
    """

    verdict: Verdict
    reason: Reason
    explanation: str
    share: float | None
    drift_share: float
    window_drifted: bool | None
    windows_drifted: int | None
    windows: str
    reference_rows: int
    current_rows: int
    features: tuple[FeatureDrift, ...]

    @property
    def retrain(self) -> bool:
        """Whether a model should be trained: on drift, never on broken data."""
        return self.verdict is Verdict.DRIFT

    @property
    def quarantine(self) -> bool:
        """Whether the window should be kept from models, and people told."""
        return self.verdict is Verdict.BROKEN

    def to_dict(self) -> dict[str, Any]:
        """Returns the detection in JSON's own types: no enum, no NaN, no infinity.

        Returns:
            One entry for each field, in their order.
        """
        words = {"verdict": self.verdict.value, "reason": self.reason.value}
        return asdict(self) | words | {"features": [feature.to_dict() for feature in self.features]}


def detect(
    features: Sequence[Feature],
    settings: Drift,
    *,
    schema: Sequence[str] = (),
    current_days: int | None = None,
    window: tuple[datetime, datetime] | None = None,
    looks: Sequence[Look] = (),
    seed: int = 0,
    checks: Sequence[Check] = CHECKS,
) -> Detection:
    """Decides whether the current window has drifted.

    In this order: wrong columns are broken data; too few rows are insufficient; values that went missing,
    came in another unit, or stand still are broken data; then the window drifts when the drifted share of
    features exceeds its limit in enough of the last disjoint windows.

    Args:
        features: Each feature's rows in both windows, at least one.
        settings: To decide by.
        schema: What is wrong with the columns, one phrase each.
        current_days: Days of the current window; with at least 30 daily counts of the reference, and four
            times as many as this, chance is what these days show. None takes rows as independent.
        window: Start and end of the current window; needed when the settings count windows.
        looks: Earlier looks of the same champion; those that overlap the current window do not count.
        seed: Of the draws, 0 or more.
        checks: The policy, for those who check more.

    Returns:
        The detection; the same one for the same arguments.

    Raises:
        DataError: If there is nothing to compare, all weights of the features are 0, or the window is
            needed and not given.

    >>> from ct_components.statistics.drift.bins import categorical_bins
    >>> bins = categorical_bins({"UA": 6000, "AA": 4000}, {"UA": 2000, "AA": 6000})
    >>> detection = detect([Feature("carrier", bins)], Drift())
    >>> detection.verdict.value, detection.reason.value, round(detection.features[0].psi, 3)
    ('drift', 'drifted_share', 0.526)
    """
    last = settings.k_of_n.last
    evidence = gather(
        features,
        settings,
        schema=schema,
        current_days=current_days,
        windows_drifted=_drifted_before(looks, window, last) if last > 1 else 0,
        seed=seed,
    )
    if evidence.features and not any(feature.weight for feature in evidence.features):
        raise DataError("weights of all features compared are 0; allowed: one above 0 at least")
    return _detection(evidence, checks)


def detect_in_scores(
    holdout_scores: npt.ArrayLike, current_scores: npt.ArrayLike, settings: Drift, seed: int = 0
) -> Detection:
    """Decides whether the champion's scores on current rows differ from those **on its promotion holdout**.

    Never against its scores on the rows that it was trained on: there it is surer than on any other rows,
    and a forest shows a PSI of 1.7 and more without any drift.

    Args:
        holdout_scores: The champion's scores on the holdout on which it was promoted, shape (N,).
        current_scores: Its scores on current rows, shape (m,).
        settings: To decide by; shares, windows and weights have no say about a single feature.
        seed: Of the draws, 0 or more.

    Returns:
        The detection, of one feature named `score`. Scores that came in another unit, or stand still, are
        drift here.

    Raises:
        DataError: If scores are no numbers.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> holdout, current = rng.beta(2, 5, 4000), rng.beta(3, 5, 3000)
    >>> detect_in_scores(holdout, current, Drift()).features[0].drifted
    True
    """
    edges = quantile_edges(holdout_scores)
    feature = Feature(SCORE, numeric_bins(holdout_scores, current_scores, edges), edges)
    alone = Drift(
        psi_threshold=settings.psi_threshold,
        alpha=settings.alpha,
        drift_share=0.0,
        min_rows=settings.min_rows,
        ks_alpha=settings.ks_alpha,
        ks_distance=settings.ks_distance,
        missing_jump=settings.missing_jump,
    )
    return detect([feature], alone, seed=seed)


def _drifted_before(looks: Sequence[Look], window: tuple[datetime, datetime] | None, last: int) -> int:
    """Returns how many of the last windows before the current one drifted."""
    if window is None:
        raise DataError(
            "start and end of the current window are not given; windows cannot be counted without"
        )
    earlier = [look for look in looks if look.end <= window[0]]
    return drifted_windows(earlier, Windows(1, last - 1))


def _detection(evidence: Evidence, checks: Sequence[Check]) -> Detection:
    decision = decide(evidence, checks)
    judged = decision.verdict in (Verdict.DRIFT, Verdict.NO_DRIFT)
    return Detection(
        verdict=decision.verdict,
        reason=decision.reason,
        explanation=decision.explanation,
        share=evidence.share if judged else None,
        drift_share=evidence.settings.drift_share,
        window_drifted=evidence.exceeded if judged else None,
        windows_drifted=evidence.windows_drifted + evidence.exceeded if judged else None,
        windows=evidence.settings.windows,
        reference_rows=evidence.reference_rows,
        current_rows=evidence.current_rows,
        features=evidence.features,
    )
