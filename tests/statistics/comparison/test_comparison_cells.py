"""The eight counts against a loop, their metrics against scikit-learn, their bootstrap against rows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics

from ct_components.errors import DataError
from ct_components.statistics.comparison.cells import (
    bootstrap_cells,
    cell_counts,
    cell_values,
    paired_counts_of,
)
from ct_components.statistics.comparison.mcnemar import paired_counts
from ct_components.statistics.metrics import metric_named

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""

SCIKIT_LEARNS = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": lambda y, decided: metrics.f1_score(y, decided, zero_division=0),
    "precision": lambda y, decided: metrics.precision_score(y, decided, zero_division=0),
    "recall": lambda y, decided: metrics.recall_score(y, decided, zero_division=0),
}

names = st.sampled_from(sorted(SCIKIT_LEARNS))
rows = st.integers(0, 40).flatmap(lambda n: arrays.arrays(bool, (3, n)))
counts = arrays.arrays(np.int64, (2, 2, 2), elements=st.integers(1, 60))


def holdout(seed, n=2000, clusters=20):
    """Returns labels, decisions of two models and clusters that make both err together."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), n // clusters)
    hard = rng.normal(0, 0.7, clusters)[cluster]
    y = rng.random(n) < 0.3
    return y, *((2 * y - 1 + hard + rng.normal(size=(2, n))) > 0), cluster


@unhurried
@given(rows, st.integers(1, 4))
def test_counts_are_those_of_a_loop(flags, most):
    y, challenger, champion = flags
    index = np.arange(y.size) % most

    together = cell_counts(y, challenger.astype(int), champion)
    by_cluster = cell_counts(y, challenger, champion, index)

    expected = np.zeros((2, 2, 2), dtype=int)
    for row in flags.T.astype(int):
        expected[tuple(row)] += 1
    np.testing.assert_array_equal(together, expected)
    np.testing.assert_array_equal(by_cluster.sum(axis=0), expected)
    for group, table in enumerate(by_cluster):
        np.testing.assert_array_equal(table, cell_counts(*(flag[index == group] for flag in flags)))


@unhurried
@given(rows)
def test_the_discordant_table_is_that_of_the_rows(flags):
    assert paired_counts_of(cell_counts(*flags)) == paired_counts(*flags)


@unhurried
@given(arrays.arrays(bool, (3, 30)).filter(lambda flags: 0 < flags[0].sum() < 30), names)
def test_metrics_are_scikit_learns(flags, name):
    y, challenger, champion = flags

    values = cell_values(metric_named(name), cell_counts(y, challenger, champion))

    expected = [SCIKIT_LEARNS[name](y, decided) for decided in (challenger, champion)]
    assert values == pytest.approx(expected)


@pytest.mark.parametrize("name", sorted(SCIKIT_LEARNS))
def test_the_bootstrap_is_that_of_resampled_rows(name):
    """The same law, by drawing rows one by one: standard errors within the noise of 2,000 resamples."""
    y, challenger, champion, _ = holdout(1, n=400)
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(2000):
        drawn = rng.integers(400, size=400)
        new, old = cell_values(
            metric_named(name), cell_counts(*(a[drawn] for a in (y, challenger, champion)))
        )
        gains.append(new - old)

    gain = bootstrap_cells(metric_named(name), cell_counts(y, challenger, champion))

    assert gain.estimate.standard_error == pytest.approx(np.std(gains, ddof=1), rel=0.06)
    assert gain.percentiles(0.05) == pytest.approx(np.quantile(gains, [0.05, 0.95]), abs=0.008)


def test_accuracys_error_is_walds():
    y, challenger, champion, _ = holdout(2)
    difference = (challenger == y).astype(float) - (champion == y)

    gain = bootstrap_cells(metric_named("accuracy"), cell_counts(y, challenger, champion), resamples=20_000)

    assert gain.estimate.value == pytest.approx(difference.mean())
    assert gain.estimate.standard_error == pytest.approx(difference.std(ddof=1) / math.sqrt(2000), rel=0.02)
    assert (gain.estimate.n, gain.estimate.clusters, gain.estimate.degrees_of_freedom) == (2000, 2000, 1999)


def test_clusters_are_drawn_whole():
    """The error of a mean over clusters of equal size is that of the clusters' own means."""
    y, challenger, champion, cluster = holdout(3)
    by_cluster = cell_counts(y, challenger, champion, cluster)
    difference = ((challenger == y).astype(float) - (champion == y)).reshape(20, -1).mean(axis=1)

    gain = bootstrap_cells(metric_named("accuracy"), by_cluster, resamples=20_000)

    assert gain.estimate.value == pytest.approx(difference.mean())
    assert gain.estimate.standard_error == pytest.approx(difference.std(ddof=1) / math.sqrt(20), rel=0.02)
    assert (gain.estimate.n, gain.estimate.clusters, gain.estimate.degrees_of_freedom) == (2000, 20, 19)


