"""Profiling the rows of one dataset, in streams, a few columns at a time."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ct_components.datasets import (
    check_has,
    dataset_window,
    encode,
    is_categorical,
    is_numeric,
    numeric_values,
    open_parquet,
)
from ct_components.profiles.model import (
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    OtherProfile,
    Profile,
)
from ct_components.statistics.drift.bins import quantile_edges

_TOGETHER = 4  # columns read at once: more need memory, fewer leave reader threads idle
_BATCH = 131_072  # rows
_MOST_COUNTED = 100_000  # categories counted exactly while reading; an id column must not fill the memory


def profile_dataset(
    path: Path | str,
    numeric: Sequence[str],
    categorical: Sequence[str],
    others: Sequence[str] = (),
    edges: Mapping[str, Sequence[float]] | None = None,
) -> Profile:
    """Returns the profile of a dataset.

    A column whose type does not fit its role is profiled as `OtherProfile`, for the caller to judge.

    Args:
        path: The dataset.
        numeric: Columns to profile as numbers.
        categorical: Columns to profile as categories.
        others: Further columns, of which rows and nulls are counted.
        edges: Histogram edges by numeric column, from `Profile.edges` of the reference. Columns without get
            their own (`drift.bins.quantile_edges`), and are held in memory while they are profiled, one at a
            time.

    Raises:
        SourceError: If the file is missing or corrupt, or lacks a column.
    """
    path, known = Path(path), dict(edges or {})
    with open_parquet(path) as file:
        schema = file.schema_arrow
        check_has([*numeric, *categorical, *others], schema.names, path)
        builders: dict[str, _Builder] = {}
        for name in dict.fromkeys([*numeric, *categorical, *others]):
            kind = schema.field(name).type
            if name in numeric and is_numeric(kind):
                builders[name] = _NumericBuilder(name, known.get(name))
            elif name in categorical and is_categorical(kind):
                builders[name] = _CategoricalBuilder(name)
            else:
                builders[name] = _OtherBuilder(str(kind))
        columns: dict[str, ColumnProfile] = {}
        for names in _groups(builders):
            for batch in file.iter_batches(_BATCH, columns=names):
                for name in names:
                    builders[name].add(pa.chunked_array([batch.column(name)]))
            columns |= {name: builders.pop(name).finish() for name in names}
        return Profile(file.metadata.num_rows, dataset_window(schema), columns)


class _Builder(Protocol):
    """What sees a column chunk by chunk, and then makes its profile."""

    def add(self, column: pa.ChunkedArray) -> None: ...

    def finish(self) -> ColumnProfile: ...


class _NumericBuilder:
    """A profile so far, where edges are given; else the values, until their quantiles are known."""

    def __init__(self, name: str, edges: Sequence[float] | None) -> None:
        self.name = name
        self.edges = None if edges is None else np.array(edges, dtype=np.float64)
        self.profile: NumericProfile | None = None
        self.values: list[NDArray[np.float64]] = []
        self.nulls = 0

    def add(self, column: pa.ChunkedArray) -> None:
        values = numeric_values(column, self.name)
        if self.edges is None:
            self.values.append(values)
            self.nulls += column.null_count
            return
        part = _numeric(values, column.null_count, self.edges)
        self.profile = self.profile.merge(part, self.name) if self.profile else part

    def finish(self) -> ColumnProfile:
        if self.profile is not None:
            return self.profile
        values = np.concatenate([np.zeros(0), *self.values])
        return _numeric(values, self.nulls, self.edges)


class _CategoricalBuilder:
    def __init__(self, name: str) -> None:
        self.name, self.count, self.nulls, self.other = name, 0, 0, 0
        self.rows: Counter[str] = Counter()

    def add(self, column: pa.ChunkedArray) -> None:
        codes, categories = encode(column, self.name)
        *rows, nulls = np.bincount(codes, minlength=len(categories) + 1).tolist()
        self.count += len(column)
        self.nulls += nulls
        self.rows.update(dict(zip(categories, rows, strict=True)))
        if len(self.rows) > _MOST_COUNTED:
            kept = Counter(dict(self.rows.most_common(_MOST_COUNTED // 2)))
            self.other += self.rows.total() - kept.total()
            self.rows = kept

    def finish(self) -> ColumnProfile:
        return CategoricalProfile.of(self.count, self.nulls, self.rows, self.other)


class _OtherBuilder:
    def __init__(self, kind: str) -> None:
        self.kind, self.count, self.nulls = kind, 0, 0

    def add(self, column: pa.ChunkedArray) -> None:
        self.count += len(column)
        self.nulls += column.null_count

    def finish(self) -> ColumnProfile:
        return OtherProfile(self.count, self.nulls, self.kind)


def _groups(builders: Mapping[str, _Builder]) -> Iterator[list[str]]:
    """Yields columns that keep their values one by one, the others a few at a time."""
    keeping = [n for n, b in builders.items() if isinstance(b, _NumericBuilder) and b.edges is None]
    light = [name for name in builders if name not in keeping]
    yield from ([name] for name in keeping)
    yield from (light[start : start + _TOGETHER] for start in range(0, len(light), _TOGETHER))


def _numeric(values: NDArray[np.float64], nulls: int, edges: NDArray[np.float64] | None) -> NumericProfile:
    """Returns the profile of one array, whose NaN include the nulls."""
    finite = np.sort(values[np.isfinite(values)])
    infinities = int(np.count_nonzero(np.isinf(values)))
    edges = quantile_edges(finite) if edges is None else edges
    below = np.searchsorted(finite, edges, side="left")
    mean, m2 = _moments(finite)
    return NumericProfile(
        count=values.size,
        nulls=nulls,
        nan=values.size - finite.size - infinities - nulls,
        infinities=infinities,
        mean=mean,
        m2=m2,
        minimum=float(finite[0]) if finite.size else None,
        maximum=float(finite[-1]) if finite.size else None,
        edges=tuple(edges.tolist()),
        counts=tuple(np.diff(below, prepend=0, append=finite.size).tolist()),
    )


def _moments(finite: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Returns mean and sum of squared deviations, in two passes and without overflow."""
    if not finite.size:
        return None, None
    largest = max(abs(float(finite[0])), abs(float(finite[-1])))
    scale = largest if largest > 1e150 else 1.0  # noqa: PLR2004 — its square still has room for a sum
    scaled = finite / scale
    mean = float(scaled.mean())
    m2 = float(np.square(scaled - mean).sum())
    with np.errstate(over="ignore"):
        return mean * scale, min(m2 * scale * scale, float(np.finfo(np.float64).max))
