"""Metrics say what scikit-learn says, and what they say without each cluster is what they say of the rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from ct_components.errors import DataError, SpecError
from ct_components.statistics.metrics import Predicted, Task, baseline, metric_named, metrics_of
from ct_components.statistics.metrics.catalogue import as_truth

REFERENCE = {
    ("binary", "roc_auc"): lambda y, p: reference.roc_auc_score(y, p.values),
    ("binary", "average_precision"): lambda y, p: reference.average_precision_score(y, p.values),
    ("binary", "log_loss"): lambda y, p: reference.log_loss(y, p.values),
    ("binary", "brier_score"): lambda y, p: reference.brier_score_loss(y, p.values),
    ("binary", "accuracy"): lambda y, p: reference.accuracy_score(y, p.decided),
    ("binary", "balanced_accuracy"): lambda y, p: reference.balanced_accuracy_score(y, p.decided),
    ("binary", "f1"): lambda y, p: reference.f1_score(y, p.decided),
    ("binary", "precision"): lambda y, p: reference.precision_score(y, p.decided),
    ("binary", "recall"): lambda y, p: reference.recall_score(y, p.decided),
    ("multiclass", "log_loss"): lambda y, p: reference.log_loss(y, p.values),
    ("multiclass", "roc_auc_ovr"): lambda y, p: reference.roc_auc_score(y, p.values, multi_class="ovr"),
    ("multiclass", "accuracy"): lambda y, p: reference.accuracy_score(y, p.decided),
    ("multiclass", "balanced_accuracy"): lambda y, p: reference.balanced_accuracy_score(y, p.decided),
    ("multiclass", "f1_macro"): lambda y, p: reference.f1_score(y, p.decided, average="macro"),
    ("regression", "mae"): lambda y, p: reference.mean_absolute_error(y, p.values),
    ("regression", "rmse"): lambda y, p: reference.root_mean_squared_error(y, p.values),
    ("regression", "r2"): lambda y, p: reference.r2_score(y, p.values),
}
ALL = [(task, name) for task in Task for name in metrics_of(task)]


def rows(task, seed=0, n=400):
    """Returns truth and answers that tell something of it, with ties among them."""
    rng = np.random.default_rng(seed)
    if task == "regression":
        truth = rng.normal(1000, 5, n)
        return truth, Predicted.regression(truth + rng.normal(0, 2, n))
    if task == "binary":
        truth = rng.random(n) < 0.3
        return truth, Predicted.binary(np.round((truth + rng.random(n)) / 2, 2))
    truth = rng.integers(0, 4, n)
    odds = rng.gamma(1 + 2.0 * (truth[:, None] == np.arange(4)))
    return truth, Predicted.multiclass(odds / odds.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(("task", "name"), ALL)
def test_metric_is_scikit_learns(task, name):
    truth, predicted = rows(task)

    assert metric_named(name, task).value(truth, predicted) == pytest.approx(
        REFERENCE[task, name](truth, predicted), abs=1e-12
    )


@pytest.mark.parametrize(("task", "name"), ALL)
def test_metric_without_a_cluster_is_the_metric_of_the_other_rows(task, name):
    truth, predicted = rows(task)
    metric = metric_named(name, task)
    index = np.random.default_rng(1).integers(0, 7, truth.size)

    without = metric.without_each(truth, predicted, index)

    anew = [metric.value(truth[index != g], predicted.rows(index != g)) for g in range(7)]
    np.testing.assert_allclose(without, anew, rtol=1e-9)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_shares_say_where_the_rows_lie(task, name):
    truth, _ = rows(task, n=300)
    index = np.repeat(np.arange(3), (150, 100, 50))

    shares = metric_named(name, task).shares(truth, index)

    np.testing.assert_allclose(shares.sum(axis=1), 1)
    if len(shares) == 1:
        np.testing.assert_allclose(shares, [[1 / 2, 1 / 3, 1 / 6]])
    else:
        of_class = [np.bincount(index[truth == code], minlength=3) for code in range(len(shares))]
        np.testing.assert_allclose(shares, [counts / counts.sum() for counts in of_class])


@given(new=st.just(0.0) | st.floats(1e-9, 100), old=st.just(0.0) | st.floats(1e-9, 100))
def test_a_gain_is_above_0_exactly_when_the_new_value_is_better(new, old):
    score, loss = metric_named("roc_auc"), metric_named("log_loss")

    assert (score.gain(new, old) > 0) == (new > old)
    assert (loss.gain(new, old) > 0) == (new < old)
    assert np.isfinite(loss.gain(new, old))


def test_a_loss_gains_relative_to_the_old_one():
    assert metric_named("rmse", "regression").gain(8.0, 10.0) == pytest.approx(0.2)


def test_nothing_is_better_than_a_loss_of_0():
    gains = metric_named("mae", "regression").gain(np.array([0.0, 3.0]), np.array([0.0, 0.0]))

    np.testing.assert_array_equal(gains, [0, -1])


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), task=st.sampled_from(list(Task)))
def test_the_order_of_rows_does_not_matter(seed, task):
    truth, predicted = rows(task, seed, n=60)
    order = np.random.default_rng(seed).permutation(60)
    shuffled = Predicted(
        predicted.values[order],
        None if predicted.decided is None else predicted.decided[order],
        predicted.probabilities,
    )

    for metric in metrics_of(task).values():
        assert metric.value(truth[order], shuffled) == pytest.approx(metric.value(truth, predicted))


def test_one_sure_mistake_does_not_make_a_loss_infinite():
    loss = metric_named("log_loss").value(np.array([True]), Predicted.binary([0.0]))

    assert loss == pytest.approx(-np.log(np.finfo(float).eps))


def test_a_log_loss_of_no_probabilities_is_refused():
    with pytest.raises(DataError, match="log_loss needs probabilities"):
        metric_named("log_loss").value(np.array([True]), Predicted.binary([3.0]))


def test_r2_of_a_constant_target_is_refused():
    with pytest.raises(DataError, match="same value in every row"):
        metric_named("r2", "regression").value(np.ones(3), Predicted.regression([1, 2, 3]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Predicted.binary([0.1, np.nan]),
            "hold 1 NaN or infinite of 2 values, the first",
        ),
        (lambda: Predicted.binary([0.1, 1.5], probabilities=True), "reach from 0.1 to 1.5; allowed: 0 to 1"),
        (lambda: Predicted.binary([0.1], threshold=np.nan), "threshold is NaN; allowed: a number"),
        (lambda: Predicted.binary(["a"]), "are of type"),
        (lambda: Predicted.multiclass([[0.5, 0.6]]), "of row 0 are .0.5, 0.6."),
        (lambda: Predicted.multiclass([[1.5, -0.5]]), "none below 0"),
        (lambda: Predicted.multiclass([0.5]), "have the shape"),
        (lambda: Predicted.regression([[1.0]]), "have the shape"),
        (lambda: as_truth([0, 1, 2], "binary"), "labels hold the values 2"),
        (lambda: as_truth([0, 1.5], "multiclass"), "class codes hold 1.5"),
        (lambda: as_truth([-1], "multiclass"), "class codes hold -1"),
        (lambda: as_truth([np.inf], "regression"), "targets hold 1 NaN or infinite"),
    ],
)
def test_what_is_no_answer_is_refused_by_name(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_an_unknown_metric_is_refused_with_those_that_the_task_has():
    with pytest.raises(SpecError, match="metric is 'mae'; allowed for task binary: roc_auc, average"):
        metric_named("mae", "binary")


@pytest.mark.parametrize(
    ("task", "name", "centre", "expected"),
    [
        ("binary", "log_loss", 0.25, -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))),
        ("binary", "roc_auc", 0.25, 0.5),
        ("binary", "average_precision", 0.25, 0.25),
        ("binary", "accuracy", 0.25, 0.75),
        ("binary", "balanced_accuracy", 0.25, 0.5),
        ("binary", "f1", 0.25, 0.4),
        ("binary", "precision", 0.25, 0.25),
        ("binary", "recall", 0.75, 0.0),
        ("multiclass", "accuracy", [0.75, 0.25], 0.75),
        ("multiclass", "roc_auc_ovr", [0.25, 0.75], 0.5),
        ("regression", "mae", [0.25, 0.0], 0.25),
        ("regression", "rmse", [0.25, 0.0], np.sqrt(0.25 * 0.75)),
        ("regression", "r2", [0.25, 0.0], 0.0),
    ],
)
def test_the_baseline_says_the_constant_that_is_best_for_the_metric(task, name, centre, expected):
    truth = as_truth(np.tile([0, 0, 0, 1], 25), task)
    metric = metric_named(name, task)

    assert metric.value(truth, baseline(metric, task, centre, 100)) == pytest.approx(expected)


@pytest.mark.parametrize(("task", "centre"), [("binary", 7.0), ("binary", -0.1), ("multiclass", [0, 0, 0])])
def test_a_baseline_of_shares_that_are_none_is_refused(task, centre):
    with pytest.raises(DataError, match=r"the baseline predictor knows the shares .*; allowed: 0 to 1"):
        baseline(metric_named("log_loss", task), task, centre, 10)
