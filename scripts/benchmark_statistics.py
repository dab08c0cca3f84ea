"""Measures the comparison of two models on a million rows, beside a bootstrap loop over scikit-learn.

What the goals say: accuracy, F1, ROC AUC, log loss and McNemar's test with their intervals in 0.7 s together,
and a thousand times faster than the loop; with rows clustered by day, 14 and 365 days together, in 1.5 s; a
metric of the user's own under 2 GiB. Everything runs in this one process; imports are not counted.
"""

import argparse
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ct_components.statistics.arrays import Bools, Floats, Ints
from ct_components.statistics.comparison.blocks import blocks_of
from ct_components.statistics.comparison.bootstrap import RESAMPLES, bootstrap_gain
from ct_components.statistics.comparison.cells import bootstrap_cells, cell_counts
from ct_components.statistics.comparison.delong import delong_gain
from ct_components.statistics.comparison.generic import UserMetric, generic_gain
from ct_components.statistics.comparison.mcnemar import mcnemar, paired_counts
from ct_components.statistics.comparison.tango import TangoEstimate
from ct_components.statistics.estimate import Limits, estimate_gain
from ct_components.statistics.metrics import Predicted, metric_named

ALPHA = 0.025
"""One-sided, of the intervals that are shown."""

TOGETHER, CLUSTERED, TIMES_FASTER, USERS_MEMORY = 0.7, 1.5, 1000.0, 2.0
"""The goals: seconds, seconds, times, GiB."""

POSITIVE, DECIDED = 0.25, 0.5
"""The share of positive rows, and the score from which a row is decided positive."""

COMPARED = ("accuracy", "f1", "roc_auc", "log_loss")
GIB = 2**30


class Rows(NamedTuple):
    """Labels, and the probabilities that two models give; the challenger sees a little more."""

    y: Bools
    challenger: Floats
    champion: Floats
    ids: Ints


class Measured(NamedTuple):
    """The fastest of some calls in seconds, and what the last one returned."""

    seconds: float
    result: Any


def made_up(n: int) -> Rows:
    """Returns rows of two models that share most of what they know."""
    rng = np.random.default_rng(0)
    y = rng.random(n) < POSITIVE
    shared = 2 * y - 2 + rng.normal(size=n)
    logits = (shared + noise * rng.normal(size=n) for noise in (0.5, 0.52))
    challenger, champion = (1 / (1 + np.exp(-each)) for each in logits)
    return Rows(y, challenger, champion, rng.permutation(n))


def measured(call: Callable[[], Any], times: int) -> Measured:
    """Returns how long a call takes; the slower ones waited for something else."""
    seconds, result = [], None
    for _ in range(times):
        begun = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - begun)
    return Measured(min(seconds), result)


def checked(rows: Rows) -> tuple[Predicted, Predicted]:
    """Returns both models' answers, once for all that follows."""
    return Predicted.binary(rows.challenger), Predicted.binary(rows.champion)


def independent(rows: Rows, new: Predicted, old: Predicted) -> dict[str, Callable[[], Any]]:
    """Returns the calls that compare two models on independent rows, from rows to limits."""

    def accuracy() -> Limits:
        gain = TangoEstimate(paired_counts(rows.y, new.decided, old.decided))
        return limited(gain)

    def f1() -> Limits:
        gain = bootstrap_cells(metric_named("f1"), cell_counts(rows.y, new.decided, old.decided))
        gain.percentiles(ALPHA)
        return limited(gain.estimate)

    def log_loss() -> Limits:
        index = blocks_of(rows.y.size, rows.ids)
        gain = bootstrap_gain(metric_named("log_loss"), rows.y, new, old, index)
        gain.percentiles(ALPHA)
        return limited(gain.estimate)

    return {
        "accuracy": accuracy,
        "f1": f1,
        "roc_auc": lambda: limited(delong_gain(rows.y, new.values, old.values)),
        "log_loss": log_loss,
        "mcnemar": lambda: mcnemar(paired_counts(rows.y, new.decided, old.decided)),
    }


def limited(gain: Limits) -> Limits:
    """Returns the gain after its limits were taken: they are part of what is measured."""
    gain.lower(ALPHA), gain.upper(ALPHA), gain.p_value()
    return gain


def measure_independent(rows: Rows, times: int) -> Iterator[tuple[str, Measured]]:
    """Independent rows."""
    check = measured(lambda: checked(rows), times)
    yield "checks", check
    for name, call in independent(rows, *check.result).items():
        yield name, measured(call, times)


def measure_clustered(rows: Rows, days: int, times: int) -> Iterator[tuple[str, Measured]]:
    """Rows clustered by day."""
    new, old = checked(rows)
    day = np.arange(rows.y.size) * days // rows.y.size
    for name in COMPARED:
        metric = metric_named(name)
        yield (
            name,
            measured(lambda metric=metric: limited(estimate_gain(metric, rows.y, new, old, day)), times),
        )


def cost(y: Bools, scores: Floats) -> float:
    """A metric of the user's own: what is saved when a missed positive row costs five false alarms."""
    alarmed = scores >= 1 / 6
    return float(np.mean(np.where(y, 5 * alarmed, -1 * alarmed)))


