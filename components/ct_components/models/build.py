"""From the spec's `training` section to an unfitted scikit-learn pipeline that takes raw columns."""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ct_components.errors import SpecError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

# HistGradientBoosting bins at most 255 categories of a column; rarer ones share a bin.
_MAX_TREE_CATEGORIES = 254
# One column each: more would widen a linear model without telling it much.
_MAX_ONE_HOT_CATEGORIES = 100


@dataclass(frozen=True)
class Features:
    """The raw columns that a model takes, by kind."""

    numeric: Sequence[str]
    categorical: Sequence[str]


def build_pipeline(
    estimator: str, parameters: Mapping[str, Any], seed: int, features: Features, *, weighted: bool = False
) -> "Pipeline":
    """Builds the model: raw columns → encoded columns → estimator.

    Args:
        estimator: Dotted path of a scikit-learn classifier.
        parameters: Its constructor's arguments; `random_state` defaults to `seed`.
        seed: Makes two fits equal.
        features: The raw columns.
        weighted: Whether it will be fitted with sample weights.

    Raises:
        SpecError: If the path names no classifier, or a parameter is not one of its own.
    """
    from sklearn.pipeline import Pipeline

    classifier = build_classifier(estimator, parameters, seed)
    if weighted:
        check_takes_weights(classifier, estimator)
    encoder, classifier = _encode_for(classifier, parameters, features)
    return Pipeline([("columns", encoder), ("estimator", classifier)])


def build_classifier(estimator: str, parameters: Mapping[str, Any], seed: int) -> "BaseEstimator":
    """Builds the classifier that a dotted path names.

    Raises:
        SpecError: Naming the key, the value and what was allowed.
    """
    factory = _classifier_class(estimator)
    accepted = sorted(set(inspect.signature(factory).parameters) - {"self", "args", "kwargs"})
    unknown = sorted(set(parameters) - set(accepted))
    if unknown:
        raise SpecError(
            f"training.parameters: {estimator} has no parameter {', '.join(map(repr, unknown))}; "
            f"allowed: {', '.join(accepted)}"
        )
    defaults = {"random_state": seed} if "random_state" in accepted else {}
    try:
        built: BaseEstimator = factory(**{**defaults, **parameters})
    except TypeError as error:
        raise SpecError(
            f"training.parameters: {estimator} cannot be built from {dict(parameters)}: {error}"
        ) from error
    _check_values(built, estimator)
    return built


def _classifier_class(path: str) -> Any:
    from sklearn.base import ClassifierMixin

    module_name, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name, None)
    except ImportError as error:
        raise SpecError(f"training.estimator: {path!r} cannot be imported: {error}") from error
    if not (inspect.isclass(found) and issubclass(found, ClassifierMixin)):
        raise SpecError(
            f"training.estimator: {path!r} is no scikit-learn classifier; "
            "allowed: any of them by its full name, such as sklearn.ensemble.HistGradientBoostingClassifier"
        )
    return found


def _check_values(classifier: Any, estimator: str) -> None:
    """scikit-learn checks values only when it fits, which is after the data were read."""
    from sklearn.utils._param_validation import InvalidParameterError

    try:
        classifier._validate_params()  # noqa: SLF001
    except InvalidParameterError as error:
        raise SpecError(f"training.parameters of {estimator}: {error}") from error
    except AttributeError:
        return


def check_takes_weights(classifier: "BaseEstimator", estimator: str) -> None:
    """Refuses a weight column that the estimator would not use.

    Raises:
        SpecError: Naming the key and the estimator.
    """
    from sklearn.utils.validation import has_fit_parameter

    if not has_fit_parameter(classifier, "sample_weight"):
        raise SpecError(
            f"columns.weight: {estimator} takes no sample weights; remove the key or choose another"
        )


def _encode_for(
    classifier: "BaseEstimator", parameters: Mapping[str, Any], features: Features
) -> "tuple[ColumnTransformer, BaseEstimator]":
    from sklearn.compose import ColumnTransformer

    native = "categorical_features" in classifier.get_params()
    categorical = _codes() if native else _one_hot()
    numeric = "passthrough" if _takes_missing(classifier) else _imputed_and_scaled()
    if native and "categorical_features" not in parameters:
        classifier.set_params(categorical_features=list(range(len(features.categorical))))
    encoder = ColumnTransformer(
        # Categorical columns come first, so that their positions do not depend on the numeric ones.
        [
            ("categorical", categorical, list(features.categorical)),
            ("numeric", numeric, list(features.numeric)),
        ],
        verbose_feature_names_out=False,
        # One block of floats, whatever the columns hold.
        sparse_threshold=0,
    )
    return encoder, classifier


def _takes_missing(classifier: "BaseEstimator") -> bool:
    from sklearn.utils import get_tags

    return bool(get_tags(classifier).input_tags.allow_nan)


def _codes() -> "BaseEstimator":
    """Codes for estimators that split on categories; an unseen one is treated as missing."""
    import numpy as np
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=_MAX_TREE_CATEGORIES,
    )


def _one_hot() -> "BaseEstimator":
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=_MAX_ONE_HOT_CATEGORIES, sparse_output=False
    )


def _imputed_and_scaled() -> "BaseEstimator":
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
