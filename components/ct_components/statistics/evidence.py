"""Everything that the gate's checks look at, computed once from the holdout's rows."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Array, Bools, Ints, as_clusters
from ct_components.statistics.comparison.compare import compare
from ct_components.statistics.comparison.mcnemar import McNemar, mcnemar, paired_counts
from ct_components.statistics.estimate import Limits, fewest_clusters, value_or_none
from ct_components.statistics.metrics import Metric, Predicted, Task, baseline
from ct_components.statistics.metrics.catalogue import as_truth
from ct_components.statistics.metrics.metric import Truth
from ct_components.statistics.sequential import spend
from ct_components.statistics.settings import Gate


@dataclass(frozen=True, eq=False)
class Holdout:
    """The rows that judge, and what each model says of them.

    Attributes:
        truth: Shape (n,).
        challenger: n answers.
        champion: n answers; None for a first model.
        anchor: Answers of the last version that was proven superior, where the champion itself was not.
        baseline: Answers of the predictor that knows no feature.
        index: Shape (n,); each row's cluster; None where rows are independent.
        names: Shape (clusters,); the clusters' names.
        ids: Shape (n,); what identifies a row, so that the file's order has no effect; None without.
    """

    truth: Truth
    challenger: Predicted
    champion: Predicted | None
    anchor: Predicted | None
    baseline: Predicted
    index: Ints | None
    names: Array
    ids: Array | None = None

    def rows(self, chosen: Bools) -> Self:
        """Returns some of the rows, with the clusters that they lie in."""
        names, index = (self.names, None)
        if self.index is not None:
            kept, index = np.unique(self.index[chosen], return_inverse=True)
            names = self.names[kept]
        return replace(
            self,
            truth=self.truth[chosen],
            challenger=self.challenger.rows(chosen),
            champion=self.champion and self.champion.rows(chosen),
            anchor=self.anchor and self.anchor.rows(chosen),
            baseline=self.baseline.rows(chosen),
            index=index,
            names=names,
            ids=None if self.ids is None else self.ids[chosen],
        )

    def gain(self, metric: Metric, over: Predicted | None, by: Predicted | None = None) -> Limits | None:
        """Returns the challenger's gain over another's answers; None where it cannot be estimated."""
        new = by or self.challenger
        if over is None or not (self.estimable(metric, new) and self.estimable(metric, over)):
            return None
        gain = compare(metric, self.truth, new, over, index=self.index, ids=self.ids)
        return None if math.isnan(gain.standard_error) else gain

    def estimable(self, metric: Metric, predicted: Predicted) -> bool:
        """Returns whether the metric has a value, and an error, on these rows."""
        if value_or_none(metric, self.truth, predicted) is None:
            return False
        return self.fewest_clusters(metric) > 1

    def fewest_clusters(self, metric: Metric) -> int:
        """Returns how many clusters hold the kind of rows that fewest clusters hold."""
        index = np.arange(self.truth.size) if self.index is None else self.index
        return fewest_clusters(metric, self.truth, index)


@dataclass(frozen=True)
class GuardrailGain:
    """The gain in a guardrail metric, and by how much it may be negative."""

    metric: Metric
    margin: float
    gain: Limits | None


@dataclass(frozen=True)
class SliceGain:
    """The gain on one slice; None where the slice is too small to be judged."""

    name: str
    n: int
    gain: Limits | None


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the holdout says about challenger and champion; each part is computed when it is first asked for.

    Attributes:
        gate: The settings to judge by.
        challenge: Which challenge of this champion this is, from 1.
        holdout: The rows.
        slices: By name, whether each row belongs to the slice.
    """

    gate: Gate
    challenge: int
    holdout: Holdout
    slices: Mapping[str, Bools]

    @property
    def alpha(self) -> float:
        """One-sided alpha of the champion's comparison: what this challenge may spend."""
        return spend(self.gate.alpha, self.challenge, self.gate.spending)

    @property
    def baseline_alpha(self) -> float:
        """One-sided alpha of the comparison with the baseline predictor."""
        return self.gate.alpha if self.has_champion else self.alpha

    @property
    def metric(self) -> Metric:
        """What is compared."""
        return self.gate.decides

    @property
    def has_champion(self) -> bool:
        """Whether there is one; False for a first model."""
        return self.holdout.champion is not None

    @property
    def n(self) -> int:
        """Rows of the holdout."""
        return self.holdout.truth.size

    @cached_property
    def class_rows(self) -> tuple[int, ...]:
        """Rows of each class; empty for a regression."""
        if self.gate.task == Task.REGRESSION:
            return ()
        return tuple(np.bincount(self.holdout.truth.astype(np.intp), minlength=2).tolist())

    @property
    def positives(self) -> int | None:
        """Positive rows; None unless the task is binary."""
        return self.class_rows[1] if self.gate.task == Task.BINARY else None

    @property
    def clusters(self) -> int:
        """Clusters of the holdout; every row is one where rows are independent."""
        return self.n if self.holdout.index is None else int(self.holdout.names.size)

    @cached_property
    def class_clusters(self) -> int:
        """Clusters that hold the kind of rows that fewest clusters hold; every independent row is one."""
        return self.holdout.fewest_clusters(self.metric)

    @cached_property
    def challenger_score(self) -> float | None:
        """The challenger's metric; None where it is not defined."""
        return self.score(self.metric, self.holdout.challenger)

    @cached_property
    def champion_score(self) -> float | None:
        """The champion's metric on the same rows."""
        return self.score(self.metric, self.holdout.champion)

    @cached_property
    def baseline_score(self) -> float | None:
        """The baseline predictor's metric on the same rows."""
        return self.score(self.metric, self.holdout.baseline)

    @cached_property
    def gain(self) -> Limits | None:
        """Challenger over champion."""
        return self.holdout.gain(self.metric, self.holdout.champion)

    @cached_property
    def excess(self) -> Limits | None:
        """Challenger over baseline predictor."""
        return self.holdout.gain(self.metric, self.holdout.baseline)

    @cached_property
    def champion_excess(self) -> Limits | None:
        """Champion over baseline predictor."""
        champion = self.holdout.champion
        if champion is None:
            return None
        return self.holdout.gain(self.metric, self.holdout.baseline, by=champion)

    @cached_property
    def anchor_gain(self) -> Limits | None:
        """Challenger over the anchor."""
        return self.holdout.gain(self.metric, self.holdout.anchor)

    @cached_property
    def guardrails(self) -> tuple[GuardrailGain, ...]:
        """The gain in each guardrail metric; none without a champion."""
        margins = self.gate.guardrails if self.has_champion else {}
        metrics = ((self.gate.metric_named(name), margin) for name, margin in margins.items())
        return tuple(
            GuardrailGain(metric, margin, self.holdout.gain(metric, self.holdout.champion))
            for metric, margin in metrics
        )

    @cached_property
    def slice_gains(self) -> tuple[SliceGain, ...]:
        """The gain on each slice; none without a champion."""
        return tuple(self._slice_gains()) if self.has_champion else ()

    @cached_property
    def mcnemar(self) -> McNemar | None:
        """Right and wrong decisions of both models, row by row; None without a champion or decisions."""
        champion = self.holdout.champion
        decided = self.holdout.challenger.decided
        if champion is None or champion.decided is None or decided is None or not self.n:
            return None
        return mcnemar(paired_counts(self.holdout.truth, decided, champion.decided))

    def score(self, metric: Metric, predicted: Predicted | None) -> float | None:
        """Returns a metric of one model's answers; None without a model, or where it is not defined."""
        return None if predicted is None else value_or_none(metric, self.holdout.truth, predicted)

    def _slice_gains(self) -> Iterator[SliceGain]:
        for name, chosen in self.slices.items():
            rows = self.holdout.rows(chosen)
            enough = rows.truth.size >= self.gate.min_slice_rows and (
                rows.index is None
                or fewest_clusters(self.metric, rows.truth, rows.index) >= self.gate.min_clusters
            )
            gain = rows.gain(self.metric, rows.champion) if enough else None
            yield SliceGain(name, int(rows.truth.size), gain)


