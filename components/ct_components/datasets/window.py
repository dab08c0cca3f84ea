"""One window of a source: the files that may hold its rows, and its rows as one dataset."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Self

import pyarrow as pa

from ct_components.datasets.read import select_rows, time_span
from ct_components.datasets.span import source_span
from ct_components.datasets.write import DatasetInfo, write_dataset
from ct_components.errors import SourceError
from ct_components.spec import Source, load_zone
from ct_components.storage import list_files, partition_day, prune_partitions
from ct_components.windows import Window

_LATE = timedelta(days=1)  # a source without partitions that begins later than this leaves a window partial

logger = logging.getLogger("kfp-ct")


class WindowOfSource(NamedTuple):
    """One window of the source: the files that may hold its rows, out of all files.

    Attributes:
        name: What the window is called, such as "training".
        window: The span of time.
        files: Those that may hold rows of it.
        source_files: All of the source.
        source: The spec's source section, its references resolved.
    """

    name: str
    window: Window
    files: list[Path]
    source_files: list[Path]
    source: Source

    @classmethod
    def find(cls, name: str, window: Window, source: Source) -> Self:
        """Returns a window with the files that may hold its rows.

        Raises:
            SpecError: If the URI has a scheme that is not supported.
            SourceError: If nothing matches the URI.
        """
        files = list_files(source.uri)
        return cls(name, window, prune_partitions(files, window, source.timezone), files, source)

    def check_files(self) -> None:
        """Raises a SourceError when no partition belongs to the window.

        A holdout may have no length: the champion has learned from rows up to its end. That is for the gate
        to judge, as insufficient.
        """
        if not self.files and not self.window.is_empty:
            raise self._no_rows()

    def write(self, schema: pa.Schema, path: Path) -> DatasetInfo:
        """Writes the window's rows to one file.

        Args:
            schema: From `dataset_schema`, of these files or of more.
            path: The file.

        Raises:
            SourceError: If the window has no rows, or a file is corrupt.
        """
        timestamp, timezone = self.source.timestamp, self.source.timezone
        logger.info("%s: reading %d of %d files", self._described(), len(self.files), len(self.source_files))
        batches = select_rows(self.files, self.window, schema.names, timestamp, timezone, schema)
        info = write_dataset(self._checked(batches), path)
        logger.info("%s rows: %d, from %s to %s", self.name, info.rows, info.first, info.last)
        return info

    def is_partial(self) -> bool:
        """Tells whether the source begins later than the window; a gap in sparse rows is none."""
        days = [day for day in map(partition_day, self.source_files) if day]
        if days and len(days) == len(self.source_files):
            return min(days) > self.window.start.astimezone(load_zone(self.source.timezone)).date()
        span = time_span(self.source_files, self.source.timestamp)
        return span is not None and span[0] > self.window.start + _LATE

    def _checked(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        head = next(batches, None)
        if head is None:
            raise self._no_rows()
        yield from chain([head], batches)

    def _no_rows(self) -> SourceError:
        return SourceError(
            f"{self._described()} has no rows in source {self.source.uri!r}, "
            f"which has {source_span(self.source_files, self.source.timestamp)}"
        )

    def _described(self) -> str:
        return f"{self.name} window {self.window.text(self.source.timezone)}"
