"""A look at performance as a KFP task: its artifacts written, the look recorded, its event sent."""

import math
from dataclasses import replace
from typing import Any

from ct_components.monitoring.look import Look, begin_watching, conclude_stage
from ct_components.monitoring.performance import look_at_performance
from ct_components.spec import read_spec

_SHOWN = ("value", "lower", "upper", "threshold", "critical", "baseline")


def run(spec: str, run_id: str, as_of: str, page: Any, report: Any) -> Look:
    """Looks, and lets everything follow from it.

    Args:
        spec: The model spec, inline or a place.
        run_id: The pipeline run's id.
        as_of: The instant that the look pretends is now; "" is now.
        page: KFP artifact, with path and uri.
        report: Likewise.

    Raises:
        DataError: If the data are broken, after page and record are written.
    """
    watching = begin_watching(read_spec(spec), as_of)
    look = look_at_performance(watching)
    look = replace(look, report={**look.report, "run_id": run_id})
    conclude_stage(look, watching.ledger, page, report)
    return look


def numbers(look: Look) -> dict[str, float]:
    """Returns KFP's metrics, which are finite numbers; what is not known is left out."""
    found = {
        f"{metric['metric']}_{name}": metric.get(name)
        for metric in look.report.get("metrics", [])
        for name in _SHOWN
    }
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}
