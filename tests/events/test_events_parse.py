"""What events are taken, and what is read from them."""

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from ct_components.errors import SpecError
from ct_components.events import TriggerEvent, parse_event, rule_key
from ct_components.events.cloudevent import TYPE, CloudEvent
from ct_components.events.model import Reason
from ct_components.vocabulary import REASONS

NEW_YORK = "America/New_York"


def instant(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


WINDOW = (instant("2013-05-26T03:30"), instant("2013-06-02T03:30"))


def refusal(data, timezone=NEW_YORK):
    with pytest.raises(SpecError) as caught:
        parse_event(data, timezone=timezone)
    return str(caught.value)


def test_a_cloudevent_says_model_reason_window_and_key(event, bytes_of):
    found = parse_event(bytes_of(event), timezone=NEW_YORK)

    assert found == TriggerEvent("flight-delay", "drift", WINDOW, "drift-2013-06-01", "cloudevent")


def test_instants_are_read_in_their_zone_and_kept_in_utc(event, bytes_of):
    event["data"]["window"]["end"] = "2013-06-01T23:30:00-04:00"

    found = parse_event(bytes_of(event), timezone=NEW_YORK)

    assert found.window == WINDOW
    assert [each.utcoffset() for each in found.window] == [timedelta(0)] * 2


@pytest.mark.parametrize("name", ["time", "datacontenttype"])
def test_what_cloudevents_leaves_open_may_be_left_out(name, event, bytes_of):
    del event[name]

    assert parse_event(bytes_of(event), timezone=NEW_YORK).model == "flight-delay"


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "data"])
def test_what_cloudevents_demands_must_be_there(name, event, bytes_of):
    del event[name]

    message = refusal(bytes_of(event))

    assert f"{name}: missing; allowed: " in message or "allowed: a CloudEvent" in message


@pytest.mark.parametrize("name", ["window", "key"])
def test_window_or_key_is_enough_where_the_reason_has_a_rule(name, event, bytes_of):
    del event["data"][name]

    assert getattr(parse_event(bytes_of(event), timezone=NEW_YORK), name) is None


def test_an_event_that_would_have_another_key_each_time_is_refused(event, bytes_of):
    for data in (
        {"model": "flight-delay", "reason": "drift"},
        {"model": "flight-delay", "reason": "manual"},
        {"model": "flight-delay", "reason": "manual", "window": event["data"]["window"]},
    ):
        message = refusal(bytes_of({**event, "data": data}))

        assert "data.key: got nothing (null); allowed: a key" in message
        assert "its run only once" in message


@pytest.mark.parametrize(
    ("reason", "key"),
    [
        ("drift", "drift-2013-06-01"),
        ("performance", "performance-2013-06-01"),
        ("schedule", "schedule-2013-06-02T03:30Z"),
        ("manual", "whatever/one:likes@home"),
    ],
)
def test_a_key_that_follows_the_rule_is_taken(reason, key, event, bytes_of):
    event["data"] |= {"reason": reason, "key": key}

    assert parse_event(bytes_of(event), timezone=NEW_YORK).key == key


@pytest.mark.parametrize(
    ("reason", "key", "own"),
    [
        ("drift", "drift-2013-06-02", "drift-2013-06-01"),
        ("performance", "drift-2013-06-01", "performance-2013-06-01"),
        ("schedule", "schedule-2013-06-02T03:31Z", "schedule-2013-06-02T03:30Z"),
    ],
)
def test_a_key_of_another_window_or_reason_is_refused_with_the_right_one(reason, key, own, event, bytes_of):
    event["data"] |= {"reason": reason, "key": key}

    assert f"data.key: got '{key}'; allowed: '{own}', as the window ends then" in refusal(bytes_of(event))


def test_a_keys_day_is_that_of_the_sources_time_zone(event, bytes_of):
    assert "allowed: 'drift-2013-06-02', as the window ends then in UTC" in refusal(bytes_of(event), "UTC")


def test_an_unknown_time_zone_is_refused_by_name(event, bytes_of):
    assert refusal(bytes_of(event), "Atlantis").startswith("time zone: got 'Atlantis'")


def test_the_key_without_one_is_the_rules():
    assert rule_key("drift", WINDOW[1], NEW_YORK) == "drift-2013-06-01"
    assert rule_key("schedule", WINDOW[1], NEW_YORK) == "schedule-2013-06-02T03:30Z"
    assert rule_key("manual", WINDOW[1], NEW_YORK) is None