@unhurried
@given(counts, names, st.integers(0, 5))
def test_exchanging_the_models_mirrors_everything(table, name, seed):
    metric = metric_named(name)

    gain = bootstrap_cells(metric, table, resamples=50, seed=seed)
    swapped = bootstrap_cells(metric, table.swapaxes(1, 2), resamples=50, seed=seed)

    assert swapped.estimate.value == pytest.approx(-gain.estimate.value, abs=1e-12)
    assert swapped.estimate.standard_error == pytest.approx(gain.estimate.standard_error, rel=1e-9)
    # A table that is its own mirror image is drawn once, not twice.
    if not np.array_equal(table, table.swapaxes(1, 2)):
        np.testing.assert_allclose(swapped.gains, -gain.gains[::-1], atol=1e-12)


@unhurried
@given(arrays.arrays(np.int64, (5, 2, 2, 2), elements=st.integers(1, 9)), names)
def test_exchanging_the_models_mirrors_clusters_too(tables, name):
    gain = bootstrap_cells(metric_named(name), tables, resamples=50)
    swapped = bootstrap_cells(metric_named(name), tables.swapaxes(2, 3), resamples=50)

    np.testing.assert_allclose(swapped.gains, -gain.gains[::-1], atol=1e-12)


def test_the_same_seed_gives_the_same_resamples_and_another_others():
    table = cell_counts(*holdout(4)[:3])
    metric = metric_named("f1")

    first, again, other = (bootstrap_cells(metric, table, seed=seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first.gains, again.gains)
    assert not np.array_equal(first.gains, other.gains)


def test_the_same_decisions_prove_nothing():
    y, challenger, _, _ = holdout(5)

    gain = bootstrap_cells(metric_named("f1"), cell_counts(y, challenger, challenger)).estimate

    assert (gain.value, gain.standard_error, gain.p_value()) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("y", "challenger", "champion", "message"),
    [
        ([0, 1], [0], [0, 1], "1 challenger decisions for 2 labels; allowed: one for each"),
        ([0, 1], [0, 1], [0, 2], "champion decisions hold 2; allowed for two classes: 0, 1, False, True"),
        ([0, np.nan], [0, 1], [0, 1], "labels hold the values nan"),
    ],
)
def test_bad_rows_are_named(y, challenger, champion, message):
    with pytest.raises(DataError, match=message):
        cell_counts(y, challenger, champion)


def test_clusters_of_another_length_are_refused():
    with pytest.raises(DataError, match="1 clusters for 2 labels; allowed: one for each"):
        cell_counts([0, 1], [0, 1], [0, 1], np.array([0]))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.zeros((2, 2)), r"counts have the shape \(2, 2\); allowed: \(2, 2, 2\) or \(clusters, 2, 2, 2\)"),
        (np.full((2, 2, 2), -1), "the smallest count is -1; allowed: 0 or more"),
        (np.full((2, 2, 2), np.nan), "the smallest count is nan; allowed: 0 or more"),
        (np.full((2, 2, 2), np.inf), "a count is inf; allowed: 0, 1, 2 and so on"),
        (np.full((2, 2, 2), 0.5), "a count is 0.5; allowed: 0, 1, 2 and so on"),
        (np.zeros((2, 2, 2)), "2000 resamples of 0 rows; allowed: at least 2 of each"),
        (np.ones((1, 2, 2, 2)), "2000 resamples of 1 blocks; allowed: at least 2 of each"),
    ],
)
def test_bad_counts_are_named(table, message):
    with pytest.raises(DataError, match=message):
        bootstrap_cells(metric_named("f1"), table)


def test_a_metric_of_probabilities_needs_more_than_decisions():
    with pytest.raises(DataError, match="log_loss needs probabilities"):
        bootstrap_cells(metric_named("log_loss"), np.ones((2, 2, 2)))


def test_a_model_that_is_no_better_is_found_better_as_rarely_as_alpha_says():
    """F1 on 500 rows, two models of the same law."""
    rng = np.random.default_rng(0)
    law = np.array([[[0.66, 0.04], [0.04, 0.06]], [[0.04, 0.03], [0.03, 0.10]]])
    drawn = rng.multinomial(500, law.ravel(), size=1200).reshape(-1, 2, 2, 2)

    p_values = [
        bootstrap_cells(metric_named("f1"), table, resamples=300, seed=seed).estimate.p_value()
        for seed, table in enumerate(drawn)
    ]

    assert 0.03 < np.mean(np.array(p_values) < 0.05) < 0.07
