"""The area under the ROC curve, also without each cluster; the thinned curve; the confusion matrix."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import roc_auc_score, roc_curve

from ct_components.errors import DataError
from ct_components.statistics.arrays import as_clusters, as_labels
from ct_components.statistics.roc import (
    Confusion,
    auc_without_each,
    confusion,
    placements,
    roc_auc,
    roc_points,
)

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""


def pairs(y, score):
    """Returns every positive row against every negative one: 1 above, 0.5 tied, 0 below; shape (m, k)."""
    positive, negative = score[y][:, None], score[~y][None, :]
    return (positive > negative) + 0.5 * (positive == negative)


@st.composite
def labelled_scores(draw):
    """Small holdouts of both classes, with many ties."""
    y = draw(arrays.arrays(bool, st.integers(2, 40)).filter(lambda y: 0 < y.sum() < y.size))
    score = draw(arrays.arrays(np.float64, y.size, elements=st.integers(-4, 4).map(float)))
    return y, score


@unhurried
@given(labelled_scores())
def test_area_is_the_mann_whitney_probability_of_all_pairs(rows):
    y, score = rows

    assert roc_auc(y, score) == pytest.approx(pairs(y, score).mean(), abs=1e-12)


@unhurried
@given(labelled_scores())
def test_area_agrees_with_scikit_learn(rows):
    y, score = rows

    assert roc_auc(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-12)


@unhurried
@given(labelled_scores())
def test_placements_are_the_sums_over_the_other_class_exactly(rows):
    y, score = rows

    placed = placements(y, score)

    np.testing.assert_array_equal(placed.positive, pairs(y, score).sum(axis=1))
    np.testing.assert_array_equal(placed.negative, pairs(y, score).sum(axis=0))


@unhurried
@given(labelled_scores(), st.integers(2, 40), st.randoms(use_true_random=False))
def test_area_without_each_cluster_is_the_area_of_the_other_rows_exactly(rows, most, random):
    y, score = (np.tile(column, 2) for column in rows)
    index = np.array([0, 1]).repeat(y.size // 2)
    moved = random.sample(range(y.size), y.size // 4)
    index[moved] = [random.randrange(most) for _ in moved]
    index = np.unique(index, return_inverse=True)[1]
    assume(min(np.unique(index[y]).size, np.unique(index[~y]).size) > 1)

    without = auc_without_each(y, score, index)

    assert without.tolist() == [roc_auc(y[index != g], score[index != g]) for g in range(index.max() + 1)]


def mid_ranks(values):
    """Returns ranks from 1; equal values share the mean of the ranks that they take up."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[index]


@pytest.mark.parametrize("digits", [0, 2, 17])
def test_many_rows_have_the_placements_of_mid_ranks_to_the_last_bit(digits):
    """Sun & Xu's formula: the rank among all rows less the rank in the own class."""
    rng = np.random.default_rng(3)
    y = rng.random(50_000) < 0.2
    score = (y + rng.normal(size=50_000)).round(digits)

    placed = placements(y, score)

    ranks = mid_ranks(score)
    np.testing.assert_array_equal(placed.positive, ranks[y] - mid_ranks(score[y]))
    np.testing.assert_array_equal(placed.negative, y.sum() - ranks[~y] + mid_ranks(score[~y]))
    assert placed.auc == roc_auc(y, score)


@pytest.mark.parametrize("digits", [1, 17])
def test_more_clusters_than_a_short_integer_counts_are_left_out_as_exactly(digits):
    rng = np.random.default_rng(4)
    y = rng.random(80_000) < 0.4
    score = (y + rng.normal(size=80_000)).round(digits)
    index = rng.permutation(np.append(np.arange(70_000), rng.integers(70_000, size=10_000)))

    without = auc_without_each(y, score, index)

    assert without.size == 70_000
    for cluster in (0, 65_535, 65_536, 69_999):
        assert without[cluster] == roc_auc(y[index != cluster], score[index != cluster])


def test_the_two_zeros_are_level():
    assert roc_auc([False, True], [0.0, -0.0]) == roc_auc([False, True], [-0.0, 0.0]) == 0.5
    assert placements([False, True, True], [0.0, -0.0, 1.0]).positive.tolist() == [0.5, 1.0]


@unhurried
@given(labelled_scores(), st.sampled_from([np.exp, np.arctan, lambda s: 8 * s - 3, lambda s: s**3]))
def test_only_the_order_of_the_scores_counts(rows, increasing):
    y, score = rows

    assert roc_auc(y, increasing(score)) == roc_auc(y, score)


