"""The geometry of each drawing: values in, places in drawing units out; the templates only draw.

Drawings are 460 units wide, so that their 12-unit labels stay readable on a telephone. A value that is None
or not finite has no place, and is left out.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard

from ct_components.pages import formats
from ct_components.pages.data import ColumnSummary, ConfusionCounts, DayScore, Identity, RunRow, WindowRows
from ct_components.pages.formats import count, fixed, instant, shorten
from ct_components.pages.scales import Axis, Tick, axis_over

LEFT, RIGHT = 52, 446
TOP, BOTTOM = 12, 240
_SPARK_BARS, _SPARK_WIDTH, _SPARK_HEIGHT = 24, 120, 30
_DATES_APART = 100
_HOVER_DAYS = 62
_TREND_RUNS = 60
Points = Sequence[tuple[float, float, float]]


@dataclass(frozen=True)
class GainChart:
    """The places of a gain with its one-sided limits.

    Attributes:
        ticks: Of the axis.
        gain: The gain.
        lower: Its lower limit.
        upper: Its upper limit; None runs to the edge, open-ended.
        zero: No gain.
        needed: The gain that the gate requires; None when none is drawn.
        provable: The smallest gain that could have been proven; None when none is drawn.
    """

    ticks: list[Tick]
    gain: float
    lower: float
    upper: float | None
    zero: float
    needed: float | None
    provable: float | None


def gain_chart(
    gain: float | None,
    lower: float | None,
    upper: float | None = None,
    needed: float | None = None,
    provable: float | None = None,
    *,
    relative: bool = False,
) -> GainChart | None:
    """Returns a gain, its limits, zero, the required gain and the smallest provable one on one axis.

    The axis of relative gains counts percent. None without a finite gain and lower limit: there is nothing to
    draw.
    """
    if not _is_finite(gain) or not _is_finite(lower):
        return None
    axis = axis_over((0.0, gain, lower, upper, needed, provable), 14, RIGHT, pad=0.1)
    place = _placer(axis)
    return GainChart(
        _percent_ticks(axis) if relative else axis.ticks(5),
        axis.at(gain),
        axis.at(lower),
        place(upper),
        axis.at(0.0),
        place(needed),
        place(provable),
    )


def _percent_ticks(axis: Axis) -> list[Tick]:
    percent = Axis(100 * axis.low, 100 * axis.high, axis.start, axis.stop)
    return [Tick(tick.at, f"{tick.label} %") for tick in percent.ticks(5)]


@dataclass(frozen=True)
class Mark:
    """A point of a series.

    Attributes:
        x: Its place from the left.
        y: Its place from the top.
        label: What it says when pointed at.
        kind: The verdict that its shape stands for; "" for none.
    """

    x: float
    y: float
    label: str
    kind: str = ""


@dataclass(frozen=True)
class DayChart:
    """Both models' scores by day: lines broken at days without a score, and a mark for each day.

    A long holdout has lines only: its marks would run into each other.

    Attributes:
        x_ticks: Dates.
        y_ticks: Scores.
        champion: The champion's lines, each as the points of a polyline.
        challenger: The challenger's lines, likewise.
        champion_marks: The champion's score of each day.
        challenger_marks: The challenger's score of each day.
    """

    x_ticks: list[Tick]
    y_ticks: list[Tick]
    champion: list[str]
    challenger: list[str]
    champion_marks: list[Mark]
    challenger_marks: list[Mark]


def day_chart(days: Sequence[DayScore]) -> DayChart | None:
    """Returns the scores by day, placed; None when no day has any."""
    scores = [s for day in days for s in (day.champion, day.challenger) if _is_finite(s)]
    if not scores:
        return None
    y = axis_over(scores, BOTTOM, TOP)
    x = Axis(0, max(len(days) - 1, 1), LEFT + 10, RIGHT - 8)
    champion = _series(days, "champion", [day.champion for day in days], x, y)
    challenger = _series(days, "challenger", [day.challenger for day in days], x, y)
    hover = len(days) <= _HOVER_DAYS
    return DayChart(
        x_ticks=_date_ticks([day.day for day in days], x),
        y_ticks=y.ticks(4),
        champion=[_polyline(run) for run in champion],
        challenger=[_polyline(run) for run in challenger],
        champion_marks=[mark for run in champion for mark in run] if hover else [],
        challenger_marks=[mark for run in challenger for mark in run] if hover else [],
    )


@dataclass(frozen=True)
class RocChart:
    """ROC curves in a square.

    Attributes:
        ticks: Rates, on both axes.
        champion: The points of the champion's polyline; "" without any.
        challenger: The points of the challenger's polyline; "" without any.
        at_threshold: The challenger's point at the confusion's threshold; None when it is not known.
    """

    ticks: list[float]
    champion: str
    challenger: str
    at_threshold: tuple[float, float] | None


def roc_chart(champion: Points, challenger: Points, confusion: ConfusionCounts | None) -> RocChart | None:
    """Returns both models' ROC points, placed; None when neither has any."""
    if not champion and not challenger:
        return None
    x, y = Axis(0, 1, 0, 300), Axis(0, 1, 300, 0)
    at_threshold = None
    if (
        confusion
        and (positives := confusion.tp + confusion.fn)
        and (negatives := confusion.fp + confusion.tn)
    ):
        at_threshold = (x.at(confusion.fp / negatives), y.at(confusion.tp / positives))
    curves = [
        " ".join(f"{x.at(fpr):g},{y.at(tpr):g}" for fpr, tpr, _ in points)
        for points in (champion, challenger)
    ]
    return RocChart([0.0, 0.25, 0.5, 0.75, 1.0], curves[0], curves[1], at_threshold)


