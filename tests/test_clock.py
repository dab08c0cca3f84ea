"""Wall clocks: the same as zoneinfo's, for any instant and zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ct_components.clock import local_days, to_utc

ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
]
times = st.lists(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2030, 1, 1)), min_size=1, max_size=20
)


def microseconds(values: list[datetime]) -> np.ndarray:
    return np.array(values, dtype="datetime64[us]")


@given(times, st.sampled_from(ZONES))
def test_days_are_those_of_the_zone(values, zone):
    days = local_days(microseconds(values), zone)

    assert days.tolist() == [
        value.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date().isoformat() for value in values
    ]


@given(times, st.sampled_from(ZONES))
def test_naive_times_become_the_instants_that_datetime_gives(values, zone):
    instants = to_utc(microseconds(values), zone)

    expected = [value.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None) for value in values]
    assert instants.tolist() == expected


def test_every_minute_around_both_changes_of_a_year_is_right():
    zone = "America/New_York"
    for change in (datetime(2013, 3, 10), datetime(2013, 11, 3)):
        values = [change + timedelta(minutes=minute) for minute in range(-60, 300)]

        instants = to_utc(microseconds(values), zone)

        expected = [
            value.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None) for value in values
        ]
        assert instants.tolist() == expected


def test_no_instants_have_no_days():
    none = microseconds([])

    assert local_days(none, "Europe/Berlin").tolist() == []
    assert to_utc(none, "Europe/Berlin").tolist() == []
