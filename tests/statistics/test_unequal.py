"""The law of a jackknife t over unequal clusters, against Student's t and against drawing it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ct_components.errors import DataError
from ct_components.statistics.unequal import ClusterT

UNEQUAL = np.array([[0.3, 0.3, 0.2] + [0.2 / 11] * 11])
TWO_KINDS = np.array([[0.5, 0.25] + [0.25 / 8] * 8, [0.1] * 10])

positive_shares = st.lists(st.floats(0.01, 1), min_size=2, max_size=30).map(
    lambda raw: np.array([raw]) / sum(raw)
)


def ratios(shares, draws, seed=0, deviations=(1, 1)):
    """Returns t-ratios as they are defined: clusters say normal numbers, each is left out in turn."""
    rng = np.random.default_rng(seed)
    total, without = 0.0, 0.0
    for kind, deviation in zip(shares, deviations, strict=False):
        says = deviation * rng.normal(size=(draws, kind.size))
        mean = says @ kind
        total, without = total + mean, without + (mean[:, None] - kind * says) / (1 - kind)
    deviations = without - without.mean(axis=1, keepdims=True)
    clusters = shares.shape[1]
    return total / np.sqrt((clusters - 1) / clusters * np.square(deviations).sum(axis=1))


@pytest.mark.parametrize("clusters", [2, 3, 10, 14, 52, 200])
@pytest.mark.parametrize("kinds", [1, 2, 5])
def test_equal_clusters_have_students_t(clusters, kinds):
    law = ClusterT(np.full((kinds, clusters), 1 / clusters))

    for ratio in (0.1, 1.77, 5, 30):
        assert law.upper_tail(ratio) == pytest.approx(stats.t.sf(ratio, clusters - 1), rel=1e-9)
    for alpha in (0.4, 0.05, 3e-5, 1e-9):
        assert law.quantile(alpha) == pytest.approx(stats.t.isf(alpha, clusters - 1), rel=1e-8)
    assert law.effective_clusters == pytest.approx(clusters)


@pytest.mark.parametrize("ratio", [1.0, 1.77, 3.0, 6.0])
def test_unequal_clusters_have_the_law_that_drawing_them_shows(ratio):
    draws = 200_000

    drawn = np.mean(np.abs(ratios(UNEQUAL, draws)) > ratio) / 2

    noise = 4 * math.sqrt(drawn / draws)
    assert ClusterT(UNEQUAL).upper_tail(ratio) == pytest.approx(drawn, abs=noise)


@pytest.mark.parametrize("deviations", [(1, 0.01), (0.01, 1), (1, 1), (1, 0.3)])
def test_whichever_class_makes_the_error_the_law_of_several_is_not_too_sure(deviations):
    drawn = np.abs(ratios(TWO_KINDS, 200_000, deviations=deviations))

    law = ClusterT(TWO_KINDS)

    for alpha in (0.05, 0.01, 0.001):
        wrong = np.mean(drawn > law.quantile(alpha)) / 2
        assert wrong < alpha + 4 * math.sqrt(alpha / drawn.size)


def test_students_t_is_too_sure_of_unequal_clusters():
    """At 0.001, t(13) errs six times as often as it says."""
    said = stats.t.isf(0.001, 13)

    assert ClusterT(UNEQUAL).upper_tail(said) > 0.006


@settings(deadline=None, max_examples=40)
@given(positive_shares, st.floats(1e-8, 0.49))
def test_quantile_and_tail_are_each_others_inverse(shares, alpha):
    law = ClusterT(shares)

    assert law.upper_tail(law.quantile(alpha)) == pytest.approx(alpha, rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(positive_shares, st.floats(0.01, 50), st.floats(1.01, 3))
def test_the_tail_falls_and_is_symmetric(shares, ratio, factor):
    law = ClusterT(shares)

    assert law.upper_tail(ratio) > law.upper_tail(ratio * factor) > 0
    assert law.upper_tail(-ratio) == pytest.approx(1 - law.upper_tail(ratio))


@settings(deadline=None, max_examples=25)
@given(positive_shares, st.randoms(use_true_random=False))
def test_the_order_of_clusters_does_not_matter(shares, random):
    order = random.sample(range(shares.shape[1]), shares.shape[1])

    assert ClusterT(shares[:, order]).upper_tail(2.0) == pytest.approx(ClusterT(shares).upper_tail(2.0))


def test_no_quantile_is_below_that_of_equal_clusters_far_out():
    alike, unequal = ClusterT(np.full((1, 14), 1 / 14)), ClusterT(UNEQUAL)

    assert all(unequal.quantile(alpha) > alike.quantile(alpha) for alpha in (0.05, 0.01, 1e-4, 1e-6))


def test_a_cluster_without_rows_of_a_kind_is_as_none():
    shares = np.array([[0.25, 0.25, 0.25, 0.25, 0.0]])

    without = ClusterT(shares)

    drawn = np.mean(np.abs(ratios(shares, 200_000)) > 3) / 2
    assert without.upper_tail(3.0) == pytest.approx(drawn, rel=0.05)


def test_thousands_of_clusters_are_pooled_to_the_careful_side():
    law = ClusterT(np.full((1, 5000), 1 / 5000))

    assert stats.t.isf(0.001, 4999) < law.quantile(0.001) < 1.03 * stats.t.isf(0.001, 4999)


def test_a_kind_of_rows_in_one_cluster_is_refused():
    with pytest.raises(DataError, match="all rows of a kind lie in 1 of 3 clusters; allowed: at least 2"):
        ClusterT(np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]))


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.9, 0.1], [0.5, 0.3, 0.2]])
@pytest.mark.parametrize("probability", [1e-40, 1e-99])
def test_few_clusters_have_quantiles_of_the_smallest_probabilities(shares, probability):
    law = ClusterT(np.array([shares]))

    assert law.upper_tail(law.quantile(probability)) == pytest.approx(probability, rel=1e-6)


@pytest.mark.parametrize("probability", [1e-101, 1e-300, 5e-324])
def test_what_no_ratio_tells_from_never_has_no_quantile(probability):
    assert ClusterT(np.array([[0.5, 0.3, 0.2]])).quantile(probability) == math.inf
