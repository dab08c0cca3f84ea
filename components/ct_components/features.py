"""What an estimator learns from: labelled rows, features in their model types, the label, the weight.

The logged model takes raw columns and goes through the same `model_frame`, so that training, evaluation and
serving cannot differ.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ct_components.datasets import encode, labels, model_frame, numeric_values, read_table
from ct_components.errors import DataError, SpecError
from ct_components.spec import Columns

if TYPE_CHECKING:
    from pandas import DataFrame

POSITIVE = "__positive__"
WEIGHT = "__weight__"


@dataclass(frozen=True)
class Learnable:
    """Features, labels and weights of n rows, ready to fit on."""

    frame: "DataFrame"
    positive: NDArray[np.bool_]
    weight: NDArray[np.float64] | None


def feature_table(raw: pa.Table, columns: Columns) -> pa.Table:
    """Materialises the features of the labelled rows.

    Args:
        raw: Raw rows, as `fetch_data` wrote them.
        columns: The columns' roles.

    Returns:
        The features, `__positive__`, and `__weight__` if there is a weight column.

    Raises:
        SpecError: If a feature has a name that is reserved here: it would be taken for the label.
        DataError: If a column cannot be a feature of its kind, the target has one class only, or a weight is
            missing, negative, infinite, or all of them are zero.
    """
    _check_names(columns)
    labelled, positive = labels(raw, columns.target, columns.positive)
    _check_two_classes(positive[labelled], columns)
    rows = raw.filter(pa.array(labelled))
    arrays = {name: _numbers(rows, name) for name in columns.numeric}
    arrays |= {name: _texts(rows, name) for name in columns.categorical}
    arrays[POSITIVE] = pa.array(positive[labelled])
    if columns.weight:
        arrays[WEIGHT] = pa.array(_weights(rows, columns.weight))
    return pa.table(arrays)


def read_learnable(path: Path | str, columns: Columns) -> Learnable:
    """Reads what `feature_table` made."""
    table = read_table(path)
    return Learnable(
        frame=model_frame(table, columns.numeric, columns.categorical),
        positive=table.column(POSITIVE).to_numpy(),
        weight=table.column(WEIGHT).to_numpy() if WEIGHT in table.column_names else None,
    )


def _check_names(columns: Columns) -> None:
    taken = sorted({POSITIVE, WEIGHT} & {*columns.numeric, *columns.categorical})
    if taken:
        raise SpecError(
            f"columns: a feature is called {taken[0]!r}, which names the label or the weight here; "
            "allowed: any other name"
        )


def _numbers(rows: pa.Table, name: str) -> pa.Array:
    values = numeric_values(rows.column(name), name)
    if np.isinf(values).any():
        raise DataError(
            f"column {name!r} holds {int(np.isinf(values).sum())} infinities; allowed: finite numbers"
        )
    return pa.array(values, mask=np.isnan(values))


def _texts(rows: pa.Table, name: str) -> pa.Array:
    codes, texts = encode(rows.column(name), name)
    return pc.take(pa.array([*texts, None], pa.string()), pa.array(codes))


def _weights(rows: pa.Table, name: str) -> NDArray[np.float64]:
    weight = numeric_values(rows.column(name), name)
    wrong = int((~np.isfinite(weight) | (weight < 0)).sum())
    if wrong or not weight.any():
        found = (
            f"{wrong} of {len(weight)} weights are missing, negative or infinite" if wrong else "all are zero"
        )
        raise DataError(f"weight column {name!r}: {found}; allowed: finite weights of 0 or more, not all 0")
    return weight


def _check_two_classes(positive: NDArray[np.bool_], columns: Columns) -> None:
    share = positive.sum()
    if share in (0, len(positive)):
        only = (
            "no row is labelled"
            if not len(positive)
            else f"all {len(positive)} labelled rows are of one class"
        )
        raise DataError(
            f"target {columns.target!r}: {only}; "
            f"needed: rows with the positive class {columns.positive!r} and others"
        )
