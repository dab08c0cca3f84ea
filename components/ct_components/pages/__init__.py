"""The pages that people look at: small, self-contained HTML without scripts or network.

Each function takes one frozen dataclass of plain values and returns a whole document, to be written to a
file next to the run and into a KFP HTML artifact alike.
"""

from ct_components.pages.data import (
    CheckRow,
    ColumnSummary,
    ConfusionCounts,
    DayScore,
    Identity,
    Judged,
    RunPage,
    RunRow,
    StageRow,
    ValidationPage,
    VerdictPage,
    WindowRows,
)
from ct_components.pages.drift import DriftPage, FeatureRow
from ct_components.pages.performance_data import PerformanceMetric, PerformancePage, PerformanceSpan
from ct_components.pages.render import (
    drift_page,
    index_page,
    performance_page,
    run_page,
    validation_page,
    verdict_page,
)

__all__ = [
    "CheckRow",
    "ColumnSummary",
    "ConfusionCounts",
    "DayScore",
    "DriftPage",
    "FeatureRow",
    "Identity",
    "Judged",
    "PerformanceMetric",
    "PerformancePage",
    "PerformanceSpan",
    "RunPage",
    "RunRow",
    "StageRow",
    "ValidationPage",
    "VerdictPage",
    "WindowRows",
    "drift_page",
    "index_page",
    "performance_page",
    "run_page",
    "validation_page",
    "verdict_page",
]
