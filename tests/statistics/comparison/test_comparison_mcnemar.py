"""McNemar's test against published tables, statsmodels and plain enumeration."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats import contingency_tables

from ct_components.errors import DataError
from ct_components.statistics.comparison.mcnemar import (
    PairedCounts,
    as_decisions,
    mcnemar,
    paired_counts,
)

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""

tables = st.builds(PairedCounts, *[st.integers(0, 60)] * 4)


def tails(b, c):
    """Returns P(X >= b) and P(X = b) of b + c fair coins, by counting them."""
    ways = [math.comb(b + c, heads) for heads in range(b + c + 1)]
    return sum(ways[b:]) / 2 ** (b + c), ways[b] / 2 ** (b + c)


@pytest.mark.parametrize(
    ("counts", "mid_p", "exact", "asymptotic"),
    [
        # Fagerland, Lydersen & Laake (2013), airway hyper-responsiveness before and after transplantation.
        (PairedCounts(1, 1, 7, 12), 0.039, 0.070, 0.034),
        # Fagerland, Lydersen & Laake (2017), chapter 8, complete response before and after consolidation.
        (PairedCounts(59, 6, 16, 80), 0.034690, 0.052479, 0.033006),
    ],
)
def test_two_sided_p_values_are_the_published_ones(counts, mid_p, exact, asymptotic):
    test = mcnemar(counts)

    digits = 3 if mid_p == 0.039 else 6
    assert round(test.mid_p_two_sided, digits) == mid_p
    assert round(test.exact_two_sided, digits) == exact
    assert round(test.asymptotic_two_sided, digits) == asymptotic


@unhurried
@given(tables.filter(lambda counts: counts.discordant > 0))
def test_exact_and_asymptotic_tests_agree_with_statsmodels(counts):
    table = [[counts.both, counts.challenger], [counts.champion, counts.neither]]

    test = mcnemar(counts)

    exact = contingency_tables.mcnemar(table, exact=True).pvalue
    asymptotic = contingency_tables.mcnemar(table, exact=False, correction=False).pvalue
    assert test.exact_two_sided == pytest.approx(exact, rel=1e-9)
    assert test.asymptotic_two_sided == pytest.approx(asymptotic, rel=1e-9)


@unhurried
@given(tables.filter(lambda counts: counts.discordant > 0))
def test_mid_p_counts_half_of_the_tables_own_probability(counts):
    at_least, exactly = tails(counts.challenger, counts.champion)

    test = mcnemar(counts)

    assert test.exact == pytest.approx(at_least, rel=1e-12)
    assert test.mid_p == pytest.approx(at_least - exactly / 2, rel=1e-12)
    if counts.challenger != counts.champion:
        smaller = min(test.mid_p, 1 - test.mid_p)
        assert test.mid_p_two_sided == pytest.approx(2 * smaller, rel=1e-9)
    else:
        assert test.mid_p_two_sided == pytest.approx(1 - exactly / 2, rel=1e-12)


@unhurried
@given(tables.filter(lambda counts: counts.discordant > 0))
def test_exchanging_the_models_turns_the_one_sided_test_round(counts):
    swapped = PairedCounts(counts.both, counts.champion, counts.challenger, counts.neither)

    test, other = mcnemar(counts), mcnemar(swapped)

    assert test.mid_p + other.mid_p == pytest.approx(1)
    assert test.asymptotic + other.asymptotic == pytest.approx(1)
    assert test.mid_p_two_sided == other.mid_p_two_sided
    assert test.exact_two_sided == other.exact_two_sided


@unhurried
@given(tables)
def test_p_values_are_probabilities_and_the_mid_one_is_below_the_exact_one(counts):
    test = mcnemar(counts)

    for one, two in (
        (test.mid_p, test.mid_p_two_sided),
        (test.exact, test.exact_two_sided),
        (test.asymptotic, test.asymptotic_two_sided),
    ):
        assert 0 < one <= 1
        assert 0 < two <= 1
    assert test.mid_p <= test.exact
    assert test.mid_p_two_sided <= test.exact_two_sided


def test_without_a_discordant_row_nothing_is_proven():
    test = mcnemar(PairedCounts(both=7, challenger=0, champion=0, neither=3))

    assert {value for key, value in test.to_dict().items() if key != "counts"} == {1.0}


def test_a_million_rows_keep_their_digits_far_out_in_the_tail():
    """The normal tail is near there, and the p-value is no difference of numbers near 1."""
    test = mcnemar(PairedCounts(both=890_000, challenger=51_500, champion=48_500, neither=10_000))

    assert 1e-22 < test.mid_p < 1e-20
    assert test.mid_p == pytest.approx(test.asymptotic, rel=0.01)


def test_equal_models_are_found_different_as_rarely_as_alpha_says():
    """The mid-p test under the null, by its exact law: 40 discordant rows, all tables."""
    weights = [math.comb(40, b) / 2**40 for b in range(41)]

    found = sum(w for b, w in enumerate(weights) if mcnemar(PairedCounts(9, b, 40 - b, 9)).mid_p < 0.05)

    assert 0.02 < found < 0.05


def test_counts_come_from_decisions_of_any_number_of_classes():
    y, challenger, champion = [0, 1, 2, 2, 1], [0, 1, 2, 0, 0], [0, 0, 1, 2, 0]

    assert paired_counts(y, challenger, champion) == PairedCounts(1, 2, 1, 1)


@unhurried
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=40))
def test_counts_of_two_classes_are_those_of_a_loop(rows):
    y, new, old = np.array(rows, dtype=bool).reshape(-1, 3).T

    counts = paired_counts(y, new.astype(int), old)

    assert counts.both == sum(bool(t == a == b) for t, a, b in rows)
    assert counts.challenger == sum(bool(t == a != b) for t, a, b in rows)
    assert counts.champion == sum(bool(t == b != a) for t, a, b in rows)
    assert counts.n == len(rows)


@pytest.mark.parametrize(
    ("y", "challenger", "champion", "message"),
    [
        ([True], [True, False], [True], "2 challenger decisions for 1 labels; allowed: one for each"),
        ([True], [True], [], "0 champion decisions for 1 labels"),
        ([1], [1], [np.nan], "champion decisions are of type float64; allowed: booleans and whole numbers"),
        ([[1]], [1], [1], r"labels have the shape \(1, 1\); allowed: one dimension"),
        ([True, False], [2, 0], [1, 0], "challenger decisions hold 2; allowed for two classes: 0, 1, False"),
    ],
)
def test_bad_decisions_are_named(y, challenger, champion, message):
    with pytest.raises(DataError, match=message):
        paired_counts(y, challenger, champion)


@pytest.mark.parametrize("count", [-1, 0.5, math.nan, math.inf])
def test_a_count_that_is_none_is_refused(count):
    with pytest.raises(DataError, match=rf"count of champion is {count}; allowed: 0, 1, 2 and so on"):
        PairedCounts(both=1, challenger=1, champion=count, neither=1)


def test_a_report_holds_jsons_own_types():
    report = json.loads(json.dumps(mcnemar(PairedCounts(1, 7, 1, 12)).to_dict(), allow_nan=False))

    assert report["counts"] == {"both": 1, "challenger": 7, "champion": 1, "neither": 12}


def test_decisions_that_are_booleans_are_taken_as_they_are():
    flags = np.array([True, False])

    assert as_decisions(flags, "decisions") is flags
