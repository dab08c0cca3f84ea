from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_components.errors import SpecError
from ct_components.spec import Duration
from ct_components.windows import Window, Windows, parse_as_of, plan_windows

NEW_YORK = "America/New_York"
NOW = datetime(2014, 1, 1, 12, 30, tzinfo=UTC)
NONE = Duration(0, "d")
FORTNIGHT = Duration(14, "d")


def midnight(month: int, day: int, year: int = 2013) -> datetime:
    return datetime(year, month, day, tzinfo=ZoneInfo(NEW_YORK)).astimezone(UTC)


def plan(as_of, *, embargo=NONE, delay=NONE, cutoff=None, holdout=FORTNIGHT) -> Windows:
    return plan_windows(
        as_of=as_of,
        timezone=NEW_YORK,
        train=Duration(90, "d"),
        holdout=holdout,
        embargo=embargo,
        label_delay=delay,
        champion_cutoff=cutoff,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", NOW),
        ("  ", NOW),
        ("2013-04-01", midnight(4, 1)),
        (" 2013-04-01 ", midnight(4, 1)),
        ("2013-04-01T03:00", midnight(4, 1) + timedelta(hours=3)),
        ("2013-04-01 03:00:00", midnight(4, 1) + timedelta(hours=3)),
        ("2013-04-01T03:00Z", datetime(2013, 4, 1, 3, tzinfo=UTC)),
        ("2013-04-01T03:00+05:30", datetime(2013, 3, 31, 21, 30, tzinfo=UTC)),
        ("2013-03-10T02:30", datetime(2013, 3, 10, 7, 30, tzinfo=UTC)),  # skipped by the clocks: later
        ("2013-11-03T01:30", datetime(2013, 11, 3, 5, 30, tzinfo=UTC)),  # came twice: the earlier
        ("2014-01-01T12:30Z", NOW),
    ],
)
def test_as_of_is_an_instant_in_utc(text, expected):
    as_of = parse_as_of(text, NEW_YORK, NOW)

    assert as_of == expected
    assert as_of.tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["yesterday", "2013", "2013-13-01", "01/04/2013", "2013-04-01T25:00", "0001-01-01T00:00+14:00"]
)
def test_nonsense_is_refused_with_what_is_allowed(text):
    with pytest.raises(SpecError) as caught:
        parse_as_of(text, NEW_YORK, NOW)

    assert str(caught.value) == (
        f"as-of: got '{text}'; allowed: a date such as 2013-04-01, an ISO time such as 2013-04-01T03:00 or "
        "2013-04-01T03:00Z, or '' for now"
    )


@pytest.mark.parametrize("text", ["2014-01-01T12:30:01Z", "2014-01-02", "9999-12-31"])
def test_the_future_is_refused_naming_value_and_now(text):
    with pytest.raises(SpecError) as caught:
        parse_as_of(text, NEW_YORK, NOW)

    assert f"got '{text}'" in str(caught.value)
    assert str(caught.value).endswith("in the future; allowed: at most now, 2014-01-01T12:30:00+00:00")


def test_without_a_champion_training_ends_where_the_holdout_begins():
    windows = plan(midnight(4, 1))

    assert windows.holdout == Window(midnight(3, 18), midnight(4, 1))
    assert windows.training == Window(midnight(12, 18, 2012), midnight(3, 18))
    assert windows.as_of == midnight(4, 1)
    assert windows.timezone == NEW_YORK


def test_delay_moves_the_holdout_and_delay_and_embargo_part_it_from_training():
    windows = plan(midnight(4, 1), delay=Duration(3, "d"), embargo=Duration(2, "d"))

    assert windows.holdout == Window(midnight(3, 15), midnight(3, 29))
    assert windows.training == Window(midnight(12, 10, 2012), midnight(3, 10))


def test_midnight_stays_midnight_across_changed_clocks():
    windows = plan(midnight(3, 15))  # the clocks went on on March 10

    assert windows.holdout.text(NEW_YORK) == "2013-03-01 00:00 to 2013-03-15 00:00 America/New_York"
    assert windows.holdout.end - windows.holdout.start == timedelta(days=14) - timedelta(hours=1)


