"""Reading: the rows of a window out of many files, and the columns of one dataset."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ct_components.clock import local_days, to_utc
from ct_components.datasets.arrays import scalar, wrap
from ct_components.datasets.schema import UTC_TIMESTAMP, check_has, dataset_schema, open_parquet
from ct_components.errors import SourceError

if TYPE_CHECKING:
    from ct_components.windows import Window

TIMESTAMP_KEY, START_KEY, END_KEY = b"kfp_ct.timestamp", b"kfp_ct.start", b"kfp_ct.end"
_NO_TIME = np.iinfo(np.int64).min
_BATCH = 65_536  # rows; a few MB at 50 columns
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000  # microseconds
_PER_MICROSECOND = {"milliseconds": (1000, 1), "microseconds": (1, 1), "nanoseconds": (1, 1000)}


def select_rows(
    files: Iterable[Path],
    window: "Window",
    columns: Sequence[str],
    timestamp: str,
    timezone: str,
    schema: pa.Schema | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a window, file by file, in the order they are stored.

    Row groups whose statistics lie outside the window are not read. A naive timestamp is taken in `timezone`:
    one that occurs twice (clocks set back) is the earlier instant, one that does not occur (clocks set
    forward) is moved later by the gap. A row without a timestamp is in no window.

    Args:
        files: Parquet files, at least one.
        window: Half-open span of time.
        columns: Names of the columns, in the order of the result.
        timestamp: Name of the timestamp column; it comes first unless it is among `columns`.
        timezone: IANA name of the zone of naive timestamps.
        schema: From `dataset_schema`, when more files than these shall have the same one.

    Yields:
        Batches of at least one row; one without rows for a window without length. Their schema's metadata
        name timestamp column and window.

    Raises:
        SourceError: If `dataset_schema` would raise it, a file is corrupt, or a value does not fit the common
            type.
    """
    files = list(files)
    schema = schema or dataset_schema(files, columns, timestamp)
    notes = {TIMESTAMP_KEY: timestamp, START_KEY: window.start.isoformat(), END_KEY: window.end.isoformat()}
    schema = schema.with_metadata(notes)
    if window.is_empty:
        yield pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
        return
    start, end = _microseconds(window.start), _microseconds(window.end)
    for path in files:
        with open_parquet(path) as file:
            groups = _row_groups(file.metadata, timestamp, start, end)
            for batch in file.iter_batches(_BATCH, row_groups=groups, columns=schema.names):
                rows = _between(_conform(batch, schema, timestamp, timezone, path), timestamp, start, end)
                if rows.num_rows:
                    yield rows


def read_table(path: Path | str, columns: Sequence[str] | None = None) -> pa.Table:
    """Reads a dataset, or some of its columns in the order given.

    Raises:
        SourceError: If the file is missing or corrupt, or lacks a column; the message names what it has.
    """
    path = Path(path)
    with open_parquet(path) as file:
        names = file.schema_arrow.names if columns is None else list(dict.fromkeys(columns))
        check_has(names, file.schema_arrow.names, path)
        return file.read(columns=names).select(names)


def dataset_window(schema: pa.Schema) -> tuple[str, str] | None:
    """Returns the window of a dataset that `select_rows` made, as two ISO instants; None for another file."""
    notes = schema.metadata or {}
    if START_KEY not in notes or END_KEY not in notes:
        return None
    return notes[START_KEY].decode(), notes[END_KEY].decode()


def time_span(files: Iterable[Path], timestamp: str) -> tuple[datetime, datetime] | None:
    """Returns the first and last timestamp of a source from the files' statistics; None where they have none.

    Meant for messages: naive timestamps are taken as UTC.
    """
    bounds = []
    for path in files:
        with open_parquet(path) as file:
            leaf = _leaf(file.metadata, timestamp)
            groups = range(file.metadata.num_row_groups) if leaf is not None else ()
            found = [_bounds(file.metadata.row_group(group).column(leaf)) for group in groups]
            bounds += [(low, high) for low, high, _ in filter(None, found)]
    if not bounds:
        return None
    first, last = min(low for low, _ in bounds), max(high for _, high in bounds)
    return _EPOCH + timedelta(microseconds=first), _EPOCH + timedelta(microseconds=last)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _leaf(metadata: Any, name: str) -> int | None:
    """Returns the place of a top-level column among the leaves; nested ones before it take several."""
    paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    return paths.index(name) if name in paths else None


