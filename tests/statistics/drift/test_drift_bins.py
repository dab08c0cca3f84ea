"""Bins: what lies outside, is missing or was never seen has a bin of its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_components.errors import DataError
from ct_components.statistics.drift.bins import (
    Bins,
    as_counts,
    as_edges,
    categorical_bins,
    numeric_bins,
    quantile_edges,
)

NUMBERS = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=80)


@given(NUMBERS, NUMBERS, st.integers(1, 40))
def test_every_row_is_counted_once_and_the_reference_leaves_the_outer_bins_empty(reference, current, bins):
    counted = numeric_bins(reference, current, quantile_edges(reference, bins))

    assert counted.reference_rows == len(reference)
    assert counted.current_rows == len(current)
    assert not counted.reference[counted.outer].any()


def test_quantiles_share_the_rows_out_evenly():
    counts = numeric_bins(np.arange(3200.0), [0.0]).reference

    assert counts.size == 32 + 3
    assert set(counts[1:-2]) <= {99, 100, 101}


def test_an_atom_has_a_bin_of_its_own():
    values = np.concatenate([np.zeros(500), np.linspace(1, 2, 500)])
    bins = numeric_bins(values, np.full(10, 1e-9))

    assert bins.reference[1] == 500
    assert bins.current[1] == 0


def test_what_lies_beyond_the_reference_and_what_is_missing_is_apart():
    bins = numeric_bins([1.0, 2.0, 3.0], [0.5, 1.0, 3.0, 3.5, np.nan, np.inf])

    assert (bins.current[0], bins.current[-2], bins.current[-1]) == (1, 1, 2)
    assert bins.missing_shares == (0.0, 2 / 6)


def test_a_reference_without_numbers_has_one_bin_for_all_numbers():
    bins = numeric_bins([np.nan, np.nan], [1.0, 2.0])

    assert (bins.reference.tolist(), bins.current.tolist()) == ([0, 2], [2, 0])


def test_unseen_categories_fall_together_and_into_the_rest_that_was_counted_together():
    bins = categorical_bins({"a": 5}, {"a": 1, "b": 2, "c": 3}, missing=(1, 4), other=(2, 10))

    assert bins.reference.tolist() == [5, 2, 1]
    assert bins.current.tolist() == [1, 15, 4]


def test_categories_seen_once_lend_a_discount_to_the_unseen():
    assert categorical_bins({"a": 5, "b": 2, "c": 1}, {}).discount == 1 / 3
    assert categorical_bins({"a": 5, "b": 2}, {}).discount == 0
    assert categorical_bins({"a": 1, "b": 1}, {}).discount == 0.95


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, -1], "-1.0 in bin 1"),
        ([1, float("nan")], "nan in bin 1"),
        ([1.5, 1], "1.5 in bin 0"),
        ([float("inf"), 1], "inf in bin 0"),
        ([1], r"shape \(1,\)"),
        ([], r"shape \(0,\)"),
        ([[1, 2]], r"shape \(1, 2\)"),
        (["a", "b"], "type <U1"),
    ],
)
def test_counts_that_are_none_are_refused(counts, message):
    with pytest.raises(DataError, match=message):
        as_counts(counts, "counts")


def test_unequal_shapes_are_refused():
    good = np.array([1, 2])
    with pytest.raises(DataError, match=r"current counts have the shape \(3,\); allowed: \(2,\)"):
        Bins(good, np.array([1, 2, 3]), np.zeros(2, dtype=bool))
    with pytest.raises(DataError, match="outer has the shape"):
        Bins(good, good, np.zeros(3, dtype=bool))
    with pytest.raises(DataError, match="discount is 1"):
        Bins(good, good, np.zeros(2, dtype=bool), discount=1.0)


def test_edges_and_values_that_are_none_are_refused():
    for edges in ([1.0, 1.0], [2.0, 1.0], [0.0, np.nan], [0.0, np.inf]):
        with pytest.raises(DataError, match="rising"):
            as_edges(edges)
    with pytest.raises(DataError, match="values are no numbers"):
        numeric_bins(["text"], [1.0])
    with pytest.raises(DataError, match="number of bins is 0"):
        quantile_edges([1.0], bins=0)
