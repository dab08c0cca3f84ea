from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_components.errors import SpecError
from ct_components.spec import Duration

NEW_YORK = "America/New_York"
durations = st.builds(Duration, st.integers(0, 5000), st.sampled_from("mhdw"))
instants = st.datetimes(datetime(1970, 1, 1), datetime(2037, 1, 1)).map(
    lambda instant: instant.replace(tzinfo=UTC)
)


def local(*clock: int, fold: int = 0) -> datetime:
    return datetime(*clock, tzinfo=ZoneInfo(NEW_YORK), fold=fold)  # type: ignore[misc,arg-type]


@given(durations)
def test_text_and_duration_are_the_same(duration):
    assert Duration.parse(str(duration)) == duration


@pytest.mark.parametrize(
    "text", ["", "90", "d", "-1d", "1.5d", "90 d", "90D", "007d", "90d\n", "1y", "٣d", "36526d"]
)
def test_other_text_is_refused(text):
    with pytest.raises(SpecError, match="allowed: a duration such as 90d"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("1d", local(2013, 3, 11), local(2013, 3, 10)),  # 23 hours: the clocks went on
        ("1d", local(2013, 11, 4), local(2013, 11, 3)),  # 25 hours: they went back
        ("2w", local(2013, 3, 18), local(2013, 3, 4)),
        ("90d", local(2013, 4, 1), local(2013, 1, 1)),
        ("24h", local(2013, 3, 11), local(2013, 3, 9, 23)),
        ("30m", local(2013, 3, 10, 3), local(2013, 3, 10, 1, 30)),
    ],
)
def test_days_follow_the_clock_and_hours_do_not(text, start, expected):
    assert Duration.parse(text).subtract(start, NEW_YORK) == expected.astimezone(UTC)


def test_a_clock_time_that_was_skipped_is_moved_later():
    assert Duration(1, "d").subtract(local(2013, 3, 11, 2, 30), NEW_YORK) == local(2013, 3, 10, 3, 30)


def test_a_clock_time_that_came_twice_is_the_earlier():
    back = Duration(1, "d").subtract(local(2013, 11, 4, 1, 30), NEW_YORK)

    assert back == datetime(2013, 11, 3, 5, 30, tzinfo=UTC)


def test_nothing_taken_from_the_second_of_two_equal_clock_times_leaves_it():
    second = local(2013, 11, 3, 1, 30, fold=1)

    assert Duration(0, "d").subtract(second, NEW_YORK) == datetime(2013, 11, 3, 6, 30, tzinfo=UTC)


@given(durations, instants)
def test_results_are_utc_and_add_undoes_subtract_but_for_changed_clocks(duration, instant):
    before = duration.subtract(instant, NEW_YORK)

    assert before.tzinfo is UTC
    assert before <= instant
    assert abs(duration.add(before, NEW_YORK) - instant) <= timedelta(hours=1)


@given(durations, instants, instants)
def test_the_order_of_instants_is_kept(duration, one, other):
    early, late = sorted([one, other])

    # An hour that came twice, or was skipped, can fold at most that hour together.
    assert duration.subtract(early, NEW_YORK) <= duration.subtract(late, NEW_YORK) + timedelta(hours=1)


def test_leaving_the_calendar_is_refused():
    with pytest.raises(SpecError, match="leaves the calendar; allowed: years 1 to 9999"):
        Duration(36525, "d").subtract(datetime(50, 1, 1, tzinfo=UTC), "UTC")


@pytest.mark.parametrize(
    "name", ["", "Berlin", "America", "../UTC", "localtime", "posix/UTC", "/etc/localtime", "a\0b"]
)
def test_what_is_no_zone_is_refused_on_every_machine(name):
    with pytest.raises(SpecError, match="allowed: an IANA time zone"):
        Duration(1, "d").subtract(datetime(2013, 1, 1, tzinfo=UTC), name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("America/NewYork", "America/New_York"),
        ("berlin", "Europe/Berlin"),
        ("europe/london", "Europe/London"),
    ],
)
def test_a_misspelt_zone_is_answered_with_the_nearest(name, meant):
    with pytest.raises(SpecError, match=f"did you mean '{meant}'"):
        Duration(1, "d").subtract(datetime(2013, 1, 1, tzinfo=UTC), name)
