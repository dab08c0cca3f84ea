"""Drift between profiles: the same verdict as from rows, however the profiles were merged."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ct_components.errors import DataError
from ct_components.profiles import OtherProfile, Profile, merge, profile_dataset
from ct_components.profiles.compare import compare, compared, window_of
from ct_components.statistics.drift.bins import quantile_edges
from ct_components.statistics.drift.settings import Drift, Reason, Verdict

START = datetime(2013, 4, 1)
DAY = timedelta(days=1)


@pytest.fixture
def profile(tmp_path):
    """Returns the profile of rows with one numeric and one categorical column."""

    def profile(rows, edges=None, window=None, **columns):
        rng = np.random.default_rng(rows)
        x = columns.pop("x", rng.normal(size=rows))
        c = columns.pop("c", rng.choice(["UA", "AA", "DL"], size=rows, p=[0.5, 0.3, 0.2]))
        pq.write_table(pa.table({"x": x, "c": c, **columns}), tmp_path / "rows.parquet")
        found = profile_dataset(tmp_path / "rows.parquet", ["x"], ["c"], list(columns), edges)
        return Profile(found.rows, window and tuple(map(datetime.isoformat, window)), found.columns)

    return profile


def daily(profile, edges, days, shift=0.0):
    """Returns profiles of days whose mean and mixture change from one to the next."""
    rng = np.random.default_rng(8)
    return [
        profile(
            400,
            edges,
            (START + DAY * day, START + DAY * (day + 1)),
            x=rng.normal(shift + 0.5 * rng.normal(), 1, 400),
        )
        for day in range(days)
    ]


def test_the_same_rows_are_no_drift_and_shifted_ones_are(profile):
    reference = profile(5000)
    same, shifted = (
        profile(2000, reference.edges),
        profile(2001, reference.edges, x=np.random.default_rng(1).normal(1, 1, 2001)),
    )

    assert compare(reference, same, Drift()).verdict is Verdict.NO_DRIFT
    found = compare(reference, shifted, Drift())
    assert (found.verdict, [f.kind for f in found.features]) == (Verdict.DRIFT, ["numeric", "categorical"])
    assert compare(reference, shifted, Drift(), names=["c"]).verdict is Verdict.NO_DRIFT


def test_merged_profiles_give_the_whole_ones_verdict(profile):
    rng = np.random.default_rng(4)
    reference, x, c = profile(5000), rng.normal(0.5, 1, 2400), rng.choice(["UA", "XX"], size=2400)
    whole = profile(2400, reference.edges, x=x, c=c)
    parts = [profile(800, reference.edges, x=x[s], c=c[s]) for s in np.split(np.arange(2400), 3)]

    merged = merge(merge(parts[0], parts[1]), parts[2])

    assert compare(reference, merged, Drift()) == compare(reference, whole, Drift())


def test_a_column_that_is_gone_or_of_another_kind_is_broken(profile):
    reference, current = profile(5000), profile(2000, profile(5000).edges)
    gone = Profile(current.rows, None, {"c": current.columns["c"]})
    other = Profile(current.rows, None, {**current.columns, "x": OtherProfile(2000, 0, "string")})

    for broken, words in [(gone, "x is gone"), (other, "x was numeric and is string")]:
        detection = compare(reference, broken, Drift())
        assert (detection.verdict, detection.reason) == (Verdict.BROKEN, Reason.SCHEMA)
        assert words in detection.explanation
    assert compare(reference, gone, Drift(), names=["c"]).verdict is Verdict.NO_DRIFT


def test_nulls_and_another_unit_are_broken(profile):
    reference = profile(5000, x=np.random.default_rng(0).normal(50, 5, 5000))
    rng = np.random.default_rng(1)
    nulls = profile(
        2000, reference.edges, x=pa.array([None if i % 4 == 0 else 50.0 + i % 7 for i in range(2000)])
    )
    inches = profile(2000, reference.edges, x=25.4 * rng.normal(50, 5, 2000))

    assert compare(reference, nulls, Drift()).reason is Reason.MISSING_VALUES
    assert compare(reference, inches, Drift()).reason is Reason.UNIT_CHANGE


def test_infinite_values_count_as_missing(profile):
    reference = profile(1000)
    current = profile(1000, reference.edges, x=np.where(np.arange(1000) < 30, np.inf, 0.0))

    assert compared(reference, current).features[0].bins.current[-1] == 30


def test_days_of_the_reference_say_what_is_usual(profile):
    edges = {"x": tuple(quantile_edges(np.random.default_rng(0).normal(0, 1.2, 5000)))}
    days = daily(profile, edges, 42)
    reference = days[0]
    for day in days[1:35]:
        reference = merge(reference, day)
    week = days[35]
    for day in days[36:]:
        week = merge(week, day)

    by_days = compare(reference, week, Drift(), days=days[:35][::-1])
    by_rows = compare(reference, week, Drift())

    assert [f.dependence for f in by_days.features] == ["days", "days"]
    assert [f.dependence for f in by_rows.features] == ["rows", "rows"]
    assert by_days.features[0].p_value > by_rows.features[0].p_value
    assert by_days == compare(reference, week, Drift(), days=days[:35])


def test_a_monday_is_compared_with_mondays(profile):
    edges = profile(5000).edges
    days = daily(profile, edges, 29)

    detection = compare(
        merge(days[0], days[1]), days[28], Drift(min_rows=100), days=days[:28], same_weekday=True
    )

    assert detection.reference_rows == 4 * 400


def test_an_hour_more_or_less_is_no_day_more(profile):
    """Seven days on New York's clocks are 169 hours when summer time ends, and its last Sunday 25."""
    edges = profile(5000).edges
    days = daily(profile, edges, 30)
    reference = days[0]
    for day in days[1:]:
        reference = merge(reference, day)
    week = datetime(2013, 10, 31, 4, tzinfo=UTC), datetime(2013, 11, 7, 5, tzinfo=UTC)
    current = profile(2800, edges, week)

    assert compare(reference, current, Drift(), days=days).features[0].dependence == "days"


