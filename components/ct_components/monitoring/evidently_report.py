"""Evidently's drift report of a sample of both windows: for people to look at. It decides nothing.

Evidently is optional, and takes seconds to import: only who makes a report pays for it. Whatever goes wrong
with it leaves the report out, and says so.
"""

import importlib.util
import logging
import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from ct_components.datasets import (
    WindowOfSource,
    dataset_schema,
    model_frame,
    open_parquet,
    select_rows,
    shared_columns,
)
from ct_components.errors import CTError
from ct_components.monitoring.current import split_by_kind
from ct_components.profiles import Profile
from ct_components.spec import Source
from ct_components.windows import Window

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

LEFT_OUT = "Evidently's report is left out: "
MOST_ROWS = 10_000
"""Of either window: the report's size and time grow with them, and a picture does not get clearer."""

_INSTALL = "the package evidently is not installed (pip install 'evidently>=0.7.23,<0.8')"
_SILENCE = {"DO_NOT_TRACK": "1", "ITERATIVE_DO_NOT_TRACK": "1", "EVIDENTLY_DISABLE_TELEMETRY": "1"}

logger = logging.getLogger("kfp-ct")


class Report(NamedTuple):
    """A report's HTML; "" and why there is none otherwise."""

    html: str
    reason: str


class Frames(NamedTuple):
    """Both samples, as models take them."""

    reference: "pd.DataFrame"
    current: "pd.DataFrame"


def report_for(
    source: Source, training: Window, current: Path, reference: Profile, now: Profile, seed: int = 0
) -> Report:
    """Returns Evidently's report of both windows, or why there is none; never an error.

    Args:
        source: Where the champion's training rows are read from once more.
        training: Their window.
        current: Dataset of the current rows.
        reference: Profile of the training rows: what is a number, and what a category.
        now: Profile of the current rows, whose columns are compared.
        seed: Of the samples.
    """
    if importlib.util.find_spec("evidently") is None:
        return Report("", _INSTALL)
    names = [name for name, column in now.columns.items() if column.kind == reference.columns[name].kind]
    try:
        before = sample_rows(_reference_rows(source, training, names), MOST_ROWS, seed)
        if before is None:
            return Report("", "the champion's training rows are not in the source any more")
        after = sample_rows(_rows_of(current, names), MOST_ROWS, seed)
        assert after is not None
        numeric, categorical = split_by_kind(reference, names)
        frames = Frames(*(model_frame(rows, numeric, categorical) for rows in (before, after)))
        return Report(_html(frames, numeric, categorical), "")
    except CTError as error:
        return Report("", str(error))
    except Exception as error:  # noqa: BLE001 — nothing of a library that only draws may end a look
        logger.warning("Evidently failed: %s: %s", type(error).__name__, error)
        return Report("", f"it failed ({type(error).__name__})")


def sample_rows(batches: Iterable[pa.RecordBatch], most: int, seed: int) -> pa.Table | None:
    """Returns at most so many rows of a stream, each as probable as any other; None of an empty one.

    Each row draws a number, and those with the smallest stay: the same rows for the same seed, however they
    are spread over batches, and never many more than these in memory.

    Args:
        batches: Of one schema.
        most: Rows to keep.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    kept: pa.Table | None = None
    drawn: NDArray[np.float64] = np.empty(0)
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        kept = rows if kept is None else pa.concat_tables([kept, rows])
        drawn = np.concatenate([drawn, rng.random(batch.num_rows)])
        if len(drawn) > most:
            places = np.sort(np.argpartition(drawn, most)[:most])
            kept, drawn = kept.take(places.tolist()).combine_chunks(), drawn[places]
    return kept if kept is not None and kept.num_rows else None


def _reference_rows(source: Source, window: Window, names: Sequence[str]) -> Iterable[pa.RecordBatch]:
    part = WindowOfSource.find("training", window, source)
    if not part.files or set(shared_columns(part.files, names)) != set(names):
        return ()
    schema = dataset_schema(part.files, names, source.timestamp)
    return select_rows(part.files, window, schema.names, source.timestamp, source.timezone, schema)


def _rows_of(path: Path, names: Sequence[str]) -> Iterable[pa.RecordBatch]:
    with open_parquet(path) as file:
        yield from file.iter_batches(columns=list(names))


def _html(frames: Frames, numeric: Sequence[str], categorical: Sequence[str]) -> str:
    os.environ.update(_SILENCE)  # before the import, which reads them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        roles = DataDefinition(numerical_columns=list(numeric), categorical_columns=list(categorical))
        before, after = (Dataset.from_pandas(frame, roles) for frame in frames)
        html: str = Report([DataDriftPreset()]).run(after, before).get_html_str(as_iframe=False)
        return html
