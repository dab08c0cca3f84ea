"""Reading the rows of both windows, and writing each as one dataset with its fingerprint.

Nothing is split at random: a row's instant alone decides where it goes.
"""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from ct_components.datasets import (
    DatasetInfo,
    dataset_schema,
    select_rows,
    source_span,
    time_span,
    write_dataset,
)
from ct_components.errors import SourceError, SpecError
from ct_components.spec import Columns, Source, load_zone, parse_section
from ct_components.storage import atomic_path, list_files, partition_day, prune_partitions
from ct_components.windows import Window, Windows

_LATE = timedelta(days=1)  # a source without partitions that begins later than this leaves a window partial

logger = logging.getLogger("kfp-ct")


def run(
    source: str, columns: str, also: str, windows: str, training_path: str, holdout_path: str
) -> dict[str, Any]:
    """Fetches the training and the holdout rows, by column and in streams.

    Both datasets have one schema: timestamp, id, target, weight, numeric and categorical features, then the
    columns of `also`. Rows keep the order in which they are stored.

    Args:
        source: the spec's source section, as JSON, its references resolved.
        columns: the spec's columns section, as JSON.
        also: further raw columns, such as those that only the champion needs: a JSON list of names.
        windows: from `Windows.to_json`.
        training_path: file to write the training rows to.
        holdout_path: file to write the holdout rows to.

    Returns:
        A JSON-safe summary: ``training`` and ``holdout`` (`DatasetInfo.to_dict`); ``partial``, whether the
        source begins later than the training window; ``training_span``, first and last
        timestamp of the training rows; ``files``, the number read for each window.

    Raises:
        SpecError: an argument is not allowed.
        SourceError: files are missing or corrupt, lack a column, or have no rows in a window. Neither dataset
            is written then.
    """
    place = parse_section(Source, source, "source")
    section = parse_section(Columns, columns, "columns")
    plan = Windows.from_json(windows)
    files = list_files(place.uri)
    training, holdout = (
        _Part(name, window, prune_partitions(files, window, place.timezone), files, place)
        for name, window in (("training", plan.training), ("holdout", plan.holdout))
    )
    for part in (training, holdout):
        part.check_files()
    names = _names(place, section, _also(also))
    schema = dataset_schema(sorted({*training.files, *holdout.files}), names, place.timestamp)
    # Both or neither: the first dataset takes its place only when the second is written.
    with atomic_path(training_path) as training_file, atomic_path(holdout_path) as holdout_file:
        learned = training.write(schema, training_file)
        judged = holdout.write(schema, holdout_file)
    return {
        "training": _known(learned),
        "holdout": _known(judged),
        "partial": training.is_partial(),
        "training_span": [learned.first, learned.last],
        "files": {part.name: len(part.files) for part in (training, holdout)},
    }


class _Part(NamedTuple):
    """One window of the source: the files that may hold its rows, out of all files."""

    name: str
    window: Window
    files: list[Path]
    source_files: list[Path]
    source: Source

    def check_files(self) -> None:
        """Raises a SourceError when no partition belongs to the window.

        A holdout may have no length: the champion has learned from rows up to its end. That is for the gate
        to judge, as insufficient.
        """
        if not self.files and not self.window.is_empty:
            raise self._no_rows()

    def write(self, schema: pa.Schema, path: Path) -> DatasetInfo:
        """Writes the window's rows to one file."""
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


def _also(text: str) -> list[str]:
    try:
        names = json.loads(text or "[]")
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise SpecError(f"also: got {text[:200]!r}; allowed: a JSON list of column names")
    return names


def _names(source: Source, columns: Columns, also: list[str]) -> list[str]:
    single = [source.timestamp, columns.id, columns.target, columns.weight]
    named = [name for name in single if name is not None]
    return list(dict.fromkeys([*named, *columns.numeric, *columns.categorical, *also]))


def _known(info: DatasetInfo) -> dict[str, Any]:
    """KFP's backend takes no null in an artifact's metadata."""
    return {name: value for name, value in info.to_dict().items() if value is not None}
