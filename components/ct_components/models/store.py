"""Writing a fitted model to MLflow in skops's format, and reading it back without running its code.

MLflow reads the list of trusted types from the model's own file, so a crafted model could trust itself.
Here the list is ours: types of scikit-learn, numpy and scipy, and nothing from the model decides.
"""

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ct_components.errors import ModelError

if TYPE_CHECKING:
    from pandas import DataFrame
    from sklearn.pipeline import Pipeline

MODEL_FILE = "model.skops"
_TRUSTED_PACKAGES = ("sklearn", "numpy", "scipy")
# HistGradientBoosting keeps a partial of scikit-learn's own check_array. skops checks what it wraps, too.
_TRUSTED_TYPES = frozenset({"functools.partial", "collections.OrderedDict", "collections.defaultdict"})
_SERVING_PACKAGES = ("scikit-learn", "skops", "numpy", "scipy", "pandas")


def log_model(
    pipeline: "Pipeline", sample: "DataFrame", *, mlflow_run_id: str, name: str, metadata: Mapping[str, Any]
) -> str:
    """Logs a fitted pipeline to its MLflow run and registers it.

    Args:
        pipeline: Fitted; takes raw columns.
        sample: A few raw rows: signature and input example are made from them.
        mlflow_run_id: The MLflow run of this pipeline run.
        name: The registered model.
        metadata: What later runs must know of the model without loading it; kept in its MLmodel file.

    Returns:
        The registered version's number.

    Raises:
        ModelError: If skops cannot store the model from trusted types.
    """
    import mlflow
    import mlflow.sklearn

    predict = "predict_proba" if hasattr(pipeline, "predict_proba") else "predict"
    trusted = _trusted(_dumped_types(pipeline), "the fitted model")
    with mlflow.start_run(run_id=mlflow_run_id):
        info = mlflow.sklearn.log_model(
            pipeline,
            name="model",
            signature=_signature(predict, sample),
            input_example=sample,
            pip_requirements=serving_requirements(),
            serialization_format="skops",
            skops_trusted_types=trusted,
            pyfunc_predict_fn=predict,
            metadata={"kfp_ct": json.dumps(metadata, sort_keys=True)},
            registered_model_name=name,
        )
    return str(info.registered_model_version)


def load_model(folder: Path) -> Any:
    """Loads a model from its MLflow folder, if it holds trusted types only.

    Raises:
        ModelError: If the file is missing, damaged, or holds a type that is not trusted.
    """
    import skops.io

    path = folder / MODEL_FILE
    if not path.exists():
        raise ModelError(
            f"the model in {folder} has no {MODEL_FILE}; only models in skops's format are loaded"
        )
    try:
        return skops.io.load(
            path, trusted=_trusted(skops.io.get_untrusted_types(file=path), f"the model in {folder}")
        )
    except (OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        raise ModelError(f"the model in {folder} cannot be loaded: {error}") from error


def serving_requirements() -> list[str]:
    """Returns what a process needs to load a logged model, pinned to what it was trained with."""
    return [f"{package}=={importlib.metadata.version(package)}" for package in _SERVING_PACKAGES]


def _dumped_types(pipeline: "Pipeline") -> list[str]:
    import skops.io

    try:
        return list(skops.io.get_untrusted_types(data=skops.io.dumps(pipeline)))
    except Exception as error:
        name = type(pipeline[-1]).__name__
        raise ModelError(f"{name} cannot be stored in skops's format: {error}") from error


def _trusted(types: list[str], what: str) -> list[str]:
    refused = [
        each for each in types if each.split(".")[0] not in _TRUSTED_PACKAGES and each not in _TRUSTED_TYPES
    ]
    if refused:
        raise ModelError(
            f"{what} holds {', '.join(refused)}; trusted are types of {', '.join(_TRUSTED_PACKAGES)} only"
        )
    return list(types)


def _signature(predict: str, sample: "DataFrame") -> Any:
    """Columns are required and may hold nulls; numbers are doubles, since an integer cannot be missing."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    kinds = {name: DataType.double if sample[name].dtype.kind == "f" else DataType.string for name in sample}
    output = (
        TensorSpec(np.dtype(np.float64), (-1, 2))
        if predict == "predict_proba"
        else TensorSpec(np.dtype(bool), (-1,))
    )
    return ModelSignature(
        Schema([ColSpec(kind, str(name)) for name, kind in kinds.items()]), Schema([output])
    )
