"""A metric of the user's own: checked, computed several times at once, and jackknifed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ct_components.errors import DataError
from ct_components.statistics.comparison.blocks import blocks_of
from ct_components.statistics.comparison.delong import delong_gain
from ct_components.statistics.comparison.generic import UserMetric, generic_gain
from ct_components.statistics.metrics import Predicted, metric_named
from ct_components.statistics.roc import roc_auc

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""


def hit_rate(truth, predicted):
    return np.mean(np.abs(truth - predicted) < 1)


HIT_RATE = UserMetric("hit_rate", function=hit_rate)


def numbers(seed, n):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    return truth, *(Predicted.regression(truth + error) for error in rng.normal(size=(2, n)))


def test_with_a_row_to_each_block_the_error_of_a_mean_is_the_textbooks():
    truth, new, old = numbers(1, 120)
    hits = [np.abs(truth - each.values) < 1 for each in (new, old)]
    difference = hits[0].astype(float) - hits[1]

    gain = generic_gain(HIT_RATE, truth, new, old)

    assert gain.value == pytest.approx(difference.mean())
    assert gain.standard_error == pytest.approx(difference.std(ddof=1) / math.sqrt(120))
    assert (gain.n, gain.clusters, gain.degrees_of_freedom) == (120, 120, 119)


def test_many_rows_take_as_many_values_as_there_are_blocks():
    truth, new, old = numbers(2, 20_000)
    asked = []

    def counted(truth, predicted):
        asked.append(truth.size)
        return hit_rate(truth, predicted)

    gain = generic_gain(UserMetric("hit_rate", function=counted), truth, new, old)

    hits = [np.abs(truth - each.values) < 1 for each in (new, old)]
    rows = (hits[0].astype(float) - hits[1]).std() / math.sqrt(20_000)
    assert gain.standard_error == pytest.approx(rows, rel=0.2)
    assert (len(asked), gain.clusters, gain.degrees_of_freedom) == (2 * 129, 128, 127)


def test_an_area_written_by_hand_has_nearly_delongs_error():
    rng = np.random.default_rng(3)
    y = rng.random(6000) < 0.3
    scores = y + rng.normal(size=6000) + rng.normal(size=(2, 6000))

    gain = generic_gain(UserMetric("area", function=roc_auc), y, *map(Predicted.binary, scores))

    delong = delong_gain(y, *scores)
    assert gain.value == delong.value
    assert gain.standard_error == pytest.approx(delong.standard_error, rel=0.2)


def test_any_metric_may_be_jackknifed():
    rng = np.random.default_rng(4)
    y = rng.random(300) < 0.3
    models = [Predicted.binary(y + rng.normal(size=300)) for _ in range(2)]

    gain = generic_gain(metric_named("average_precision"), y, *models)

    assert 0 < gain.standard_error < 0.1


def test_blocks_follow_the_ids():
    truth, new, old = numbers(5, 1000)
    ids, order = np.arange(1000), np.random.default_rng(0).permutation(1000)

    gain = generic_gain(HIT_RATE, truth, new, old, ids=ids, blocks=100)
    shuffled = generic_gain(
        HIT_RATE,
        truth[order],
        *(Predicted.regression(each.values[order]) for each in (new, old)),
        ids=order,
        blocks=100,
    )

    assert shuffled.value == pytest.approx(gain.value)
    assert shuffled.standard_error == pytest.approx(gain.standard_error)


@unhurried
@given(st.integers(0, 30), st.floats(1e-9, 0.49))
def test_exchanging_the_models_mirrors_the_limits(seed, alpha):
    truth, new, old = numbers(seed, 60)

    gain, swapped = generic_gain(HIT_RATE, truth, new, old), generic_gain(HIT_RATE, truth, old, new)

    assert swapped.value == -gain.value
    assert swapped.standard_error == pytest.approx(gain.standard_error, rel=1e-12)
    assert swapped.lower(alpha) == pytest.approx(-gain.upper(alpha))


@pytest.mark.parametrize("workers", [1, 3, 200])
def test_the_number_of_workers_does_not_count(workers):
    truth, new, _ = numbers(6, 300)
    index = blocks_of(300, blocks=20)

    some = UserMetric("hit_rate", function=hit_rate, workers=workers)

    assert some.without_each(truth, new, index).tolist() == [
        hit_rate(truth[index != block], new.values[index != block]) for block in range(20)
    ]


def test_processes_give_the_same_values_as_threads():
    truth, new, _ = numbers(7, 300)
    index = blocks_of(300, blocks=20)
    threads = UserMetric("distance", higher_is_better=False, function=math.dist)
    processes = replace(threads, processes=True, workers=2)

    assert (processes.without_each(truth, new, index) == threads.without_each(truth, new, index)).all()


def test_a_function_that_no_other_process_knows_is_named():
    truth, new, _ = numbers(8, 40)
    local = UserMetric("mine", function=lambda *_: 0.5, processes=True, workers=1)

    with pytest.raises(DataError, match="metric mine cannot be computed in another process"):
        local.without_each(truth, new, np.arange(40))


def test_a_metric_may_take_decisions():
    y, model = np.array([True, False, True]), Predicted.binary([0.2, 0.4, 0.9])
    exact = UserMetric("exact", function=lambda y, decided: np.mean(y == decided), of_decisions=True)

    assert exact.value(y, model) == pytest.approx(2 / 3)
    with pytest.raises(DataError, match="exact takes decisions, and a regression decides no class"):
        exact.value(y, Predicted.regression([1, 2, 3]))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda *_: math.nan, "metric mine returned nan on all rows; allowed: a finite number"),
        (lambda *_: -math.inf, "metric mine returned -inf on all rows"),
        (lambda truth, _: truth, "metric mine returned ndarray on all rows; allowed: a number"),
        (lambda *_: None, "metric mine returned NoneType on all rows; allowed: a number"),
        (lambda *_: True, "metric mine returned bool on all rows; allowed: a number"),
        (lambda *_: 1 // 0, "metric mine failed on all rows: ZeroDivisionError: integer"),
        (lambda truth, _: truth.sort(), "metric mine failed on all rows: ValueError: .*read-only"),
        (
            lambda truth, _: math.nan if truth.size < 40 else 0.5,
            "metric mine returned nan on all blocks but 0; allowed: a finite number",
        ),
    ],
)
def test_what_is_no_number_names_the_metric(function, message):
    with pytest.raises(DataError, match=message):
        generic_gain(UserMetric("mine", function=function), *numbers(9, 40))


@pytest.mark.parametrize(
    ("n", "message"),
    [
        (0, "0 truths, 5 challenger answers, 5 champion answers, 0 blocks; allowed: one of each"),
        (4, "4 truths, 5 challenger answers"),
    ],
)
def test_rows_that_do_not_match_are_named(n, message):
    model = Predicted.regression(np.arange(5.0))

    with pytest.raises(DataError, match=message):
        generic_gain(HIT_RATE, np.arange(float(n)), model, model)


def test_one_block_proves_nothing_and_is_refused():
    with pytest.raises(DataError, match="5 rows lie in 1 block; allowed: at least 2"):
        generic_gain(HIT_RATE, *numbers(10, 5), blocks=1)


def test_a_model_that_is_no_better_is_found_better_as_rarely_as_alpha_says():
    alone = UserMetric("hit_rate", function=hit_rate, workers=1)

    p_values = [generic_gain(alone, *numbers(seed, 400), blocks=40).p_value() for seed in range(400)]

    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.08


def test_a_loss_below_0_is_refused_since_no_share_of_it_can_be_gained():
    saved = UserMetric("cost", higher_is_better=False, function=lambda *_: -0.3)

    with pytest.raises(
        DataError, match=r"metric cost is a loss and returned -0\.3 on all rows; allowed: 0 or"
    ):
        generic_gain(saved, *numbers(11, 40))
