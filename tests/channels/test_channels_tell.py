"""Telling people, against real receivers: each on its own, in bounded time, and without a secret anywhere."""

import json
import sys
import time

import pytest

from ct_components.channels import Told, read_channels, tell, told_text
from ct_components.webhook import Patience

TOKEN = "s3cr3t-t0k3n"  # noqa: S105 — a test's own
VARIABLE = "TOKEN"
SECRETS = (TOKEN, "s3cr3t-path", "127.0.0.1")
QUICK = Patience(tries=4, first_wait=0.01, longest_wait=0.3, connect_timeout=0.5, answer_timeout=0.3, total=1)


def with_header(status, name, value):
    def step(handler):
        handler.send_response(status)
        handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return step


def broken_header(handler):
    """Such that urllib3 logs a warning with the whole address."""
    handler.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nno header at all\r\n\r\n")
    handler.close_connection = True


def drip(handler):
    """A status line, byte by byte: no single wait is long."""
    for byte in b"HTTP/1.1 200 OK" * 20:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        if handler.server.released.wait(0.1):
            return


def test_all_channels_are_told(receiver, channel, message):
    slack, plain = receiver(), receiver()
    environment = {"SLACK_URL": slack.url, "WEBHOOK_URL": plain.url, "TOKEN": TOKEN}

    told = tell([channel("slack"), channel("webhook", token=VARIABLE)], message(), environment, QUICK)

    assert told == [Told("slack", True), Told("webhook", True)]
    assert slack.bodies[0]["blocks"][0]["text"]["text"] == "● flight-delay: retained"
    assert plain.bodies[0]["event"] == "retained"
    assert plain.requests[0][1]["Authorization"] == f"Bearer {TOKEN}"
    assert plain.requests[0][1]["Content-Type"] == "application/json"
    assert "Authorization" not in slack.requests[0][1]


def test_a_channel_is_told_what_it_asked_for(receiver, channel, message):
    server = receiver()
    channels = [channel("slack", on=["failed"]), channel("webhook", on=["promoted", "retained"])]
    environment = {"SLACK_URL": server.url, "WEBHOOK_URL": server.url}

    assert tell(channels, message("retained"), environment, QUICK) == [Told("webhook", True)]
    assert tell(channels, message("waiting"), environment, QUICK) == []


def test_without_channels_nobody_is_told(message):
    assert tell([], message()) == []


def test_what_fails_twice_is_told_the_third_time(receiver, channel, message):
    server = receiver(500, 500, 200)

    told = tell([channel("slack")], message(), {"SLACK_URL": server.url}, QUICK)

    assert told == [Told("slack", True)]
    assert len({body for _, _, body in server.requests}) == 1
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (500, "slack channel SLACK_URL answers 500 Internal Server Error, 4 times"),
        (404, "slack channel SLACK_URL answers 404 Not Found; SLACK_URL must name its path, too"),
        (
            403,
            "slack channel SLACK_URL answers 403 Forbidden; notify's token must hold the token that it knows",
        ),
        (400, "slack channel SLACK_URL answers 400 Bad Request"),
        ("hang", "slack channel SLACK_URL: no answer within 0.3 s, "),
        ("close", "slack channel SLACK_URL: no connection, 4 times"),
        (
            with_header(302, "Location", "http://127.0.0.1:1/"),
            "slack channel SLACK_URL answers 302 Found; redirects",
        ),
        (with_header(429, "Retry-After", "3600"), "slack channel SLACK_URL answers 429 Too Many Requests, "),
        (broken_header, "slack channel SLACK_URL answers 404 Not Found"),
    ],
)
def test_one_that_fails_hinders_no_other_and_its_address_is_nowhere(
    step, problem, receiver, channel, message, logged, capfd
):
    bad, good = receiver(step), receiver()
    environment = {"SLACK_URL": bad.url, "WEBHOOK_URL": good.url, "TOKEN": TOKEN}

    began = time.monotonic()
    told = tell([channel("slack"), channel("webhook", token=VARIABLE)], message(), environment, QUICK)

    assert time.monotonic() - began < 2.5
    assert [each.told for each in told] == [False, True]
    assert told[0].problem.startswith(problem)
    assert good.times[0] - began < 0.5
    assert_no_secret(told, logged, capfd)


def assert_no_secret(told, logged, capfd):
    """In nothing that is said, at whatever level and by whichever library."""
    said = [record.getMessage() for record in logged.records] + [repr(told), *capfd.readouterr()]
    for secret in SECRETS:
        assert not [line for line in said if secret in line]


def test_nobody_listening(channel, message, closed_port, logged, capfd):
    told = tell(
        [channel("slack")], message(), {"SLACK_URL": f"http://127.0.0.1:{closed_port}/s3cr3t-path"}, QUICK
    )

    assert told == [Told("slack", False, "slack channel SLACK_URL: connection refused, 4 times")]
    assert_no_secret(told, logged, capfd)
    assert "slack is not told: slack channel SLACK_URL: connection refused, 4 times" in logged.text


def test_the_time_is_bounded_whatever_the_server_does(receiver, channel, message):
    began = time.monotonic()

    told = tell([channel("slack")], message(), {"SLACK_URL": receiver(drip).url}, QUICK)

    assert 1.7 < time.monotonic() - began < 2.5
    assert told == [Told("slack", False, "it did not end within 1.8 s")]


def test_several_that_hang_take_no_longer_than_one(receiver, channel, message):
    channels = [channel("slack", url=f"URL_{number}") for number in range(6)]
    environment = {f"URL_{number}": receiver("hang").url for number in range(6)}

    began = time.monotonic()
    told = tell(channels, message(), environment, QUICK)

    assert time.monotonic() - began < 2.5
    assert not any(each.told for each in told)


