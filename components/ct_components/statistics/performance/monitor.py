"""The performance trigger: is the champion proven too bad on what it predicted since?

See `checks` for the policy, `samples` for one look's limits, `sequence` for limits that hold at every look,
and `maturing` for which rows count.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ct_components.errors import DataError, SpecError
from ct_components.statistics.performance.checks import CHECKS, Check, Decision, decide
from ct_components.statistics.performance.daily import Baseline
from ct_components.statistics.performance.evidence import Evidence, comparable, watched_as
from ct_components.statistics.performance.samples import Sample
from ct_components.statistics.performance.settings import Performance, Reason, Verdict

_GRAVEST_FIRST = (Verdict.FIRE, Verdict.UNCERTAIN, Verdict.INSUFFICIENT, Verdict.FINE)


@dataclass(frozen=True)
class Judgement:
    """The trigger's verdict on one metric, with every number that a report shows.

    Attributes:
        verdict: What is decided.
        reason: Why, in one stable word.
        explanation: Why, in one sentence with the numbers.
        metric: The metric's name.
        higher_is_better: Its direction.
        value: On the current window; None where it has none.
        lower: One-sided lower limit at one look, at `alpha`; None where none is known.
        upper: The upper one.
        standard_error: Of the value.
        n: Matured rows of the window with a label.
        class_rows: Of each class; empty where rows do not say it.
        clusters: Of the window.
        coverage: The share of matured predictions that have a label; None if it was not counted.
        threshold: The setting.
        baseline: What is compared with.
        critical: The value that is critically worse than the baseline.
        alpha: One-sided, of this metric.
        looks: daily or once.
        days: Daily values since promotion that a sequence of looks saw; None when one look decides.
        sequence_limit: Its optimistic limit; None when one look decides.
        capital: The evidence against the champion, from 1; fires at 1 / alpha. None when one look decides.
        warnings: What is wrong with the settings; empty if nothing is.
        by_day: Whether value, limits, threshold, baseline and critical level are about the mean of daily
            values, each day alike; else they are about the metric of all rows.
    """

    verdict: Verdict
    reason: Reason
    explanation: str
    metric: str
    higher_is_better: bool
    value: float | None
    lower: float | None
    upper: float | None
    standard_error: float | None
    n: int
    class_rows: tuple[int, ...]
    clusters: int
    coverage: float | None
    threshold: float | None
    baseline: float | None
    critical: float | None
    alpha: float
    looks: str
    days: int | None
    sequence_limit: float | None
    capital: float | None
    warnings: tuple[str, ...]
    by_day: bool

    def to_dict(self) -> dict[str, Any]:
        """Returns the judgement in JSON's own types.

        Returns:
            One entry for each field, in their order.
        """
        shown = asdict(self)
        return {
            **shown,
            "verdict": str(self.verdict),
            "reason": str(self.reason),
            "looks": str(self.looks),
            "class_rows": list(self.class_rows),
            "warnings": list(self.warnings),
        }


def judge(
    performance: Performance,
    name: str,
    *,
    window: Sample,
    since: Sample | None = None,
    baseline: Baseline | float | None = None,
    coverage: float | None = None,
    checks: Sequence[Check] = CHECKS,
) -> Judgement:
    """Returns the trigger's verdict on one metric.

    Args:
        performance: The settings.
        name: A watched metric.
        window: The current window (`samples.sample_rows`, `samples.sample_days`).
        since: All matured days since promotion, for daily looks; by default the window.
        baseline: The champion's score on its promotion holdout (`Sample.baseline`), or one number, on all
            rows at once; None if unknown.
        coverage: The label coverage (`maturing.Cohorts`), which is reported and decides nothing.
        checks: The policy.

    Returns:
        The verdict with its reason and all numbers.

    Raises:
        SpecError: If the metric is not watched.
        DataError: If the baseline or a daily value is none that the metric can have, or the baseline was not
            measured as the window is watched (`evidence.comparable`).

    >>> import numpy as np
    >>> from ct_components.statistics.performance.samples import sample_days
    >>> from ct_components.statistics.performance.settings import Watched
    >>> performance = Performance({"accuracy": Watched(threshold=0.88)}, cluster="none", looks="once")
    >>> stored = sample_days(performance.metric_named("accuracy"), [0.84], [500], clustered=False)
    >>> print(judge(performance, "accuracy", window=stored).explanation)
    Too bad: even the optimistic limit 0.8651 of accuracy is below the threshold 0.8800; \
accuracy is 0.8400 now, from 500 rows and one look at α 0.05.
    """
    if name not in performance.metrics:
        raise SpecError(f"metric is {name!r}; allowed: {', '.join(performance.metrics)}")
    watched = watched_as(performance, name, window)
    known = baseline if isinstance(baseline, Baseline) else Baseline(of_rows=baseline)
    compared = comparable(performance, name, watched, known)
    low, high = performance.possible(name)
    if compared is not None and not (math.isfinite(compared) and low <= compared <= high):
        raise DataError(f"baseline of {name} is {compared}; allowed: a finite number, {low} to {high}")
    for sample in (window, since or window):
        _require_possible(sample, low, high)
    evidence = Evidence(performance, name, watched, watched_as(performance, name, since or window), compared)
    return _judgement(evidence, decide(evidence, checks), coverage)


def _require_possible(sample: Sample, low: float, high: float) -> None:
    """Refuses daily values that no metric can have, such as an accuracy in percent."""
    beyond = np.flatnonzero((sample.daily < low) | (sample.daily > high))
    if beyond.size:
        value = sample.daily[beyond[0]]
        allowed = f"at most {high}" if value > high else f"at least {low}"
        raise DataError(f"value of day {beyond[0] + 1} is {value}; allowed: {allowed}")


def overall(judgements: Iterable[Judgement]) -> Judgement:
    """Returns the judgement that speaks for all metrics of a model.

    One that fires counts most, then one that is uncertain, then an insufficient one; all is fine only if each
    metric is.

    Args:
        judgements: At least one.

    Returns:
        The gravest; of equally grave ones the first.

    Raises:
        DataError: If there is none.
    """
    gravest = min(judgements, key=lambda each: _GRAVEST_FIRST.index(each.verdict), default=None)
    if gravest is None:
        raise DataError("no judgement; allowed: at least one watched metric")
    return gravest


def _judgement(evidence: Evidence, decision: Decision, coverage: float | None) -> Judgement:
    window, days = evidence.window, evidence.sequence
    limits = window.limits if window.clusters >= evidence.performance.min_clusters else None
    return Judgement(
        verdict=decision.verdict,
        reason=decision.reason,
        explanation=decision.explanation,
        metric=evidence.name,
        higher_is_better=evidence.metric.higher_is_better,
        value=None if window.value is None else _finite_or_none(window.value),
        lower=_finite_or_none(limits.lower(evidence.alpha)) if limits else None,
        upper=_finite_or_none(limits.upper(evidence.alpha)) if limits else None,
        standard_error=_finite_or_none(limits.standard_error) if limits else None,
        n=window.n,
        class_rows=window.class_rows,
        clusters=window.clusters,
        coverage=coverage,
        threshold=evidence.watched.threshold,
        baseline=evidence.baseline,
        critical=evidence.critical,
        alpha=evidence.alpha,
        looks=evidence.performance.looks,
        days=evidence.since.daily.size if days else None,
        sequence_limit=days.limit(evidence.alpha) if days else None,
        capital=days.capital if days else None,
        warnings=evidence.warnings,
        by_day=not window.pooled,
    )


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
