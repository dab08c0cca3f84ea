"""Limits of one model's metric, from rows and from stored days, against statsmodels and published ones."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from ct_components.errors import DataError
from ct_components.statistics.estimate import estimate_value
from ct_components.statistics.metrics import Predicted, metric_named, metrics_of
from ct_components.statistics.performance.area import estimate_area
from ct_components.statistics.performance.samples import sample_days, sample_rows
from ct_components.statistics.performance.wilson import WilsonEstimate

AUC, ACCURACY = metric_named("roc_auc"), metric_named("accuracy")
ALPHAS = st.floats(0.001, 0.4)


def rows(seed=0, days=14, per_day=60, task="binary"):
    """Returns truth, answers and days; rows of a day share how well they are predicted."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), per_day)
    if task == "regression":
        truth = rng.normal(100, 5, day.size)
        return (
            truth,
            Predicted.regression(truth + rng.normal(0, 2, day.size) + rng.normal(0, 1, days)[day]),
            day,
        )
    if task == "multiclass":
        truth = rng.integers(0, 3, day.size)
        odds = rng.gamma(1 + 2.0 * (truth[:, None] == np.arange(3)))
        return truth, Predicted.multiclass(odds / odds.sum(axis=1, keepdims=True)), day
    truth = rng.random(day.size) < 0.4
    raw = truth * (1 + rng.normal(0, 0.5, days))[day] + rng.normal(size=day.size)
    return truth, Predicted.binary(1 / (1 + np.exp(-raw))), day


@pytest.mark.parametrize("n", [1, 10, 500, 10**6])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_wilsons_limits_are_statsmodels(share, n):
    count = round(share * n)
    known = WilsonEstimate(count / n, n)

    low, high = proportion_confint(count, n, alpha=0.1, method="wilson")

    assert known.lower(0.05) == pytest.approx(low, abs=1e-12)
    assert known.upper(0.05) == pytest.approx(high, abs=1e-12)


def test_wilsons_limits_are_newcombes():
    """Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3: two-sided 95 %."""
    published = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0, 0.1611)}

    for (count, n), (low, high) in published.items():
        known = WilsonEstimate(count / n, n)
        assert (round(known.lower(0.025), 4), round(known.upper(0.025), 4)) == (low, high)


@given(st.integers(0, 200), st.integers(1, 200), ALPHAS)
def test_more_right_rows_never_lower_a_limit(count, n, alpha):
    count = min(count, n - 1)
    before, after = WilsonEstimate(count / n, n), WilsonEstimate((count + 1) / n, n)

    assert before.lower(alpha) <= after.lower(alpha)
    assert before.upper(alpha) <= after.upper(alpha)


@example(count=0, n=165, alpha=0.0703125)  # a difference of nearly equal numbers was a little above 0
@given(st.integers(0, 200), st.integers(1, 200), ALPHAS)
def test_wilsons_limits_mirror_and_stay_within_0_and_1(count, n, alpha):
    share = min(count, n) / n
    known, mirrored = WilsonEstimate(share, n), WilsonEstimate(1 - share, n)

    assert 0 <= known.lower(alpha) <= known.value <= known.upper(alpha) <= 1
    assert known.upper(alpha) == pytest.approx(1 - mirrored.lower(alpha), abs=1e-12)
    assert (known.p_value() < alpha) == (known.lower(alpha) > 0)


@pytest.mark.parametrize(
    ("value", "n"), [(1.5, 10), (-0.1, 10), (math.nan, 10), (0.5, 0), (0.5, -3), (0.5, math.nan)]
)
def test_what_is_no_proportion_is_refused(value, n):
    with pytest.raises(DataError, match="allowed: "):
        WilsonEstimate(value, n)


@pytest.mark.parametrize(
    "make", [lambda: WilsonEstimate(0.5, 10), lambda: estimate_area([0, 1, 0, 1], [1, 2, 3, 4])]
)
def test_an_alpha_of_0_proves_nothing_and_one_of_a_half_is_refused(make):
    assert (make().lower(0), make().upper(0), make().margin(0)) == (-math.inf, math.inf, math.inf)
    with pytest.raises(DataError, match=r"alpha is 0\.5"):
        make().lower(0.5)


def test_error_of_an_area_is_delongs_on_all_pairs():
    truth, predicted, _ = rows(1)
    positive, negative = predicted.values[truth][:, None], predicted.values[~truth][None, :]
    won = (positive > negative) + 0.5 * (positive == negative)
    s10, s01 = won.mean(axis=1).var(ddof=1), won.mean(axis=0).var(ddof=1)

    area = estimate_area(truth, predicted.values)

    assert area.value == pytest.approx(won.mean(), abs=1e-12)
    assert area.standard_error**2 == pytest.approx(s10 / truth.sum() + s01 / (~truth).sum(), rel=1e-9)


