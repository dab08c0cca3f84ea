"""The gate's settings, verdicts and reasons: the words that the ledger, the pages and the messages share."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ct_components.errors import DataError, SpecError
from ct_components.statistics.metrics import Metric, Task, metrics_of
from ct_components.statistics.sequential import ALPHA_BOUND, spend


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
    """The champion stays: the challenger failed a floor, the baseline, a guardrail or a slice, or is proven
    worse."""
    INSUFFICIENT = "insufficient"
    """Too little evidence to decide anything; it spends no alpha."""


class Claim(StrEnum):
    """What must be proven of a challenger."""

    SUPERIOR = "superior"
    """It is better than the champion, and by enough."""
    NON_INFERIOR = "non_inferior"
    """It is not worse than the champion by the margin: for models that are replaced to stay fresh."""


class Reason(StrEnum):
    """Why the gate decides so: stable words that the ledger keeps and scripts may compare."""

    TOO_FEW_ROWS = "too_few_rows"
    """Insufficient: fewer than `Gate.min_rows` rows, or rows of a single class."""
    TOO_FEW_ROWS_OF_A_CLASS = "too_few_rows_of_a_class"
    """Insufficient: the holdout holds fewer than `Gate.min_per_class` rows of one of two classes."""
    UNDEFINED = "undefined"
    """Insufficient: the metric has no value or no error for what challenger or baseline predictor say."""
    TOO_FEW_CLUSTERS = "too_few_clusters"
    """Insufficient: fewer than `Gate.min_clusters` clusters, or of a class that the metric looks at."""
    FLOOR = "floor"
    """Reject: a score is worse than an absolute floor."""
    BASELINE = "baseline"
    """Reject: not proven better than the baseline predictor."""
    NO_VARIANCE = "no_variance"
    """Hold: every cluster says exactly the same, so no error can be estimated and nothing is proven."""
    FIRST = "first"
    """Promote: there is no champion, and floors and baseline are passed."""
    NOT_COMPARABLE = "not_comparable"
    """Hold: the metric has no value for what the champion says."""
    NO_ALPHA_LEFT = "no_alpha_left"
    """Hold: earlier challenges spent the whole alpha of an `even:n` rule."""
    WORSE = "worse"
    """Reject: proven worse than the champion."""
    NOT_PROVEN = "not_proven"
    """Hold: the gain's lower limit is not above 0."""
    BELOW_MIN_IMPROVEMENT = "below_min_improvement"
    """Hold: proven better, but by less than `Gate.min_improvement`."""
    NOT_NON_INFERIOR = "not_non_inferior"
    """Hold: may be worse than the champion by the margin or more."""
    BEHIND_ANCHOR = "behind_anchor"
    """Hold: may be worse than the last version proven superior by the margin or more."""
    GUARDRAIL = "guardrail"
    """Reject: may be worse by a guardrail metric's margin or more."""
    SLICE = "slice"
    """Reject: proven worse on a slice, by more than the margin."""
    SUPERIOR = "superior"
    """Promote: proven better, and by enough."""
    NON_INFERIOR = "non_inferior"
    """Promote: proven not worse by the margin, as `Gate.claim` asks."""


@dataclass(frozen=True)
class Interval:
    """A gain on some of the rows, or in another metric, with the limit that it is held against.

    Attributes:
        name: Of the metric or the slice.
        n: Rows behind it.
        gain: The gain; None where it cannot be estimated.
        lower: One-sided lower limit at `alpha`.
        upper: One-sided upper limit at `alpha`.
        alpha: One-sided.
        margin: By how much the gain may be negative.
        relative: Whether the gain is relative to the champion's loss.
    """

    name: str
    n: int
    gain: float | None
    lower: float | None
    upper: float | None
    alpha: float
    margin: float
    relative: bool


_UP_TO_1 = {m.name for task in Task for m in metrics_of(task).values() if m.higher_is_better}


