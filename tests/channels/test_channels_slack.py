"""What Slack and those like it are sent: text that stays text, within Slack's limits."""

import json
import time

import pytest

from ct_components.channels.slack import escape, slack_payload

HOSTILE = [
    "<!channel> <!here> <@U123> <https://evil.example|click>",
    "@channel @here @all",
    "*bold* _it_ ~gone~ `code` ```block``` > quote",
    "<script>alert(1)</script> &amp; &lt;",
    "![picture](https://evil.example/x.png) [link](https://evil.example)",
    "two\nlines\r\nand\ttabs\0\x1b[31mred",
    "\u202egnp.exe \u2066x\u2069",
    "half \ud800 of a sign",
    "\U0001d518 \U0001f600" * 1000,
    "&" * 10_000,
    "<" * 2_999,
    "x" * 1_000_000,
]


def texts(payload):
    """Every text of the payload, but for the link, whose markup is ours."""
    yield payload["text"]
    for block in payload["blocks"]:
        for part in block.get("elements", [block.get("text")]):
            if part["type"] == "plain_text":
                yield part["text"]


def length(text):
    return len(text.encode("utf-16-le")) // 2


def test_the_message_of_a_verdict(message):
    payload = slack_payload(message("promoted", title="flight-delay: version 2 is champion"))

    header, reason, figures, about = payload["blocks"]
    assert header == {
        "type": "header",
        "text": {"type": "plain_text", "text": "▲ flight-delay: version 2 is champion", "emoji": False},
    }
    assert reason["text"]["text"] == "The challenger is not proven better."
    assert figures["text"]["text"] == "ROC AUC: champion 0.7500"
    link, rest = about["elements"]
    assert link == {"type": "mrkdwn", "text": "<https://kfp.example.com/#/runs/details/run-1|page>"}
    assert rest["text"] == (
        "run run-1 · as of 2013-06-01T04:00:00+00:00 · trigger reason drift · key drift-2013-06-01"
    )
    assert payload["text"].split("\n") == [
        "▲ flight-delay: version 2 is champion",
        "The challenger is not proven better.",
        "ROC AUC: champion 0.7500",
        f"{link['text']} · {rest['text']}",
    ]


def test_a_failure_says_where_and_what(message):
    failed = message("failed", failed_stage="train_model", failure="no rows", reason="", figures=None)

    _, failure, _ = slack_payload(failed)["blocks"]

    assert failure["text"]["text"] == "train_model: no rows"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "where", ["model", "title", "reason", "failure", "failed_stage", "page", "key", "run_id"]
)
def test_hostile_text_stays_text_within_the_limits(text, where, message):
    began = time.monotonic()
    payload = slack_payload(message("failed", **{"failure": "x", "failed_stage": "y", where: text}))

    assert time.monotonic() - began < 1
    json.dumps(payload, ensure_ascii=False).encode("utf-8")
    link = "<https://kfp.example.com/#/runs/details/run-1|page>"
    for shown in texts(payload):
        rest = shown.replace(link, "")
        assert 0 < length(shown) <= 3000
        assert "<" not in rest
        assert ">" not in rest
        assert all(each.startswith(("&amp;", "&lt;", "&gt;")) for each in _from_each(rest, "&"))
        assert all(each.startswith("@\u2060") for each in _from_each(rest, "@"))
        assert "](" not in rest
        assert not {"\0", "\x1b", "\r", "\u202e"} & {*rest}
    header = payload["blocks"][0]["text"]["text"]
    assert length(header) <= 150
    assert "\n" not in header


def _from_each(text, sign):
    return [text[place:] for place, each in enumerate(text) if each == sign]


def test_all_at_once_is_within_the_limits(message):
    fields = ("model", "title", "reason", "failure", "failed_stage", "page", "key", "run_id", "as_of")

    payload = slack_payload(message("failed", **dict.fromkeys(fields, "<&>@" * 100_000)))

    assert max(map(length, texts(payload))) <= 3000
    assert len(json.dumps(payload)) < 40_000


@pytest.mark.parametrize(
    "page",
    [
        "javascript:alert(1)",
        "minio://mlpipeline/v2/artifacts/page",
        "https://kfp.example.com/|<!channel>",
        "https://kfp.example.com/a b",
        "https://user:pass@kfp.example.com/",
        "https://[::1/",
        f"https://kfp.example.com/{'x' * 1000}",
        "",
        None,
    ],
)
def test_a_page_that_is_no_web_address_is_no_link(page, message):
    elements = slack_payload(message(page=page))["blocks"][-1]["elements"]

    assert [each["type"] for each in elements] == ["plain_text"]


def test_a_links_ampersand_is_escaped(message):
    link = slack_payload(message(page="https://kfp.example.com/?a=1&b=2"))["blocks"][-1]["elements"][0][
        "text"
    ]

    assert link == "<https://kfp.example.com/?a=1&amp;b=2|page>"


@pytest.mark.parametrize("limit", range(1, 30))
def test_an_escape_is_never_cut_in_two(limit):
    text = escape("a&<b@c&&&", limit)

    assert len(text) <= limit
    assert text.rstrip("…").replace("&amp;", "").replace("&lt;", "").replace("@\u2060", "").strip("abc") == ""


def test_passwords_of_addresses_are_hidden(message):
    payload = slack_payload(message("failed", failure="no answer from postgresql://ct:hunter2@db/ledger"))

    assert "hunter2" not in json.dumps(payload)
    assert "postgresql://ct:***@" in json.dumps(payload)
