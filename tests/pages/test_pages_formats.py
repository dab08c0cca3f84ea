import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_components.pages import formats
from ct_components.pages.formats import DASH, MINUS
from ct_components.pages.scales import axis_over

NUMBERS = [
    formats.fixed,
    formats.signed,
    formats.general,
    formats.short,
    formats.probability,
    formats.percent,
]
finite = st.floats(-1e9, 1e9)


@pytest.mark.parametrize("form", [*NUMBERS, formats.count, formats.seconds, formats.instant, formats.shorten])
def test_what_is_not_known_is_a_dash(form):
    assert form(None) == DASH


@pytest.mark.parametrize("form", NUMBERS)
def test_numbers_that_are_none_say_so(form):
    assert [form(value) for value in (math.nan, math.inf, -math.inf)] == ["NaN", "∞", f"{MINUS}∞"]


@pytest.mark.parametrize("form", [*NUMBERS, formats.seconds])
def test_zero_is_a_number_without_a_sign(form):
    assert form(-0.0) == form(0.0)
    assert form(0.0)[0] == "0"


@given(finite)
def test_a_gain_and_its_mirror_differ_in_the_sign_alone(gain):
    assert formats.signed(gain).lstrip(f"+{MINUS}") == formats.signed(-gain).lstrip(f"+{MINUS}")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (90061.0, "25 h 01 min"),
    ],
)
def test_seconds_carry_over_into_the_next_unit(value, text):
    assert formats.seconds(value) == text


def test_an_instant_in_summer_time_has_its_zones_clock():
    assert formats.instant("2013-03-10T06:30:00+00:00", "America/New_York") == "2013-03-10 01:30"
    assert formats.instant("2013-03-10T07:30:00+00:00", "America/New_York") == "2013-03-10 03:30"


@given(st.text(max_size=400), st.integers(3, 80))
def test_shortened_text_keeps_its_limit(text, limit):
    assert len(formats.shorten(text, limit)) <= max(limit, 1)


@given(st.lists(st.one_of(st.none(), finite, st.just(math.nan)), max_size=6))
def test_an_axis_holds_all_values_between_its_ends_and_ticks_rise(values):
    axis = axis_over(values, 10, 110)

    known = [value for value in values if value is not None and math.isfinite(value)]
    places = [axis.at(value) for value in sorted(known)]
    assert places == sorted(places)
    assert all(10 <= place <= 110 for place in places)
    ticks = axis.ticks(5)
    assert 1 <= len(ticks) <= 7
    assert [tick.at for tick in ticks] == sorted(tick.at for tick in ticks)
    assert len({tick.label for tick in ticks}) == len(ticks)


def test_an_axis_can_run_downwards():
    axis = axis_over([0.0, 1.0], 110, 10, pad=0)

    assert (axis.at(0.0), axis.at(0.25), axis.at(1.0)) == (110.0, 85.0, 10.0)
