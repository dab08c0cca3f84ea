"""The gain in ROC AUC and its error, against independent computations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from ct_components.errors import DataError
from ct_components.statistics.estimate import (
    ClusterValue,
    Estimate,
    estimate_gain,
    estimate_value,
    value_by_cluster,
)
from ct_components.statistics.metrics import Predicted, Task, metric_named, metrics_of
from ct_components.statistics.roc import roc_auc

AUC = metric_named("roc_auc")

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""


def holdout(seed, days=14, per_day=60, *, gain=0.0, tied=False):
    """Returns labels, two scores and days; rows of a day share how well each model ranks them."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), per_day)
    y = rng.random(day.size) < 0.3

    def score(strength):
        return y * (strength + rng.normal(0, 0.5, days))[day] + rng.normal(size=day.size)

    challenger, champion = score(1 + gain), score(1)
    return (y, challenger.round(1), champion.round(1), day) if tied else (y, challenger, champion, day)


def auc_gain(y, challenger, champion, clusters):
    return estimate_gain(AUC, y, Predicted.binary(challenger), Predicted.binary(champion), index(clusters))


def index(clusters):
    return np.unique(clusters, return_inverse=True)[1]


def kernel(y, score):
    positive, negative = score[y][:, None], score[~y][None, :]
    return (positive > negative) + 0.5 * (positive == negative)


def delong_variance(y, challenger, champion):
    """Returns DeLong's variance (1988, eq. 4 and 5) on all pairs: L (S10 / m + S01 / k) L', L = (1, -1)."""
    kernels = [kernel(y, challenger), kernel(y, champion)]
    s10 = np.cov([each.mean(axis=1) for each in kernels])
    s01 = np.cov([each.mean(axis=0) for each in kernels])
    contrast = np.array([1, -1])
    return contrast @ (s10 / y.sum() + s01 / (~y).sum()) @ contrast


def jackknife_error(estimate, cluster):
    """Returns the delete-one-cluster jackknife's error as it is defined: the estimate anew without each."""
    names = np.unique(cluster)
    without = np.array([estimate(cluster != name) for name in names])
    return math.sqrt((names.size - 1) / names.size * ((without - without.mean()) ** 2).sum())


@st.composite
def clustered_rows(draw):
    """Small holdouts with many ties and clusters of any size, both classes in two clusters at least."""
    n = draw(st.integers(4, 60))
    y = draw(arrays.arrays(bool, n))
    cluster = draw(arrays.arrays(np.int8, n, elements=st.integers(0, 3) | st.integers(0, 30)))
    y[:4], cluster[:4] = [True, True, False, False], [0, 1, 0, 1]
    scores = draw(arrays.arrays(np.float64, (2, n), elements=st.integers(-4, 4).map(float)))
    return y, scores[0], scores[1], cluster


@unhurried
@given(clustered_rows())
def test_error_is_the_jackknifes_over_clusters(rows):
    y, challenger, champion, cluster = rows

    gain = auc_gain(y, challenger, champion, cluster)
    level = estimate_value(AUC, y, Predicted.binary(challenger), index(cluster))

    of_gain = jackknife_error(
        lambda kept: roc_auc(y[kept], challenger[kept]) - roc_auc(y[kept], champion[kept]), cluster
    )
    of_level = jackknife_error(lambda kept: roc_auc(y[kept], challenger[kept]), cluster)
    assert gain.standard_error == pytest.approx(of_gain, rel=0, abs=1e-12)
    assert level.standard_error == pytest.approx(of_level, rel=0, abs=1e-12)


def test_a_day_that_holds_nearly_all_rows_counts_with_its_full_pull():
    """Without it 10 of 1,010 rows are left: what is subtracted must not leave its rounding errors behind."""
    y, challenger, champion, _ = holdout(3, days=1, per_day=1010)
    day = np.repeat(np.arange(11), [1000] + [1] * 10)
    y[-10:] = np.arange(10) % 2 == 0

    gain = auc_gain(y, challenger, champion, day)

    error = jackknife_error(
        lambda kept: roc_auc(y[kept], challenger[kept]) - roc_auc(y[kept], champion[kept]), day
    )
    assert gain.standard_error == pytest.approx(error, rel=0, abs=1e-12)
    assert gain.degrees_of_freedom == 5


@pytest.mark.parametrize("tied", [False, True])
def test_error_is_near_delongs_when_every_row_is_its_own_cluster(tied):
    """The jackknife divides by m - 1 and k - 1 where DeLong has m and k, and multiplies by (n - 1) / n.

    So the ratio of the variances lies between (n - 1) / n times m / (m - 1), and the same of k.
    """
    y, challenger, champion, _ = holdout(1, tied=tied)
    counts = np.array([y.sum(), (~y).sum()])
    least, most = sorted((y.size - 1) / y.size * counts / (counts - 1))

    gain = auc_gain(y, challenger, champion, np.arange(y.size))

    ratio = gain.standard_error**2 / delong_variance(y, challenger, champion)
    assert 1 < least < ratio < most


