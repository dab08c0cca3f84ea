"""DeLong's error against all pairs, the published example, scikit-learn and a permuted null."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from sklearn.metrics import roc_auc_score

from ct_components.errors import DataError
from ct_components.statistics.comparison.delong import delong_auc, delong_gain

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""

ALBUMIN = """
    3.0 3.2 3.9 2.8 3.2 0.9 2.5 1.6 3.8 3.7 3.2 3.8 4.1 3.6 4.3 3.6 2.3 4.2 4.0 3.5 3.8 3.0
    4.5 3.7 3.1 4.1 4.3 4.3 3.2 2.6 3.3 1.7 3.7 3.3 4.2 3.5 2.9 2.1 2.8 4.0 3.3 3.7 3.6"""
TOTAL_PROTEIN = """
    5.8 6.3 6.8 4.8 5.8 4.0 5.7 5.6 5.7 6.7 5.4 6.6 6.6 5.7 7.0 6.7 4.4 7.6 6.6 5.8 6.8 4.7
    7.4 7.4 6.6 8.2 7.0 6.5 5.1 4.7 6.8 4.0 6.1 6.3 7.7 6.2 5.7 4.8 6.2 7.0 5.7 6.9 6.6"""
TEN_LESS_K_G = "10 5 3 6 3 5 8 5 5 6 4 6 5 5 4 4 6 4 6 6 7 8 5 5 6 6 5 4 5 6 6 7 5 7 6 5 9 7 8 7 6 5 5"
PROFITED = "0 1 1 0 1 0 0 1 1 1 1 1 1 1 1 0 1 0 0 1 1 0 1 1 1 1 1 1 1 1 0 0 1 1 1 1 0 1 0 1 1 1 1"
OVARIAN_CANCER = np.array(
    [column.split() for column in (ALBUMIN, TOTAL_PROTEIN, TEN_LESS_K_G, PROFITED)], dtype=float
).T
"""DeLong, DeLong & Clarke-Pearson (1988), as SAS/STAT prints it (PROC LOGISTIC, comparing ROC curves)."""


def kernel(y, score):
    positive, negative = score[y][:, None], score[~y][None, :]
    return (positive > negative) + 0.5 * (positive == negative)


def variance(y, *scores_and_signs):
    """Returns DeLong's variance (1988, eq. 4 and 5) of a signed sum of areas, from all pairs."""
    pairs = sum(sign * kernel(y, score) for score, sign in scores_and_signs)
    return pairs.mean(axis=1).var(ddof=1) / y.sum() + pairs.mean(axis=0).var(ddof=1) / (~y).sum()


@st.composite
def holdouts(draw):
    """Labels with two rows of each class or more, and two scores with many ties."""
    n = draw(st.integers(4, 50))
    y = draw(arrays.arrays(bool, n))
    y[:4] = [True, True, False, False]
    scores = draw(arrays.arrays(np.float64, (2, n), elements=st.integers(-4, 4).map(float)))
    return y, scores[0], scores[1]


@unhurried
@given(holdouts())
def test_error_is_delongs_over_all_pairs(rows):
    y, challenger, champion = rows

    gain, area = delong_gain(*rows), delong_auc(y, challenger)

    assert gain.standard_error == pytest.approx(
        math.sqrt(variance(y, (challenger, 1), (champion, -1))), abs=1e-12
    )
    assert area.standard_error == pytest.approx(math.sqrt(variance(y, (challenger, 1))), abs=1e-12)


@unhurried
@given(holdouts())
def test_values_are_scikit_learns(rows):
    y, challenger, champion = rows

    assert delong_auc(y, challenger).value == pytest.approx(roc_auc_score(y, challenger), abs=1e-12)
    assert delong_gain(*rows).value == pytest.approx(
        roc_auc_score(y, challenger) - roc_auc_score(y, champion), abs=1e-12
    )


@pytest.mark.parametrize(("test", "area", "error"), [(0, 0.7366, 0.0927), (1, 0.6478, 0.1000)])
def test_areas_of_ovarian_cancer_are_the_published_ones(test, area, error):
    published = delong_auc(OVARIAN_CANCER[:, 3] == 1, OVARIAN_CANCER[:, test])

    assert (round(published.value, 4), round(published.standard_error, 4)) == (area, error)


