"""Fitting a model, and turning it into one score a row."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ct_components.errors import ModelError

if TYPE_CHECKING:
    from pandas import DataFrame
    from sklearn.pipeline import Pipeline

Scores = NDArray[np.float64]


def fit(
    pipeline: "Pipeline", frame: "DataFrame", positive: NDArray[np.bool_], weight: NDArray[np.float64] | None
) -> list[str]:
    """Fits a pipeline on raw columns, and returns the warnings that scikit-learn gave.

    Args:
        pipeline: From `build_pipeline`; fitted in place.
        frame: Raw columns, shape (n, features).
        positive: Whether each row is of the positive class, shape (n,).
        weight: Sample weights, shape (n,), or None.

    Raises:
        ModelError: If the estimator cannot be fitted, in its own words.
    """
    weights = {} if weight is None else {"estimator__sample_weight": weight}
    # The encoders know NaN as missing, and take None, which they did not see then, for the same.
    frame = frame.fillna(np.nan)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pipeline.fit(frame, positive, **weights)
        except Exception as error:
            name = type(pipeline[-1]).__name__
            raise ModelError(f"{name} cannot be fitted on {len(frame)} rows: {_words(error)}") from error
    # HistGradientBoosting keeps what it measured early stopping with, though only fitting needs it. It refers
    # back to the classifier, and skops would follow it round and round.
    for name in ("_scorer", "_raw_predict"):
        vars(pipeline[-1]).pop(name, None)
    return sorted({f"{each.category.__name__}: {each.message}" for each in caught})


def score(model: Any, frame: "DataFrame", role: str = "model") -> Scores:
    """Returns the score of the positive class of each row; higher means more likely.

    Args:
        model: A fitted binary classifier on raw columns.
        frame: Raw columns, shape (n, features).
        role: Who is scored, for the message: champion, challenger.

    Returns:
        Probabilities where the model has them, else its decision function; shape (n,).

    Raises:
        ModelError: If the model cannot score the rows, or gives something that is no number.
    """
    try:
        if gives_probabilities(model):
            scores = np.asarray(model.predict_proba(frame))[:, list(model.classes_).index(True)]
        else:
            scores = np.asarray(model.decision_function(frame))
    except Exception as error:
        raise ModelError(f"the {role} cannot score {len(frame)} rows: {_words(error)}") from error
    if not np.isfinite(scores).all():
        raise ModelError(
            f"the {role} gives {(~np.isfinite(scores)).sum()} of {len(scores)} scores that are no numbers"
        )
    return scores.astype(np.float64)


def _words(error: Exception) -> str:
    """What an estimator says, by name where that says more: a KeyError's text is the key alone."""
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def decision_threshold(model: Any) -> float:
    """Returns the score above which the model predicts the positive class."""
    return 0.5 if gives_probabilities(model) else 0.0


def gives_probabilities(model: Any) -> bool:
    """Returns whether a model's scores are probabilities, and not the distances of a decision function."""
    return hasattr(model, "predict_proba")
