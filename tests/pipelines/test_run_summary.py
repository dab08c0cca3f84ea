"""What one run says in the terminal."""

import json
from datetime import UTC, datetime

import pytest

from ct_components.spec import Duration
from ct_components.windows import plan_windows
from ct_pipelines.local.summary import Result, run_lines

NO_TIME = Duration(0, "d")


def lines(outcome, message):
    windows = plan_windows(
        as_of=datetime(2013, 6, 1, tzinfo=UTC),
        timezone="UTC",
        train=Duration(90, "d"),
        holdout=Duration(14, "d"),
        embargo=NO_TIME,
        label_delay=NO_TIME,
        champion_cutoff=None,
    )
    scores = {
        "champion_version": "2",
        "champion_score": 0.7,
        "challenger_version": "3",
        "challenger_score": 0.8,
    }
    report = {
        **scores,
        "rows": {"training": 240, "holdout": 60, "training_partial": False},
        "windows": json.loads(windows.to_json()),
        "metric": "roc_auc",
        "relative": False,
        "gain": 0.1,
        "lower": 0.05,
        "alpha": 0.03,
        "challenge": 1,
        "verdict": "promote",
        "reason": "superior",
        "explanation": "Proven better.",
    }
    run = {"outcome": outcome, "message": message, "spec": {"windows": {"holdout": "14d"}}}
    return list(run_lines(Result("run", run, {"verdict": "promote", "report": report}, 1.0, {}, None)))


@pytest.mark.parametrize("message", ["version 3 won and waits in staging for kfp-ct promote", None])
def test_who_won_and_is_not_champion_is_not_left_to_be_guessed(message):
    assert f"  outcome    retained: {message or 'the champion stays'}" in lines("retained", message)


def test_who_won_and_is_champion_needs_no_more_words():
    assert not [each for each in lines("promoted", "Proven better.") if "outcome" in each]
