"""Everything that the performance trigger's checks look at."""

import math
from dataclasses import dataclass
from functools import cached_property

from ct_components.errors import DataError
from ct_components.statistics.metrics import Metric
from ct_components.statistics.performance.daily import Baseline, is_mean
from ct_components.statistics.performance.samples import Sample
from ct_components.statistics.performance.sequence import Sequence, sequence
from ct_components.statistics.performance.settings import Looks, Performance, Watched


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of one metric of the champion.

    Attributes:
        performance: The settings to judge by.
        name: The metric's.
        window: The current window, measured as it is watched (`watched_as`).
        since: All matured days since promotion, which a sequence of daily looks needs.
        measured_baseline: The champion's score on its promotion holdout, measured the same way; None if
            unknown.
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
        return sequence(self.since.daily, level=self.level, bound=self.best)

    @cached_property
    def best(self) -> float:
        """The best value that a day can have.

        That is the setting, until a better value refutes it: then what the metric's definition says, or for
        the user's own metrics, of which nothing is known, that value.
        """
        set_best = self._better_end(self.performance.bounds(self.name))
        if not self.worse(set_best, self._best_seen):
            return set_best
        possible = self._better_end(self.performance.possible(self.name))
        return possible if math.isfinite(possible) else self._best_seen

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the settings, though nothing is refused for it."""
        set_best = self._better_end(self.performance.bounds(self.name))
        if self.best == set_best:
            return ()
        end = "high" if self.metric.higher_is_better else "low"
        what = f"{self.name} of a day, or its baseline, is {self._best_seen:g}, and {end} is {set_best:g}"
        return (f"{what}: {self.best:g} counts in its place.",)

    @property
    def _best_seen(self) -> float:
        seen: list[float] = [*self.since.daily.tolist(), *([] if self.baseline is None else [self.baseline])]
        known = self._better_end(self.performance.bounds(self.name))
        return max(seen, default=known) if self.metric.higher_is_better else min(seen, default=known)

    def _better_end(self, bounds: tuple[float, float]) -> float:
        return bounds[1] if self.metric.higher_is_better else bounds[0]

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

    @property
    def chance_of_no_variation(self) -> float:
        """How probably all clusters are as bad as the value if the champion is good enough, at most.

        By Markov's inequality a cluster's distance from the best value is k times the allowed one with
        probability 1 / k at most, whatever its law. A model that says the same of every row has no luck.
        """
        limits, value = self.window.limits, self.window.value
        if limits is None or value is None or self.level is None or not self.worse(value, self.level):
            return 1.0
        if self.window.constant:
            return 0.0
        share = abs(self.best - self.level) / abs(self.best - value)
        return float(share ** (limits.degrees_of_freedom + 1))

    def _limit(self, *, best: bool) -> float:
        """Returns the window's limit towards the best or worst values; infinite without a trusted error."""
        upper = best == self.metric.higher_is_better
        limits = self.window.limits
        if limits is None or self.window.clusters < self.performance.min_clusters:
            return math.inf if upper else -math.inf
        return limits.upper(self.alpha) if upper else limits.lower(self.alpha)


def watched_as(performance: Performance, name: str, sample: Sample) -> Sample:
    """Returns a sample with the value that is watched.

    Daily looks bet on daily values, so their mean, each day alike, is what level, window and baseline are
    about; and of stored days of a metric that is no mean over rows, nothing else is known. A mean over
    rows that are declared independent is the same either way, and better known from the rows.
    """
    rows_will_do = is_mean(performance.metric_named(name)) and not performance.clustered
    daily = performance.looks == Looks.DAILY and not rows_will_do
    return sample.by_day if daily or not sample.pooled else sample


def comparable(performance: Performance, name: str, window: Sample, baseline: Baseline) -> float | None:
    """Returns the baseline that was measured as the window is.

    Args:
        performance: The settings.
        name: A watched metric.
        window: What is compared with it (`watched_as`).
        baseline: In both ways.

    Raises:
        DataError: If it is known in the other way only, and the metric is no mean over rows.
    """
    ways = {"all rows at once": baseline.of_rows, "the mean of daily values": baseline.of_days}
    watched, other = reversed(ways) if not window.pooled else ways
    either_will_do = is_mean(performance.metric_named(name)) or ways[other] is None
    if ways[watched] is not None or performance.metrics[name].baseline is not None:
        return ways[watched]
    if either_will_do:
        return ways[other]
    raise DataError(
        f"baseline of {name} is {ways[other]} for {other}, but {watched} is watched, which is another "
        "number; allowed: the same of the promotion holdout, as Sample.baseline holds it"
    )
