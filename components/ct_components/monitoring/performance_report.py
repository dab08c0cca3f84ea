"""What a performance look found out, as a report for programs and as a page for people."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from ct_components import pages
from ct_components.monitoring.performance_champion import Compared
from ct_components.monitoring.performance_reign import Reign
from ct_components.monitoring.performance_rows import Coverage, Measured
from ct_components.statistics.performance import Judgement
from ct_components.windows import Window

if TYPE_CHECKING:
    from ct_components.monitoring.look import Monitor, Watching
    from ct_components.spec import PerformanceTrigger

MONITOR: "Monitor" = "performance"


@dataclass(frozen=True, eq=False)
class Seen:
    """What a look found out, as far as it came.

    Attributes:
        reign: The champion's time in charge.
        measured: What is known of each watched metric.
        judgements: One for each of them.
        limits: Of daily looks after each daily value, by metric.
        compared: What the champion is compared with.
        since: Label coverage of all matured days; None where only stored metrics are known.
        window: That of the current window.
    """

    reign: Reign | None = None
    measured: Mapping[str, Measured] = field(default_factory=dict)
    judgements: tuple[Judgement, ...] = ()
    limits: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    compared: Compared | None = None
    since: Coverage | None = None
    window: Coverage | None = None


@dataclass(frozen=True)
class Decision:
    """What a look comes to: verdict and reason in one stable word each, and one sentence."""

    verdict: str
    reason: str
    explanation: str


def report_of(
    watching: "Watching", trigger: "PerformanceTrigger", seen: Seen, decision: Decision, window: Window
) -> dict[str, Any]:
    """Returns all that a look rests on but the daily values, in JSON's own types."""
    return {
        "model": watching.spec.model,
        "monitor": MONITOR,
        "champion_version": watching.champion.number if watching.champion else None,
        "as_of": watching.as_of.isoformat(),
        "timezone": watching.timezone,
        **asdict(decision),
        "measure": trigger.measure,
        "promoted": seen.reign.promoted.isoformat() if seen.reign else None,
        "window": window.to_dict(),
        "since": seen.reign.matured.to_dict() if seen.reign else None,
        "coverage": {
            name: {**asdict(each), "share": each.share} if each else None
            for name, each in (("window", seen.window), ("since", seen.since))
        },
        "baseline": {"origin": seen.compared.origin, "note": seen.compared.note} if seen.compared else None,
        "metrics": [each.to_dict() for each in seen.judgements],
        "values": {name: len(each.values) for name, each in seen.measured.items()},
        "settings": trigger.model_dump(mode="json"),
    }


def page_of(
    watching: "Watching", trigger: "PerformanceTrigger", seen: Seen, decision: Decision, window: Window
) -> str:
    """Returns the page of a look."""
    reign = seen.reign
    return pages.performance_page(
        pages.PerformancePage(
            model=watching.spec.model,
            as_of=watching.as_of.isoformat(),
            timezone=watching.timezone,
            **asdict(decision),
            version=watching.champion.number if watching.champion else None,
            promoted=reign.promoted.isoformat() if reign else None,
            measure=trigger.measure,
            label_delay=str(watching.spec.source.label_delay),
            window=_span("Current window", window, seen.window),
            since=_span("Since promotion", reign.matured, seen.since) if reign else None,
            baseline=seen.compared.note if seen.compared else None,
            metrics=tuple(
                pages.PerformanceMetric(
                    judged=each,
                    values=seen.measured[each.metric].values,
                    limits=seen.limits.get(each.metric, ()),
                )
                for each in seen.judgements
            ),
        )
    )


def table_of(seen: Seen) -> str:
    """Returns all daily values as CSV: apart from the report, which the ledger keeps of every look."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["metric", "first_day", "last_day", "rows", "value", "limit_of_daily_looks"])
    for name, metric in seen.measured.items():
        for value, limit in zip_longest(metric.values, seen.limits.get(name, ())):
            writer.writerow([name, value.first, value.last, value.n, value.value, limit])
    return text.getvalue()


def _span(name: str, window: Window, coverage: Coverage | None) -> pages.PerformanceSpan:
    return pages.PerformanceSpan(
        name,
        window.start.isoformat(),
        window.end.isoformat(),
        coverage.rows if coverage else None,
        coverage.labelled if coverage else None,
    )
