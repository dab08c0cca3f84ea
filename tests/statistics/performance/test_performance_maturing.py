"""Which predictions count: those whose labels have had time, of the version in charge, each day once."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_components.errors import DataError
from ct_components.statistics.performance.maturing import cohorts, in_charge, latest_rows, matured

HOURS = 48
DELAY = np.timedelta64(HOURS, "h")
NEVER = np.datetime64("NaT", "s")
NO_DELAY = np.timedelta64(0, "D")


def at(text):
    return np.datetime64(text)


def test_a_day_is_matured_the_delay_after_its_end():
    days = ["2013-03-02"]

    assert matured(days, as_of=at("2013-03-05T00:00"), label_delay=DELAY).tolist() == [True]
    assert matured(days, as_of=at("2013-03-04T23:59"), label_delay=DELAY).tolist() == [False]


def test_without_delay_today_is_not_matured_and_yesterday_is():
    days = ["2013-03-01", "2013-03-02"]

    assert matured(days, as_of=at("2013-03-02T23:59"), label_delay=NO_DELAY).tolist() == [True, False]


@given(st.lists(st.integers(0, 400), max_size=20), st.integers(0, 400), st.integers(0, 100))
def test_what_is_matured_stays_so_and_the_newest_days_mature_last(days, as_of, delay):
    known = at("2013-01-01") + np.array(days, dtype="timedelta64[D]")
    now, wait = at("2013-01-01") + np.timedelta64(as_of, "D"), np.timedelta64(delay, "D")

    today, tomorrow = (
        matured(known, as_of=when, label_delay=wait) for when in (now, now + np.timedelta64(1, "D"))
    )

    assert (tomorrow | ~today).all()
    assert today.tolist() == [day + delay < as_of for day in days]


def test_labels_of_immature_days_do_not_count_even_if_they_are_there():
    found = cohorts(
        ["2013-03-01", "2013-03-01", "2013-03-02", "2013-03-04"],
        [True, False, True, True],
        as_of=at("2013-03-05T00:00"),
        label_delay=DELAY,
    )

    assert found.days.astype(str).tolist() == ["2013-03-01", "2013-03-02"]
    assert (found.rows.tolist(), found.labelled.tolist()) == ([2, 1], [1, 1])
    assert (found.immature, found.coverage) == (1, 2 / 3)
    assert json.loads(json.dumps(found.to_dict()))["coverage"] == pytest.approx(2 / 3)


def test_without_matured_rows_nothing_is_covered():
    found = cohorts(["2013-03-04"], [True], as_of=at("2013-03-04"), label_delay=DELAY)

    assert (found.days.size, found.coverage, found.immature) == (0, None, 1)
    assert cohorts([], [], as_of=at("2013-03-04"), label_delay=DELAY).coverage is None


def test_a_promotion_resets_the_window():
    days = ["2013-03-01", "2013-03-02", "2013-03-03"]

    chosen = in_charge(days, ["4", "4", "5"], champion="5", promoted=at("2013-03-03T06:00"))

    assert chosen.tolist() == [False, False, True]


def test_an_earlier_reign_of_the_same_version_does_not_count():
    days = ["2013-03-01", "2013-03-02", "2013-03-03"]

    chosen = in_charge(days, ["4", "5", "4"], champion="4", promoted=at("2013-03-03T06:00"))

    assert chosen.tolist() == [False, False, True]


def test_of_rows_for_one_day_the_one_written_last_counts():
    places = latest_rows(
        ["4", "4", "5", "4"],
        ["2013-03-01", "2013-03-01", "2013-03-01", "2013-02-28"],
        [at("2013-03-02T12:00"), at("2013-03-02T06:00"), at("2013-03-02T00:00"), at("2013-03-01T00:00")],
    )

    assert places.tolist() == [3, 0, 2]


def test_of_rows_written_at_once_the_later_one_counts():
    assert latest_rows([1, 1], ["2013-03-01"] * 2, [7, 7]).tolist() == [1]
    assert latest_rows([], [], []).tolist() == []


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5), st.integers(0, 9)), max_size=30))
def test_each_version_and_day_counts_once(rows):
    versions, days, written = ([row[part] for row in rows] for part in range(3))
    dates = at("2013-03-01") + np.array(days, dtype="timedelta64[D]")

    places = latest_rows(versions, dates, written)

    kept = [(versions[place], days[place]) for place in places]
    assert kept == sorted({(version, day) for version, day, _ in rows})
    for place in places:
        same = [row for row in rows if row[:2] == (versions[place], days[place])]
        assert written[place] == max(row[2] for row in same)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: matured(["NaT"], as_of=at("2013-03-01"), label_delay=DELAY), "1 of 1 days are NaT"),
        (lambda: matured(["soon"], as_of=at("2013-03-01"), label_delay=DELAY), "days cannot be read"),
        (lambda: matured(["2013-03-01"], as_of=NEVER, label_delay=DELAY), "as-of is NaT"),
        (lambda: matured(["2013-03-01"], as_of=at("2013-03-01"), label_delay=-DELAY), "label delay is -48"),
        (
            lambda: cohorts(["2013-03-01"], [True, True], as_of=at("2013-03-01"), label_delay=DELAY),
            "2 label flags for 1 days",
        ),
        (
            lambda: in_charge(["2013-03-01"], [1, 2], champion=1, promoted=at("2013-03-01")),
            "2 versions for 1 days",
        ),
        (
            lambda: in_charge(["2013-03-01"], [1], champion=1, promoted=NEVER),
            "promotion is NaT",
        ),
        (lambda: latest_rows([1], ["2013-03-01"], [1, 2]), "2 times of writing for 1 days"),
        (lambda: matured([["2013-03-01"]], as_of=at("2013-03-01"), label_delay=DELAY), "have the shape"),
    ],
)
def test_what_cannot_be_dated_is_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()