def test_gain_counts_rows_clusters_and_degrees_of_freedom():
    y, challenger, champion, day = holdout(4)

    gain = auc_gain(y, challenger, champion, day)

    assert gain.value == roc_auc(y, challenger) - roc_auc(y, champion)
    assert (gain.n, gain.clusters, gain.degrees_of_freedom) == (840, 14, 13)


def test_days_without_a_positive_row_give_no_degrees_of_freedom():
    y, challenger, champion, day = holdout(5)
    y = y & (day < 4)

    gain = auc_gain(y, challenger, champion, day)

    assert (gain.clusters, gain.degrees_of_freedom) == (14, 3)


def test_exchanging_the_models_negates_the_gain_exactly():
    y, challenger, champion, day = holdout(6, gain=0.3, tied=True)

    gain, swapped = auc_gain(y, challenger, champion, day), auc_gain(y, champion, challenger, day)

    assert swapped.value == -gain.value
    assert swapped.standard_error == gain.standard_error
    assert (swapped.lower(0.05), swapped.upper(0.05)) == (-gain.upper(0.05), -gain.lower(0.05))
    assert gain.p_value() + swapped.p_value() == pytest.approx(1)


def test_a_value_is_the_gain_over_what_never_varies():
    y, score, _, day = holdout(7)

    level = estimate_value(AUC, y, Predicted.binary(score), day)
    over_constant = auc_gain(y, score, np.full(y.size, 0.25), day)

    assert level.value == roc_auc(y, score) == 0.5 + over_constant.value
    assert level.standard_error == pytest.approx(over_constant.standard_error, rel=1e-12)


@unhurried
@given(
    st.integers(0, 50),
    st.sampled_from([np.exp, np.arctan, np.cbrt, lambda s: 4 * s - 8]),
    st.sampled_from([np.exp, np.arctan, np.cbrt, lambda s: 4 * s - 8]),
)
def test_only_the_order_of_each_models_scores_counts(seed, increasing, also_increasing):
    y, challenger, champion, day = holdout(seed, per_day=20, tied=True)

    assert auc_gain(y, increasing(challenger), also_increasing(champion), day) == auc_gain(
        y, challenger, champion, day
    )


@unhurried
@given(arrays.arrays(np.int8, 24, elements=st.integers(0, 5)), st.randoms(use_true_random=False))
def test_neither_names_of_clusters_nor_order_of_rows_count(clusters, random):
    y, challenger, champion, _ = holdout(8, days=1, per_day=24)
    y[:12], y[12:], clusters[:2], clusters[12:14] = True, False, [0, 1], [0, 1]
    order = random.sample(range(24), 24)

    gain = auc_gain(y, challenger, champion, clusters)
    renamed = auc_gain(
        y[order], challenger[order], champion[order], [f"day {9 - c}" for c in clusters[order]]
    )

    assert renamed.value == gain.value
    assert renamed.standard_error == pytest.approx(gain.standard_error, abs=1e-12)


def test_limits_and_p_value_are_those_of_students_t():
    gain = Estimate(value=0.02, standard_error=0.0125, degrees_of_freedom=13, n=1000, clusters=14)

    assert gain.lower(0.05) == pytest.approx(0.02 - stats.t.ppf(0.95, 13) * 0.0125)
    assert gain.upper(0.01) == pytest.approx(0.02 + stats.t.ppf(0.99, 13) * 0.0125)
    assert gain.p_value() == pytest.approx(stats.t.sf(0.02 / 0.0125, 13))


def test_limits_hold_far_out_in_the_tail():
    gain = Estimate(value=0.0, standard_error=1.0, degrees_of_freedom=13, n=1000, clusters=14)

    assert gain.upper(1e-9) == pytest.approx(stats.t.isf(1e-9, 13), rel=1e-6)


@unhurried
@given(st.floats(-1, 1), st.floats(1e-6, 1), st.floats(1e-6, 0.499), st.integers(1, 400))
def test_the_lower_limit_is_above_zero_exactly_when_p_is_below_alpha(value, error, alpha, freedom):
    gain = Estimate(value, error, freedom, n=10, clusters=freedom + 1)

    if abs(gain.p_value() - alpha) > 1e-9:
        assert (gain.lower(alpha) > 0) == (gain.p_value() < alpha)


def test_no_variation_and_no_alpha_prove_nothing():
    certain = Estimate(value=0.3, standard_error=0.0, degrees_of_freedom=13, n=1000, clusters=14)
    measured = Estimate(value=0.3, standard_error=0.1, degrees_of_freedom=13, n=1000, clusters=14)

    assert (certain.lower(0.05), certain.upper(0.05), certain.p_value()) == (-math.inf, math.inf, 1.0)
    assert (measured.lower(0), measured.upper(0)) == (-math.inf, math.inf)


