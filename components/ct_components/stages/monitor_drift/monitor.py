"""A look at drift as a KFP task: its artifacts written, the look recorded, its event sent."""

from dataclasses import dataclass, replace
from typing import Any

from ct_components.monitoring.drift import EVIDENTLY, look_at_drift
from ct_components.monitoring.look import Look, begin_watching, conclude_stage
from ct_components.spec import read_spec
from ct_components.storage import atomic_write

_NONE = (
    "<!doctype html><title>Evidently</title><p>Evidently's report was left out; the drift page says why.</p>"
)


@dataclass(frozen=True)
class Asked:
    """The stage's parameters."""

    spec: str
    run_id: str
    as_of: str
    evidently: bool


@dataclass(frozen=True)
class Files:
    """The stage's artifacts, each with path and uri."""

    page: Any
    report: Any
    evidently: Any


def run(asked: Asked, files: Files) -> Look:
    """Looks, and lets everything follow from it.

    Raises:
        DataError: If the data are broken, after page and record are written.
    """
    watching = begin_watching(read_spec(asked.spec), asked.as_of)
    look = look_at_drift(watching, evidently=asked.evidently)
    look = replace(look, report={**look.report, "run_id": asked.run_id})
    atomic_write(files.evidently.path, look.attachments.get(EVIDENTLY, _NONE))
    conclude_stage(look, watching.ledger, files.page, files.report)
    return look


def numbers(look: Look) -> dict[str, float]:
    """Returns KFP's metrics; what is not known is left out."""
    report = look.report
    features = report.get("features", [])
    known = {
        "drifted_share": look.share,
        "drift_share_limit": report.get("drift_share"),
        "features": len(features) or None,
        "features_drifted": sum(feature["drifted"] for feature in features) if features else None,
        "current_rows": report.get("current_rows"),
        "reference_rows": report.get("reference_rows"),
    }
    return {name: float(value) for name, value in known.items() if value is not None}
