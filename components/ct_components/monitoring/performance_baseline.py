"""What a champion's performance is compared with: its scores on its promotion holdout.

`evaluate_challenger` measures every metric of the task on the holdout, in both ways in which it can be
watched (`statistics.performance.daily.Baseline`), and keeps them as a file of the challenger's MLflow run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ct_components.errors import StateError
from ct_components.statistics.estimate import value_or_none
from ct_components.statistics.metrics import Metric, Predicted, Task, metrics_of
from ct_components.statistics.metrics.metric import Truth
from ct_components.statistics.performance.daily import Baseline, daily_values, defined, values_of
from ct_components.statistics.performance.samples import Sample

HOLDOUT_METRICS = "holdout_metrics.json"
"""A file of the MLflow run that made a version."""
HOLDOUT_METRICS_TAG = "holdout_metrics"
"""Of a version: that the file is there."""


@dataclass(frozen=True)
class HoldoutMetrics:
    """A version's scores on its promotion holdout.

    Attributes:
        rows: Labelled rows of the holdout.
        days: Days that hold them.
        metrics: Each metric in both ways, by name.
    """

    rows: int
    days: int
    metrics: Mapping[str, Baseline]

    def to_json(self) -> str:
        """Returns them as JSON; what has no value is null."""
        metrics = {
            name: {"of_rows": each.of_rows, "of_days": each.of_days, "rows": self.rows}
            for name, each in self.metrics.items()
        }
        return json.dumps(
            {"rows": self.rows, "days": self.days, "metrics": metrics}, indent=2, allow_nan=False
        )

    @classmethod
    def from_json(cls, text: str) -> "HoldoutMetrics":
        """Reads what `to_json` wrote.

        Raises:
            StateError: If it is something else.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            metrics = {
                str(name): Baseline(_number(each["of_rows"]), _number(each["of_days"]))
                for name, each in content["metrics"].items()
            }
            return cls(int(content["rows"]), int(content["days"]), metrics)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(
                f"{HOLDOUT_METRICS}: got {text[:200]!r}; allowed: what evaluate_challenger wrote"
            ) from error


def measure_holdout(
    truth: Truth, predicted: Predicted, days: npt.ArrayLike, task: str = Task.BINARY
) -> HoldoutMetrics:
    """Returns a version's scores on its promotion holdout, for every metric of the task.

    Args:
        truth: Shape (n,); as `metrics.catalogue.as_truth` returns it.
        predicted: n answers of the version.
        days: Shape (n,); the day of each row.
        task: What is predicted.
    """
    metrics = {name: _baseline(metric, truth, predicted, days) for name, metric in metrics_of(task).items()}
    return HoldoutMetrics(int(truth.size), int(np.unique(np.asarray(days)).size), metrics)


def _baseline(metric: Metric, truth: Truth, predicted: Predicted, days: npt.ArrayLike) -> Baseline:
    """As `sample_rows(...).baseline`, without the limits, which take a pass for each day."""
    value = value_or_none(metric, truth, predicted) if defined(metric, truth, predicted) else None
    daily = values_of(daily_values(metric, truth, predicted, days))
    return Sample(value=value, limits=None, n=int(truth.size), daily=daily).baseline


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)