@pytest.mark.parametrize("timezone", ["America/New_York", None])
def test_a_sunday_of_25_hours_is_compared_with_sundays_only(profile, timezone):
    edges = profile(5000).edges
    midnights = [datetime(2013, 10, 6, 4, tzinfo=UTC) + DAY * day for day in range(28)]
    days = [profile(400, edges, (midnight, midnight + DAY)) for midnight in midnights]
    sunday = profile(600, edges, (datetime(2013, 11, 3, 4, tzinfo=UTC), datetime(2013, 11, 4, 5, tzinfo=UTC)))

    detection = compare(days[0], sunday, Drift(min_rows=100), days=days, same_weekday=True, timezone=timezone)

    assert detection.reference_rows == 4 * 400


def test_weekdays_are_those_of_the_zone(profile):
    """Midnight in London is Sunday's last hour on a Monday of summer, in the universal time."""
    edges = profile(5000).edges
    midnight = datetime(2013, 3, 4, tzinfo=UTC)
    days = [profile(400, edges, (midnight, midnight + DAY))]
    start = datetime(2013, 4, 7, 23, tzinfo=UTC)
    monday = profile(600, edges, (start, start + DAY))

    whole, settings = profile(900, edges), Drift(min_rows=100)

    found = compare(whole, monday, settings, days=days, same_weekday=True, timezone="Europe/London")
    none = compare(whole, monday, settings, days=days, same_weekday=True)

    assert (found.reference_rows, none.reference_rows) == (400, 900)


def test_profiles_that_do_not_fit_are_refused(profile):
    reference = profile(1000)
    with pytest.raises(DataError, match="different histogram edges"):
        compare(reference, profile(900), Drift())
    with pytest.raises(DataError, match="columns to compare are y; the reference profiles x, c"):
        compare(reference, reference, Drift(), names=["y"])
    with pytest.raises(DataError, match="does not say its window"):
        compare(reference, reference, Drift(), days=[reference])
    with pytest.raises(DataError, match="ISO 8601"):
        window_of(Profile(0, ("monday", "tuesday"), {}))


def test_edges_are_the_profiles_own(profile):
    """Whoever holds rows gets the bins that a profile of them has."""
    rng = np.random.default_rng(0)
    for values in (
        rng.normal(size=1000),
        np.where(rng.random(1000) < 0.5, 0.0, rng.random(1000)),
        np.full(9, 2.0),
    ):
        assert profile(values.size, x=values).edges["x"] == tuple(quantile_edges(values))
