"""The geometry of a metric's daily values since promotion, with what they are compared with."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ct_components.pages.charts import BOTTOM, LEFT, RIGHT, TOP, Mark
from ct_components.pages.formats import count, fixed
from ct_components.pages.performance_data import PerformanceMetric
from ct_components.pages.scales import Axis, Tick, axis_over
from ct_components.statistics.performance import DailyValue

_HOVER_VALUES = 62
_DATES_APART = 100
_LONGEST = 730
"""Days that are drawn: two years, closer than two to a unit."""


@dataclass(frozen=True)
class PerformanceChart:
    """A metric's daily values, placed.

    Attributes:
        x_ticks: Dates.
        y_ticks: Values.
        values: Lines of values, each as the points of a polyline.
        marks: A mark for each value; empty where they would run into each other.
        limits: Lines of the limit of daily looks, where it lies within the drawing.
        threshold: Place of the threshold; None without one, as the next two.
        critical: Place of the critical level.
        baseline: Place of the baseline.
        window: Where the current window begins.
        drawn: How many values are drawn, of how many there are.
    """

    x_ticks: list[Tick]
    y_ticks: list[Tick]
    values: list[str]
    marks: list[Mark]
    limits: list[str]
    threshold: float | None
    critical: float | None
    baseline: float | None
    window: float | None
    drawn: int


def performance_chart(
    metric: PerformanceMetric, first: str, last: str, window: str | None, most: int = _LONGEST
) -> PerformanceChart | None:
    """Returns the daily values of a metric, placed; None when there is none.

    Args:
        metric: The metric.
        first: The first day since promotion.
        last: The last matured day.
        window: First day of the current window.
        most: How many values are drawn at most: the last ones.
    """
    values = [value for value in metric.values if value.value is not None]
    if not values:
        return None
    longest = min(most, _LONGEST)
    drawn = metric.values[-longest:]
    judged = metric.judged
    levels = (judged.threshold, judged.critical, judged.baseline)
    y = axis_over((*(value.value for value in drawn), *levels), BOTTOM, TOP)
    start = date.fromisoformat(drawn[0].last) if len(metric.values) > longest else date.fromisoformat(first)
    days = max((date.fromisoformat(last) - start).days, 1)
    x = Axis(0, days, LEFT + 10, RIGHT - 8)
    lines = list(_lines(_placed(drawn, [value.value for value in drawn], start, x, y)))
    limits = _placed(drawn, metric.limits[-longest:] or [None] * len(drawn), start, x, y)
    return PerformanceChart(
        x_ticks=_dates(start, days, x),
        y_ticks=y.ticks(4),
        values=[_points(line) for line in lines],
        marks=[mark for line in lines for mark in line] if len(values) <= _HOVER_VALUES else [],
        limits=[_points(line) for line in _lines(limits)],
        threshold=_place(judged.threshold, y),
        critical=_place(judged.critical, y),
        baseline=_place(judged.baseline, y),
        window=x.at((date.fromisoformat(window) - start).days) if window else None,
        drawn=len(drawn),
    )


def _placed(
    days: Sequence[DailyValue], values: Sequence[float | None], start: date, x: Axis, y: Axis
) -> list[Mark | None]:
    """Returns a mark for each value that lies on the axis, under its run's last day."""
    return [
        None
        if value is None or not y.low <= value <= y.high
        else Mark(x.at((date.fromisoformat(day.last) - start).days), y.at(value), _label(day, value))
        for day, value in zip(days, values, strict=True)
    ]


def _label(day: DailyValue, value: float) -> str:
    when = day.last if day.first == day.last else f"{day.first} to {day.last}"
    return f"{when}: {fixed(value)}, {count(day.n)} rows"


def _lines(marks: Iterable[Mark | None]) -> Iterable[list[Mark]]:
    """Yields runs of neighbouring marks."""
    run: list[Mark] = []
    for mark in [*marks, None]:
        if mark is not None:
            run.append(mark)
        elif run:
            yield run
            run = []


def _points(marks: Iterable[Mark]) -> str:
    return " ".join(f"{mark.x:g},{mark.y:g}" for mark in marks)


def _place(level: float | None, y: Axis) -> float | None:
    return None if level is None or not math.isfinite(level) else y.at(level)


def _dates(start: date, days: int, x: Axis) -> list[Tick]:
    """Returns as many days as can be read side by side, the first among them."""
    every = max(1, math.ceil((days + 1) * _DATES_APART / (x.stop - x.start)))
    return [Tick(x.at(n), f"{start + timedelta(days=n):%Y-%m-%d}") for n in range(0, days + 1, every)]
