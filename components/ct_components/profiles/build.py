"""Profiling the rows of one dataset, in streams, a few columns at a time."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ct_components.datasets import (
    check_has,
    dataset_window,
    encode,
    is_categorical,
    is_numeric,
    local_days_of,
    numeric_values,
    open_parquet,
)
from ct_components.datasets.read import TIMESTAMP_KEY
from ct_components.profiles.model import (
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    OtherProfile,
    Profile,
)
from ct_components.spec import load_zone
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


def profile_days(
    path: Path | str, reference: Profile, timezone: str, names: Collection[str] | None = None
) -> list[Profile]:
    """Returns one profile for each calendar day of a dataset, in order; a day without rows has none.

    A file that does not name its timestamp column has no days. Rows need not be sorted. The timestamp is read
    once, and each column a second time. Merging the days gives the profile of the whole, with the reference's
    edges.

    Args:
        path: The dataset.
        reference: Of the same rows, or of the rows that all days are compared with: gives columns and edges.
        timezone: IANA name of the zone whose calendar days are meant.
        names: Columns to profile; by default all that the reference profiles as numbers or categories.

    Raises:
        SourceError: If the file is missing or corrupt, or lacks a column.
    """
    path = Path(path)
    with open_parquet(path) as file:
        if TIMESTAMP_KEY not in (file.schema_arrow.metadata or {}):
            return []
        wanted = {
            name: column
            for name, column in reference.columns.items()
            if not isinstance(column, OtherProfile) and (names is None or name in names)
        }
        check_has(list(wanted), file.schema_arrow.names, path)
        days, places = _days_of_rows(file, timezone)
        builders = {name: [_like(name, column) for _ in days] for name, column in wanted.items()}
        for together in _groups({name: column[0] for name, column in builders.items() if column}):
            first = 0
            for batch in file.iter_batches(_BATCH, columns=together):
                _add_by_day(batch, places[first : first + batch.num_rows], builders)
                first += batch.num_rows
        window, zone = dataset_window(file.schema_arrow), load_zone(timezone)
    rows = np.bincount(places, minlength=len(days)).tolist()
    return [
        Profile(
            rows[place],
            _window_of_day(day, zone, window),
            {name: column[place].finish() for name, column in builders.items()},
        )
        for place, day in enumerate(days)
    ]


def _days_of_rows(file: pq.ParquetFile, timezone: str) -> tuple[list[str], NDArray[np.int64]]:
    """Returns the days on which a dataset has rows, in order, and the place among them of each row's."""
    notes = file.schema_arrow.metadata
    columns = [notes[TIMESTAMP_KEY].decode()]
    found = [
        np.unique(
            local_days_of(pa.Table.from_batches([batch]).replace_schema_metadata(notes), timezone),
            return_inverse=True,
        )
        for batch in file.iter_batches(_BATCH, columns=columns)
    ]
    days = sorted({day for own, _ in found for day in own.tolist()})
    places = [np.searchsorted(np.array(days), own)[inverse] for own, inverse in found]
    return days, np.concatenate([np.zeros(0, dtype=np.int64), *places])


def _add_by_day(
    batch: pa.RecordBatch, places: NDArray[np.int64], builders: Mapping[str, Sequence["_Builder"]]
) -> None:
    """Adds the rows of a batch to the builders of their days."""
    if (np.diff(places) < 0).any():
        order = np.argsort(places, kind="stable")
        places = places[order]
        batch = batch.take(pa.Array.from_buffers(pa.int64(), len(order), [None, pa.py_buffer(order)]))
    starts = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(places)]
    for start, end in pairwise(starts):
        for name in batch.schema.names:
            column = batch.column(name).slice(start, end - start)
            builders[name][places[start]].add(pa.chunked_array([column]))


def _like(name: str, column: ColumnProfile) -> "_Builder":
    return (
        _NumericBuilder(name, column.edges)
        if isinstance(column, NumericProfile)
        else _CategoricalBuilder(name)
    )


def _window_of_day(day: str, zone: tzinfo, window: tuple[str, str] | None) -> tuple[str, str]:
    """Returns a calendar day as two instants, cut where the dataset's window begins or ends within it."""
    first = date.fromisoformat(day)
    start, end = (
        datetime.combine(each, datetime.min.time(), zone).astimezone(UTC)
        for each in (first, first + timedelta(days=1))
    )
    if window:
        start = max(start, datetime.fromisoformat(window[0]))
        end = min(end, datetime.fromisoformat(window[1]))
    return start.isoformat(), end.isoformat()


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