@dataclass(frozen=True)
class Gate:
    """When a challenger is promoted.

    Gains in a score, such as ROC AUC, are in its absolute units; gains in a loss are relative to the
    champion's (`Metric.gain`).

    Attributes:
        task: binary, multiclass or regression.
        metric: What is compared; "" is the task's default: roc_auc, log_loss, mae.
        min_improvement: Smallest gain worth a promotion; 0 or more, below 1.
        alpha: One-sided: how probably a champion is ever displaced by a model that is no better.
        strict: Whether the gain's lower limit, and not only the gain, must reach `min_improvement`.
        claim: What must be proven; the same limit serves either claim.
        margin: How much worse counts as no worse, in units of the gain; None is half of `min_improvement`.
        spending: How the challenges of a champion share alpha (`sequential`).
        cluster: What makes a cluster, in the singular, as messages call it; which rows it joins is told to
            `judge`. "none" declares rows independent.
        floors: By metric, the worst value that any promoted model may have, also a first one.
        guardrails: By metric, the margin by which no promoted model may be worse than the champion.
        min_rows: Rows of the holdout.
        min_clusters: Clusters that must hold each class, or rows where they are independent; with fewer, the
            standard error is too rough.
        min_per_class: Rows of each of two classes; with fewer, placement values are too coarse.
        min_slice_rows: Rows of a slice; smaller ones are not judged.
        metrics: The user's own metrics, by name.

    Raises:
        SpecError: If a setting lies outside its range.

    >>> Gate(alpha=0.7)
    Traceback (most recent call last):
    ct_components.errors.SpecError: gates.alpha is 0.7; allowed: above 0 and below 0.5
    """

    task: str = Task.BINARY
    metric: str = ""
    min_improvement: float = 0.01
    alpha: float = 0.05
    strict: bool = False
    claim: str = Claim.SUPERIOR
    margin: float | None = None
    spending: str = "quadratic"
    cluster: str = "day"
    floors: Mapping[str, float] = field(default_factory=dict)
    guardrails: Mapping[str, float] = field(default_factory=dict)
    min_rows: int = 100
    min_clusters: int = 10
    min_per_class: int = 50
    min_slice_rows: int = 500
    metrics: Mapping[str, Metric] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Refuses settings outside their range."""
        self._require("task", self.task in list(Task), f"one of {', '.join(Task)}")
        self._require("min_improvement", 0 <= self.min_improvement < 1, "0 or more and below 1")
        self._require("alpha", 0 < self.alpha < ALPHA_BOUND, "above 0 and below 0.5")
        self._require("claim", self.claim in list(Claim), f"one of {', '.join(Claim)}")
        self._require("margin", self.margin is None or 0 <= self.margin < 1, "0 or more and below 1")
        self._require("min_rows", self.min_rows > 1, "2 or more")
        self._require("min_clusters", self.min_clusters > 1, "2 or more")
        self._require("min_per_class", self.min_per_class >= 1, "1 or more")
        self._require("min_slice_rows", self.min_slice_rows > 1, "2 or more")
        self._require("guardrails", all(0 <= m < 1 for m in self.guardrails.values()), "0 or more, below 1")
        known = self._known_metrics()
        self._require("metric", self.metric in ("", *known), f"one of {', '.join(known)}")
        for key in ("floors", "guardrails"):
            self._require(key, set(getattr(self, key)) <= set(known), f"by metric, of {', '.join(known)}")
        reachable = all(
            self.metric_named(name).higher_is_better or floor >= 0 for name, floor in self.floors.items()
        ) and all(floor <= 1 for name, floor in self.floors.items() if name in _UP_TO_1)
        finite = all(math.isfinite(floor) for floor in self.floors.values())
        self._require("floors", reachable and finite, "at most 1 for a score, 0 or more for a loss, finite")
        try:
            spend(self.alpha, 1, self.spending)
        except DataError as error:
            raise SpecError(f"gates.spending: {error}") from error

    @property
    def delta(self) -> float:
        """How much worse counts as no worse."""
        return self.min_improvement / 2 if self.margin is None else self.margin

    @property
    def clustered(self) -> bool:
        """Whether rows of one cluster may depend on each other."""
        return self.cluster != "none"

    @property
    def decides(self) -> Metric:
        """The metric that is compared."""
        return self.metric_named(self.metric) if self.metric else next(iter(metrics_of(self.task).values()))

    def metric_named(self, name: str) -> Metric:
        """Returns a metric of the task, or one of the user's own."""
        return self._known_metrics()[name]

    def _known_metrics(self) -> dict[str, Metric]:
        return {**metrics_of(self.task), **self.metrics}

    def _require(self, key: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise SpecError(f"gates.{key} is {getattr(self, key)!r}; allowed: {allowed}")
