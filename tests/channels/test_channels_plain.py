"""The plain webhook's JSON: every field of the message, under names that stay."""

import json

import pytest

from ct_components.channels import Figures, Message
from ct_components.channels.plain import plain_payload


def test_every_field_is_there(message):
    failed = message("failed", failed_stage="promote_challenger", failure="void", waiting="7")

    assert plain_payload(failed) == {
        "version": 1,
        "event": "failed",
        "model": "flight-delay",
        "title": "flight-delay: failed",
        "reason": "The challenger is not proven better.",
        "figures": {
            "metric": "roc_auc",
            "champion_version": "1",
            "champion_score": 0.75,
            "challenger_version": "2",
            "challenger_score": 0.7422,
            "gain": -0.0078,
            "lower": -0.0312,
            "relative": False,
            "text": "ROC AUC: champion 0.7500",
        },
        "failed_stage": "promote_challenger",
        "failure": "void",
        "waiting": "7",
        "page": "https://kfp.example.com/#/runs/details/run-1",
        "run": "run-1",
        "as_of": "2013-06-01T04:00:00+00:00",
        "trigger": {"reason": "drift", "key": "drift-2013-06-01"},
    }


def test_what_is_not_known_is_null():
    payload = plain_payload(Message("shop", "failed", "shop: the run failed"))

    assert [name for name, value in payload.items() if value is None] == [
        "figures",
        "failed_stage",
        "failure",
        "waiting",
        "page",
        "run",
        "as_of",
    ]
    assert payload["trigger"] == {"reason": None, "key": None}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_figure_that_is_no_number_is_null_and_zero_is_one(value):
    figures = Figures(gain=value, lower=0.0)

    shown = plain_payload(Message("shop", "retained", "", figures=figures))["figures"]

    assert (shown["gain"], shown["lower"]) == (None, 0.0)


def test_long_and_unprintable_text_is_cut_and_cleaned(message):
    payload = plain_payload(message(reason="x" * 1_000_000, title="a\0b\nc", key="k" * 1000))

    assert len(payload["reason"]) == 3000
    assert payload["title"] == "ab c"
    assert len(payload["trigger"]["key"]) == 300
    assert len(json.dumps(payload, allow_nan=False)) < 10_000