def test_an_address_may_lie_in_a_file_of_the_secret(receiver, channel, message, tmp_path):
    server = receiver()
    (tmp_path / "WEBHOOK_URL").write_text(f"{server.url}\n")
    (tmp_path / "TOKEN").write_text(f"{TOKEN}\n")

    told = tell([channel("webhook", token=VARIABLE)], message(), {"KFP_CT_SECRETS_DIR": str(tmp_path)}, QUICK)

    assert told == [Told("webhook", True)]
    assert server.requests[0][1]["Authorization"] == f"Bearer {TOKEN}"


def test_the_environment_goes_before_the_file(receiver, channel, message, tmp_path):
    server = receiver()
    (tmp_path / "SLACK_URL").write_text("http://127.0.0.1:1/")
    environment = {"KFP_CT_SECRETS_DIR": str(tmp_path), "SLACK_URL": server.url}

    assert tell([channel("slack")], message(), environment, QUICK) == [Told("slack", True)]


def test_a_variable_that_is_missing_is_one_warning_with_its_name(channel, message, tmp_path, logged):
    environment = {"KFP_CT_SECRETS_DIR": str(tmp_path), "SLACK_URL": "  "}

    told = tell([channel("slack")], message(), environment, QUICK)

    problem = f"SLACK_URL is not set, and {tmp_path} holds no file of that name"
    assert told == [Told("slack", False, problem)]
    assert [each.getMessage() for each in logged.records] == [f"slack is not told: {problem}"]


@pytest.mark.parametrize(
    "url", ["hooks.example.com/x", "https://user:pass@host/", "file:///etc/passwd", "http://h ost"]
)
def test_what_is_no_address_is_refused_unseen(url, channel, message):
    (told,) = tell([channel("slack")], message(), {"SLACK_URL": url}, QUICK)

    assert told.problem.startswith("SLACK_URL holds no address; allowed: ")
    assert url not in told.problem


@pytest.mark.parametrize(
    ("token", "problem"), [(None, "TOKEN is not set"), ("two words", "TOKEN holds no token")]
)
def test_a_token_that_is_missing_or_none_is_refused_before_anything_is_sent(
    token, problem, receiver, channel, message, tmp_path
):
    server = receiver()
    environment = {"WEBHOOK_URL": server.url, "KFP_CT_SECRETS_DIR": str(tmp_path)}
    environment |= {"TOKEN": token} if token else {}

    (told,) = tell([channel("webhook", token=VARIABLE)], message(), environment, QUICK)

    assert told.problem.startswith(problem)
    assert server.requests == []


def test_a_token_goes_over_no_open_line(channel, message):
    environment = {"WEBHOOK_URL": "http://hooks.example.com/x", "TOKEN": TOKEN}

    (told,) = tell([channel("webhook", token=VARIABLE)], message(), environment, QUICK)

    assert told.problem.startswith("WEBHOOK_URL would send the token unencrypted; allowed: https")


def test_a_secret_that_cannot_be_read_says_why(channel, message, tmp_path):
    (tmp_path / "SLACK_URL").mkdir()

    (told,) = tell([channel("slack")], message(), {"KFP_CT_SECRETS_DIR": str(tmp_path)}, QUICK)

    assert told.problem == f"SLACK_URL: '{tmp_path / 'SLACK_URL'}' cannot be read: Is a directory"


def test_an_error_of_ours_hinders_no_other_and_is_not_repeated(receiver, channel, message, monkeypatch):
    def broken(_message):
        raise RuntimeError(f"with {TOKEN}")

    monkeypatch.setattr(sys.modules[tell.__module__], "slack_payload", broken)
    server = receiver()
    environment = {"SLACK_URL": server.url, "WEBHOOK_URL": server.url}

    told = tell([channel("slack"), channel("webhook")], message(), environment, QUICK)

    assert told == [Told("slack", False, "an error of ours, RuntimeError"), Told("webhook", True)]


def test_who_was_told_is_said_by_types_alone():
    told = [Told("slack", True), Told("webhook", False, "x"), Told("alertmanager", True)]

    assert told_text(told) == "told: slack, alertmanager; not told: webhook"


def test_channels_are_read_from_a_spec_that_is_broken_elsewhere():
    spec = {
        "model": 7,
        "notify": [
            {"type": "slack", "url": "SLACK_URL", "on": ["fail"]},
            {"type": "webhook", "url": "WEBHOOK_URL", "tokem": "X", "on": ["failed"]},
        ],
    }

    slack, webhook = read_channels(spec)

    assert slack.on == webhook.on == ["promoted", "waiting", "retained", "failed"]
    assert (slack.url, webhook.url) == ("SLACK_URL", "WEBHOOK_URL")


@pytest.mark.parametrize(
    "spec", [None, "text", [], {}, {"notify": None}, {"notify": "slack"}, {"notify": [None, 1]}]
)
def test_a_spec_without_channels_has_none(spec):
    assert read_channels(spec) == []


def test_an_address_in_the_place_of_its_name_is_not_repeated(logged):
    assert read_channels({"notify": [{"type": "slack", "url": "https://hooks.example/s3cr3t-path"}]}) == []

    assert "notify[0]: nobody is told there, its url is not allowed" in logged.text
    assert "s3cr3t-path" not in logged.text


def test_a_message_is_json_in_utf_8(receiver, channel, message):
    server = receiver()

    tell([channel("webhook")], message(title="Zürich \ud800 ✓"), {"WEBHOOK_URL": server.url}, QUICK)

    assert json.loads(server.requests[0][2].decode("utf-8"))["title"] == "Zürich ? ✓"