def test_the_holdout_begins_where_the_champion_has_not_learned():
    free = plan(midnight(4, 1))
    clamped = plan(midnight(4, 1), cutoff=midnight(3, 25))

    assert clamped.holdout == Window(midnight(3, 25), midnight(4, 1))
    assert clamped.training == free.training


def test_the_champions_cutoff_counts_with_delay_and_embargo():
    windows = plan(midnight(4, 1), cutoff=midnight(3, 17), delay=Duration(1, "d"), embargo=Duration(2, "d"))

    assert windows.holdout == Window(midnight(3, 20), midnight(3, 31))


def test_an_old_champion_leaves_the_holdout_alone():
    assert plan(midnight(4, 1), cutoff=midnight(3, 18)) == plan(midnight(4, 1))


@pytest.mark.parametrize("cutoff", [midnight(4, 1), midnight(9, 1)])
def test_a_champion_that_has_seen_everything_leaves_an_empty_holdout(cutoff):
    windows = plan(midnight(4, 1), cutoff=cutoff)

    assert windows.holdout.is_empty
    assert windows.holdout.end == midnight(4, 1)
    assert not windows.training.is_empty


days = st.integers(0, 40).map(lambda amount: Duration(amount, "d"))
hours = st.integers(0, 100).map(lambda amount: Duration(amount, "h"))


@given(
    as_of=st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),
    holdout=st.integers(1, 60).map(lambda amount: Duration(amount, "d")),
    embargo=days | hours,
    delay=days | hours,
    ago=st.none() | st.integers(0, 5000).map(lambda amount: timedelta(hours=amount)),
)
def test_no_window_looks_at_what_it_must_not(as_of, holdout, embargo, delay, ago):
    as_of = as_of.replace(tzinfo=UTC)
    cutoff = None if ago is None else as_of - ago
    windows = plan(as_of, embargo=embargo, delay=delay, cutoff=cutoff, holdout=holdout)

    gap = delay.nominal + embargo.nominal
    hour = timedelta(hours=2)  # what changed clocks can add or take, twice
    assert windows.training.end + gap <= windows.holdout.start + hour
    assert windows.holdout.end + delay.nominal <= as_of + hour
    assert windows.holdout.start <= windows.holdout.end
    if cutoff and not windows.holdout.is_empty:
        assert cutoff + gap <= windows.holdout.start + hour
    assert Windows.from_json(windows.to_json()) == windows


def test_a_window_holds_its_start_and_not_its_end():
    window = Window(midnight(4, 1), midnight(4, 2))

    assert window.contains(midnight(4, 1))
    assert window.contains(midnight(4, 2) - timedelta(microseconds=1))
    assert not window.contains(midnight(4, 2))
    assert not window.contains(midnight(4, 1) - timedelta(microseconds=1))


def test_an_empty_window_holds_nothing():
    window = Window(midnight(4, 1), midnight(4, 1))

    assert window.is_empty
    assert not window.contains(midnight(4, 1))


def test_a_window_is_the_same_in_every_time_zone_and_survives_its_dict():
    local = Window(*(datetime(2013, 4, day, tzinfo=ZoneInfo(NEW_YORK)) for day in (1, 2)))

    assert local == Window(midnight(4, 1), midnight(4, 2))
    assert local.to_dict() == {"start": "2013-04-01T04:00:00+00:00", "end": "2013-04-02T04:00:00+00:00"}
    assert Window.from_dict(local.to_dict()) == local
    assert str(local) == "2013-04-01 04:00 to 2013-04-02 04:00 UTC"


def test_a_window_without_time_zone_or_that_ends_before_it_starts_is_a_bug():
    with pytest.raises(ValueError, match="has no time zone"):
        Window(datetime(2013, 4, 1), midnight(4, 2))
    with pytest.raises(ValueError, match="before its start"):
        Window(midnight(4, 2), midnight(4, 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"as_of": "2013", "timezone": "UTC", "training": 1, "holdout": 2}',
        '{"as_of": "2013-04-01", "timezone": 5, "training": {}, "holdout": {}}',
        plan(midnight(4, 1)).to_json().replace("+00:00", ""),
        plan(midnight(4, 1)).to_json().replace("New_York", "Nowhere"),
    ],
)
def test_other_text_is_not_taken_for_windows(text):
    with pytest.raises(SpecError, match=r"(?s)^windows: got .*; allowed: JSON with as_of and timezone"):
        Windows.from_json(text)
