"""The performance trigger's settings, verdicts and reasons, and where a score or a loss becomes too bad."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ct_components.errors import SpecError
from ct_components.statistics.metrics import Metric, Task, metrics_of
from ct_components.statistics.sequential import ALPHA_BOUND

_KEY = "triggers.performance"


class Verdict(StrEnum):
    """What the performance trigger decides.

    >>> print(Verdict.FIRE)
    fire
    """

    FIRE = "fire"
    """The champion is proven too bad: train."""
    FINE = "fine"
    """The champion is proven good enough."""
    UNCERTAIN = "uncertain"
    """Neither is proven; no trigger."""
    INSUFFICIENT = "insufficient"
    """Too little evidence to say anything; never fine, and no trigger."""


class Reason(StrEnum):
    """Why the trigger decides so: stable words that the ledger keeps and scripts may compare."""

    CRITICAL_DEGRADATION = "critical_degradation"
    """Fire: even the optimistic limit is worse than the baseline by `Watched.critical_degradation`."""
    THRESHOLD = "threshold"
    """Fire: even the optimistic limit is worse than the threshold."""
    DEAD = "dead"
    """Fire: the value is worse than the level without any variation, which chance does not explain."""
    GOOD_ENOUGH = "good_enough"
    """Fine: the pessimistic limit is better than the threshold and the critical level."""
    NOT_PROVEN = "not_proven"
    """Uncertain: the threshold or the critical level lies within the limits."""
    NO_VARIANCE = "no_variance"
    """Uncertain: every cluster says exactly the same, on too few clusters for `DEAD`, or nothing bad."""
    NO_LEVEL = "no_level"
    """Insufficient: there is no threshold, and no baseline to degrade from."""
    TOO_FEW_ROWS = "too_few_rows"
    """Insufficient: fewer than `Performance.min_samples` matured rows."""
    TOO_FEW_ROWS_OF_A_CLASS = "too_few_rows_of_a_class"
    """Insufficient: fewer than `Performance.min_per_class` rows of either class, or all of a single one."""
    TOO_FEW_CLUSTERS = "too_few_clusters"
    """Insufficient: fewer than `Performance.min_clusters` clusters, or that hold a class."""
    NO_ERROR = "no_error"
    """Insufficient: the metric has no value here, or one whose error cannot be known."""


class Looks(StrEnum):
    """How often one looks, and so which limit may fire."""

    DAILY = "daily"
    """Every day, at all days since promotion: the confidence sequence fires (`sequence`)."""
    ONCE = "once"
    """Rarely, at one window: its limits fire, and each look can be wrong with probability alpha."""


@dataclass(frozen=True)
class Watched:
    """When one metric is too bad.

    Which way is worse belongs to the metric. 0.0 is a value; None is none. With daily looks, and for stored
    days, threshold and baseline are compared with the mean of daily values, each day alike (`daily`).

    Attributes:
        threshold: A score below it, or a loss above it, is too bad; None for none.
        critical_degradation: By which share of the baseline's size it may be worse; above 0, and below 1 for
            a score; None for any.
        baseline: What it is compared with; None is the champion's score on its promotion holdout.
        low: No day's value is less; None is 0, and without limit for scores of a regression.
        high: No day's value is more; None is 1 for a score, and without limit for a loss. Values close to
            what is possible make the confidence sequence fire sooner. A better day refutes the setting, which
            then counts no more, with a warning.
    """

    threshold: float | None = None
    critical_degradation: float | None = 0.10
    baseline: float | None = None
    low: float | None = None
    high: float | None = None

    def critical(self, metric: Metric, baseline: float | None) -> float | None:
        """Returns the value that is critically worse than the baseline.

        Args:
            metric: Which way is worse.
            baseline: The champion's score on its promotion holdout, which `self.baseline` replaces.

        Returns:
            The baseline, worse by the share of its size. So a score of -0.2, as r2 can be, has its critical
            level at -0.22. None without a baseline, and for one of 0, of which no share can be lost.

        >>> score, loss = metrics_of("regression")["r2"], metrics_of("regression")["mae"]
        >>> Watched().critical(score, 0.8), Watched().critical(loss, 8.0), Watched().critical(score, 0.0)
        (0.72, 8.8, None)
        """
        known = baseline if self.baseline is None else self.baseline
        if not known or self.critical_degradation is None:
            return None
        worse = self.critical_degradation * abs(known)
        return known - worse if metric.higher_is_better else known + worse


@dataclass(frozen=True)
class Performance:
    """When a champion's measured performance starts a training.

    Attributes:
        metrics: What is watched, by the metric's name; at least one.
        task: binary, multiclass or regression.
        alpha: One-sided: how probably a champion that is good enough is ever reported as too bad, at one look
            or, with daily looks, at any of them; shared evenly among the metrics.
        min_samples: Matured rows with a label.
        min_per_class: Of each of two classes; stored daily values do not say which rows were of which.
        min_clusters: Clusters that must hold each class for limits of one look; with fewer, their error is
            too rough.
        cluster: What makes a cluster, in the singular, as messages call it. "none" declares rows independent.
        looks: daily or once (`Looks`).
        own: The user's own metrics, by name.

    Raises:
        SpecError: If a setting lies outside its range.

    >>> Performance({"roc_auc": Watched(threshold=0.65)}, alpha=0.7)
    Traceback (most recent call last):
    ct_components.errors.SpecError: triggers.performance.alpha is 0.7; allowed: above 0 and below 0.5
    """

    metrics: Mapping[str, Watched]
    task: str = Task.BINARY
    alpha: float = 0.05
    min_samples: int = 500
    min_per_class: int = 50
    min_clusters: int = 5
    cluster: str = "day"
    looks: str = Looks.DAILY
    own: Mapping[str, Metric] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Refuses settings outside their range."""
        _require("task", self.task, self.task in list(Task), f"one of {', '.join(Task)}")
        _require("alpha", self.alpha, 0 < self.alpha < ALPHA_BOUND, "above 0 and below 0.5")
        _require("min_samples", self.min_samples, self.min_samples > 1, "2 or more")
        _require("min_per_class", self.min_per_class, self.min_per_class >= 1, "1 or more")
        _require("min_clusters", self.min_clusters, self.min_clusters > 1, "2 or more")
        _require("cluster", self.cluster, bool(self.cluster), "a word such as day, or none")
        _require("looks", self.looks, self.looks in list(Looks), f"one of {', '.join(Looks)}")
        known = self._known_metrics()
        named = bool(self.metrics) and set(self.metrics) <= set(known)
        _require("metrics", sorted(self.metrics), named, f"one or more of {', '.join(known)}")
        for name, watched in self.metrics.items():
            _check(f"metrics.{name}", watched, known[name], self.bounds(name))

    @property
    def alpha_each(self) -> float:
        """One-sided alpha of one metric: any of them may fire, so they share."""
        return self.alpha / len(self.metrics)

    @property
    def clustered(self) -> bool:
        """Whether rows of one cluster may depend on each other."""
        return self.cluster != "none"

    def metric_named(self, name: str) -> Metric:
        """Returns a watched metric."""
        return self._known_metrics()[name]

    def possible(self, name: str) -> tuple[float, float]:
        """Returns what a metric lies between by its definition; of the user's own nobody knows.

        >>> Performance({"r2": Watched()}, task="regression").possible("r2")
        (-inf, 1.0)
        """
        return (-math.inf, math.inf) if name in self.own else self._usual(name)

    def bounds(self, name: str) -> tuple[float, float]:
        """Returns what a day's value of a watched metric should lie between; infinite where nothing is known.

        >>> Performance({"mae": Watched(high=60)}, task="regression").bounds("mae")
        (0.0, 60)
        """
        watched, (low, high) = self.metrics[name], self._usual(name)
        return (
            low if watched.low is None else watched.low,
            high if watched.high is None else watched.high,
        )

    def _usual(self, name: str) -> tuple[float, float]:
        score = self.metric_named(name).higher_is_better
        low = -math.inf if score and self.task == Task.REGRESSION else 0.0
        return low, 1.0 if score else math.inf

    def _known_metrics(self) -> dict[str, Metric]:
        return {**metrics_of(self.task), **self.own}