@dataclass(frozen=True)
class Timeline:
    """Training and holdout windows before as-of.

    Attributes:
        training: Places of the training window's start and end.
        holdout: Places of the holdout's start and end.
        as_of: Place of as-of.
        dates: Below the line: both starts, and as-of.
    """

    training: tuple[float, float]
    holdout: tuple[float, float]
    as_of: float
    dates: list[Tick]


def timeline(training: WindowRows, holdout: WindowRows, identity: Identity) -> Timeline:
    """Returns the windows on one line of time that ends at as-of or the holdout's end."""
    instants = [
        _seconds(iso) for iso in (training.start, training.end, holdout.start, holdout.end, identity.as_of)
    ]
    axis = Axis(min(instants), max(*instants, min(instants) + 1), 8, 452)
    places = [axis.at(t) for t in instants]
    dates = [
        Tick(place, instant(iso, identity.timezone))
        for place, iso in zip(places[::2], (training.start, holdout.start, identity.as_of), strict=True)
    ]
    return Timeline((places[0], places[1]), (places[2], places[3]), places[4], dates)


def spark_path(column: ColumnSummary) -> str:
    """Returns the histogram of a numeric column as one SVG path of 24 equally wide bars, or "" without one.

    Profile edges are quantiles, so their counts are level by design: each bin's rows are spread evenly over
    its span and gathered in equal bars from the minimum to the maximum, which shows the shape.
    """
    low, high = column.minimum, column.maximum
    if (
        not _is_finite(low)
        or not _is_finite(high)
        or len(column.counts) != len(column.edges) + 1
        or not any(column.counts)
    ):
        return ""
    heights = _rebin((low, *column.edges, high), column.counts, low, high)
    scale, step = (_SPARK_HEIGHT - 1) / max(heights), _SPARK_WIDTH / _SPARK_BARS
    return "".join(
        f"M{i * step:g} {_SPARK_HEIGHT}v-{max(h * scale, 1):.1f}h{step - 1:g}V{_SPARK_HEIGHT}z"
        for i, h in enumerate(heights)
        if h > 0
    )


def bars_over(column: ColumnSummary, low: float, high: float) -> list[float]:
    """Returns the shares of a numeric column's rows in 24 equal bars from one value to another.

    For columns that are drawn over each other; their minimum and maximum lie between these values.
    """
    if column.minimum is None or column.maximum is None or not column.count:
        return [0.0] * _SPARK_BARS
    rows = _rebin((column.minimum, *column.edges, column.maximum), column.counts, low, high)
    return [bar / column.count for bar in rows]


