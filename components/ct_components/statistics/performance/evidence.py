"""Everything that the performance trigger's checks look at."""

import math
from dataclasses import dataclass
from functools import cached_property

from ct_components.statistics.metrics import Metric
from ct_components.statistics.performance.samples import Sample
from ct_components.statistics.performance.sequence import Sequence, sequence
from ct_components.statistics.performance.settings import Looks, Performance, Watched


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of one metric of the champion.

    Attributes:
        performance: The settings to judge by.
        name: The metric's.
        window: The current window.
        since: All matured days since promotion, which a sequence of daily looks needs.
        measured_baseline: The champion's score on its promotion holdout; None if unknown.
    """

    performance: Performance
    name: str
    window: Sample
    since: Sample
    measured_baseline: float | None

    @property
    def metric(self) -> Metric:
        """What is watched."""
        return self.performance.metric_named(self.name)

    @property
    def watched(self) -> Watched:
        """When it is too bad."""
        return self.performance.metrics[self.name]

    @property
    def alpha(self) -> float:
        """One-sided alpha of this metric."""
        return self.performance.alpha_each

    @property
    def daily(self) -> bool:
        """Whether a sequence of daily looks may fire, and not one look."""
        return self.performance.looks == Looks.DAILY

    @property
    def deciding(self) -> Sample:
        """The rows that may fire."""
        return self.since if self.daily else self.window

    @property
    def baseline(self) -> float | None:
        """What the metric is compared with."""
        given = self.watched.baseline
        return self.measured_baseline if given is None else given

    @property
    def critical(self) -> float | None:
        """The value that is critically worse than the baseline; None without one."""
        return self.watched.critical(self.metric, self.measured_baseline)

    @property
    def level(self) -> float | None:
        """The stricter of threshold and critical level: what is worse than it is too bad."""
        levels = [level for level in (self.watched.threshold, self.critical) if level is not None]
        if not levels:
            return None
        return max(levels) if self.metric.higher_is_better else min(levels)

    @cached_property
    def sequence(self) -> Sequence | None:
        """The gambler who bets that the days since promotion are too bad; None when one look decides."""
        if not self.daily or self.level is None:
            return None
        low, high = self.performance.bounds(self.name)
        best = high if self.metric.higher_is_better else low
        return sequence(self.since.daily, level=self.level, bound=best)

    @property
    def optimistic(self) -> float:
        """The limit that must be worse than a level to fire; the best there is when nothing is proven."""
        if self.sequence is not None:
            return self.sequence.limit(self.alpha)
        return self._limit(best=True)

    @property
    def pessimistic(self) -> float:
        """The window's limit that must be better than a level for the champion to be fine."""
        return self._limit(best=False)

    def worse(self, value: float, level: float | None) -> bool:
        """Returns whether a value is worse than a level; none is better than no level."""
        if level is None:
            return False
        return value < level if self.metric.higher_is_better else value > level

    def _limit(self, *, best: bool) -> float:
        """Returns the window's limit towards the best or worst values; infinite without a trusted error."""
        upper = best == self.metric.higher_is_better
        limits = self.window.limits
        if limits is None or self.window.clusters < self.performance.min_clusters:
            return math.inf if upper else -math.inf
        return limits.upper(self.alpha) if upper else limits.lower(self.alpha)