@pytest.mark.parametrize(
    ("test", "gain", "error", "lower", "upper"),
    [(0, 0.0108, 0.0953, -0.1761, 0.1976), (1, -0.0780, 0.1046, -0.2830, 0.1271)],
)
def test_gains_over_the_k_g_score_are_the_published_ones(test, gain, error, lower, upper):
    """The published limits are normal ones."""
    y, k_g = OVARIAN_CANCER[:, 3] == 1, 10 - OVARIAN_CANCER[:, 2]
    published = delong_gain(y, OVARIAN_CANCER[:, test], k_g)
    margin = stats.norm.isf(0.025) * published.standard_error

    assert round(published.value, 4) == gain
    assert round(published.standard_error, 4) == error
    assert round(published.value - margin, 4) == lower
    assert round(published.value + margin, 4) == upper


@unhurried
@given(holdouts())
def test_degrees_of_freedom_are_welchs(rows):
    y, challenger, champion = rows
    pairs = kernel(y, challenger) - kernel(y, champion)

    gain = delong_gain(*rows)

    if min(pairs.mean(axis=1).std(), pairs.mean(axis=0).std()) > 1e-9:
        welch = stats.ttest_ind(pairs.mean(axis=1), pairs.mean(axis=0), equal_var=False)
        assert gain.degrees_of_freedom == pytest.approx(welch.df)
        assert min(y.sum(), (~y).sum()) - 1 <= gain.degrees_of_freedom + 1e-9
    assert (gain.n, gain.clusters) == (y.size, y.size)


@unhurried
@given(holdouts(), st.floats(1e-9, 0.49))
def test_exchanging_the_models_mirrors_everything_exactly(rows, alpha):
    y, challenger, champion = rows

    gain, swapped = delong_gain(y, challenger, champion), delong_gain(y, champion, challenger)

    assert swapped.value == -gain.value
    assert swapped.standard_error == gain.standard_error
    assert (swapped.lower(alpha), swapped.upper(alpha)) == (-gain.upper(alpha), -gain.lower(alpha))


@unhurried
@given(holdouts(), st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_scale_of_scores_counts(rows, random):
    y, challenger, champion = rows
    order = random.sample(range(y.size), y.size)

    gain = delong_gain(y, challenger, champion)
    other = delong_gain(y[order], np.exp(challenger[order]), 8 * champion[order] - 3)

    assert other.value == gain.value
    assert other.standard_error == pytest.approx(gain.standard_error, abs=1e-12)


@pytest.mark.parametrize("challenger", [[1.0] * 6, [1, 2, 3, 4, 5, 6]])
def test_the_same_ranks_or_all_ties_prove_nothing(challenger):
    y = [0, 0, 0, 1, 1, 1]

    same = delong_gain(y, challenger, np.array(challenger) * 2)

    assert (same.value, same.standard_error, same.p_value()) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("y", "challenger", "message"),
    [
        ([], [], "0 positive and 0 negative rows"),
        ([1, 1, 1], [1, 2, 3], "3 positive and 0 negative rows; a ROC curve needs at least one of each"),
        ([0, 1, 1], [1, 2, 3], "2 positive and 1 negative rows; a variance needs at least two of each"),
        ([0, 0, 1, 1], [1, 2, 3, np.nan], "challenger scores hold 1 NaN or infinite of 4 values"),
        ([0, 0, 1, 1], [1, 2, 3], "3 challenger scores for 4 labels; allowed: one for each"),
    ],
)
def test_bad_rows_are_named(y, challenger, message):
    with pytest.raises(DataError, match=message):
        delong_gain(y, challenger, challenger)


def test_a_model_that_is_no_better_is_found_better_as_rarely_as_alpha_says():
    """300 rows, a fifth of them positive; both models see the same signal and their own noise."""
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(1500):
        y = rng.random(300) < 0.2
        scores = y + rng.normal(size=300) + rng.normal(size=(2, 300))
        p_values.append(delong_gain(y, *scores).p_value())

    assert 0.035 < np.mean(np.array(p_values) < 0.05) < 0.065