def measure_naive(rows: Rows, resamples: int) -> dict[str, float]:
    """Seconds of a loop over scikit-learn, for each metric and these resamples."""
    from sklearn import metrics

    functions: Mapping[str, tuple[Callable[..., float], bool]] = {
        "accuracy": (metrics.accuracy_score, True),
        "f1": (metrics.f1_score, True),
        "roc_auc": (metrics.roc_auc_score, False),
        "log_loss": (metrics.log_loss, False),
    }
    rng = np.random.default_rng(0)
    seconds = dict.fromkeys(functions, 0.0)
    for _ in range(resamples):
        drawn = rng.integers(rows.y.size, size=rows.y.size)
        y, scores = rows.y[drawn], [rows.challenger[drawn], rows.champion[drawn]]
        for name, (function, decides) in functions.items():
            begun = time.perf_counter()
            for score in scores:
                function(y, score >= DECIDED if decides else score)
            seconds[name] += time.perf_counter() - begun
    return seconds


def peak() -> int:
    """Returns the most memory that this process has taken so far, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def report_independent(rows: Rows, times: int, resamples: int, full: bool) -> Iterator[str]:
    """Independent rows, and the loop beside them."""
    found = dict(measure_independent(rows, times))
    ours = peak()
    run = RESAMPLES if full else resamples
    naive = {name: each * RESAMPLES / run for name, each in measure_naive(rows, run).items()}
    yield f"{rows.y.size:,} independent rows, {RESAMPLES:,} resamples: the fastest of {times}"
    yield f"  the loop over scikit-learn ran {run} of {RESAMPLES:,} resamples" + (
        "" if full else ", extrapolated linearly"
    )
    yield f"  {'':<12}{'seconds':>10}{'loop, s':>10}{'times':>10}  gain and its 95 % interval"
    for name, (seconds, result) in found.items():
        loop = naive.get(name)
        beside = f"{loop:>10.0f}{loop / seconds:>10,.0f}" if loop else f"{'':>20}"
        yield f"  {name:<12}{seconds:>10.4f}{beside}  {said(result)}".rstrip()
    total = sum(each.seconds for each in found.values())
    # McNemar's test has no counterpart in the loop, and its time counts against us all the same.
    faster = sum(naive.values()) / total
    yield f"  {'together':<12}{total:>10.4f}{sum(naive.values()):>10.0f}{faster:>10,.0f}"
    yield goal(f"together at most {TOGETHER} s", total <= TOGETHER)
    yield goal(f"at least {TIMES_FASTER:,.0f} times faster than the loop", faster >= TIMES_FASTER)
    yield f"  peak memory {ours / GIB:.2f} GiB, before the loop"


def report_clustered(rows: Rows, times: int) -> Iterator[str]:
    """Clustered rows."""
    yield f"{rows.y.size:,} rows clustered by day: the fastest of {times}"
    total = 0.0
    for days in (14, 365):
        for name, (seconds, result) in measure_clustered(rows, days, times):
            total += seconds
            yield f"  {name:<12}{seconds:>10.4f}  {days:>4} days  {said(result)}"
    yield f"  {'together':<12}{total:>10.4f}"
    yield goal(f"together at most {CLUSTERED} s", total <= CLUSTERED)


def report_users(rows: Rows) -> Iterator[str]:
    """A metric of the user's own."""
    metric = UserMetric("cost", function=cost)
    found = measured(lambda: limited(generic_gain(metric, rows.y, *checked(rows), ids=rows.ids)), 1)
    yield "a metric of the user's own, without each of 128 blocks"
    yield f"  {'cost':<12}{found.seconds:>10.4f}  {said(found.result)}"
    yield goal(f"peak memory {peak() / GIB:.2f} GiB, under {USERS_MEMORY}", peak() < USERS_MEMORY * GIB)


def said(result: Any) -> str:
    """Returns a result as the table shows it."""
    if hasattr(result, "mid_p"):
        return f"mid-p {result.mid_p:.2g}"
    if isinstance(result, tuple):
        return "both models' answers are finite, and probabilities"
    return f"{result.value:+.5f}  {result.lower(ALPHA):+.5f} to {result.upper(ALPHA):+.5f}"


def goal(what: str, met: bool) -> str:
    """Returns a goal with its outcome."""
    return f"  goal: {what}: {'met' if met else 'MISSED'}"


def main() -> None:
    """Measures, and prints each part as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10**6, help="how many rows (default: a million)")
    parser.add_argument("--times", type=int, default=7, help="how often each call is timed (default: 7)")
    parser.add_argument(
        "--naive", type=int, default=3, metavar="RESAMPLES", help="resamples of the loop (default: 3)"
    )
    parser.add_argument("--full-naive", action="store_true", help="run all of the loop; half an hour")
    options = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"load before: {os.getloadavg()[0]:.1f}\n")
    rows = made_up(options.rows)
    for part in (
        report_users(rows),
        report_clustered(rows, options.times),
        report_independent(rows, options.times, options.naive, options.full_naive),
    ):
        for line in part:
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
