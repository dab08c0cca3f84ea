r"""The gain in any metric at all, by a delete-a-block jackknife: 128 values of it instead of thousands.

What a metric of the user's own does inside is unknown, so it must be computed anew on other rows. A
bootstrap would ask for 2,000 values of a million rows each; the jackknife asks for one value without each
block of rows, spread by a hash of the id (`blocks.blocks_of`), or without each cluster. Values are computed
on several threads, or processes, and every one is checked: what is no finite number is refused, not averaged.

The metric must be smooth, as sums, ratios, ranks and areas are: the jackknife of a median is wrong.

References:
    Efron & Stein (1981). The jackknife estimate of variance (it is biased upwards). Annals of Statistics 9,
    586-596. https://doi.org/10.1214/aos/1176345462

    Shao & Wu (1989). A general theory for jackknife variance estimation (which metrics are smooth enough,
    and why larger blocks ask less of them). Annals of Statistics 17, 1176-1197.
    https://doi.org/10.1214/aos/1176347263
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Array, Floats, Ints
from ct_components.statistics.comparison.blocks import blocks_of
from ct_components.statistics.comparison.bootstrap import require_rows
from ct_components.statistics.estimate import Limits, estimate_gain
from ct_components.statistics.metrics.metric import Metric, Truth
from ct_components.statistics.metrics.predicted import Predicted

JACKKNIFE_BLOCKS = 128
"""Enough for a t quantile near the normal one, few enough for a metric that takes a second."""

_MOST_WORKERS = 4
"""Each holds its own copy of the rows."""

Function = Callable[[Truth, Array], float]
"""From what is true, shape (n,), and what a model says, shape (n,) or (n, classes), to a number."""


@dataclass(frozen=True)
class UserMetric(Metric):
    """A metric that the user wrote as a function of all rows.

    The function sees read-only arrays, and must give the same number for the same rows. A loss is 0 or more;
    what may be negative, such as a cost less what it saves, is a score with its sign turned round.

    Attributes:
        function: From truth and answers to a finite number.
        of_decisions: Whether it takes the classes decided, not scores, probabilities or numbers.
        workers: How many values are computed at once; by default one for each processor, four at most.
        processes: Whether in processes, for a function that computes in Python itself; it must then be
            importable by name. Threads do for one that computes in numpy.

    >>> def largest_error(truth, predicted):
    ...     return np.abs(truth - predicted).max()
    >>> metric = UserMetric("largest_error", higher_is_better=False, function=largest_error)
    >>> metric.value(np.array([1.0, 2.0]), Predicted.regression([1.5, 2.0]))
    0.5
    """

    function: Function = field(kw_only=True)
    of_decisions: bool = field(default=False, kw_only=True)
    workers: int | None = field(default=None, kw_only=True)
    processes: bool = field(default=False, kw_only=True)

    def value(self, truth: Truth, predicted: Predicted) -> float:
        """Returns the metric on all rows.

        Raises:
            DataError: If the function fails, or returns no finite number, or for a loss one below 0.
        """
        return _checked(self, truth, self._answers(predicted), "all rows")

    def without_each(self, truth: Truth, predicted: Predicted, index: Ints) -> Floats:
        """Returns the metric without each cluster, several at once.

        Raises:
            DataError: As `value`.
        """
        answers = self._answers(predicted)
        workers = self.workers or min(os.cpu_count() or 1, _MOST_WORKERS)
        parts = np.array_split(np.arange(int(index.max()) + 1), workers)
        with self._executor(workers) as executor:
            asked = [executor.submit(_without, self, truth, answers, index, part) for part in parts]
            return np.concatenate([_answered(self.name, each.result) for each in asked])

    def _answers(self, predicted: Predicted) -> Array:
        if not self.of_decisions:
            return predicted.values
        if predicted.decided is None:
            raise DataError(f"{self.name} takes decisions, and a regression decides no class")
        return predicted.decided

    def _executor(self, workers: int) -> Executor:
        if not self.processes:
            return ThreadPoolExecutor(workers)
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # A fork would copy locks that other threads hold.
        return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def generic_gain(
    metric: Metric,
    truth: Truth,
    challenger: Predicted,
    champion: Predicted,
    *,
    ids: npt.ArrayLike | None = None,
    blocks: int = JACKKNIFE_BLOCKS,
    seed: int = 0,
) -> Limits:
    """Returns the challenger's gain over the champion on independent rows, in any metric.

    Exchanging the two models exchanges the limits: what is proven better one way is proven worse the other.

    Args:
        metric: What is compared: a `UserMetric`, or any other.
        truth: Shape (n,).
        challenger: The challenger's answers, n of them.
        champion: The champion's answers to the same rows.
        ids: Shape (n,): what decides the rows' blocks (`blocks.blocks_of`); None for a random order.
        blocks: How many, if there are as many rows; 100 to 200 serve well.
        seed: Of the random order.

    Returns:
        The gain.

    Raises:
        DataError: If lengths are unequal, there are fewer than two blocks, or the metric fails or returns no
            finite number; the message names it.

    >>> def hit_rate(truth, predicted):
    ...     return np.mean(np.abs(truth - predicted) < 1)
    >>> truth = np.arange(8.0)
    >>> new = Predicted.regression(truth + [0, 0, 0, 0, 0, 0, 0, 2])
    >>> old = Predicted.regression(truth + [2, 2, 0, 0, 0, 0, 0, 0])
    >>> gain = generic_gain(UserMetric("hit_rate", function=hit_rate), truth, new, old)
    >>> gain.value, round(gain.standard_error, 4)
    (0.125, 0.2266)
    """
    index = blocks_of(len(truth), ids, blocks=blocks, seed=seed)
    require_rows(truth, challenger, champion, index)
    if not index.any():
        raise DataError(f"{len(truth)} rows lie in 1 block; allowed: at least 2")
    return estimate_gain(metric, truth, challenger, champion, index)


def _without(metric: UserMetric, truth: Truth, answers: Array, index: Ints, groups: Ints) -> Floats:
    """Returns the metric without each of these groups; rows keep their order."""
    values = np.empty(groups.size)
    for place, group in enumerate(groups):
        kept = np.flatnonzero(index != group)
        values[place] = _checked(metric, truth[kept], answers[kept], f"all blocks but {group}")
    return values


def _checked(metric: UserMetric, truth: Truth, answers: Array, rows: str) -> float:
    name = metric.name
    try:
        value = metric.function(_read_only(truth), _read_only(answers))
    except Exception as error:
        raise DataError(f"metric {name} failed on {rows}: {type(error).__name__}: {error}") from error
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise DataError(f"metric {name} returned {type(value).__name__} on {rows}; allowed: a number")
    if not math.isfinite(value):
        raise DataError(f"metric {name} returned {value} on {rows}; allowed: a finite number")
    if value < 0 and not metric.higher_is_better:  # gains in a loss are shares of it
        raise DataError(f"metric {name} is a loss and returned {value} on {rows}; allowed: 0 or more")
    return float(value)


def _answered(name: str, result: Callable[[], Floats]) -> Floats:
    try:
        return result()
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"metric {name} cannot be computed in another process: {type(error).__name__}: {error}"
        ) from error


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view
