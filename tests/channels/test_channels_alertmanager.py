"""Alerts of a model: one that fires for what needs a person, and none once a run ended well."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from ct_components.channels import Told, tell
from ct_components.channels.alertmanager import alerts_of
from ct_components.errors import SpecError
from ct_components.events import parse_event
from ct_components.webhook import Patience

NOW = datetime(2013, 6, 2, 5, tzinfo=UTC)
QUICK = Patience(tries=3, first_wait=0.01, longest_wait=0.1, connect_timeout=1, answer_timeout=1, total=3)
FAILED = {
    "alertname": "ContinuousTraining",
    "model": "flight-delay",
    "severity": "warning",
    "reason": "train_model",
}
WAITING = {**FAILED, "severity": "info", "reason": "waiting"}


@pytest.fixture
def model():
    """A name of the test's own: Alertmanager forgets nothing."""
    return f"model-{random.getrandbits(40):x}"


@pytest.fixture
def say(alertmanager, channel, message, model):
    """Tells the real Alertmanager of an event of this test's model."""

    def send(event, on=("promoted", "waiting", "retained", "failed"), **changes):
        environment = {"ALERTMANAGER_URL": alertmanager.url}
        told = tell(
            [channel("alertmanager", on=on)], message(event, model=model, **changes), environment, QUICK
        )
        assert all(each.told for each in told), told

    return send


@pytest.fixture
def firing(alertmanager, model):
    """The alerts of this test's model that fire."""

    def find():
        return [each for each in alertmanager.alerts() if each["labels"]["model"] == model]

    return find


def reasons(alerts):
    return sorted(each["labels"]["reason"] for each in alerts)


@pytest.mark.service
def test_a_failure_fires_and_the_next_success_resolves_it(say, firing, model):
    say("failed", failed_stage="train_model", failure="no rows & <b>no</b> columns", title="it failed")

    (alert,) = firing()
    assert alert["status"]["state"] in ("active", "unprocessed")
    assert alert["labels"] == {**FAILED, "model": model}
    assert alert["annotations"]["summary"] == "it failed"
    assert alert["annotations"]["description"].splitlines() == [
        "no rows & <b>no</b> columns",
        "The challenger is not proven better.",
        "ROC AUC: champion 0.7500",
        "run run-1, as of 2013-06-01T04:00:00+00:00, trigger reason drift",
    ]
    assert f"kfp-ct history {model}" in alert["annotations"]["runbook"]
    assert alert["generatorURL"] == "https://kfp.example.com/#/runs/details/run-1"
    lasts = datetime.fromisoformat(alert["endsAt"]) - datetime.now(UTC)
    assert timedelta(days=34) < lasts < timedelta(days=36)

    say("retained")

    assert firing() == []


@pytest.mark.service
def test_a_model_has_one_alert_whichever_stage_fails(say, firing):
    for stage in ("fetch_data", "fetch_data", "train_model", None):
        say("failed", failed_stage=stage)
    assert reasons(firing()) == ["failed"]

    say("promoted")

    assert firing() == []


@pytest.mark.service
def test_other_models_and_other_alerts_are_left_alone(say, firing, alertmanager, channel, message):
    tell([channel("alertmanager")], message("failed", model="other"), {"ALERTMANAGER_URL": alertmanager.url})
    say("failed", failed_stage="train_model")

    say("promoted")

    assert firing() == []
    assert "other" in {each["labels"]["model"] for each in alertmanager.alerts()}


@pytest.mark.service
def test_what_waits_for_a_person_waits_through_later_runs_until_it_is_decided(say, firing):
    say("failed", failed_stage="train_model")
    say("waiting", waiting="2")
    assert reasons(firing()) == ["waiting"]

    say("failed", failed_stage="fetch_data", waiting="2")
    assert reasons(firing()) == ["fetch_data", "waiting"]

    say("retained", waiting="2")
    assert reasons(firing()) == ["waiting"]

    say("promoted")
    assert firing() == []


@pytest.mark.service
def test_a_channel_that_hears_of_failures_alone_hears_of_their_end(say, firing):
    say("failed", on=["failed"], failed_stage="train_model")
    assert reasons(firing()) == ["train_model"]

    say("waiting", on=["failed"])

    assert firing() == []


@pytest.mark.service
def test_what_was_resolved_can_fire_again(say, firing):
    say("failed", failed_stage="train_model")
    say("retained")
    say("failed", failed_stage="train_model")

    assert reasons(firing()) == ["train_model"]


@pytest.mark.service
@pytest.mark.parametrize(
    "text",
    [
        'quote " and \\ back',
        "two\nlines",
        "\ud800 half",
        "{{ .Labels }} {{ template }}",
        "x" * 1_000_000,
        "&<>",
        "é😀",
    ],
    ids=range(7),
)
def test_alertmanager_takes_hostile_text(text, say, firing):
    say("failed", title=text, failed_stage=text, failure=text, page=text, run_id=text, reason=text)

    (alert,) = firing()
    assert len(json.dumps(alert)) < 50_000
    say("promoted")
    assert firing() == []


@pytest.mark.service
def test_a_prefix_of_the_address_is_kept_and_a_wrong_one_says_so(alertmanager, channel, message):
    told = tell(
        [channel("alertmanager")], message(), {"ALERTMANAGER_URL": f"{alertmanager.url}/prefix/"}, QUICK
    )

    problem = (
        "alertmanager channel ALERTMANAGER_URL answers 404 Not Found; ALERTMANAGER_URL must name its path"
    )
    assert told == [Told("alertmanager", False, f"{problem}, too")]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"\xff", b'"text"'])
def test_what_is_no_alertmanager_is_said_to_be_none(body, receiver, channel, message):
    server = receiver()
    server.listed = body

    (told,) = tell([channel("alertmanager")], message("failed"), {"ALERTMANAGER_URL": server.url}, QUICK)

    assert told.problem == "what answers is not Alertmanager's API, version 2"
    assert server.requests == []


def test_nothing_is_posted_when_nothing_fires(receiver, channel, message):
    server = receiver()

    told = tell([channel("alertmanager")], message("promoted"), {"ALERTMANAGER_URL": server.url}, QUICK)

    assert told == [Told("alertmanager", True)]
    assert server.requests == []


def test_a_post_that_fails_is_tried_again(receiver, channel, message):
    server = receiver(503, 200)

    told = tell([channel("alertmanager")], message("failed"), {"ALERTMANAGER_URL": server.url}, QUICK)

    assert told == [Told("alertmanager", True)]
    assert [path for path, _, _ in server.requests] == ["/hook/s3cr3t-path/api/v2/alerts"] * 2


def test_an_alert_that_is_no_alert_is_left_alone(message):
    active = [None, 7, {}, {"labels": None}, {"labels": {"model": "flight-delay"}}, {"labels": WAITING}]

    alerts = alerts_of(message("promoted"), active, ["failed"], NOW)

    assert alerts == [{"labels": WAITING, "startsAt": NOW.isoformat(), "endsAt": NOW.isoformat()}]


def test_an_alert_that_comes_back_as_an_event_asks_for_no_run(message):
    """A failed run whose alert started the next run would never end."""
    for event in ("failed", "waiting"):
        (alert,) = alerts_of(message(event), [], ["failed", "waiting"], NOW)
        body = {"version": "4", "status": "firing", "alerts": [{**alert, "status": "firing"}]}
        with pytest.raises(SpecError, match="reason"):
            parse_event(json.dumps(body).encode(), timezone="UTC")
