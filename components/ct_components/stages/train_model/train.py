"""Fitting the challenger, and writing down all that a later judgement needs."""

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ct_components import connections
from ct_components.features import Learnable, read_learnable
from ct_components.models.build import Features, build_pipeline
from ct_components.models.score import fit, score
from ct_components.models.store import log_model
from ct_components.profiles import days_to_json, reference_from_json, to_json
from ct_components.registry import (
    CHALLENGER,
    PREDICTION_SAMPLE,
    REFERENCE_DAYS,
    REFERENCE_PROFILE,
    RESOLVED_SPEC,
    Registry,
    Version,
)
from ct_components.spec import Columns, Training, parse_section
from ct_components.statistics.roc import roc_auc

if TYPE_CHECKING:
    from pandas import DataFrame
    from sklearn.pipeline import Pipeline

    from ct_components.stage import Context

_SAMPLE_ROWS = 20

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Inputs:
    """Paths of the stage's artifacts, and its parameters."""

    features: str
    fingerprint: str
    profile: str
    resolved: str
    columns: str
    training: str


@dataclass(frozen=True)
class Trained:
    """What the stage puts out."""

    version: str
    metrics: Mapping[str, float]
    metadata: Mapping[str, Any]


def train(run: "Context", inputs: Inputs, model_path: str) -> Trained:
    """Fits, logs and registers the challenger; a retry finds what it registered and registers no second one.

    Raises:
        SpecError: If estimator or parameters are not allowed.
        ModelError: If the estimator cannot be fitted or stored.
        Unreachable: If MLflow does not answer.
    """
    columns = parse_section(Columns, inputs.columns, "columns")
    training = parse_section(Training, inputs.training, "training")
    registry = Registry(connections.from_environment())
    version = registry.version_of_run(run.model, run.mlflow_run_id)
    learnable = read_learnable(inputs.features, columns)
    metrics = {
        "training_rows": float(len(learnable.frame)),
        "training_positive_share": float(learnable.positive.mean()),
    }
    if version is None:
        version = _fit_and_log(run, inputs, columns, training, learnable, metrics, registry)
    registry.tag_version(version, {"run_id": run.run_id, "as_of": run.as_of, "reason": run.reason})
    registry.set_alias(run.model, CHALLENGER, version.number)
    shutil.copytree(registry.download(version), model_path, dirs_exist_ok=True)
    metadata = {
        "framework": "scikit-learn",
        "name": version.name,
        "version": version.number,
        "uri": version.uri,
    }
    return Trained(version.number, metrics, metadata)


def _fit_and_log(
    run: "Context",
    inputs: Inputs,
    columns: Columns,
    training: Training,
    learnable: Learnable,
    metrics: dict[str, float],
    registry: Registry,
) -> Version:
    pipeline = build_pipeline(
        training.estimator,
        training.parameters,
        training.seed,
        Features(columns.numeric, columns.categorical),
        weighted=columns.weight is not None,
    )
    for warning in fit(pipeline, learnable.frame, learnable.positive, learnable.weight):
        logger.warning("%s: %s", training.estimator, warning)
    metrics["training_roc_auc"] = roc_auc(learnable.positive, score(pipeline, learnable.frame))
    logger.info("fitted %s on %d rows", training.estimator, len(learnable.frame))
    resolved = json.loads(Path(inputs.resolved).read_text())
    registry.log(
        run.mlflow_run_id,
        parameters=_parameters(training, resolved, inputs.fingerprint),
        metrics=metrics,
        files={
            RESOLVED_SPEC: json.dumps(resolved, indent=2, sort_keys=True),
            **_reference(inputs.profile),
            PREDICTION_SAMPLE: _sample(pipeline, learnable.frame),
        },
    )
    with registry.answering():
        number = log_model(
            pipeline,
            learnable.frame.head(5),
            mlflow_run_id=run.mlflow_run_id,
            name=run.model,
            metadata={
                **_metadata(columns, training, resolved),
                "training_rows": len(learnable.frame),
                "positive_share": float(learnable.positive.mean()),
            },
        )
    return registry.version(run.model, number)


def _reference(path: str) -> dict[str, str]:
    """Returns the files that drift is measured against; without daily profiles there is one less."""
    profile, days = reference_from_json(Path(path).read_text(encoding="utf-8"))
    return {REFERENCE_PROFILE: to_json(profile)} | ({REFERENCE_DAYS: days_to_json(days)} if days else {})


def _parameters(training: Training, resolved: Mapping[str, Any], fingerprint: str) -> dict[str, Any]:
    windows = {
        f"{window}_{end}": resolved["windows"][window][end]
        for window in ("training", "holdout")
        for end in ("start", "end")
    }
    own = {f"parameter.{name}": value for name, value in training.parameters.items()}
    return {
        "estimator": training.estimator,
        "seed": training.seed,
        **own,
        **windows,
        "data_fingerprint": fingerprint,
    }


def _metadata(columns: Columns, training: Training, resolved: Mapping[str, Any]) -> dict[str, Any]:
    """What later runs must know of the model without loading it: what it takes, and what it has seen."""
    return {
        "numeric": list(columns.numeric),
        "categorical": list(columns.categorical),
        "target": columns.target,
        "positive": columns.positive,
        "id": columns.id,
        "training": {**training.model_dump(mode="json"), "weighted": columns.weight is not None},
        "windows": resolved["windows"],
    }


def _sample(pipeline: "Pipeline", frame: "DataFrame") -> str:
    """Rows with the scores that they had when fitted: what a stored model must still say of them.

    Plain lists, since pandas writes and reads numbers of JSON to fewer digits than they have.
    """
    rows = frame.head(_SAMPLE_ROWS)
    # NaN is the only value that differs from itself, and JSON has none.
    data = [[None if value != value else value for value in row] for row in rows.to_numpy(object).tolist()]  # noqa: PLR0124
    scores = score(pipeline, rows).tolist()
    return json.dumps({"rows": {"columns": list(rows), "data": data}, "scores": scores}, allow_nan=False)
