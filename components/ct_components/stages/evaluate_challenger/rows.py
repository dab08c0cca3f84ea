"""The holdout's labelled rows: what is true of them, which day they belong to, which slices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ct_components.datasets import encode, labels, local_days_of, read_table
from ct_components.errors import DataError


@dataclass(frozen=True)
class Holdout:
    """The labelled rows of the holdout: raw columns, label and day of each, shape (n,)."""

    rows: pa.Table
    positive: NDArray[np.bool_]
    days: NDArray[np.str_]

    def slices(self, columns: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
        """Returns the rows of each category of the columns, by a name such as "origin EWR".

        Raises:
            DataError: If a column is missing, or holds no categories.
        """
        return dict(part for column in columns for part in self._slices_of(column))

    def ids(self, column: str | None) -> NDArray[Any] | None:
        """Returns what identifies each row, as text, shape (n,); None without such a column."""
        if column is None or column not in self.rows.column_names:
            return None
        return np.array([str(value) for value in self.rows.column(column).to_pylist()])

    def _slices_of(self, column: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        if column not in self.rows.column_names:
            available = ", ".join(map(repr, self.rows.column_names))
            raise DataError(f"gates.slices: the holdout has no column {column!r}; available: {available}")
        codes, categories = encode(self.rows.column(column), column)
        for code, name in enumerate([*categories, "missing"]):
            chosen = codes == code
            if chosen.any():
                yield f"{column} {name}", chosen


def read_holdout(path: str, target: str, positive: Any, timezone: str) -> Holdout:
    """Reads the rows whose label is known.

    Raises:
        DataError: If the target is missing, or has other classes.
    """
    table = read_table(path)
    labelled, is_positive = labels(table, target, positive)
    rows = table.filter(pa.array(labelled))
    return Holdout(rows, is_positive[labelled], local_days_of(rows, timezone))
