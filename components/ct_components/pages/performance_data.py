"""What the page of a performance look shows."""

from dataclasses import dataclass

from ct_components.statistics.performance import DailyValue, Judgement


@dataclass(frozen=True)
class PerformanceSpan:
    """A half-open span of days, and the predictions made on them.

    Attributes:
        name: What it is called.
        start: The first instant.
        end: The first instant after it.
        rows: Predictions; None where only stored metrics are known.
        labelled: Those with a label; likewise.
    """

    name: str
    start: str
    end: str
    rows: int | None = None
    labelled: int | None = None

    @property
    def coverage(self) -> float | None:
        """The share of predictions that have a label, 0 to 1."""
        return self.labelled / self.rows if self.rows and self.labelled is not None else None


@dataclass(frozen=True)
class PerformanceMetric:
    """One watched metric.

    Attributes:
        judged: The judgement.
        values: Its daily values since promotion, in order.
        limits: The limit of daily looks after each value; None while it proves nothing, and empty where one
            look decides.
    """

    judged: Judgement
    values: tuple[DailyValue, ...] = ()
    limits: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class PerformancePage:
    """One look at a champion's performance.

    Attributes:
        model: The model's name.
        as_of: The instant that the look pretends is now.
        verdict: fire, fine, uncertain, insufficient or broken.
        reason: Why, in one stable word.
        explanation: Why, in one sentence with the numbers.
        timezone: IANA name of the zone whose days count.
        version: The champion's version; None without one.
        promoted: From when on its predictions count.
        measure: rows or metrics.
        label_delay: How long labels may take, as the spec writes it.
        window: The current window.
        since: All matured days since promotion.
        baseline: What the champion is compared with, in one sentence.
        metrics: In the spec's order.
    """

    model: str
    as_of: str
    verdict: str
    reason: str
    explanation: str
    timezone: str = "UTC"
    version: str | None = None
    promoted: str | None = None
    measure: str = "rows"
    label_delay: str = "0d"
    window: PerformanceSpan | None = None
    since: PerformanceSpan | None = None
    baseline: str | None = None
    metrics: tuple[PerformanceMetric, ...] = ()


REASONS = {
    "critical_degradation": "proven critically worse than on its promotion holdout",
    "threshold": "proven worse than the threshold",
    "dead": "the same value every day, and a bad one",
    "good_enough": "proven better than every level",
    "not_proven": "proven neither worse nor better",
    "no_variance": "the same value every day, so its error is unknown",
    "no_level": "nothing to compare with",
    "too_few_rows": "too few labelled rows",
    "too_few_rows_of_a_class": "too few rows of a class",
    "too_few_clusters": "too few days",
    "no_error": "no value whose error can be known",
    "no_champion": "no champion yet",
    "no_matured_days": "no day has matured yet",
    "no_rows": "no rows since promotion",
    "no_labels": "no labels",
    "no_metrics": "no stored values",
    "nothing_current": "nothing in the current window",
    "broken_data": "the data are at fault, and nothing is trained",
}
"""What each reason means; some words mean something else on a verdict."""
