"""Writing: one dataset, all or nothing, with its fingerprint."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ct_components.datasets.read import TIMESTAMP_KEY
from ct_components.errors import SourceError
from ct_components.storage import atomic_path

_ROW_GROUP = 131_072  # rows


@dataclass(frozen=True)
class DatasetInfo:
    """What was written.

    Attributes:
        rows: Number of rows.
        bytes: Size of the file.
        fingerprint: "sha256:" and the hex digest of the file. Equal rows in equal order give equal files.
        first: Smallest timestamp, ISO 8601 in UTC; None without rows or without a timestamp column.
        last: Largest timestamp, likewise.
    """

    rows: int
    bytes: int
    fingerprint: str
    first: str | None
    last: str | None

    def to_dict(self) -> dict[str, str | int | None]:
        """Returns the fields, JSON-safe."""
        return asdict(self)


def write_dataset(batches: Iterable[pa.RecordBatch], path: Path | str) -> DatasetInfo:
    """Writes batches of one schema to one Parquet file (zstd), holding one row group in memory at a time.

    How the rows are spread over batches does not show in the file.

    Args:
        batches: From `select_rows`, at least one.
        path: The file; an existing one is replaced when everything is written.

    Raises:
        SourceError: If there is no batch, or reading them raises it. Nothing is written then.
        StateError: If the file cannot be written.
    """
    batches = iter(batches)
    head = next(batches, None)
    if head is None:
        raise SourceError(f"no rows to write to {str(path)!r}; needed: at least one batch")
    extent = _Extent(head.schema)
    with atomic_path(path) as temporary:
        with pq.ParquetWriter(temporary, head.schema, compression="zstd") as writer:
            for table in _regrouped(chain([head], batches)):
                extent.add(table)
                writer.write_table(table, row_group_size=_ROW_GROUP)
        with temporary.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = temporary.stat().st_size
    return DatasetInfo(extent.rows, size, f"sha256:{digest}", _iso(extent.first), _iso(extent.last))


class _Extent:
    """The number of rows so far, and their smallest and largest timestamp (µs)."""

    def __init__(self, schema: pa.Schema) -> None:
        noted = (schema.metadata or {}).get(TIMESTAMP_KEY, b"").decode()
        self.timestamp = noted if noted in schema.names else None
        self.rows = 0
        self.first: int | None = None
        self.last: int | None = None

    def add(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        if self.timestamp is None:
            return
        bounds = pc.min_max(table.column(self.timestamp))
        low, high = bounds["min"].value, bounds["max"].value
        if low is not None:
            self.first = low if self.first is None else min(low, self.first)
            self.last = high if self.last is None else max(high, self.last)


def _regrouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yields tables of exactly one row group, gathered from batches; the last may be shorter."""
    pending: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        pending.append(batch)
        rows += batch.num_rows
        while rows >= _ROW_GROUP:
            table = pa.Table.from_batches(pending)
            yield table.slice(0, _ROW_GROUP).combine_chunks()
            pending = table.slice(_ROW_GROUP).to_batches()
            rows -= _ROW_GROUP
    if pending:
        # Pages end where chunks end: combined, so that equal rows give equal bytes.
        yield pa.Table.from_batches(pending).combine_chunks()


def _iso(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).isoformat()