def _bounds(column: Any) -> tuple[int, int, bool] | None:
    """Returns smallest and largest timestamp of a column chunk in microseconds, and whether they are in UTC.

    From the stored integers: pyarrow would make pandas objects of nanoseconds.
    """
    statistics = column.statistics
    if statistics is None or not statistics.has_min_max or statistics.logical_type.type != "TIMESTAMP":
        return None
    text = statistics.logical_type.to_json()
    unit = next(unit for unit in _PER_MICROSECOND if unit in text)
    factor, divisor = _PER_MICROSECOND[unit]
    low, high = (raw * factor // divisor for raw in (statistics.min_raw, statistics.max_raw))
    return low, high, '"isAdjustedToUTC": true' in text


def _row_groups(metadata: Any, timestamp: str, start: int, end: int) -> list[int]:
    """Returns the row groups that may hold rows in [start, end); a naive one gets a day's margin."""
    leaf = _leaf(metadata, timestamp)
    if leaf is None:
        return list(range(metadata.num_row_groups))

    def may_hold(group: int) -> bool:
        bounds = _bounds(metadata.row_group(group).column(leaf))
        margin = 0 if bounds and bounds[2] else _DAY
        return bounds is None or (bounds[1] >= start - margin and bounds[0] < end + margin)

    return [group for group in range(metadata.num_row_groups) if may_hold(group)]


def _conform(
    batch: pa.RecordBatch, schema: pa.Schema, timestamp: str, timezone: str, path: Path
) -> pa.RecordBatch:
    """Returns a batch in the dataset's schema."""

    def convert(field: pa.Field) -> pa.Array:
        column = batch.column(field.name)
        try:
            if pa.types.is_string(field.type):
                column.validate(full=True)  # bytes that are no UTF-8 would fail later, far from their file
            if field.name == timestamp:
                return _to_utc(column, timezone)
            return column if column.type == field.type else column.cast(field.type)
        except pa.ArrowException as error:
            reason = str(error).splitlines()[0]
            raise SourceError(
                f"column {field.name!r} of file {str(path)!r} does not fit type {field.type}: {reason}"
            ) from error

    return pa.RecordBatch.from_arrays([convert(field) for field in schema], schema=schema)


def _to_utc(column: pa.Array, timezone: str) -> pa.Array:
    if pa.types.is_null(column.type):
        return column.cast(UTC_TIMESTAMP)
    # Only nanoseconds lose digits; for the others a value out of range is an error.
    safe = column.type.unit != "ns"
    if column.type.tz is not None:
        return column.cast(UTC_TIMESTAMP, safe=safe)
    naive = column.cast(pa.timestamp("us"), safe=safe)
    wall = wrap(pa.chunked_array([naive.cast(pa.int64())]), np.int64, _NO_TIME)
    ahead = np.zeros(len(wall), dtype=np.int64)
    known = wall != _NO_TIME
    ahead[known] = wall[known] - to_utc(wall[known].view("datetime64[us]"), timezone).view(np.int64)
    shift = pa.Array.from_buffers(pa.duration("us"), len(wall), [None, pa.py_buffer(ahead.tobytes())])
    return pc.subtract(naive, shift).cast(UTC_TIMESTAMP)


def local_days_of(table: pa.Table, timezone: str) -> NDArray[np.str_]:
    """Returns the day of each row of a dataset, shape (n,), by its timestamp on the clock of a zone.

    Raises:
        SourceError: If the file does not say which column its timestamp is.
    """
    name = (table.schema.metadata or {}).get(TIMESTAMP_KEY, b"").decode()
    if name not in table.column_names:
        raise SourceError("the dataset does not name its timestamp column; needed: one that fetch_data wrote")
    stamps = wrap(table.column(name).cast(pa.int64()), np.int64, _NO_TIME)
    return local_days(stamps.view("datetime64[us]"), timezone)


def _between(batch: pa.RecordBatch, timestamp: str, start: int, end: int) -> pa.RecordBatch:
    times = batch.column(timestamp)
    low, high = scalar(start, UTC_TIMESTAMP), scalar(end, UTC_TIMESTAMP)
    inside = pc.and_(pc.greater_equal(times, low), pc.less(times, high))
    if not times.null_count and pc.all(inside).as_py():
        return batch
    return batch.filter(inside)
