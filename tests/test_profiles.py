"""Profiles: what one window's columns look like, mergeable."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ct_components.errors import DataError, SourceError
from ct_components.profiles import (
    CategoricalProfile,
    NumericProfile,
    OtherProfile,
    from_json,
    merge,
    profile_dataset,
    to_json,
)
from ct_components.profiles import build as profiling
from ct_components.statistics.drift.bins import BINS


@pytest.fixture
def profile(tmp_path):
    """Returns the profile of columns given as lists or Arrow arrays."""

    def profile(numeric=None, categorical=None, others=None, edges=None):
        groups = [numeric or {}, categorical or {}, others or {}]
        table = pa.table({name: values for group in groups for name, values in group.items()})
        pq.write_table(table, tmp_path / "a.parquet")
        return profile_dataset(tmp_path / "a.parquet", *map(list, groups), edges)

    return profile


class TestNumeric:
    def test_counts_what_is_missing_and_infinite_apart(self, profile):
        values = pa.array([1.0, None, float("nan"), float("inf"), float("-inf"), None])
        column = profile({"x": values}).columns["x"]
        assert (column.count, column.nulls, column.nan, column.infinities) == (6, 2, 1, 2)
        assert (column.finite, column.missing) == (1, 3)

    def test_moments_and_extremes_are_of_the_finite_values(self, profile):
        column = profile({"x": pa.array([1.0, 2.0, 6.0, None, float("inf")])}).columns["x"]
        assert (column.mean, column.m2, column.minimum, column.maximum) == (3.0, 14.0, 1.0, 6.0)
        assert column.deviation == math.sqrt(7)

    def test_integers_booleans_and_decimals_are_numbers(self, profile):
        numbers = {
            "i": [1, 3],
            "b": [True, False],
            "d": pa.array([1, 3]).cast(pa.decimal128(22, 3)),
        }
        found = profile(numbers)
        assert [found.columns[name].mean for name in "ibd"] == [2.0, 0.5, 2.0]

    @pytest.mark.parametrize("values", [[None, None], [float("nan")], []])
    def test_nothing_finite_gives_no_moments_and_no_bins(self, profile, values):
        column = profile({"x": pa.array(values, pa.float64())}).columns["x"]
        assert (column.mean, column.m2, column.minimum, column.deviation) == (None, None, None, None)
        assert (column.edges, column.counts) == ((), (0,))

    def test_the_mean_of_a_small_spread_far_from_zero_is_stable(self, profile):
        column = profile({"x": [1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]}).columns["x"]
        assert column.m2 == 2.0

    def test_the_largest_floats_do_not_overflow(self, profile):
        column = profile({"x": [1.7e308, -1.7e308, 1.7e308]}).columns["x"]
        assert column.mean == pytest.approx(1.7e308 / 3)
        assert math.isfinite(column.m2)
        assert from_json(to_json(profile({"x": [1.7976931348623157e308] * 3}))).rows == 3


class TestHistogram:
    def test_the_reference_has_nothing_in_its_outer_bins(self, profile):
        column = profile({"x": np.random.default_rng(0).normal(size=10_000)}).columns["x"]
        assert len(column.edges) == BINS + 1
        assert column.counts[0] == column.counts[-1] == 0
        assert sum(column.counts) == 10_000
        assert max(column.counts[1:-1]) < 1.1 * 10_000 / BINS

    def test_values_beyond_the_reference_fall_in_the_outer_bins(self, profile):
        reference = profile({"x": [0.0, 1.0, 2.0, 3.0]})
        current = profile({"x": [-0.5, 0.0, 3.0, 3.5, 100.0]}, edges=reference.edges)
        counts = current.columns["x"].counts
        assert (counts[0], counts[-1]) == (1, 2)
        assert sum(counts) == 5

    def test_a_value_that_fills_bins_has_one_of_its_own(self, profile):
        values = np.concatenate([np.zeros(500), np.linspace(1, 2, 500)])
        column = profile({"x": values}).columns["x"]
        bins = list(zip(column.edges[:-1], column.edges[1:], column.counts[1:-1], strict=True))
        assert bins[0] == (0.0, np.nextafter(0, 1), 500)
        assert len(bins) <= BINS

    @pytest.mark.parametrize("values", [[5.0], [5.0] * 1000, [0.0, -0.0]])
    def test_a_constant_has_one_bin(self, profile, values):
        column = profile({"x": values}).columns["x"]
        assert column.counts == (0, len(values), 0)

    def test_a_frequent_maximum_is_inside(self, profile):
        column = profile({"x": np.concatenate([np.linspace(0, 1, 100), np.full(100, 9.0)])}).columns["x"]
        assert column.counts[-1] == 0
        assert column.counts[-2] == 100

    def test_edges_given_for_some_columns_hold_for_these(self, profile):
        found = profile({"x": [1.0, 2.0], "y": [1.0, 2.0]}, edges={"x": [0.0, 10.0]})
        assert found.columns["x"].edges == (0.0, 10.0)
        assert found.columns["x"].counts == (0, 2, 0)
        assert found.columns["y"].edges[0] == 1.0

    def test_edges_outlive_a_column_of_nulls(self, profile):
        reference = profile({"x": pa.nulls(3, pa.float64())})
        current = profile({"x": [1.0, 2.0]}, edges=reference.edges)
        assert current.columns["x"].counts == (2,)


class TestCategorical:
    def test_counts_categories_and_nulls(self, profile):
        column = profile(categorical={"c": ["UA", "AA", "UA", None, ""]}).columns["c"]
        assert column == CategoricalProfile(5, 1, {"UA": 2, "": 1, "AA": 1}, 0)

    def test_the_most_frequent_thousand_are_kept_and_the_rest_counted(self, profile):
        values = [f"c{i}" for i in range(1500)] + ["c1499"] * 3
        column = profile(categorical={"c": values}).columns["c"]
        assert len(column.categories) == 1000
        assert next(iter(column.categories)) == "c1499"
        assert column.other == 500
        assert sum(column.categories.values()) + column.other == column.count

    def test_a_column_of_ids_does_not_fill_the_memory(self, profile, monkeypatch):
        monkeypatch.setattr(profiling, "_BATCH", 1000)
        monkeypatch.setattr(profiling, "_MOST_COUNTED", 2000)
        column = profile(categorical={"c": [str(i) for i in range(5000)]}).columns["c"]
        assert len(column.categories) == 1000
        assert column.other == 4000


class TestRoles:
    def test_other_columns_are_counted_with_their_type(self, profile):
        found = profile(others={"id": ["a", None]})
        assert found.columns["id"] == OtherProfile(2, 1, "string")

    def test_a_type_that_does_not_fit_its_role_is_left_to_the_caller(self, profile):
        found = profile(numeric={"x": ["text"]}, categorical={"c": [[1, 2]]})
        assert [column.kind for column in found.columns.values()] == ["other", "other"]

    def test_a_missing_column_is_named(self, profile, tmp_path):
        profile({"x": [1]})
        with pytest.raises(SourceError, match=r"has no column 'y'.*; available: 'x'"):
            profile_dataset(tmp_path / "a.parquet", ["y"], [])

    def test_more_columns_and_batches_than_are_read_at_once(self, profile, monkeypatch):
        monkeypatch.setattr(profiling, "_BATCH", 7)
        columns = {f"x{i}": np.arange(100.0) + i for i in range(9)}
        whole = profile(columns)
        again = profile(columns, edges=whole.edges)
        assert list(again.columns) == list(whole.columns)
        assert again.columns["x8"].counts == whole.columns["x8"].counts
        assert again.columns["x8"].mean == pytest.approx(57.5)


finite = st.floats(allow_nan=False, width=32) | st.none() | st.just(float("nan"))
letters = st.sampled_from(["a", "b", "c", ""]) | st.none()
rows = st.lists(st.tuples(finite, letters), max_size=30)


def _profiled(path, part):
    numbers, texts = [x for x, _ in part], [c for _, c in part]
    pq.write_table(pa.table({"x": pa.array(numbers, pa.float64()), "c": pa.array(texts, pa.string())}), path)
    return profile_dataset(path, ["x"], ["c"], edges={"x": [-10.0, 0.0, np.nextafter(0.0, 1.0), 1e6]})


def _same(one, other):
    """Returns whether they are equal, moments up to rounding."""
    x, y = one.columns["x"], other.columns["x"]
    assert replace(x, mean=None, m2=None) == replace(y, mean=None, m2=None)
    scale = max(abs(x.minimum or 0), abs(x.maximum or 0))
    for this, that, unit in ((x.mean, y.mean, scale), (x.m2, y.m2, scale**2 * max(x.count, 1))):
        assert (this is None) == (that is None)
        assert this is None or this == pytest.approx(that, rel=1e-9, abs=1e-12 * unit)
    assert one.columns["c"] == other.columns["c"]
    assert one.rows == other.rows


class TestMerge:
    @settings(max_examples=60, deadline=None)
    @given(one=rows, other=rows)
    def test_the_merge_of_parts_is_the_profile_of_the_whole(self, one, other, tmp_path_factory):
        path = tmp_path_factory.getbasetemp() / "merge.parquet"
        parts = merge(_profiled(path, one), _profiled(path, other))
        _same(parts, _profiled(path, one + other))

    @settings(max_examples=30, deadline=None)
    @given(one=rows, other=rows, third=rows)
    def test_order_and_grouping_do_not_matter(self, one, other, third, tmp_path_factory):
        path = tmp_path_factory.getbasetemp() / "order.parquet"
        a, b, c = (_profiled(path, part) for part in (one, other, third))
        _same(merge(merge(a, b), c), merge(a, merge(c, b)))

    def test_the_windows_are_joined(self, profile):
        one = replace(profile({"x": [1.0]}, edges={"x": [0.0]}), window=("2013-04-02", "2013-04-03"))
        other = replace(one, window=("2013-04-01", "2013-04-02"))
        assert merge(one, other).window == ("2013-04-01", "2013-04-03")
        assert merge(one, replace(one, window=None)).window is None

    def test_moments_of_the_largest_floats_stay_finite(self, profile):
        low, high = (profile({"x": [sign * 1.7e308]}, edges={"x": [0.0]}) for sign in (-1, 1))
        column = merge(low, high).columns["x"]
        assert column.mean == 0.0
        assert math.isfinite(column.m2)

    def test_categories_beyond_the_thousand_stay_counted(self, profile):
        one = profile(categorical={"c": [f"a{i}" for i in range(800)]})
        other = profile(categorical={"c": [f"b{i}" for i in range(800)]})
        column = merge(one, other).columns["c"]
        assert (len(column.categories), column.other, column.count) == (1000, 600, 1600)

    def test_other_edges_are_refused(self, profile):
        one, other = (profile({"x": [1.0]}, edges={"x": edges}) for edges in ([0.0], [0.0, 1.0]))
        with pytest.raises(DataError, match=r"column 'x' have different histogram edges \(1 and 2\)"):
            merge(one, other)

    def test_another_version_is_refused(self, profile):
        one = profile({"x": [1.0]})
        with pytest.raises(DataError, match="versions 1 and 2"):
            merge(one, replace(one, version=2))

    def test_other_columns_or_kinds_are_refused_by_name(self, profile):
        with pytest.raises(DataError, match=r"'x' \(numeric\), 'y' \(numeric\)"):
            merge(profile({"x": [1.0]}), profile({"y": [1.0]}))
        with pytest.raises(DataError, match=r"'x' \(categorical\), 'x' \(numeric\)"):
            merge(profile({"x": [1.0]}), profile(categorical={"x": [1.0]}))

    def test_other_types_are_refused(self, profile):
        with pytest.raises(DataError, match="types int64 and string"):
            merge(profile(others={"id": [1]}), profile(others={"id": ["a"]}))


class TestJson:
    def test_survives_exactly(self, profile):
        found = profile(
            {"x": pa.array([0.1, 1 / 3, None, float("inf")]), "n": pa.nulls(4, pa.float64())},
            {"c": ["Flüge", None, "", '"']},
            {"id": [1, 2, 3, 4]},
        )
        found = replace(found, window=("2013-04-01T00:00:00+00:00", "2013-05-01T00:00:00+00:00"))
        assert from_json(to_json(found)) == found
        assert isinstance(from_json(to_json(found)).columns["x"], NumericProfile)

    def test_has_no_nan_or_infinity(self, profile):
        text = to_json(profile({"x": [float("nan"), float("inf")]}))
        assert "NaN" not in text
        assert "Infinity" not in text

    def test_another_version_is_refused(self, profile):
        text = to_json(profile({"x": [1.0]})).replace('"version": 1', '"version": 7')
        with pytest.raises(DataError, match="version 7; allowed: 1"):
            from_json(text)

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', "null"])
    def test_something_else_is_refused(self, text):
        with pytest.raises(DataError, match="not a profile"):
            from_json(text)
