"""The gate's settings, verdicts and reasons: the words that the ledger, the pages and the messages share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ct_components.errors import DataError, SpecError
from ct_components.statistics.sequential import ALPHA_BOUND, spend

METRICS = ("roc_auc",)
"""The metrics that a gate can decide on."""


class Verdict(StrEnum):
    """What the gate decides.

    >>> print(Verdict.PROMOTE)
    promote
    """

    PROMOTE = "promote"
    """The challenger becomes champion."""
    HOLD = "hold"
    """The champion stays: the challenger is not proven better."""
    REJECT = "reject"
    """The champion stays: the challenger failed a floor or the baseline, or is proven worse."""
    INSUFFICIENT = "insufficient"
    """Too little evidence to decide anything; it spends no alpha."""


class Reason(StrEnum):
    """Why the gate decides so: stable words that the ledger keeps and scripts may compare."""

    TOO_FEW_ROWS_OF_A_CLASS = "too_few_rows_of_a_class"
    """Insufficient: the holdout holds fewer than `Gate.min_per_class` rows of a class."""
    TOO_FEW_CLUSTERS = "too_few_clusters"
    """Insufficient: a class lies in fewer than `Gate.min_clusters` clusters."""
    FLOOR = "floor"
    """Reject: the score is below an absolute floor."""
    BASELINE = "baseline"
    """Reject: not proven better than the baseline predictor."""
    NO_VARIANCE = "no_variance"
    """Hold: every cluster says exactly the same, so no error can be estimated and nothing is proven."""
    FIRST = "first"
    """Promote: there is no champion, and floors and baseline are passed."""
    NO_ALPHA_LEFT = "no_alpha_left"
    """Hold: earlier challenges spent the whole alpha of an `even:n` rule."""
    WORSE = "worse"
    """Reject: proven worse than the champion."""
    SUPERIOR = "superior"
    """Promote: proven better, and by enough."""
    BELOW_MIN_IMPROVEMENT = "below_min_improvement"
    """Hold: proven better, but by less than `Gate.min_improvement`."""
    NOT_PROVEN = "not_proven"
    """Hold: the gain's lower limit is not above 0."""


@dataclass(frozen=True)
class Gate:
    """When a challenger is promoted.

    Attributes:
        metric: What is compared; one of `METRICS`.
        min_improvement: Smallest gain worth a promotion, in absolute units of the metric; 0 or more, below 1.
        alpha: One-sided: how probably a champion is ever displaced by a model that is no better.
        strict: Whether the gain's lower limit, and not only the gain, must reach `min_improvement`.
        spending: How the challenges of a champion share alpha (`sequential`).
        cluster: What makes a cluster, in the singular, as messages call it; which rows it joins is told to
            `judge`.
        floors: By metric, the score below which no model is promoted, not even a first one.
        min_clusters: Clusters that must hold each class; with fewer, the standard error is too rough for
            Student's t.
        min_per_class: Rows of each class; with fewer, placement values are too coarse.

    Raises:
        SpecError: If a setting lies outside its range.

    >>> Gate(alpha=0.7)
    Traceback (most recent call last):
    ct_components.errors.SpecError: gates.alpha is 0.7; allowed: above 0 and below 0.5
    """

    metric: str = "roc_auc"
    min_improvement: float = 0.01
    alpha: float = 0.05
    strict: bool = False
    spending: str = "quadratic"
    cluster: str = "day"
    floors: Mapping[str, float] = field(default_factory=lambda: {"roc_auc": 0.5})
    min_clusters: int = 10
    min_per_class: int = 50

    def __post_init__(self) -> None:
        """Refuses settings outside their range."""
        self._require("metric", self.metric in METRICS, f"one of {', '.join(METRICS)}")
        self._require("min_improvement", 0 <= self.min_improvement < 1, "0 or more and below 1")
        self._require("alpha", 0 < self.alpha < ALPHA_BOUND, "above 0 and below 0.5")
        self._require("min_clusters", self.min_clusters > 1, "2 or more")
        self._require("min_per_class", self.min_per_class >= 1, "1 or more")
        self._require("floors", set(self.floors) <= set(METRICS), f"floors for {', '.join(METRICS)}")
        self._require("floors", all(0 <= floor <= 1 for floor in self.floors.values()), "0 to 1")
        try:
            spend(self.alpha, 1, self.spending)
        except DataError as error:
            raise SpecError(f"gates.spending: {error}") from error

    def _require(self, key: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise SpecError(f"gates.{key} is {getattr(self, key)!r}; allowed: {allowed}")
