"""The source's matured rows, scored with the champion: day by day, so that memory stays flat.

A week at a time is read, by the columns that the champion takes. Of each day only its labelled rows' scores
and labels are kept, and of days before the current window only as long as a daily value needs them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ct_components.datasets import (
    dataset_schema,
    labels,
    local_days_of,
    model_frame,
    numeric_values,
    select_rows,
)
from ct_components.errors import DataError, ModelError
from ct_components.models.score import decision_threshold, gives_probabilities, score
from ct_components.models.store import load_model
from ct_components.registry import model_metadata
from ct_components.spec import Duration, Source
from ct_components.statistics.arrays import Bools, Floats
from ct_components.statistics.metrics import Metric, Predicted
from ct_components.statistics.performance import DailyValue, Performance, Sample, daily_values, sample_rows
from ct_components.statistics.performance.daily import values_of
from ct_components.storage import list_files, prune_partitions
from ct_components.windows import Window

if TYPE_CHECKING:
    from pandas import DataFrame

_STEP = Duration(7, "d")
_BATCH = 65_536
"""Rows that are scored at once, at most about twice: each call of an estimator costs milliseconds."""

Days = NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class Day:
    """One day's predictions.

    Attributes:
        day: The day, on the source's clock.
        rows: All of its rows, labelled or not.
        positive: Shape (n,); of the labelled rows, whether they are of the positive class.
        scores: Shape (n,); what the champion says of them.
        ids: Shape (n,); what identifies them; None if that is not needed.
    """

    day: np.datetime64
    rows: int
    positive: Bools
    scores: Floats
    ids: NDArray[Any] | None = None


@dataclass(frozen=True)
class Coverage:
    """How many predictions have a label."""

    rows: int = 0
    labelled: int = 0

    @property
    def share(self) -> float | None:
        """0 to 1; None without any prediction."""
        return self.labelled / self.rows if self.rows else None

    @classmethod
    def of(cls, days: Iterable[Day]) -> Self:
        """Counts the predictions of some days."""
        counts = [(day.rows, len(day.positive)) for day in days]
        return cls(sum(rows for rows, _ in counts), sum(labelled for _, labelled in counts))


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of one metric: of the current window, and since promotion with each daily value."""

    window: Sample
    since: Sample
    values: tuple[DailyValue, ...]


@dataclass(frozen=True, eq=False)
class MeasuredRows:
    """What the rows since promotion say: each metric, and the label coverage of both spans."""

    metrics: dict[str, Measured]
    since: Coverage
    window: Coverage


@dataclass(frozen=True)
class Scorer:
    """A registered version that scores rows: its model, and what its own metadata say of its columns."""

    model: Any
    numeric: Sequence[str]
    categorical: Sequence[str]
    target: str
    positive: Any

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Loads a version from its files, running no code of theirs.

        Raises:
            ModelError: If the file is missing, damaged, or holds a type that is not trusted.
            StateError: If `train_model` did not make it.
        """
        known = model_metadata(folder)
        return cls(
            load_model(folder), known["numeric"], known["categorical"], known["target"], known["positive"]
        )

    def predicted(self, scores: Floats) -> Predicted:
        """Returns scores as the metrics take them, decided at the model's own threshold."""
        return Predicted.binary(
            scores,
            threshold=decision_threshold(self.model),
            probabilities=gives_probabilities(self.model),
            role="champion scores",
        )

    def score(self, rows: pa.Table) -> Floats:
        """Returns the champion's score of each row, shape (n,).

        Raises:
            DataError: If a column holds other types than the champion takes, or infinities that it refuses.
            ModelError: If it cannot score the rows for another reason.
        """
        if not rows.num_rows:
            return np.empty(0)
        frame = self._frame(rows)
        try:
            return score(self.model, frame, "champion")
        except ModelError as error:
            infinite = [name for name in self.numeric if np.isinf(frame[name].to_numpy()).any()]
            if not infinite:
                raise
            raise DataError(f"infinite values in {', '.join(map(repr, infinite))}: {error}") from error

    def _frame(self, rows: pa.Table) -> "DataFrame":
        """As for training, but with infinities: the champion meets them in service, too."""
        numbers = {name: numeric_values(rows.column(name), name) for name in self.numeric}
        frame = model_frame(rows, [], self.categorical).assign(**numbers)
        return frame[[*self.numeric, *self.categorical]]


def scored_days(
    scorer: Scorer, source: Source, window: Window, identified_by: str | None = None
) -> Iterator[Day]:
    """Yields each day of a window that has rows, in order, its labelled rows scored.

    Args:
        scorer: The champion.
        source: The spec's source section, its references resolved.
        window: Whole days of the source's zone.
        identified_by: Column that identifies a row, if that is needed.

    Raises:
        SourceError: If the source cannot be read, or lacks a column.
        DataError: If labels have other classes than the champion's target, or rows cannot be scored.
    """
    files = prune_partitions(list_files(source.uri), window, source.timezone)
    if window.is_empty or not files:
        return
    ids = [identified_by] if identified_by else []
    wanted = [*ids, scorer.target, *scorer.numeric, *scorer.categorical]
    schema = dataset_schema(files, wanted, source.timestamp)
    classes = _Classes(scorer.target, scorer.positive)
    for step in _steps(window, source.timezone):
        nearby = prune_partitions(files, step, source.timezone)
        if nearby:
            rows = select_rows(nearby, step, schema.names, source.timestamp, source.timezone, schema)
            parts = [_part(table, scorer, source, classes, identified_by) for table in _gathered(rows)]
            yield from _by_day(parts)