def gather(
    y: npt.ArrayLike,
    challenger: npt.ArrayLike | Predicted,
    champion: npt.ArrayLike | Predicted | None,
    clusters: npt.ArrayLike | None,
    *,
    gate: Gate,
    challenge: int,
    anchor: npt.ArrayLike | Predicted | None = None,
    centre: npt.ArrayLike | None = None,
    slices: Mapping[str, npt.ArrayLike] | None = None,
    ids: npt.ArrayLike | None = None,
) -> Evidence:
    """Returns the evidence; `gate.judge` says what it takes.

    Raises:
        DataError: If lengths are unequal, an answer is NaN or infinite, answers are of another task, a row
            has no cluster, or the challenge is below 1: faults of whoever called, about which no verdict can
            be given.
    """
    spend(gate.alpha, challenge, gate.spending)
    truth = as_truth(y, gate.task)
    names, index = _clusters(clusters, truth, gate)
    new = _answers(challenger, truth, gate.task, "challenger")
    known = _centre(truth, gate.task) if centre is None else centre
    holdout = Holdout(
        truth=truth,
        challenger=new,
        champion=None if champion is None else _answers(champion, truth, gate.task, "champion"),
        anchor=None if anchor is None else _answers(anchor, truth, gate.task, "anchor"),
        baseline=_widened(baseline(gate.decides, gate.task, known, truth.size), truth),
        index=index,
        names=names,
        ids=None if ids is None else _ids(ids, truth),
    )
    chosen = {name: _mask(rows, truth, f"slice {name!r}") for name, rows in (slices or {}).items()}
    return Evidence(gate, challenge, holdout, chosen)