def _check(key: str, watched: Watched, metric: Metric, bounds: tuple[float, float]) -> None:
    """Refuses what one metric cannot be watched by."""
    low, high = bounds
    for bound in ("low", "high"):
        given = getattr(watched, bound)
        _require(f"{key}.{bound}", given, given is None or math.isfinite(given), "a finite number")
    _require(f"{key}.low", low, low < high, f"below high, which is {high}")
    for name in ("threshold", "baseline"):
        value = getattr(watched, name)
        within = value is None or (math.isfinite(value) and low <= value <= high)
        _require(f"{key}.{name}", value, within, f"a finite number, {low} to {high}")
    best = high if metric.higher_is_better else low
    _require(
        f"{key}.threshold", watched.threshold, watched.threshold != best, f"worse than the best, {best:g}"
    )
    share = watched.critical_degradation
    most = 1.0 if metric.higher_is_better else math.inf
    inside = share is None or 0 < share < most
    _require(
        f"{key}.critical_degradation", share, inside, "above 0 and below 1 (of a loss: any finite number)"
    )
    some = watched.threshold is not None or share is not None
    _require(f"{key}.threshold", watched.threshold, some, "a number, as critical_degradation is none")


def _require(key: str, value: object, holds: bool, allowed: str) -> None:
    if not holds:
        raise SpecError(f"{_KEY}.{key} is {value!r}; allowed: {allowed}")