def test_limits_of_an_area_are_symmetric_in_log_odds():
    truth, predicted, _ = rows(2)
    area = estimate_area(truth, predicted.values)

    def odds(value):
        return math.log(value / (1 - value))

    half = stats.t.ppf(0.95, area.degrees_of_freedom) * area.standard_error / (area.value * (1 - area.value))

    assert odds(area.upper(0.05)) - odds(area.value) == pytest.approx(half)
    assert odds(area.value) - odds(area.lower(0.05)) == pytest.approx(half)


def test_limits_of_an_area_stay_below_1_where_a_normal_one_would_not():
    truth = np.repeat([False, True], 50)
    area = estimate_area(truth, np.append(np.arange(50), np.arange(50) + 47.5))

    assert area.value + 1.96 * area.standard_error > 1 > area.upper(0.025)


def test_reversing_the_scores_mirrors_an_areas_limits():
    truth, predicted, _ = rows(3)
    area, reverse = estimate_area(truth, predicted.values), estimate_area(truth, -predicted.values)

    assert reverse.upper(0.05) == pytest.approx(1 - area.lower(0.05), abs=1e-12)


def test_a_perfect_area_proves_nothing():
    area = estimate_area([0, 0, 1, 1], [1, 2, 3, 4])

    assert (area.standard_error, area.lower(0.05), area.p_value()) == (0.0, -math.inf, 1.0)


def test_an_area_of_one_row_of_a_class_is_refused():
    with pytest.raises(DataError, match="1 positive and 3 negative rows; allowed: 2 or more of each"):
        estimate_area([0, 0, 0, 1], [1, 2, 3, 4])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_limits_by_day_are_the_jackknifes(task):
    truth, predicted, day = rows(4, task=task)
    for metric in metrics_of(task).values():
        sample = sample_rows(metric, truth, predicted, day)

        assert sample.limits == estimate_value(metric, truth, predicted, day)
        assert (sample.value, sample.n) == (metric.value(truth, predicted), 840)
        assert (sample.clusters, sample.daily.size) == (14, 14)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_metric_of_independent_rows_has_limits(task):
    truth, predicted, day = rows(5, task=task)
    for metric in metrics_of(task).values():
        limits = sample_rows(metric, truth, predicted, day, clustered=False).limits

        assert limits.lower(0.05) < metric.value(truth, predicted) < limits.upper(0.05)


def test_proportions_of_independent_rows_have_wilsons_limits():
    truth, predicted, day = rows(6)
    wholes = {"accuracy": truth.size, "recall": truth.sum(), "precision": predicted.decided.sum()}

    for name, whole in wholes.items():
        limits = sample_rows(metric_named(name), truth, predicted, day, clustered=False).limits
        assert limits == WilsonEstimate(metric_named(name).value(truth, predicted), whole)


def test_blocks_of_independent_rows_are_near_the_means_own_error():
    """A hundred blocks: their error has itself a relative error of 7 %."""
    truth, predicted, day = rows(7, days=40, per_day=100, task="regression")
    errors = np.abs(predicted.values - truth)

    limits = sample_rows(metric_named("mae", "regression"), truth, predicted, day, clustered=False).limits

    assert limits.standard_error == pytest.approx(errors.std(ddof=1) / math.sqrt(errors.size), rel=0.25)


