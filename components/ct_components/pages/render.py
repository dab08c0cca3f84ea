"""From a page's data to its HTML document.

Every document stands alone: style and drawings are inside, nothing is fetched, no script runs (a content
security policy holds that, whatever a name or a message contains).
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ct_components.pages import charts, drift, formats, performance_charts, performance_data, words
from ct_components.pages.data import RunPage, RunRow, StageRow, ValidationPage, VerdictPage

# A page stays below 150 KB whatever it is given: what is left out is counted on the page.
ROWS_SHOWN = 200
CHECKS_SHOWN = 150
COLUMNS_SHOWN = 80
DAYS_SHOWN = 120
FEATURES_SHOWN = 200
_DRAWN = 12
_TRENDS_SHOWN = 4
# Of all watched metrics together, in tables and in drawings.
_VALUES_SHOWN = 120
_VALUES_DRAWN = 2000
_PROMOTIONS_SHOWN = 8


def verdict_page(data: VerdictPage) -> str:
    """Returns the page of one verdict: what was decided, by what limit, on which rows.

    Raises:
        ValueError: If an instant is not ISO 8601.
    """
    judged = data.judged
    return _render(
        "verdict.html.j2",
        page=data,
        gain=charts.gain_chart(
            judged.gain,
            judged.lower,
            judged.upper,
            data.gate.min_improvement,
            judged.smallest_provable_gain,
            relative=judged.relative,
        ),
        excess=charts.gain_chart(judged.baseline_gain, judged.baseline_lower, relative=judged.relative),
        timeline=charts.timeline(data.training, data.holdout, data.identity),
        by_day=charts.day_chart(data.days),
        roc=charts.roc_chart(data.champion_roc, data.challenger_roc, data.confusion),
        days_shown=DAYS_SHOWN,
    )


def validation_page(data: ValidationPage) -> str:
    """Returns the page of one run's data: each check with its value and limit, and the training profile.

    Raises:
        ValueError: If an instant is not ISO 8601.
    """
    failed = [check for check in data.checks if not check.passed and check.severity == "fail"]
    warned = [check for check in data.checks if not check.passed and check.severity != "fail"]
    passed = [check for check in data.checks if check.passed]
    return _render(
        "validation.html.j2",
        page=data,
        failed=failed,
        warned=warned,
        passed=passed,
        checks=[*failed, *warned, *passed][:CHECKS_SHOWN],
        columns=[(column, charts.spark_path(column)) for column in data.columns[:COLUMNS_SHOWN]],
        timeline=charts.timeline(data.training, data.holdout, data.identity),
    )


def run_page(data: RunPage) -> str:
    """Returns the page of one run: its stages with outcomes and seconds, its verdict, what failed.

    Raises:
        ValueError: If an instant is not ISO 8601.
    """
    return _render("run.html.j2", page=data, bars=_stage_bars(data.stages))


def drift_page(data: drift.DriftPage) -> str:
    """Returns the page of one look at drift: the verdict, the share against its limit, each feature.

    Raises:
        ValueError: If an instant is not ISO 8601.
    """
    features = drift.in_order(data.features)
    drawings = [(row, *_drawing(row)) for row in features if row.drifted or row.broken]
    drawn = [drawing for drawing in drawings if any(drawing[1:])]
    return _render(
        "drift.html.j2",
        page=data,
        share=drift.share_chart(data.share, data.drift_share),
        features=features[:FEATURES_SHOWN],
        drawings=drawn[:_DRAWN],
        left_out=max(len(drawn) - _DRAWN, 0),
        broken=sum(bool(row.broken) for row in features) + len(data.problems),
    )


def _drawing(row: drift.FeatureRow) -> tuple[drift.NumberChart | None, list[drift.CategoryBar]]:
    if row.reference is None or row.current is None:
        return None, []
    if row.kind == "numeric":
        return drift.number_chart(row.reference, row.current), []
    return None, drift.category_bars(row.reference, row.current)


def index_page(runs: Sequence[RunRow]) -> str:
    """Returns the page of a state folder: all its runs, in the order given (newest first), with links.

    Only the first 200 runs get a line; all are counted.

    Raises:
        ValueError: If an instant is not ISO 8601.
    """
    models = list(dict.fromkeys(run.model for run in runs))
    trends = [
        charts.trend(model, (run for run in runs if run.model == model)) for model in models[:_TRENDS_SHOWN]
    ]
    return _render(
        "index.html.j2",
        runs=runs[:ROWS_SHOWN],
        total=len(runs),
        models=models,
        outcomes=Counter(run.outcome for run in runs),
        promotions=[run for run in runs if run.outcome == "promoted"][:_PROMOTIONS_SHOWN],
        trends=[shown for shown in trends if shown],
    )


def performance_page(data: performance_data.PerformancePage) -> str:
    """Returns the page of one look at a champion's performance: each metric's values, limits and levels.

    Raises:
        ValueError: If an instant or a day is not ISO 8601.
    """
    first, last, window = (
        formats.instant(iso, data.timezone)[:10] if iso else None
        for iso in (
            data.since and data.since.start,
            data.since and data.since.end,
            data.window and data.window.start,
        )
    )
    each = max(len(data.metrics), 1)
    drawn = [
        performance_charts.performance_chart(metric, first, last, window, _VALUES_DRAWN // each)
        if first and last
        else None
        for metric in data.metrics
    ]
    return _render(
        "performance.html.j2",
        page=data,
        reason=performance_data.REASONS.get(data.reason, words.reason_text(data.reason)),
        metrics=list(zip(data.metrics, drawn, strict=True)),
        rows_shown=_VALUES_SHOWN // each,
    )


def _stage_bars(stages: Sequence[StageRow]) -> list[tuple[float, float]]:
    """Returns start and length of each stage in percent of all seconds: stages run one after another."""
    total = sum(stage.seconds or 0.0 for stage in stages) or 1.0
    bars, start = [], 0.0
    for stage in stages:
        length = 100 * (stage.seconds or 0.0) / total
        bars.append((round(start, 2), round(length, 2)))
        start += length
    return bars


def _render(template: str, **values: Any) -> str:
    html = _environment().get_template(template).render(values)
    # A file name that is not UTF-8 reaches messages as lone surrogates, which no file can be written with.
    return html.encode("utf-8", "replace").decode("utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({**formats.FILTERS, **words.FILTERS})
    return environment