def test_an_alert_asks_for_its_model_since_it_began(notification, bytes_of):
    found = parse_event(bytes_of(notification), timezone=NEW_YORK)

    began = datetime(2013, 6, 2, 3, 30, 0, 123456, UTC)
    assert found == TriggerEvent("flight-delay", "performance", (began, began), None, "alertmanager")


def test_of_several_alerts_the_earliest_that_fires_counts(notification, bytes_of):
    later = {**notification["alerts"][1], "startsAt": "2013-06-03T00:00:00Z"}
    notification["alerts"] = [later, *notification["alerts"]]

    assert parse_event(bytes_of(notification), timezone=NEW_YORK).window[1].day == 2


def test_an_alerts_label_may_say_that_it_is_about_drift(notification, bytes_of):
    notification["alerts"][1]["labels"]["reason"] = "drift"

    assert parse_event(bytes_of(notification), timezone=NEW_YORK).reason == "drift"


def test_when_all_is_well_again_there_is_nothing_to_do(notification, bytes_of):
    notification["status"] = "resolved"
    notification["alerts"] = notification["alerts"][:1]

    assert parse_event(bytes_of(notification), timezone=NEW_YORK) is None


@pytest.mark.parametrize(
    ("label", "value", "message"),
    [
        ("model", "other", "alerts of one model, and not of flight-delay, other: group by model"),
        ("reason", "drift", "alerts of one reason, and not of drift, performance: group by reason"),
        ("reason", "manual", "alerts[2].labels.reason: got 'manual'; allowed: 'performance' or 'drift'"),
        ("model", "$(id)", "alerts[2].labels.model: got '$(id)'; allowed: text without '$('"),
    ],
)
def test_alerts_of_more_than_one_thing_are_refused(label, value, message, notification, bytes_of):
    firing = notification["alerts"][1]
    notification["alerts"].append({**firing, "labels": {**firing["labels"], label: value}})

    assert message in refusal(bytes_of(notification))


def test_an_alert_without_model_is_refused(notification, bytes_of):
    del notification["alerts"][1]["labels"]["model"]

    assert "alerts[1].labels.model: missing; allowed: 1 to 50" in refusal(bytes_of(notification))


def test_a_byte_order_mark_is_no_reason_to_refuse(event, bytes_of):
    assert parse_event(b"\xef\xbb\xbf" + bytes_of(event), timezone=NEW_YORK)


def test_all_problems_are_said_at_once(event, bytes_of):
    event["specversion"] = "0.3"
    event["extra"] = 1
    event["data"] |= {"model": "Flight", "reason": "drfit", "note": ""}
    event["data"]["window"]["start"] = "yesterday"

    message = refusal(bytes_of(event))

    assert message.startswith("event: 6 problems: (1) specversion: got '0.3'; allowed: '1.0'; (2) ")
    for place in (
        "data.model",
        "data.reason",
        "data.window.start",
        "data.note: unknown key",
        "extra: unknown key",
    ):
        assert f") {place}" in message


def test_more_problems_than_a_line_holds_are_counted(event, bytes_of):
    event["data"] |= {f"x{number}": 1 for number in range(5000)}

    message = refusal(bytes_of(event))

    assert message.startswith("event: 5000 problems: ")
    assert message.endswith("; and 4990 more")


def test_reasons_and_type_are_those_that_others_use():
    assert get_args(Reason) == REASONS
    assert CloudEvent.model_json_schema()["properties"]["type"]["const"] == TYPE


def test_the_largest_event_is_taken_and_a_byte_more_is_not(event, bytes_of):
    data = bytes_of(event)
    padding = 64 * 1024 - len(data)

    assert parse_event(data + b" " * padding, timezone=NEW_YORK)
    assert refusal(data + b" " * (padding + 1)) == "event: 65537 bytes; allowed: at most 65536"


def test_depth_is_counted_outside_of_text_only():
    text = json.dumps({"specversion": '[[[[[[[[[[[[[[[[[[[[\\"['})

    assert "levels" not in refusal(text.encode())
    assert "levels" not in refusal(b"[" * 16 + b"]" * 16)
    assert "more than 16 levels" in refusal(b"[" * 17 + b"]" * 17)
