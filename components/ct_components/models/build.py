"""From the spec's `training` section to an unfitted scikit-learn pipeline that takes raw columns."""

import difflib
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

_SCORING_METHODS = ("predict_proba", "decision_function")
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
    encoder = _encode_for(classifier, features)
    return Pipeline([("columns", encoder), ("estimator", classifier)])


def build_classifier(estimator: str, parameters: Mapping[str, Any], seed: int) -> "BaseEstimator":
    """Builds the classifier that a dotted path names.

    Raises:
        SpecError: Naming the key, the value and what was allowed.
    """
    factory = _classifier_class(estimator)
    accepted = _check_names(factory, estimator, parameters)
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
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        raise SpecError(f"training.estimator: {path!r} cannot be imported: {error}") from error
    found = getattr(module, name, None)
    if not _is_classifier(found):
        near = difflib.get_close_matches(name, [n for n in dir(module) if _is_classifier(getattr(module, n))])
        raise SpecError(
            f"training.estimator: {path!r} is no scikit-learn classifier that scores rows; "
            + (f"did you mean {module_name}.{near[0]}? " if near else "")
            + "allowed: any of them by its full name, such as sklearn.ensemble.HistGradientBoostingClassifier"
        )
    return found


def _is_classifier(found: Any) -> bool:
    from sklearn.base import BaseEstimator, ClassifierMixin

    return (
        inspect.isclass(found)
        and issubclass(found, BaseEstimator)
        and issubclass(found, ClassifierMixin)
        and not inspect.isabstract(found)
        and any(hasattr(found, method) for method in _SCORING_METHODS)
    )


def _check_names(factory: Any, estimator: str, parameters: Mapping[str, Any]) -> list[str]:
    """Refuses parameters that the classifier does not have, and classifiers that JSON cannot describe."""
    signature = inspect.signature(factory).parameters
    objects = [name for name, each in signature.items() if each.default is inspect.Parameter.empty]
    if objects:
        raise SpecError(
            f"training.estimator: {estimator} is built around {', '.join(map(repr, objects))}, another "
            "estimator, which a model spec cannot give; allowed: classifiers that need no other"
        )
    accepted = sorted(set(signature) - {"categorical_features"})
    unknown = sorted(set(parameters) - set(accepted))
    if unknown:
        hint = " (columns.categorical says which they are)" if "categorical_features" in unknown else ""
        raise SpecError(
            f"training.parameters: {estimator} takes no parameter {', '.join(map(repr, unknown))}{hint}; "
            f"allowed: {', '.join(accepted)}"
        )
    return accepted


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


def _encode_for(classifier: "BaseEstimator", features: Features) -> "ColumnTransformer":
    from sklearn.compose import ColumnTransformer

    native = "categorical_features" in classifier.get_params()
    categorical = _codes(classifier) if native else _one_hot()
    numeric = "passthrough" if _takes_missing(classifier) else _imputed_and_scaled()
    if native:
        classifier.set_params(categorical_features=list(range(len(features.categorical))))
    return ColumnTransformer(
        # Categorical columns come first, so that their positions do not depend on the numeric ones.
        [
            ("categorical", categorical, list(features.categorical)),
            ("numeric", numeric, list(features.numeric)),
        ],
        verbose_feature_names_out=False,
        # One block of floats, whatever the columns hold.
        sparse_threshold=0,
    )


def _takes_missing(classifier: "BaseEstimator") -> bool:
    from sklearn.utils import get_tags

    return bool(get_tags(classifier).input_tags.allow_nan)


def _codes(classifier: Any) -> "BaseEstimator":
    """Codes for estimators that split on categories; an unseen one is treated as missing.

    The estimator takes no more categories of a column than it has bins, so the rarest share one.
    """
    import numpy as np
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=classifier.max_bins - 1,
    )


def _one_hot() -> "BaseEstimator":
    """One column a category; missing is one of them, and an unseen category is treated as missing.

    Codes come first because one-hot encoding alone tells None from NaN, and what a null is in the rows to
    predict depends on who made them: one that was None in training would be unseen as NaN.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    return make_pipeline(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=_MAX_ONE_HOT_CATEGORIES, sparse_output=False
        ),
    )


def _imputed_and_scaled() -> "BaseEstimator":
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
