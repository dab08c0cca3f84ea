"""The daily profiles of a reference: merged, they are the whole."""

import json
import math
from datetime import UTC, datetime, timedelta
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ct_components.datasets import select_rows, write_dataset
from ct_components.errors import DataError
from ct_components.profiles import (
    CategoricalProfile,
    NumericProfile,
    days_from_json,
    days_to_json,
    from_json,
    merge,
    profile_dataset,
    profile_days,
    reference_from_json,
    reference_to_json,
    to_json,
)
from ct_components.windows import Window

ZONE = "America/New_York"
START = datetime(2013, 3, 9, 5, tzinfo=UTC)  # midnight; clocks are set forward on the 10th
WINDOW = Window(START, START + timedelta(days=4))

rows = st.lists(
    st.tuples(
        st.integers(0, 4 * 24 * 60 - 1),
        st.one_of(st.none(), st.floats(allow_infinity=True, width=32)),
        st.one_of(st.none(), st.sampled_from(["EWR", "JFK", "LGA"])),
    ),
    min_size=1,
    max_size=60,
)


def dataset(path, found, window=WINDOW):
    """A dataset of rows (minute since the start, number, category), as fetch_data writes it."""
    source = path.with_suffix(".source.parquet")
    at = [START + timedelta(minutes=minute) for minute, _, _ in found]
    table = {
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "x": pa.array([number for _, number, _ in found], pa.float64()),
        "origin": pa.array([category for _, _, category in found], pa.string()),
    }
    pq.write_table(pa.table(table), source)
    write_dataset(select_rows([source], window, ["x", "origin"], "at", ZONE), path)
    return path


def profiled(path):
    whole = profile_dataset(path, ["x"], ["origin"])
    return whole, profile_days(path, whole, ZONE)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_the_days_merged_are_the_whole(tmp_path, found):
    whole, days = profiled(dataset(tmp_path / "a.parquet", found))

    merged = reduce(merge, days)

    assert merged.rows == whole.rows
    assert merged.columns["origin"] == whole.columns["origin"]
    one, other = merged.columns["x"], whole.columns["x"]
    assert isinstance(one, NumericProfile)
    exact = ("count", "nulls", "nan", "infinities", "minimum", "maximum", "edges", "counts")
    assert [getattr(one, name) for name in exact] == [getattr(other, name) for name in exact]
    for name in ("mean", "m2"):
        value, expected = getattr(one, name), getattr(other, name)
        if expected is None:
            assert value is None
        else:
            scale = max(abs(other.minimum), abs(other.maximum)) ** (1 if name == "mean" else 2)
            assert math.isclose(value, expected, rel_tol=1e-6, abs_tol=min(1e-6 * scale, 1e300))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_json_keeps_days_exactly(tmp_path, found):
    whole, days = profiled(dataset(tmp_path / "a.parquet", found))

    assert days_from_json(days_to_json(days)) == tuple(days)
    assert reference_from_json(reference_to_json(whole, days)) == (whole, tuple(days))
    assert from_json(reference_to_json(whole, days)) == whole
    assert reference_from_json(to_json(whole)) == (whole, ())


def test_days_are_those_of_the_zones_clock_and_cut_at_the_window(tmp_path):
    window = Window(START + timedelta(hours=2), START + timedelta(days=2, hours=3))
    found = [(60 * hour, float(hour), "EWR") for hour in range(72)]

    _, days = profiled(dataset(tmp_path / "a.parquet", found, window))

    assert [day.window for day in days] == [
        ("2013-03-09T07:00:00+00:00", "2013-03-10T05:00:00+00:00"),
        ("2013-03-10T05:00:00+00:00", "2013-03-11T04:00:00+00:00"),  # 23 hours
        ("2013-03-11T04:00:00+00:00", "2013-03-11T08:00:00+00:00"),
    ]
    assert [day.rows for day in days] == [22, 23, 4]


def test_rows_need_not_be_sorted_and_a_day_without_rows_has_no_profile(tmp_path):
    found = [(minute, float(minute), "EWR") for minute in (10, 4000, 20, 4100, 30)]

    _, days = profiled(dataset(tmp_path / "a.parquet", found))

    assert [(day.rows, day.columns["x"].minimum, day.columns["x"].maximum) for day in days] == [
        (3, 10.0, 30.0),
        (2, 4000.0, 4100.0),
    ]


def test_many_batches_give_what_one_gives(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    found = [(int(minute), float(minute), "JFK") for minute in rng.integers(0, 4 * 24 * 60, 500)]
    path = dataset(tmp_path / "a.parquet", found)
    _, at_once = profiled(path)
    monkeypatch.setattr("ct_components.profiles.build._BATCH", 7)

    whole, days = profiled(path)

    assert [day.rows for day in days] == [day.rows for day in at_once]
    assert [day.columns["x"].counts for day in days] == [day.columns["x"].counts for day in at_once]
    assert sum(day.rows for day in days) == whole.rows == 500


def test_only_the_columns_asked_for_are_profiled(tmp_path):
    path = dataset(tmp_path / "a.parquet", [(10, 1.0, "EWR")])
    whole = profile_dataset(path, ["x"], ["origin"])

    [day] = profile_days(path, whole, ZONE, ["origin"])

    assert list(day.columns) == ["origin"]
    assert isinstance(day.columns["origin"], CategoricalProfile)


def test_a_file_that_names_no_timestamp_has_no_days(tmp_path):
    pq.write_table(pa.table({"x": [1.0, 2.0]}), tmp_path / "a.parquet")
    whole = profile_dataset(tmp_path / "a.parquet", ["x"], [])

    assert profile_days(tmp_path / "a.parquet", whole, ZONE) == []


def test_edges_are_written_once(tmp_path):
    found = [(minute, float(minute), "EWR") for minute in range(0, 4 * 24 * 60, 10)]
    _, days = profiled(dataset(tmp_path / "a.parquet", found))

    text = days_to_json(days)

    assert text.count('"edges"') == 1
    assert len(days) == 5  # the last hour of four times 24, as one day has 23
    assert len(text) < len(to_json(days[0])) * 3


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1}', '{"version": 9, "columns": {}, "days": []}']
)
def test_what_is_no_days_is_refused(text):
    with pytest.raises(DataError, match="daily profiles"):
        days_from_json(text)


def test_days_of_columns_that_are_not_described_are_refused():
    day = {"rows": 1, "window": None, "columns": {"x": [1]}}

    with pytest.raises(DataError, match="no daily profiles"):
        days_from_json(json.dumps({"version": 1, "columns": {}, "days": [day]}))
