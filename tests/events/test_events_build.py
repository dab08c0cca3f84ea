"""Events that are built are those that are taken."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ct_components.errors import SpecError
from ct_components.events import TriggerEvent, parse_event, rule_key, trigger_event
from ct_components.events.schema import schema
from ct_components.vocabulary import REASONS

DOCS = Path(__file__).parents[2] / "docs" / "reference"
COMMITTED = DOCS / "event.schema.json"
NOW = datetime(2013, 6, 2, 5, tzinfo=UTC)
WINDOW = (datetime(2013, 5, 26, 3, 30, tzinfo=UTC), datetime(2013, 6, 2, 3, 30, tzinfo=UTC))

ZONES = st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"])
MODELS = st.from_regex(r"\A[a-z]([-a-z0-9]{0,48}[a-z0-9])?\Z")
OWN_KEYS = st.from_regex(r"\A[A-Za-z0-9_:+-]{1,40}(/[A-Za-z0-9_.+-]{0,40}[A-Za-z])?\Z")
INSTANTS = st.datetimes(
    datetime(1971, 1, 1),
    datetime(2199, 1, 1),
    timezones=st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@st.composite
def requests(draw):
    zone, model, reason = draw(ZONES), draw(MODELS), draw(st.sampled_from(REASONS))
    window = draw(st.none() | st.tuples(INSTANTS, INSTANTS).map(lambda pair: tuple(sorted(pair))))
    rule = rule_key(reason, window[1], zone) if window else None
    key = draw(st.sampled_from([None, rule])) if rule else draw(OWN_KEYS)
    return zone, TriggerEvent(model, reason, window, key, "cloudevent")


@given(requests(), INSTANTS)
def test_what_is_built_is_read_as_what_was_asked_for(request_, now):
    zone, wanted = request_

    event = trigger_event(wanted.model, wanted.reason, wanted.window, wanted.key, now)

    assert parse_event(json.dumps(event).encode(), timezone=zone) == wanted
    Draft202012Validator(json.loads(COMMITTED.read_text())).validate(event)


def test_a_repetition_has_the_same_id_at_another_time():
    first = trigger_event("flight-delay", "drift", WINDOW, "drift-2013-06-01", NOW)
    second = trigger_event("flight-delay", "drift", WINDOW, "drift-2013-06-01", NOW + timedelta(hours=1))

    assert first["id"] == second["id"] == "flight-delay/drift-2013-06-01"
    assert first["time"] != second["time"]


def test_other_requests_have_other_ids():
    ids = [
        trigger_event(model, reason, window, key, NOW)["id"]
        for model in ("flight-delay", "churn")
        for reason, window, key in (
            ("drift", WINDOW, "drift-2013-06-01"),
            ("performance", WINDOW, "performance-2013-06-01"),
            ("performance", WINDOW, None),
            ("manual", None, "k"),
        )
    ]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "request_",
    [
        ("Flight", "drift", WINDOW, "drift-2013-06-01", NOW),
        ("flight-delay", "whim", WINDOW, "k", NOW),
        ("flight-delay", "drift", WINDOW[::-1], None, NOW),
        ("flight-delay", "drift", (WINDOW[0].replace(tzinfo=None), WINDOW[1]), None, NOW),
        ("flight-delay", "drift", None, None, NOW),
        ("flight-delay", "manual", WINDOW, None, NOW),
        ("flight-delay", "manual", None, "$(id)", NOW),
        ("flight-delay", "manual", None, "", NOW),
        ("flight-delay", "manual", None, "k@2", NOW),
        ("flight-delay", "manual", None, "k", NOW.replace(tzinfo=None)),
    ],
)
def test_what_nobody_would_take_is_not_built(request_):
    with pytest.raises(SpecError, match=r"^event: .*allowed: "):
        trigger_event(*request_)


def test_the_committed_schema_is_the_generated_one(tmp_path):
    written = tmp_path / "schema.json"
    command = [sys.executable, "-W", "error", "-m", "ct_components.events.schema", written]
    subprocess.run(command, check=True)

    assert written.read_text() == COMMITTED.read_text(), "run python -m ct_components.events.schema"


def test_it_is_a_schema_of_its_draft():
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "Flight"),
        ("model", "$(id)"),
        ("reason", "whim"),
        ("key", "../../etc/passwd"),
        ("key", "drift-2013-06-01@2"),
        ("key", 7),
        ("window", {"start": "2013-05-26T03:30:00Z"}),
        ("window", {"start": "2013-05-26", "end": "2013-06-02"}),
        ("note", "x"),
    ],
)
def test_who_checks_by_the_schema_sees_the_same_mistakes(name, value):
    event = trigger_event("flight-delay", "drift", WINDOW, "drift-2013-06-01", NOW)
    event["data"][name] = value

    assert not Draft202012Validator(schema()).is_valid(event)


def test_the_page_shows_an_event_that_is_taken():
    page = (DOCS / "events.md").read_text()
    blocks = [block.split("```")[0] for block in page.split("```json\n")[1:]]

    found = [parse_event(block.encode(), timezone="America/New_York") for block in blocks]

    assert [each.origin for each in found] == ["cloudevent", "alertmanager"]