def _clusters(clusters: npt.ArrayLike | None, truth: Truth, gate: Gate) -> tuple[Array, Ints | None]:
    """Returns the clusters' names, and each row's; None where rows are declared independent."""
    if not gate.clustered:
        return np.zeros(0), None
    if clusters is None:
        raise DataError(f"no clusters; allowed: the {gate.cluster} of each row, or gates.cluster none")
    return as_clusters(clusters, truth)


def _answers(given: npt.ArrayLike | Predicted, truth: Truth, task: str, role: str) -> Predicted:
    """Returns a model's answers, one for each row."""
    if isinstance(given, Predicted):
        predicted = given
        fits = (given.values.ndim > 1) == (task == Task.MULTICLASS)
        if not fits or (given.decided is None) != (task == Task.REGRESSION):
            raise DataError(f"{role} answers are of another task; allowed: those of a {task} model")
    elif task == Task.BINARY:
        predicted = Predicted.binary(given, role=f"{role} scores")
    elif task == Task.MULTICLASS:
        predicted = Predicted.multiclass(given, role=f"{role} probabilities")
    else:
        predicted = Predicted.regression(given, role=f"{role} predictions")
    if len(predicted) != truth.size:
        raise DataError(f"{len(predicted)} {role} scores for {truth.size} labels; allowed: one for each")
    return _widened(predicted, truth)


def _widened(predicted: Predicted, truth: Truth) -> Predicted:
    """Returns answers that have a probability for each true class; 0 for those that the model never saw."""
    return predicted.with_classes(int(truth.max(initial=0)) + 1) if predicted.values.ndim > 1 else predicted


def _mask(rows: npt.ArrayLike, truth: Truth, role: str) -> Bools:
    mask = np.asarray(rows)
    if mask.shape != truth.shape or mask.dtype != np.bool_:
        raise DataError(
            f"{role} has type {mask.dtype} and shape {mask.shape} for {truth.size} labels; "
            "allowed: a boolean for each"
        )
    return mask


def _ids(ids: npt.ArrayLike, truth: Truth) -> Array:
    array: Array = np.asarray(ids)
    if array.shape != truth.shape:
        raise DataError(f"ids have the shape {array.shape} for {truth.size} labels; allowed: one for each")
    return array


def _centre(truth: Truth, task: str) -> npt.ArrayLike:
    """Returns what the baseline predictor would know had it seen the holdout's own targets."""
    if task == Task.REGRESSION:
        target = truth.astype(np.float64)
        return [float(target.mean()), float(np.median(target))] if truth.size else [0.0, 0.0]
    shares = np.bincount(truth.astype(np.intp), minlength=2) / max(truth.size, 1)
    return shares if truth.size else [0.5, 0.5]