@dataclass(frozen=True)
class Trend:
    """One model's scores over as-of.

    Attributes:
        model: The model's name.
        x_ticks: The first as-of and the last.
        y_ticks: Scores.
        line: The points of the challengers' polyline.
        champion_marks: The champion's score at each judged run.
        challenger_marks: The challenger's score at each judged run, by verdict.
    """

    model: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    line: str
    champion_marks: list[Mark]
    challenger_marks: list[Mark]


def trend(model: str, runs: Iterable[RunRow]) -> Trend | None:
    """Returns the scores of a model's latest judged runs by as-of, placed; None below two of them."""
    judged = sorted((r for r in runs if _is_finite(r.challenger_score)), key=lambda r: _seconds(r.as_of))
    judged = judged[-_TREND_RUNS:]
    if len(judged) < 2:  # noqa: PLR2004 — a trend has two points
        return None
    times = [_seconds(run.as_of) for run in judged]
    x = Axis(times[0], max(times[-1], times[0] + 1), LEFT + 10, RIGHT - 8)
    y = axis_over((s for r in judged for s in (r.champion_score, r.challenger_score)), BOTTOM, TOP)
    challengers = [
        Mark(x.at(t), y.at(r.challenger_score), _trend_label(r), r.verdict or "")
        for t, r in zip(times, judged, strict=True)
        if _is_finite(r.challenger_score)
    ]
    champions = [
        Mark(x.at(t), y.at(r.champion_score), f"champion {fixed(r.champion_score)}")
        for t, r in zip(times, judged, strict=True)
        if _is_finite(r.champion_score)
    ]
    ends = [(x.at(times[0]), judged[0]), (x.at(times[-1]), judged[-1])]
    x_ticks = [Tick(at, instant(run.as_of, run.timezone)) for at, run in ends]
    return Trend(model, x_ticks, y.ticks(4), _polyline(challengers), champions, challengers)


def _trend_label(run: RunRow) -> str:
    change = f", gain {formats.gain(run.gain, run.relative)}" if run.gain is not None else ""
    return (
        f"{instant(run.as_of, run.timezone)}: {run.verdict}, challenger {fixed(run.challenger_score)}{change}"
    )


def _is_finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _placer(axis: Axis) -> Callable[[float | None], float | None]:
    return lambda value: axis.at(value) if _is_finite(value) else None


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def _polyline(marks: Iterable[Mark]) -> str:
    return " ".join(f"{mark.x:g},{mark.y:g}" for mark in marks)


def _series(
    days: Sequence[DayScore], role: str, scores: Sequence[float | None], x: Axis, y: Axis
) -> list[list[Mark]]:
    """Returns runs of consecutive days that have a score."""
    runs: list[list[Mark]] = [[]]
    for i, (day, score) in enumerate(zip(days, scores, strict=True)):
        if _is_finite(score):
            runs[-1].append(
                Mark(x.at(i), y.at(score), f"{day.day}: {role} {fixed(score)}, {count(day.rows)} rows")
            )
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _date_ticks(days: Sequence[str], x: Axis) -> list[Tick]:
    """Returns as many days as can be read side by side, the first among them."""
    every = math.ceil(len(days) * _DATES_APART / (x.stop - x.start))
    return [Tick(x.at(i), shorten(day, 11)) for i, day in enumerate(days) if i % every == 0]


def _rebin(edges: Sequence[float], counts: Sequence[int], low: float, high: float) -> list[float]:
    """Returns each bin's rows, spread over equal bars from one value to another."""
    width = (high / _SPARK_BARS - low / _SPARK_BARS) or 1.0
    heights = [0.0] * _SPARK_BARS
    for start, end, rows in zip(edges, edges[1:], counts, strict=False):
        first, last = (min(max((edge - low) / width, 0.0), float(_SPARK_BARS)) for edge in (start, end))
        if last - first < 1:  # a narrow bin, or a single value, falls into one bar
            heights[min(int((first + last) / 2), _SPARK_BARS - 1)] += rows
            continue
        for bar in range(int(first), min(math.ceil(last), _SPARK_BARS)):
            heights[bar] += rows * (min(last, bar + 1) - max(first, bar)) / (last - first)
    return heights
