"""Labels, scores and clusters, checked at the door: no statistic meets a NaN or a wrong length."""

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Array = npt.NDArray[np.generic]

_TWO = 2
_MOST_CLASSES = 10_000
_SUM_TOLERANCE = 1e-4
"""Probabilities in float32 sum to 1 within this."""


def as_labels(y: npt.ArrayLike) -> Bools:
    """Returns labels as booleans.

    Args:
        y: Shape (n,). Booleans, or numbers that are all 0 or 1.

    Returns:
        Shape (n,); True is the positive class.

    Raises:
        DataError: If they are not one-dimensional, or one is not 0, 1, False or True (NaN is none of them).

    >>> as_labels([0, 1, 1])
    array([False,  True,  True])
    """
    array = _one_dimensional(y, "labels")
    if array.dtype == np.bool_:
        return array.astype(np.bool_, copy=False)
    try:
        allowed = np.asarray((array == 0) | (array == 1), dtype=np.bool_)
    except TypeError as error:  # such as pandas' NA, which is neither equal to a number nor unequal
        raise DataError(
            f"labels hold values that are no numbers; allowed: 0, 1, False, True: {error}"
        ) from error
    if not allowed.all():
        strange = sorted({str(value) for value in array[~allowed]})
        raise DataError(f"labels hold the values {_few(strange)}; allowed: 0, 1, False, True")
    return array.astype(np.bool_)


def as_scores(score: npt.ArrayLike, like: Array, role: str = "scores") -> Floats:
    """Returns scores as finite float64, one for each label.

    Args:
        score: Shape (n,). Larger means more probably positive; any monotone scale will do.
        like: Shape (n,). The labels.
        role: Whose scores, for the message.

    Returns:
        Shape (n,).

    Raises:
        DataError: If they are not one-dimensional, not numeric, not as many, or one is NaN or infinite.

    >>> as_scores([0.25, 1], as_labels([0, 1]))
    array([0.25, 1.  ])
    """
    scores = as_numbers(score, role)
    _same_length(scores, like, role)
    return scores


def as_numbers(values: npt.ArrayLike, role: str = "numbers") -> Floats:
    """Returns numbers as finite float64.

    Args:
        values: Shape (n,).
        role: What they are, for the message.

    Returns:
        Shape (n,).

    Raises:
        DataError: If they are not one-dimensional, not numeric, or one is NaN or infinite.

    >>> as_numbers([1, 2.5])
    array([1. , 2.5])
    """
    array = _one_dimensional(values, role)
    if array.dtype.kind not in "buif":
        raise DataError(f"{role} are of type {array.dtype}; allowed: numbers")
    numbers = array.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise DataError(
            f"{role} hold {bad.size} NaN or infinite of {numbers.size} values, "
            f"the first is {numbers[bad[0]]} in row {bad[0]}; allowed: finite numbers"
        )
    return numbers


def as_codes(y: npt.ArrayLike) -> Ints:
    """Returns class codes, from 0.

    Args:
        y: Shape (n,). Whole numbers, 0 or more.

    Returns:
        Shape (n,).

    Raises:
        DataError: If they are not one-dimensional, or one is no whole number or negative.

    >>> as_codes([2, 0.0])
    array([2, 0])
    """
    numbers = as_numbers(y, "class codes")
    strange = (numbers < 0) | (numbers != np.floor(numbers)) | (numbers >= _MOST_CLASSES)
    if strange.any():
        listed = sorted({str(value) for value in numbers[strange]})
        raise DataError(f"class codes hold {_few(listed)}; allowed: 0, 1, 2 and so on to {_MOST_CLASSES - 1}")
    return numbers.astype(np.intp)


def as_probabilities(values: npt.ArrayLike, role: str = "probabilities") -> Floats:
    """Returns the probabilities of classes, each row divided by its sum.

    Args:
        values: Shape (n, classes), two classes or more.
        role: Whose they are, for the message.

    Returns:
        Shape (n, classes).

    Raises:
        DataError: If they have another shape, one is below 0 or not finite, or a row's sum is not 1 within
            0.0001 (float32 is fine).

    >>> as_probabilities([[0.25, 0.75]])
    array([[0.25, 0.75]])
    """
    array = np.asarray(values)
    if array.ndim != _TWO or array.shape[1] < _TWO:
        raise DataError(
            f"{role} have the shape {array.shape}; allowed: (rows, classes), with 2 classes or more"
        )
    numbers = as_numbers(array.ravel(), role).reshape(array.shape)
    totals = numbers.sum(axis=1)
    off = np.flatnonzero((numbers < 0).any(axis=1) | (np.abs(totals - 1) > _SUM_TOLERANCE))
    if off.size:
        raise DataError(
            f"{role} of row {off[0]} are {numbers[off[0]].tolist()}; allowed: none below 0, and a sum of 1"
        )
    return np.asarray(numbers / totals[:, np.newaxis])


def as_clusters(clusters: npt.ArrayLike, like: Array) -> tuple[Array, Ints]:
    """Returns the distinct clusters in order, and the index of each row's own.

    Args:
        clusters: Shape (n,). What rows have in common: a day as `datetime64[D]`, a string or a number.
        like: Shape (n,). The labels.

    Returns:
        Names of shape (G,), sorted; indices into them of shape (n,).

    Raises:
        DataError: If they are not one-dimensional, not as many, of types that cannot be sorted, or a row has
            none (None, NaN, NaT).

    >>> names, index = as_clusters(["b", "a", "b"], as_labels([0, 1, 1]))
    >>> names.tolist(), index.tolist()
    (['a', 'b'], [1, 0, 1])
    """
    array = _one_dimensional(clusters, "clusters")
    _same_length(array, like, "clusters")
    unknown = _missing(array)
    if unknown.any():
        raise DataError(
            f"{int(unknown.sum())} of {array.size} rows belong to no cluster; allowed: one for each row"
        )
    try:
        names, index = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise DataError(f"clusters are of several types ({error}); allowed: all of one type") from error
    return names, index


def require_both_classes(y: Bools) -> None:
    """Refuses labels of one class, for which no ROC curve exists.

    Raises:
        DataError: If there is no positive or no negative row (or neither, without rows).

    >>> require_both_classes(as_labels([1, 1]))
    Traceback (most recent call last):
    ct_components.errors.DataError: 2 positive and 0 negative rows; a ROC curve needs at least one of each
    """
    positives = int(np.count_nonzero(y))
    if positives in (0, y.size):
        raise DataError(
            f"{positives} positive and {y.size - positives} negative rows; "
            "a ROC curve needs at least one of each"
        )


def _one_dimensional(values: npt.ArrayLike, role: str) -> Array:
    array: Array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{role} have the shape {array.shape}; allowed: one dimension")
    return array


def _same_length(array: Array, like: Array, role: str) -> None:
    if array.size != like.size:
        raise DataError(f"{array.size} {role} for {like.size} labels; allowed: one for each")


def _missing(array: Array) -> Bools:
    """Returns which values are None, or differ from themselves: NaN and NaT."""
    if array.dtype == object:
        return np.array([_is_missing(value) for value in array], dtype=np.bool_)
    return np.asarray(array != array, dtype=np.bool_)  # noqa: PLR0124


def _is_missing(value: object) -> bool:
    try:
        return value is None or bool(value != value)  # noqa: PLR0124
    except TypeError:  # pandas' NA does not say whether it differs from itself
        return True


def _few(values: list[str], limit: int = 5) -> str:
    shown = [*values[:limit], "..."] if len(values) > limit else values
    return ", ".join(shown)
