"""From Arrow to what an estimator takes: a pandas frame of features, and labels."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ct_components.datasets.arrays import wrap
from ct_components.errors import DataError
from ct_components.wording import first_few

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 10  # values that a message lists
_NUMBERS = "integers, floats, decimals and booleans"
_CATEGORIES = "text, integers, floats, decimals and booleans"


def model_frame(table: pa.Table, numeric: Sequence[str], categorical: Sequence[str]) -> "pd.DataFrame":
    """Builds the frame that models are fitted on and predict from.

    Args:
        table: Rows that hold the named columns; n of them.
        numeric: Columns that become float64; null becomes NaN.
        categorical: Columns that become object columns of str; null becomes None. See `encode`.

    Returns:
        Shape (n, numeric + categorical): the numeric columns, then the categorical ones, in the order given.

    Raises:
        DataError: If a numeric column holds something else than numbers, or an infinity; if a categorical one
            holds lists, structs, times or bytes; if a column is missing. The message names the column.
    """
    import pandas as pd

    _check_present(table, [*numeric, *categorical])
    columns: dict[str, Any] = {}
    for name in numeric:
        columns[name] = values = numeric_values(table.column(name), name)
        _check_finite(values, name)
    for name in categorical:
        codes, categories = encode(table.column(name), name)
        # Each distinct text is one object, shared by its rows. Null has the last code.
        objects = np.array([*categories, None], dtype=object)
        columns[name] = pd.Series(objects[codes], dtype=object)
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))


def labels(
    table: pa.Table, target: str, positive: int | str | bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Reads a binary target.

    Args:
        table: Rows that hold the target; n of them.
        target: Name of the column; null and NaN are unlabelled.
        positive: The positive class, compared by value: 1, 1.0 and True are equal, 1 and "1" are not.

    Returns:
        Whether each row has a label, and whether it is labelled and positive; both of shape (n,).

    Raises:
        DataError: If there are more than two classes, or two of which neither is the positive one; if there
            is no such column; if its values are no classes. One class, or none, is not an error here.
    """
    _check_present(table, [target])
    column = table.column(target)
    if not is_categorical(column.type):
        raise DataError(f"target column {target!r} has type {column.type}; allowed: {_CATEGORIES}")
    codes, values = _distinct(column)
    known = np.array([not _is_missing(value) for value in values] + [False], dtype=bool)
    hits = np.array([not _is_missing(value) and value == positive for value in values] + [False], dtype=bool)
    classes = sorted((value for value in values if not _is_missing(value)), key=str)
    if len(classes) > 2 or (len(classes) == 2 and not hits.any()):  # noqa: PLR2004 — binary
        listed = first_few([repr(value) for value in classes], _SHOWN)
        raise DataError(
            f"target column {target!r} has {len(classes)} classes: {listed}; "
            f"allowed: two, one of them the positive class {positive!r}"
        )
    return known[codes], hits[codes]


def numeric_values(column: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    """Returns a numeric column as float64, shape (n,); null is NaN.

    Integers above 2⁵³ are rounded.

    Raises:
        DataError: If the column is not numeric.
    """
    if not is_numeric(column.type):
        example = _example(column)
        raise DataError(f"numeric column {name!r} has type {column.type}{example}; allowed: {_NUMBERS}")
    return wrap(_decoded(column).cast(pa.float64(), safe=False), np.float64, math.nan)


def encode(column: pa.ChunkedArray, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """Returns a categorical column as codes, shape (n,), into its distinct texts.

    Text stays as it is, the empty one too. Integers and booleans become their str(). So do floats, but whole
    ones like integers: a column of integers turns into floats when a tool stores nulls in it. Null and NaN
    have the code len(texts).

    Raises:
        DataError: If the column holds lists, structs, times or bytes.
    """
    if not is_categorical(column.type):
        raise DataError(f"categorical column {name!r} has type {column.type}; allowed: {_CATEGORIES}")
    codes, values = _distinct(column)
    texts = [None if _is_missing(value) else _text(value) for value in values]
    distinct = {text: place for place, text in enumerate(dict.fromkeys(t for t in texts if t is not None))}
    places = [len(distinct) if text is None else distinct[text] for text in [*texts, None]]
    return np.array(places, dtype=np.int64)[codes], list(distinct)


def is_numeric(kind: pa.DataType) -> bool:
    """Returns whether values of a type can be a numeric column; the type of a column of nulls can."""
    if pa.types.is_dictionary(kind):
        return is_numeric(kind.value_type)
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    )


def is_categorical(kind: pa.DataType) -> bool:
    """Returns whether values of a type can be categories; the type of a column of nulls can."""
    if pa.types.is_dictionary(kind):
        return is_categorical(kind.value_type)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return bool(text or is_numeric(kind))


def _check_present(table: pa.Table, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        available = ", ".join(map(repr, table.column_names)) or "none"
        raise DataError(f"rows have no column {', '.join(map(repr, missing))}; available: {available}")


def _check_finite(values: NDArray[np.float64], name: str) -> None:
    places = np.flatnonzero(np.isinf(values))
    if places.size:
        raise DataError(
            f"numeric column {name!r} holds {places.size} infinite of {values.size} values, "
            f"the first {values[places[0]]} in row {places[0]}; allowed: finite numbers and nulls"
        )


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _distinct(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[Any]]:
    """Returns codes, shape (n,), and the distinct values; the code len(values) is null."""
    column = _decoded(column)
    if pa.types.is_null(column.type) or not len(column):
        return np.zeros(len(column), dtype=np.int32), []
    encoded = column.dictionary_encode().unify_dictionaries()
    values = encoded.chunk(0).dictionary.to_pylist()
    codes = pa.chunked_array([chunk.indices for chunk in encoded.chunks])
    return wrap(codes, np.int32, len(values)), values


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def _example(column: pa.ChunkedArray) -> str:
    values = pc.drop_null(column)
    return f" (for example {values[0].as_py()!r})" if len(values) else ""