@unhurried
@given(labelled_scores(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_count(rows, random):
    y, score = rows
    order = random.sample(range(y.size), y.size)

    assert roc_auc(y[order], score[order]) == roc_auc(y, score)


@unhurried
@given(labelled_scores())
def test_turning_the_scores_round_turns_the_area_round(rows):
    y, score = rows

    assert roc_auc(y, -score) == pytest.approx(1 - roc_auc(y, score), abs=1e-12)


def test_a_constant_has_the_area_one_half_exactly():
    assert roc_auc([0, 0, 1, 1, 1], [7.0] * 5) == 0.5


def test_a_perfect_and_a_perfectly_wrong_score_have_the_areas_one_and_zero():
    assert roc_auc([0, 0, 1], [1, 2, 3]) == 1.0
    assert roc_auc([1, 1, 0], [1, 2, 3]) == 0.0


def test_a_million_rows_come_to_the_area_that_theory_gives():
    """Two normal distributions one standard deviation apart: the normal integral up to 1 / sqrt(2)."""
    rng = np.random.default_rng(0)
    y = rng.random(10**6) < 0.25

    assert roc_auc(y, y + rng.normal(size=10**6)) == pytest.approx(0.7602, abs=0.002)


@pytest.mark.parametrize(
    ("y", "score", "message"),
    [
        ([], [], "0 positive and 0 negative rows; a ROC curve needs at least one of each"),
        ([1, 1], [0.5, 0.5], "2 positive and 0 negative rows"),
        ([0, 0], [0.5, 0.5], "0 positive and 2 negative rows"),
        ([0, 1], [0.5], "1 scores for 2 labels; allowed: one for each"),
        ([0, 1], [0.5, np.nan], "scores hold 1 NaN or infinite of 2 values, the first is nan in row 1"),
        ([0, 1], [-np.inf, 0.5], "the first is -inf in row 0"),
        ([0, 2], [0.5, 0.5], "labels hold the values 2; allowed: 0, 1, False, True"),
        ([0.0, np.nan], [0.5, 0.5], "labels hold the values nan"),
        (list("abcdefg"), [0.5] * 7, "labels hold the values a, b, c, d, e, ...; allowed"),
        ([0, 1], ["low", "high"], "scores are of type <U4; allowed: numbers"),
        ([[0, 1]], [0.5, 0.5], r"labels have the shape \(1, 2\); allowed: one dimension"),
        ([0, 1], [[0.5], [0.5]], r"scores have the shape \(2, 1\)"),
    ],
)
def test_bad_rows_are_named(y, score, message):
    with pytest.raises(DataError, match=message):
        roc_auc(y, score)


@pytest.mark.parametrize(
    "clusters",
    [[None, "mon"], [np.nan, 1.0], np.array(["2013-04-01", "NaT"], dtype="datetime64[D]")],
)
def test_a_row_without_cluster_is_refused(clusters):
    with pytest.raises(DataError, match="1 of 2 rows belong to no cluster"):
        as_clusters(clusters, as_labels([0, 1]))


def test_clusters_of_several_types_are_refused():
    with pytest.raises(DataError, match=r"clusters are of several types .*; allowed: all of one type"):
        as_clusters(np.array(["monday", 2], dtype=object), as_labels([0, 1]))


def test_a_short_curve_is_scikit_learns_own():
    y, score = np.array([0, 0, 1, 1, 0, 1], dtype=bool), np.array([0.1, 0.4, 0.35, 0.8, 0.4, 0.4])
    fpr, tpr, thresholds = roc_curve(y, score, drop_intermediate=False)

    points = np.array(roc_points(y, score))

    np.testing.assert_allclose(points[:, 0], fpr)
    np.testing.assert_allclose(points[:, 1], tpr)
    np.testing.assert_allclose(points[1:, 2], thresholds[1:])


@unhurried
@given(labelled_scores(), st.integers(2, 12))
def test_a_thinned_curve_keeps_its_ends_and_rises(rows, limit):
    points = np.array(roc_points(*rows, limit=limit))

    assert 2 <= len(points) <= limit
    assert points[0, :2].tolist() == [0, 0]
    assert points[-1, :2].tolist() == [1, 1]
    assert np.isfinite(points).all()
    assert (np.diff(points[:, :2], axis=0) >= 0).all()
    assert (np.diff(points[:, 2]) < 0).all()


def test_every_point_of_a_thinned_curve_is_what_its_threshold_predicts():
    rng = np.random.default_rng(1)
    y, score = rng.random(5000) < 0.3, rng.normal(size=5000)

    points = roc_points(y, score, limit=50)

    assert len(points) == 50
    for fpr, tpr, threshold in points:
        table = confusion(y, score, threshold)
        assert (table.fp / (~y).sum(), table.tp / y.sum()) == (fpr, tpr)


def test_a_thinned_curve_keeps_the_area():
    rng = np.random.default_rng(2)
    y = rng.random(20000) < 0.01
    score = y * 2 + rng.normal(size=20000)

    points = np.array(roc_points(y, score))

    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(roc_auc(y, score), abs=0.002)


def test_the_largest_float_as_score_still_gives_finite_thresholds():
    largest = np.finfo(np.float64).max

    assert np.isfinite(roc_points([0, 1], [-largest, largest])).all()


def test_a_curve_needs_two_points():
    with pytest.raises(DataError, match="limit of ROC points is 1; allowed: at least 2"):
        roc_points([0, 1], [1, 2], limit=1)


def test_a_row_at_the_threshold_is_predicted_positive():
    assert confusion([1, 0, 1, 0, 0], [0.5, 0.5, 0.25, 0.25, 0.75], 0.5) == Confusion(tp=1, fp=2, fn=1, tn=1)


def test_confusion_takes_no_rows_and_refuses_a_threshold_that_is_nan():
    assert confusion([], [], 0.5) == Confusion(0, 0, 0, 0)
    with pytest.raises(DataError, match="threshold is NaN"):
        confusion([1], [1], np.nan)
