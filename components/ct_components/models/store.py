"""Writing a fitted model to MLflow in skops's format, and reading it back without running its code.

MLflow reads the list of trusted types from the model's own file, so a crafted model could trust itself.
Here the list is ours, and nothing from the model decides.
"""

import importlib.metadata
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ct_components.errors import ModelError

if TYPE_CHECKING:
    from pandas import DataFrame
    from sklearn.pipeline import Pipeline

MODEL_FILE = "model.skops"
# Beside what skops trusts itself, which are scikit-learn's estimators, numpy's functions and plain data. A
# whole package is never trusted: skops calls some types with arguments from the file, and packages hold
# more than their own (sklearn.utils._testing.check_output is subprocess's).
_TRUSTED_TYPES = re.compile(
    r"""
      collections\.OrderedDict
    | numpy\.dtype
    | sklearn\._loss\.(_loss\.Cy|loss\.)\w+(Loss|Error)(Identity|ArrayAPI)?
    | sklearn\._loss\.link\.(\w+Link|Interval|MultinomialLogit)
    | sklearn\.calibration\._(CalibratedClassifier|SigmoidCalibration|TemperatureScaling)
    | sklearn\.ensemble\._hist_gradient_boosting\.(binning\._BinMapper|predictor\.TreePredictor)
    | sklearn\.gaussian_process\._gpc\._BinaryGaussianProcessClassifierLaplace
    | sklearn\.gaussian_process\.kernels\.(ConstantKernel|Product|RBF)
    | sklearn\.metrics\._dist_metrics\.(?!PyFunc)\w+Distance(32|64)
    | sklearn\.neighbors\._(ball_tree\.Ball|kd_tree\.KD)Tree(32|64)?
    | sklearn\.neural_network\._stochastic_optimizers\.(Adam|SGD)Optimizer
    | sklearn\.tree\._tree\.Tree
    # HistGradientBoosting keeps a partial of this function. skops checks what a partial wraps, too.
    | functools\.partial | sklearn\.utils\.validation\.check_array
    """,
    re.VERBOSE,
)
# What an MLmodel file of ours says of how to load it; code_paths and the like would run what they name.
_FLAVORS: dict[str, dict[str, Any]] = {
    "python_function": {"loader_module": "mlflow.sklearn", "model_path": MODEL_FILE, "code": None},
    "sklearn": {"pickled_model": MODEL_FILE, "serialization_format": "skops", "code": None},
}
_HARMLESS_KEYS = frozenset({"env", "predict_fn", "python_version", "sklearn_version", "skops_trusted_types"})
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

    check_description(folder)
    path = folder / MODEL_FILE
    if not path.exists():
        raise ModelError(
            f"the model in {folder} has no {MODEL_FILE}; only models in skops's format are loaded"
        )
    try:
        types = skops.io.get_untrusted_types(file=path)
        return skops.io.load(path, trusted=_trusted(types, f"the model in {folder}"))
    except ModelError:
        raise
    except Exception as error:  # a damaged file may fail anywhere
        words = f"{type(error).__name__}: {error}"
        raise ModelError(f"the model in {folder} cannot be loaded: {words}") from error


def check_description(folder: Path) -> None:
    """Checks that whoever loads a model by its MLmodel file loads trusted types only, and runs nothing.

    Raises:
        ModelError: If the file is missing or damaged, or names another loader, format, code or types.
    """
    import yaml

    what = f"the MLmodel file in {folder}"
    try:
        flavors = dict(yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))["flavors"])
        listed = list(flavors.get("sklearn", {}).get("skops_trusted_types") or [])
        found = [
            (f"{flavor}.{key}", settings.get(key), _FLAVORS.get(flavor, {}).get(key, "nothing"))
            for flavor, settings in {**{name: {} for name in _FLAVORS}, **flavors}.items()
            # A key that is not there counts: without its format, MLflow takes a model for a pickle.
            for key in {**_FLAVORS.get(flavor, {}), **settings}
            if key not in _HARMLESS_KEYS
        ]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ModelError(f"{what} cannot be read: {type(error).__name__}: {error}") from error
    for key, value, allowed in found:
        if value != allowed:
            raise ModelError(f"{what} has {key}: {value!r}; allowed: {allowed}")
    _trusted([str(each) for each in listed], what)


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
    refused = [each for each in types if not _TRUSTED_TYPES.fullmatch(each)]
    if refused:
        raise ModelError(
            f"{what} holds {', '.join(refused)}; trusted are scikit-learn's estimators and their parts only"
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