def measure_rows(
    days: Iterable[Day], scorer: Scorer, performance: Performance, window_start: np.datetime64
) -> MeasuredRows:
    """Returns what some days, in order, say of each watched metric.

    Args:
        days: All matured days since promotion.
        scorer: Who scored them.
        performance: The settings.
        window_start: First day of the current window, which reaches to the last one.
    """
    series = {name: _Series(performance.metric_named(name), scorer) for name in performance.metrics}
    recent: list[Day] = []
    rows = labelled = positive = 0
    for day in days:
        rows, labelled = rows + day.rows, labelled + len(day.positive)
        positive += int(np.count_nonzero(day.positive))
        if day.day >= window_start:
            recent.append(day)
        if len(day.positive):
            for each in series.values():
                each.add(day)
    counts = (labelled - positive, positive)
    metrics = {
        name: Measured(
            _window(each.metric, recent, scorer, performance), each.sample(counts), tuple(each.values)
        )
        for name, each in series.items()
    }
    return MeasuredRows(metrics, Coverage(rows, labelled), Coverage.of(recent))


def joined(days: Sequence[Day], scorer: Scorer) -> tuple[Bools, Predicted, Days]:
    """Returns the labelled rows of some days as one: labels, answers and days, each of n rows."""
    positive = np.concatenate([np.empty(0, dtype=np.bool_), *(day.positive for day in days)])
    scores = np.concatenate([np.empty(0), *(day.scores for day in days)])
    empty = np.empty(0, dtype="datetime64[D]")
    names = np.concatenate([empty, *(np.full(len(day.positive), day.day) for day in days)])
    return positive, scorer.predicted(scores), names


class _Series:
    """One metric's daily values so far, and the days that the next one still waits for."""

    def __init__(self, metric: Metric, scorer: Scorer) -> None:
        self.metric = metric
        self.values: list[DailyValue] = []
        self._scorer = scorer
        self._open: list[Day] = []

    def add(self, day: Day) -> None:
        """Takes the next day; a run of days is complete whatever follows, so its rows may go."""
        self._open.append(day)
        if complete := daily_values(self.metric, *joined(self._open, self._scorer)):
            self.values += complete
            self._open = []

    def sample(self, class_rows: tuple[int, int]) -> Sample:
        """Returns what daily looks need to know of all days: how many rows, and each value."""
        daily = values_of(self.values)
        return Sample(value=None, limits=None, n=sum(class_rows), class_rows=class_rows, daily=daily)


def _window(metric: Metric, days: Sequence[Day], scorer: Scorer, performance: Performance) -> Sample:
    known = [day.ids for day in days if day.ids is not None]
    ids = np.concatenate(known) if known else None
    return sample_rows(metric, *joined(days, scorer), clustered=performance.clustered, ids=ids)


class _Classes:
    """The target's classes so far: a third one is found though no batch holds three."""

    def __init__(self, target: str, positive: Any) -> None:
        self._target, self._positive = target, positive
        self._seen: Any = None

    def check(self, column: pa.ChunkedArray) -> None:
        """Adds those of a batch.

        Raises:
            DataError: If there are more than two now, or two of which neither is the positive one.
        """
        found = [pc.unique(column)]
        self._seen = pc.unique(pa.chunked_array(found if self._seen is None else [self._seen, *found]))
        labels(pa.table({self._target: self._seen}), self._target, self._positive)


@dataclass(frozen=True, eq=False)
class _Part:
    """A batch: the day of each row, and of its labelled rows day, label, score and id."""

    all_days: Days
    days: Days
    positive: Bools
    scores: Floats
    ids: NDArray[Any] | None


def _part(
    table: pa.Table, scorer: Scorer, source: Source, classes: _Classes, identified_by: str | None
) -> _Part:
    classes.check(table.column(scorer.target))
    labelled, positive = labels(table, scorer.target, scorer.positive)
    days = local_days_of(table, source.timezone).astype("datetime64[D]")
    rows = table.filter(pa.array(labelled))
    ids = np.array([str(each) for each in rows.column(identified_by).to_pylist()]) if identified_by else None
    return _Part(days, days[labelled], positive[labelled], scorer.score(rows), ids)


def _by_day(parts: Sequence[_Part]) -> Iterator[Day]:
    if not parts:
        return
    names, counts = np.unique(np.concatenate([part.all_days for part in parts]), return_counts=True)
    days = np.concatenate([part.days for part in parts])
    positive = np.concatenate([part.positive for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    known = [part.ids for part in parts if part.ids is not None]
    ids = np.concatenate(known) if known else None
    for name, count in zip(names, counts.tolist(), strict=True):
        chosen = days == name
        yield Day(name, count, positive[chosen], scores[chosen], None if ids is None else ids[chosen])


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yields small batches together, since scoring few rows takes nearly as long as scoring many."""
    pending: list[pa.RecordBatch] = []
    for batch in batches:
        pending.append(batch)
        if sum(each.num_rows for each in pending) >= _BATCH:
            yield pa.Table.from_batches(pending)
            pending = []
    if pending:
        yield pa.Table.from_batches(pending)


def _steps(window: Window, timezone: str) -> Iterator[Window]:
    """Yields a window week by week; days stay whole."""
    start = window.start
    while start < window.end:
        end = min(_STEP.add(start, timezone), window.end)
        yield Window(start, end)
        start = end