@pytest.mark.parametrize("alpha", [-0.01, 0.5, 1.0, math.nan])
def test_an_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(DataError, match=r"allowed: 0 to 0\.5, 0\.5 excluded"):
        Estimate(0.0, 1.0, 13, 100, 14).lower(alpha)


def test_rounding_is_not_taken_for_variation():
    """Fourteen copies of one day: their sums of placement values differ from the mean by rounding only."""
    y, challenger, champion, _ = holdout(9, days=1, per_day=61)

    gain = auc_gain(
        np.tile(y, 14), np.tile(challenger, 14), np.tile(champion, 14), np.repeat(np.arange(14), 61)
    )

    assert gain.value != 0
    assert gain.standard_error == 0.0


def test_a_class_within_one_cluster_is_refused():
    y, days = np.array([True, True, False, False]), [0, 0, 0, 1]

    with pytest.raises(DataError, match="all rows of a kind lie in 1 of 2 clusters; allowed: at least 2"):
        estimate_value(AUC, y, Predicted.binary([1, 2, 3, 4]), np.array(days))


def test_scores_by_day_are_sorted_and_none_for_a_day_of_one_class():
    days = np.array(
        ["2013-04-02", "2013-04-01", "2013-04-02", "2013-04-03", "2013-04-01"], dtype="datetime64[D]"
    )

    y, scores = np.array([0, 1, 1, 1, 0], dtype=bool), Predicted.binary([0.5, 0.25, 0.5, 0.5, 0.75])

    by_day = value_by_cluster(AUC, y, scores, days)

    assert by_day == [
        ClusterValue("2013-04-01", 2, 0.0),
        ClusterValue("2013-04-02", 2, 0.5),
        ClusterValue("2013-04-03", 1, None),
    ]


def test_no_rows_have_no_days():
    assert value_by_cluster(AUC, np.zeros(0, dtype=bool), Predicted.binary(np.zeros(0)), []) == []


def answers(task, seed, n=420):
    """Returns truth, answers of two models of which the first is better, and fourteen unequal days."""
    rng = np.random.default_rng(seed)
    day = index(np.minimum(rng.geometric(0.2, n), 14))
    if task == "regression":
        truth = rng.normal(size=n)
        return truth, *(Predicted.regression(truth + s * rng.normal(size=n)) for s in (1, 1.5)), day
    if task == "binary":
        truth = rng.random(n) < 0.4
        both = (Predicted.binary(1 / (1 + np.exp(-s * (truth - 0.5) - rng.normal(size=n)))) for s in (2, 1))
        return truth, *both, day
    truth = rng.integers(0, 3, n)
    odds = (rng.gamma(1 + s * (truth[:, None] == np.arange(3))) for s in (3, 2))
    return truth, *(Predicted.multiclass(each / each.sum(axis=1, keepdims=True)) for each in odds), day


@pytest.mark.parametrize(("task", "name"), [(task, name) for task in Task for name in metrics_of(task)])
def test_every_metrics_gain_has_the_jackknifes_error_and_turns_round_with_the_models(task, name):
    truth, new, old, day = answers(task, seed=5)
    metric = metric_named(name, task)

    gain = estimate_gain(metric, truth, new, old, day)
    swapped = estimate_gain(metric, truth, old, new, day)

    def anew(kept):
        better, worse = (metric.value(truth[kept], each.rows(kept)) for each in (new, old))
        return better - worse if metric.higher_is_better else math.log(worse / better)

    contrasts = [getattr(each, "contrast", each) for each in (gain, swapped)]
    assert contrasts[0].standard_error == pytest.approx(jackknife_error(anew, day), rel=1e-9)
    assert gain.value == pytest.approx(metric.gain(metric.value(truth, new), metric.value(truth, old)))
    assert gain.value > 0 > swapped.value
    for alpha in (0.05, 0.001):
        assert contrasts[0].lower(alpha) == pytest.approx(-contrasts[1].upper(alpha), rel=1e-9)
        assert (gain.lower(alpha) > 0) == (swapped.upper(alpha) < 0)


def test_a_loss_of_0_has_no_error_to_estimate():
    truth, _, old, day = answers("regression", seed=6)
    perfect = Predicted.regression(truth)
    metric = metric_named("mae", "regression")

    gain, swapped = (estimate_gain(metric, truth, *pair, day) for pair in ((perfect, old), (old, perfect)))

    assert (gain.value, gain.standard_error, gain.p_value()) == (pytest.approx(1.0), 0.0, 1.0)
    assert gain.lower(0.05) == -math.inf
    assert swapped.value == -1.0
    assert swapped.p_value() == 1.0
