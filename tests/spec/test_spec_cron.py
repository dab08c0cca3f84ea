"""The latest instant of a schedule: never one to come, and none is lost when the clocks are changed."""

from datetime import UTC, datetime

import pytest

from ct_components.spec.cron import last_firing

NEW_YORK = "America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "latest"),
    [
        ("2026-11-28T02:59:59.999999", "2026-11-27T03:00"),
        ("2026-11-28T03:00", "2026-11-28T03:00"),
        ("2026-11-28T03:00:00.000001", "2026-11-28T03:00"),
    ],
)
def test_an_instant_to_come_is_none_that_was_scheduled(now, latest):
    assert last_firing("0 3 * * *", "UTC", at(now)) == at(latest)


@pytest.mark.parametrize(
    "now", ["2026-11-01T05:30", "2026-11-01T06:00", "2026-11-01T06:29", "2026-11-01T06:31"]
)
def test_what_fires_in_an_hour_that_comes_twice_fires_once(now):
    """New York's clocks went from 2:00 back to 1:00 at 6:00 UTC."""
    assert last_firing("30 1 * * *", NEW_YORK, at(now)) == at("2026-11-01T05:30")


def test_what_fires_every_hour_fires_in_both_of_them():
    hours = [last_firing("0 * * * *", NEW_YORK, at(f"2026-11-01T0{hour}:00:30")) for hour in (4, 5, 6, 7)]

    assert hours == [at(f"2026-11-01T0{hour}:00") for hour in (4, 5, 6, 7)]


def test_what_fires_in_an_hour_that_is_skipped_fires_when_it_is_over():
    """They went from 2:00 on to 3:00 at 7:00 UTC."""
    before, after = (last_firing("30 2 * * *", NEW_YORK, at(f"2026-03-08T0{hour}:59")) for hour in (6, 7))

    assert (before, after) == (at("2026-03-07T07:30"), at("2026-03-08T07:00"))
