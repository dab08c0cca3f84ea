"""The performance rule: how often a champion that is good enough fires, at one look or ever."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.cell import Line, Rate, count
from calibration.laws import Days, Draw, Rng, correlated
from ct_components.statistics.arrays import Bools, Floats, Ints
from ct_components.statistics.metrics import metric_named
from ct_components.statistics.performance.monitor import judge
from ct_components.statistics.performance.samples import Sample, sample_days, sample_rows
from ct_components.statistics.performance.sequence import bets
from ct_components.statistics.performance.settings import Performance, Verdict, Watched

ALPHA = 0.05
YEAR = 365
MONTH = 28
WEEKLY = 7

FIRES, PESSIMISTIC, VALUE, INSUFFICIENT = "fires", "pessimistic", "value", "insufficient"
SEQUENCE, DAILY_LIMIT, WEEKLY_LIMIT = "sequence", "daily", "weekly"


@dataclass(frozen=True)
class OneLook:
    """One window of a champion of known performance, against a threshold.

    Attributes:
        metric: What is watched.
        window: Draws a window's sample.
        threshold: What is too bad.
        what: How good the champion truly is.
        nominal: How often it may fire; None where it should.
        cluster: day or none.
    """

    metric: str
    window: Callable[[Rng], Sample]
    threshold: float
    what: str
    nominal: float | None = ALPHA
    cluster: str = "none"

    def __call__(self, rng: Rng, replications: int) -> Sequence[Line]:
        """Returns how often the rule fires, and how often others would."""
        watched = Watched(self.threshold, critical_degradation=None)
        rule = Performance({self.metric: watched}, alpha=ALPHA, cluster=self.cluster, looks="once")
        judged = []
        for _ in range(replications):
            found = judge(rule, self.metric, window=self.window(rng))
            if found.verdict is not Verdict.INSUFFICIENT:
                judged.append(found)
        rates = {
            FIRES: count([found.verdict is Verdict.FIRE for found in judged]),
            VALUE: count([(found.value or 0.0) < self.threshold for found in judged]),
            PESSIMISTIC: count([(found.lower or 0.0) < self.threshold for found in judged]),
            INSUFFICIENT: Rate(replications - len(judged), replications),
        }
        return [Line(self.what, self.nominal, rates)]


@dataclass(frozen=True)
class Proportion:
    """Accuracy on independent rows: its number of right ones is binomial."""

    n: int
    accuracy: float

    def __call__(self, rng: Rng) -> Sample:
        """Returns the sample of a window."""
        right = rng.binomial(self.n, self.accuracy) / self.n
        return sample_days(metric_named("accuracy"), [right], [self.n], clustered=False)


@dataclass(frozen=True)
class FromRows:
    """A metric of the champion on rows of a law.

    Attributes:
        metric: What is watched.
        draw: `ranks` or `decisions`.
        law: Of the days.
        n: Rows.
        clustered: Whether the rule is told of days.
    """

    metric: str
    draw: Draw
    law: Days
    n: int
    clustered: bool

    def __call__(self, rng: Rng) -> Sample:
        """Returns the sample of a window."""
        rows = self.draw(self.law, self.n, rng)
        return sample_rows(
            metric_named(self.metric), rows.truth, rows.champion, rows.day, clustered=self.clustered
        )


def true_area(law: Days) -> float:
    """Returns the champion's ROC AUC, of pairs of rows of different days or of one alike."""
    from scipy.special import ndtr

    assert law.level == 0, "rows of one day would resemble each other more than those of two"
    return float(ndtr(1 / math.sqrt(2 + law.strength**2)))


@dataclass(frozen=True)
class Looks:
    """A champion's year of daily looks at its accuracy.

    The rule's sequence of all days is compared with limits for one look, at the last 28 days: each
    day, or each week.

    Attributes:
        rows: Of each day.
        accuracy: The true one, on the mean day.
        threshold: What is too bad.
        between: Standard deviation of a day's accuracy.
        memory: Correlation of a day's accuracy with the day before.
        what: In words.
        nominal: How often it may fire within the year; None where it should.
        after: From which day the accuracy is as it is; before, it is `before`.
        before: Accuracy of a healthy champion.
        within: Days after the change until which firing counts.
    """

    rows: int
    accuracy: float
    threshold: float
    between: float = 0.0
    memory: float = 0.0
    what: str = "exactly at the threshold"
    nominal: float | None = ALPHA
    after: int = 0
    before: float = 0.9
    within: int = YEAR

    def __call__(self, rng: Rng, replications: int) -> Sequence[Line]:
        """Returns how many champions fire at any of the looks."""
        days = np.arange(YEAR)
        mean = np.where(days < self.after, self.before, self.accuracy)
        accuracy = mean + self.between * correlated(rng.normal(size=(replications, YEAR)), self.memory)
        right = rng.binomial(self.rows, np.clip(accuracy, 0, 1))
        looked = slice(self.after, self.after + self.within)
        fires = self.by_sequence(right / self.rows)
        limits = self._by_limit(right)
        weekly = limits & (days % WEEKLY == 0)
        rates = {
            name: count(flags[:, looked].any(axis=1))
            for name, flags in ((SEQUENCE, fires), (WEEKLY_LIMIT, weekly), (DAILY_LIMIT, limits))
        }
        return [Line(self.what, self.nominal, rates)]

    def by_sequence(self, daily: Floats) -> Bools:
        """Returns at which looks the gambler's capital exceeds 1 / alpha; shape (champions, days)."""
        distances = (1 - daily) / (1 - self.threshold)
        capital = np.cumsum(np.log1p(bets(distances) * (distances - 1)), axis=1)
        return np.asarray(capital > -math.log(ALPHA))

    def _by_limit(self, right: Ints) -> Bools:
        """Returns at which looks Wilson's optimistic limit of the last 28 days is below the threshold."""
        from scipy.special import ndtri

        total = np.cumsum(right, axis=1).astype(np.float64)
        total[:, MONTH:] -= total[:, :-MONTH].copy()
        n = self.rows * np.minimum(np.arange(1, YEAR + 1), MONTH)
        error = np.sqrt(n * self.threshold * (1 - self.threshold))
        return np.asarray((total - n * self.threshold) / error < float(ndtri(ALPHA)))
