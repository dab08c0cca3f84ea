"""Writing down what validation found: the reference profile, the page, KFP's metrics."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ct_components import pages
from ct_components.profiles import reference_to_json, to_json
from ct_components.stages.validate_data import validate
from ct_components.storage import atomic_write
from ct_components.windows import Windows

if TYPE_CHECKING:
    from ct_components.stage import Context


@dataclass(frozen=True)
class Rows:
    """Both datasets: their paths, and what `fetch_data` said of them."""

    training: str
    holdout: str
    training_metadata: Mapping[str, Any]
    holdout_metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """The stage's parameters, as JSON."""

    columns: str
    windows: str
    validation: str


def write(
    run: "Context", rows: Rows, settings: Settings, profile_path: str, page_path: str
) -> dict[str, float]:
    """Validates, writes profile and page in any case, and returns KFP's metrics if all is well.

    Raises:
        DataError: Listing every failed check.
    """
    timezone = Windows.from_json(settings.windows).timezone
    found = validate.run(rows.training, rows.holdout, settings.columns, settings.validation, timezone)
    atomic_write(profile_path, reference_to_json(found.profile, found.days))
    atomic_write(page_path, pages.validation_page(_page(run, rows, settings, found)))
    found.raise_for_failures()
    return {
        "training_rows": float(found.profile.rows),
        "holdout_rows": float(found.holdout_profile.rows),
        "label_coverage": found.label_coverage,
        "warnings": float(len(found.warnings)),
    }


def _page(run: "Context", rows: Rows, settings: Settings, found: validate.Validation) -> pages.ValidationPage:
    windows = Windows.from_json(settings.windows)
    columns = list(json.loads(to_json(found.profile))["columns"].items())
    return pages.ValidationPage(
        identity=pages.Identity(
            model=run.model,
            run=run.run_id,
            as_of=run.as_of or windows.as_of.isoformat(),
            timezone=windows.timezone,
            trigger_reason=run.reason,
            mlflow_run=run.mlflow_run_id or None,
            champion_version=run.champion or None,
            training_fingerprint=rows.training_metadata.get("fingerprint"),
            holdout_fingerprint=rows.holdout_metadata.get("fingerprint"),
        ),
        training=pages.WindowRows(
            windows.training.start.isoformat(),
            windows.training.end.isoformat(),
            found.profile.rows,
            bool(rows.training_metadata.get("partial")),
        ),
        holdout=pages.WindowRows(
            windows.holdout.start.isoformat(), windows.holdout.end.isoformat(), found.holdout_profile.rows
        ),
        checks=tuple(
            pages.CheckRow(
                each.rule, each.column, each.window, each.value, each.limit, each.passed, each.severity
            )
            for each in found.checks
        ),
        columns=tuple(pages.ColumnSummary.from_dict(name, column) for name, column in columns),
        labelled=found.labelled,
        label_coverage=found.label_coverage,
        classes=tuple(found.classes.items()),
    )
