"""What chance alone shows: the nulls of rows and of days, and many features at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from ct_components.errors import DataError
from ct_components.statistics.drift.bins import Bins, categorical_bins, numeric_bins
from ct_components.statistics.drift.days import enough_days, null_of_days, runs_psi
from ct_components.statistics.drift.divergence import psi
from ct_components.statistics.drift.multiple import adjusted_p_values, probability_of_false_alarm
from ct_components.statistics.drift.null import FEWEST_DRAWS, draw_psi, null_of_rows, prior_weights


def normal_bins(rng, reference, current, shift=0.0):
    return numeric_bins(rng.normal(size=reference), rng.normal(shift, 1, current))


def test_the_null_of_rows_keeps_its_level():
    """Undrifted features, all edges from the reference: p-values are uniform, and the bias is removed."""
    rng = np.random.default_rng(5)
    features = {f"x{i}": normal_bins(rng, 5000, 1000) for i in range(250)}

    nulls = {name: null_of_rows({name: bins}, 0.05, seed=1)[name] for name, bins in features.items()}

    p_values = np.array([null.p_value for null in nulls.values()])
    observed = np.array([psi(bins.reference, bins.current) for bins in features.values()])
    corrected = observed - [null.mean for null in nulls.values()]
    assert 0.02 < np.mean(p_values <= 0.05) < 0.09
    assert 0.4 < np.mean(p_values <= 0.5) < 0.6
    assert observed.mean() > 0.03
    assert abs(corrected.mean()) < 0.002
    assert 0.02 < np.mean(observed > [null.noise for null in nulls.values()]) < 0.09


def test_a_shift_has_the_smallest_p_value_that_the_draws_allow():
    null = null_of_rows({"x": normal_bins(np.random.default_rng(0), 5000, 1000, 0.5)}, 0.05, seed=0)["x"]

    assert null.p_value == 1 / (null.draws + 1)
    assert null.p_value < 0.05 / 20


def test_neither_order_nor_company_changes_a_features_draws():
    rng = np.random.default_rng(0)
    one, other = normal_bins(rng, 1000, 1000), normal_bins(rng, 1000, 1000)

    alone = null_of_rows({"a": one}, 0.05, seed=3)["a"]
    together = null_of_rows({"b": other, "a": one}, 0.05, seed=3)["a"]

    assert together.p_value == alone.p_value
    assert null_of_rows({"a": one}, 0.05, seed=4)["a"].mean != alone.mean


def test_a_single_drifted_feature_of_many_gets_a_p_value_that_can_survive():
    rng = np.random.default_rng(0)
    features = {f"x{i}": normal_bins(rng, 2000, 1000, 0.6 if i == 0 else 0.0) for i in range(50)}

    nulls = null_of_rows(features, 0.05, seed=0)

    assert adjusted_p_values([null.p_value for null in nulls.values()])[0] <= 0.05
    assert max(null.draws for null in nulls.values()) <= 20_000
    assert sum(null.draws for null in nulls.values()) < 50 * FEWEST_DRAWS


def test_what_days_allow_is_never_undercut_and_saves_draws():
    rng = np.random.default_rng(0)
    features = {f"x{i}": normal_bins(rng, 2000, 1000, 0.6) for i in range(20)}

    usual = dict.fromkeys(features, 0.2) | {"x0": 0.0}
    nulls = null_of_rows(features, 0.05, seed=0, at_least=usual)

    assert nulls["x1"].p_value == 0.2
    assert nulls["x1"].draws < nulls["x0"].draws
    assert adjusted_p_values([null.p_value for null in nulls.values()])[0] <= 0.05


def test_draws_that_come_in_chunks_are_as_many():
    wide = categorical_bins({str(i): 3 for i in range(1000)}, {str(i): 1 for i in range(1000)})

    assert draw_psi(wide, 601, np.random.default_rng(0)).shape == (601,)


def test_one_category_that_stays_one_category_is_no_news():
    bins = categorical_bins({"a": 5000}, {"a": 5000})

    assert null_of_rows({"x": bins}, 0.05, seed=0)["x"].p_value > 0.5


def test_the_unseen_weigh_what_was_lent_to_them():
    bins = categorical_bins({"a": 10, "b": 2, "c": 1}, {"a": 1})

    assert prior_weights(bins).tolist() == pytest.approx([10 - 1 / 3, 2 - 1 / 3, 2 / 3, 1.0, 0.5])


def test_a_long_tail_of_categories_is_no_drift():
    rng = np.random.default_rng(3)
    shares = 1 / np.arange(1, 401) ** 1.3
    reference, current = rng.multinomial([5000, 5000], shares / shares.sum())
    named = [{str(i): int(rows) for i, rows in enumerate(side) if rows} for side in (reference, current)]
    bins = categorical_bins(*named)

    null = null_of_rows({"x": bins}, 0.05, seed=0)["x"]

    assert null.p_value > 0.05
    assert psi(bins.reference, bins.current) > 0.05
    assert psi(bins.reference, bins.current) - null.mean < 0.02


def days_of(rng, days, icc=0.05, rows=1000, shift=0.0):
    """Returns counts by day of a normal whose mean changes from day to day."""
    effect = np.sqrt(icc) * rng.normal(size=days) + shift
    values = effect[:, None] + np.sqrt(1 - icc) * rng.normal(size=(days, rows))
    edges = np.linspace(-2, 2, 15)
    return np.stack([np.diff(np.searchsorted(np.sort(v), edges), prepend=0, append=rows) for v in values])


def test_a_week_of_unusual_days_is_usual_among_days():
    """By rows it alarms most of the time; by days hardly ever."""
    rng = np.random.default_rng(9)
    by_rows, by_days = [], []
    for _ in range(60):
        days, current = days_of(rng, 60), days_of(rng, 7).sum(axis=0)
        bins = Bins(days.sum(axis=0), current, np.zeros(16, dtype=bool))
        by_rows.append(null_of_rows({"x": bins}, 0.05, seed=0)["x"].p_value <= 0.05)
        observed = psi(bins.reference, bins.current)
        by_days.append(null_of_days(observed, days, 7, 0.05).p_value <= 0.05)

    assert np.mean(by_rows) > 0.5
    assert np.mean(by_days) < 0.15


def test_a_shift_larger_than_days_differ_is_found_among_days():
    rng = np.random.default_rng(9)
    days, current = days_of(rng, 60), days_of(rng, 7, shift=1.0).sum(axis=0)

    assert null_of_days(psi(days.sum(axis=0), current), days, 7, 0.05).p_value < 0.001


def test_each_run_is_compared_with_the_other_days():
    days = np.array([[5, 5], [9, 1], [5, 5], [2, 8]])

    expected = [
        psi(days.sum(axis=0) - run, run)
        for run in (days[[0, 1]], days[[1, 2]], days[[2, 3]], days[[3, 0]])
        for run in [run.sum(axis=0)]
    ]

    assert runs_psi(days, 2).tolist() == pytest.approx(expected)


def test_days_without_rows_say_nothing_and_equal_days_make_any_difference_unusual():
    rng = np.random.default_rng(1)
    days = np.concatenate([np.zeros((40, 16), dtype=int), days_of(rng, 40)])
    assert np.isfinite(null_of_days(0.1, days, 7, 0.05).p_value)
    assert runs_psi(days, 7).size < 80

    same = np.tile([50, 50], (30, 1))
    assert null_of_days(0.0, same, 7, 0.05).p_value == 1
    assert null_of_days(0.1, same, 7, 0.05).p_value == 1 / 31


def test_too_few_days_are_refused():
    assert not enough_days(29, 7)
    with pytest.raises(DataError, match="29 days of reference for 7 current ones"):
        null_of_days(0.1, np.ones((29, 4), dtype=int), 7, 0.05)
    with pytest.raises(DataError, match="a run has 30 days for 30 days"):
        runs_psi(np.ones((30, 4), dtype=int), 30)
    with pytest.raises(DataError, match="daily counts hold -1"):
        runs_psi(np.full((30, 4), -1), 7)
    with pytest.raises(DataError, match="by day and bin"):
        runs_psi(np.ones(30), 7)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_adjusted_p_values_are_scipys(p_values):
    expected = false_discovery_control(p_values) if p_values else []

    assert adjusted_p_values(p_values).tolist() == pytest.approx(list(expected), abs=1e-12)


@pytest.mark.parametrize("bad", [[0.5, np.nan], [-0.1], [1.1], [[0.5]]])
def test_p_values_that_are_none_are_refused(bad):
    with pytest.raises(DataError, match="0 to 1"):
        adjusted_p_values(bad)


@pytest.mark.parametrize(("features", "share"), [(1, 0.0), (5, 0.0), (5, 0.2), (10, 0.2), (25, 0.28)])
def test_false_alarms_of_independent_features_are_known(features, share):
    rng = np.random.default_rng(0)
    p = np.sort(rng.random((100_000, features)), axis=1)
    alpha = 0.2
    below = p <= alpha * np.arange(1, features + 1) / features
    rejected = np.where(below.any(axis=1), features - np.argmax(below[:, ::-1], axis=1), 0)

    measured = np.mean(rejected > share * features + 1e-9)

    assert probability_of_false_alarm(features, alpha, share) == pytest.approx(measured, abs=0.005)


@pytest.mark.parametrize("arguments", [(0, 0.05, 0.2), (5, 0.0, 0.2), (5, 0.05, 1.0), (5, np.nan, 0.2)])
def test_false_alarms_of_nothing_are_refused(arguments):
    with pytest.raises(DataError, match="allowed: at least 1 feature"):
        probability_of_false_alarm(*arguments)


def test_a_null_without_rows_or_with_a_negative_seed_is_refused():
    empty = Bins(np.array([0, 0]), np.array([1, 0]), np.zeros(2, dtype=bool))
    with pytest.raises(DataError, match="the reference has 0 rows"):
        null_of_rows({"x": empty}, 0.05, seed=0)
    with pytest.raises(DataError, match="the current window has 0 rows"):
        null_of_rows({"x": empty.swapped()}, 0.05, seed=0)
    with pytest.raises(DataError, match="seed is -1"):
        null_of_rows({}, 0.05, seed=-1)
