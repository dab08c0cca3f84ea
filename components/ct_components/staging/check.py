"""Checks a registered version, by its number, before it may become champion."""

import json
import logging
from typing import Any

from ct_components.errors import ModelError, StateError
from ct_components.models.store import check_description
from ct_components.registry import PREDICTION_SAMPLE, RESOLVED_SPEC, Registry, Version
from ct_components.spec import Check
from ct_components.staging.report import CheckReport
from ct_components.staging.supervise import run

STAGING_CHECK = "staging_check.json"
"""The file of the version's MLflow run that holds the report."""

logger = logging.getLogger("kfp-ct")


def check_staging(registry: Registry, version: Version, check: Check) -> CheckReport:
    """Lets a version load and predict in a clean process, and returns what it did.

    Args:
        registry: Where the version and its MLflow run are.
        version: The version, by its number: an alias may move.
        check: The limits.

    Raises:
        ModelError: At the first thing that it does not do, with the version, the check, figure and limit.
        StateError: If the version's files, or what was recorded when it was fitted, are not there any more.
        StageTimeout: If MLflow itself takes minutes to import.
        Unreachable: If MLflow does not answer.
    """
    sample = _recorded(registry, version, PREDICTION_SAMPLE)
    columns = _recorded(registry, version, RESOLVED_SPEC)
    try:
        job = {
            "sample": {"rows": sample["rows"], "scores": sample["scores"]},
            "signature": _signature(sample["rows"]["columns"], columns["spec"]["columns"]["numeric"]),
        }
    except (LookupError, TypeError) as error:
        raise StateError(
            f"{PREDICTION_SAMPLE} or {RESOLVED_SPEC} of MLflow run {version.mlflow_run_id} is not what "
            f"train_model wrote: {type(error).__name__}: {error}"
        ) from error
    folder = registry.download(version)
    try:
        # MLflow would load whatever the model's own file asks for.
        check_description(folder)
        report = CheckReport(version.uri, run({**job, "folder": str(folder.resolve())}, check))
    except ModelError as error:
        raise ModelError(f"{version.uri} fails its check in staging: {error}") from error
    for finding in report.findings:
        if finding.check == "requirements" and finding.note:
            logger.warning("%s: %s", version.uri, finding.note)
    logger.info("%s", report)
    return report


def _signature(names: list[str], numeric: list[str]) -> dict[str, str]:
    """The columns that the model was fitted on, from outside its own folder, in MLflow's types."""
    return {name: "double" if name in numeric else "string" for name in names}


def _recorded(registry: Registry, version: Version, path: str) -> Any:
    text = registry.read_text(version.mlflow_run_id, path)
    try:
        return json.loads(text)
    except ValueError as error:
        raise StateError(f"{path} of MLflow run {version.mlflow_run_id} is damaged: {error}") from error
