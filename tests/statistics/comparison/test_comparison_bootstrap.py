"""The bootstrap of block sums against resampled rows, the law of a mean, and a true null."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ct_components.errors import DataError
from ct_components.statistics.comparison.blocks import blocks_of
from ct_components.statistics.comparison.bootstrap import (
    Bootstrap,
    bootstrap_gain,
    resampled_sums,
)
from ct_components.statistics.estimate import Estimate, RelativeGain
from ct_components.statistics.metrics import Predicted, metric_named

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""

LOG_LOSS, ACCURACY = metric_named("log_loss"), metric_named("accuracy")
MAE, RMSE, R2 = (metric_named(name, "regression") for name in ("mae", "rmse", "r2"))


def classified(seed, n, *, noise=1.0):
    """Returns labels and two models that see the same signal; the second more or less clearly."""
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.3
    logits = 2 * y - 2 + rng.normal(size=n) + np.array([[0.5], [0.5 * noise]]) * rng.normal(size=(2, n))
    return y, *(Predicted.binary(p) for p in 1 / (1 + np.exp(-logits)))


def predicted_numbers(seed, n):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    return truth, *(Predicted.regression(truth + error) for error in rng.standard_t(4, size=(2, n)))


@pytest.mark.parametrize("metric", [MAE, RMSE, R2], ids=lambda metric: metric.name)
def test_few_rows_have_the_ordinary_bootstrap(metric):
    """The same law, by drawing rows one by one: standard errors within the noise of 2,000 resamples."""
    truth, new, old = predicted_numbers(1, 300)
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(2000):
        drawn = rng.integers(300, size=300)
        values = (metric.value(truth[drawn], Predicted.regression(each.values[drawn])) for each in (new, old))
        gains.append(float(metric.gain(*values)))

    gain = bootstrap_gain(metric, truth, new, old, blocks_of(300))

    assert gain.estimate.value == pytest.approx(
        float(metric.gain(metric.value(truth, new), metric.value(truth, old)))
    )
    assert gain.gains.std() == pytest.approx(np.std(gains), rel=0.06)
    assert gain.estimate.standard_error == pytest.approx(np.std(gains), rel=0.06)


def test_many_rows_have_the_error_of_their_mean_though_they_are_drawn_in_blocks():
    y, new, old = classified(2, 100_000)
    losses = [-np.log(np.where(y, each.values, 1 - each.values)) for each in (new, old)]
    ratio = losses[1] / losses[1].mean() - losses[0] / losses[0].mean()

    gain = bootstrap_gain(LOG_LOSS, y, new, old, blocks_of(y.size)).estimate

    assert isinstance(gain, RelativeGain)
    assert gain.contrast.standard_error == pytest.approx(ratio.std() / math.sqrt(y.size), rel=0.06)
    assert (gain.n, gain.clusters, gain.degrees_of_freedom) == (100_000, 4096, 4095)


def test_clusters_may_take_the_place_of_blocks():
    """Every row four times is as good as once, if the copies stay together."""
    y, new, old = classified(3, 500)
    copied = [Predicted.binary(np.repeat(each.values, 4)) for each in (new, old)]

    once = bootstrap_gain(ACCURACY, y, new, old, np.arange(500))
    fourfold = bootstrap_gain(ACCURACY, np.repeat(y, 4), *copied, np.repeat(np.arange(500), 4))

    np.testing.assert_allclose(fourfold.gains, once.gains, atol=1e-12)
    assert (fourfold.estimate.n, fourfold.estimate.clusters) == (2000, 500)


@unhurried
@given(st.integers(0, 100), st.floats(1e-9, 0.49))
def test_exchanging_the_models_mirrors_the_limits_of_a_score(seed, alpha):
    y, new, old = classified(seed, 80)

    gain, swapped = (
        bootstrap_gain(ACCURACY, y, *models, np.arange(80), resamples=60).estimate
        for models in ((new, old), (old, new))
    )

    assert swapped.value == -gain.value
    assert swapped.lower(alpha) == pytest.approx(-gain.upper(alpha), rel=1e-9)
    assert gain.p_value() + swapped.p_value() == pytest.approx(1 if gain.standard_error else 2)


@unhurried
@given(st.integers(0, 100), st.floats(1e-6, 0.49))
def test_exchanging_the_models_turns_a_loss_round(seed, alpha):
    truth, new, old = predicted_numbers(seed, 80)

    gain, swapped = (
        bootstrap_gain(MAE, truth, *models, np.arange(80), resamples=60).estimate
        for models in ((new, old), (old, new))
    )

    assert 1 - swapped.value == pytest.approx(1 / (1 - gain.value))
    assert 1 - swapped.lower(alpha) == pytest.approx(1 / (1 - gain.upper(alpha)))
    assert gain.p_value() + swapped.p_value() == pytest.approx(1)
    assert (gain.lower(alpha) > 0) == (gain.p_value() < alpha)
    assert gain.lower(alpha) < gain.value < gain.upper(alpha) < 1


@pytest.mark.parametrize("metric", [ACCURACY, LOG_LOSS], ids=lambda metric: metric.name)
def test_the_same_answers_prove_nothing(metric):
    y, new, _ = classified(4, 200)

    gain = bootstrap_gain(metric, y, new, new, np.arange(200)).estimate

    assert (gain.value, gain.standard_error, gain.p_value()) == (0.0, 0.0, 1.0)
    assert (gain.lower(0.05), gain.margin(0.05)) == (-math.inf, math.inf)


def test_a_loss_of_nothing_has_no_logarithm_and_proves_nothing():
    truth, _, old = predicted_numbers(5, 50)

    gain = bootstrap_gain(MAE, truth, Predicted.regression(truth), old, np.arange(50)).estimate

    assert (gain.value, gain.standard_error, gain.p_value()) == (1.0, 0.0, 1.0)


def test_limits_reach_where_percentiles_cannot():
    y, new, old = classified(6, 1000)

    gain = bootstrap_gain(LOG_LOSS, y, new, old, np.arange(1000))

    assert gain.percentiles(3e-5) is None
    assert gain.estimate.lower(3e-5) < gain.gains[0]
    assert gain.estimate.lower(0.05) == pytest.approx(gain.percentiles(0.05)[0], abs=0.005)


def test_percentiles_leave_the_same_share_on_either_side():
    """Resamples stand at 1 / (R + 1), 2 / (R + 1) and so on."""
    estimate = Estimate(0.0, 1.0, 9, 10, 10)
    gain = Bootstrap(estimate, np.arange(1.0, 100.0))

    assert gain.percentiles(0.05) == (5.0, 95.0)
    assert gain.percentiles(0.01) == (1.0, 99.0)
    with pytest.raises(DataError, match=r"alpha is 0; allowed: above 0 and below 0.5"):
        gain.percentiles(0)


@unhurried
@given(st.integers(2, 300), st.integers(2, 40), st.integers(0, 9))
def test_every_resample_draws_as_many_units_as_there_are(units, resamples, seed):
    sums = resampled_sums(np.ones((units, 2)), resamples, seed)

    np.testing.assert_array_equal(sums, np.full((resamples, 2), float(units)))


def test_units_are_drawn_alike_and_with_replacement():
    drawn = resampled_sums(np.eye(5), 20_000, seed=1)

    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(drawn.var(axis=0), 0.8, atol=0.04)


def test_a_metric_that_some_resamples_lack_is_refused():
    truth = np.array([0.0, 0.0, 1.0])
    new, old = Predicted.regression([0, 0, 1]), Predicted.regression([0, 1, 1])

    with pytest.raises(DataError, match=r"r2 is not defined on \d+ of 2000 resamples; allowed: on all"):
        bootstrap_gain(R2, truth, new, old, np.arange(3))


@pytest.mark.parametrize(
    ("n", "index", "message"),
    [
        (2, [0, 1, 2], "2 truths, 3 challenger answers, 3 champion answers, 3 blocks; allowed: one of each"),
        (3, [0, 1], "3 truths, 3 challenger answers, 3 champion answers, 2 blocks"),
        (3, [0, 0, 0], "2000 resamples of 1 blocks; allowed: at least 2 of each"),
    ],
)
def test_rows_that_do_not_match_are_named(n, index, message):
    numbers = Predicted.regression([1, 2, 3])

    with pytest.raises(DataError, match=message):
        bootstrap_gain(MAE, np.arange(float(n)), numbers, numbers, np.array(index))


def test_no_rows_are_refused():
    nothing = Predicted.regression([])

    with pytest.raises(DataError, match=r"0 truths, .* and at least one row"):
        bootstrap_gain(MAE, np.array([]), nothing, nothing, np.array([], dtype=int))


@pytest.mark.parametrize("n", [100, 400])
def test_a_model_that_is_no_better_is_found_better_as_rarely_as_alpha_says(n):
    """Mean absolute errors with heavy tails, where a symmetric limit of the relative gain is 7 % wrong."""
    p_values = [
        bootstrap_gain(MAE, *predicted_numbers(seed, n), np.arange(n), resamples=200).estimate.p_value()
        for seed in range(1200)
    ]

    assert 0.03 < np.mean(np.array(p_values) < 0.05) < 0.07
    assert 0.03 < np.mean(np.array(p_values) > 0.95) < 0.07


@pytest.mark.parametrize("name", ["log_loss", "accuracy", "balanced_accuracy", "f1_macro"])
def test_models_that_know_different_numbers_of_classes_are_compared(name):
    """A class without a row, that one of two models gives no probability, changes nothing."""
    rng = np.random.default_rng(12)
    truth, raw = rng.integers(0, 2, 300), rng.random((2, 300, 2))
    new, old = (Predicted.multiclass(each / each.sum(axis=1, keepdims=True)) for each in raw)
    metric, index = metric_named(name, "multiclass"), np.arange(300)

    wider = bootstrap_gain(metric, truth, new.with_classes(3), old, index).estimate
    alike = bootstrap_gain(metric, truth, new, old, index).estimate

    assert wider.value == alike.value
    assert wider.standard_error == pytest.approx(alike.standard_error, rel=1e-9)