def test_with_ids_the_order_of_rows_does_not_matter():
    truth, predicted, day = rows(8)
    order = np.random.default_rng(0).permutation(truth.size)
    shuffled = Predicted.binary(predicted.values[order])

    there, here = (
        sample_rows(metric_named("f1"), *each, clustered=False, ids=ids)
        for each, ids in (
            ((truth, predicted, day), np.arange(840)),
            ((truth[order], shuffled, day[order]), order),
        )
    )

    assert here.limits.standard_error == pytest.approx(there.limits.standard_error, rel=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_within_a_day_does_not_matter(seed):
    truth, predicted, day = rows(9)
    order = np.lexsort((np.random.default_rng(seed).random(truth.size), day))

    shuffled = sample_rows(AUC, truth[order], Predicted.binary(predicted.values[order]), day)
    known = sample_rows(AUC, truth, predicted, day)

    assert shuffled.limits.standard_error == pytest.approx(known.limits.standard_error, rel=1e-12)
    assert shuffled.daily.tolist() == known.daily.tolist()


def test_rows_of_one_class_have_no_area_and_those_of_one_day_no_error():
    _, predicted, day = rows(10)
    one_class = sample_rows(AUC, np.ones(840, dtype=bool), predicted, day)
    one_day = sample_rows(AUC, rows(10)[0], predicted, np.zeros(840, dtype=int))

    assert (one_class.value, one_class.limits, one_class.class_rows) == (None, None, (0, 840))
    assert one_day.value is not None
    assert one_day.limits is None


def test_no_rows_are_a_sample_that_says_nothing():
    none = sample_rows(AUC, np.zeros(0, dtype=bool), Predicted.binary([]), np.zeros(0, dtype=int))

    assert (none.value, none.limits, none.n, none.class_rows, none.clusters) == (None, None, 0, (0, 0), 0)
    assert sample_days(AUC, [], []).value is None


def test_a_day_of_one_class_has_no_area_of_its_own():
    truth, predicted, day = rows(11)
    truth = truth & (day > 0)

    assert sample_rows(AUC, truth, predicted, day).daily.size == 13


def test_precision_without_a_positive_decision_has_no_error():
    truth, _, day = rows(12)
    never = Predicted.binary(np.zeros(truth.size))

    assert sample_rows(metric_named("precision"), truth, never, day, clustered=False).limits is None


def test_unequal_lengths_are_refused():
    truth, predicted, day = rows(13)
    with pytest.raises(DataError, match="840 predictions for 839 labels"):
        sample_rows(AUC, truth[1:], predicted, day[1:])
    with pytest.raises(DataError, match="839 clusters for 840 labels"):
        sample_rows(AUC, truth, predicted, day[1:])


def test_stored_days_of_equal_size_have_students_limits():
    values = np.array([0.71, 0.64, 0.58, 0.61, 0.55, 0.62])
    sample = sample_days(AUC, values, [100] * 6)
    low, high = stats.t.interval(0.9, 5, values.mean(), stats.sem(values))

    assert sample.limits.lower(0.05) == pytest.approx(low, rel=1e-6)
    assert sample.limits.upper(0.05) == pytest.approx(high, rel=1e-6)


def test_stored_days_of_a_mean_say_what_their_rows_would():
    truth, predicted, day = rows(14)
    keep = np.random.default_rng(0).random(truth.size) < 0.2 + 0.05 * day
    truth, predicted, day = truth[keep], predicted.rows(keep), day[keep]
    from_rows = sample_rows(ACCURACY, truth, predicted, day)

    stored = sample_days(ACCURACY, from_rows.daily, np.bincount(day))

    assert stored.value == pytest.approx(from_rows.value, abs=1e-12)
    for alpha in (0.01, 0.05):
        assert stored.limits.lower(alpha) == pytest.approx(from_rows.limits.lower(alpha), abs=1e-9)


def test_unequal_stored_days_have_wider_limits_than_students():
    values, n = [0.71, 0.64, 0.58, 0.61, 0.55, 0.62], [5000, 100, 100, 100, 100, 100]

    exact, student = (
        sample_days(ACCURACY, values, n, degrees_of_freedom=given).limits for given in (None, 5)
    )

    assert exact.standard_error == student.standard_error
    assert exact.margin(0.01) > 1.5 * student.margin(0.01)


def test_one_stored_row_tells_an_error_of_independent_accuracy_only():
    assert sample_days(ACCURACY, [0.9], [500], clustered=False).limits == WilsonEstimate(0.9, 500)
    assert sample_days(ACCURACY, [0.9], [500]).limits is None
    assert sample_days(AUC, [0.9], [500], clustered=False).limits is None


def test_a_stored_day_without_rows_is_left_out():
    sample = sample_days(AUC, [0.5, 0.75, 0.0], [10, 0, 10])

    assert (sample.value, sample.n, sample.daily.tolist()) == (0.25, 20, [0.5, 0.0])


@pytest.mark.parametrize(
    ("values", "n", "message"),
    [
        ([0.5, math.nan], [1, 1], "daily values hold 1 NaN"),
        ([0.5], [1, 1], "2 numbers of rows for 1 daily values"),
        ([0.5], [-1], "number of rows is -1; allowed: 0, 1, 2"),
        ([0.5], [1.5], "number of rows is 1.5"),
        ([0.5], [math.inf], "numbers of rows hold 1 NaN or infinite"),
    ],
)
def test_what_was_not_measured_is_refused(values, n, message):
    with pytest.raises(DataError, match=message):
        sample_days(AUC, values, n)
