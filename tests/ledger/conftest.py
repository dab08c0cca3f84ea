from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ct_components.connections import sqlite_url
from ct_components.ledger import Ledger, Run, open_ledger


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "ledger.db")


@pytest.fixture
def ledger(url: str) -> Ledger:
    return open_ledger(url)


@pytest.fixture
def run() -> Callable[..., Run]:
    """Make a run whose key is "key" unless said otherwise."""

    def make(run_id: str = "run-1", **changes) -> Run:
        usual = {
            "model": "churn",
            "key": "key",
            "reason": "manual",
            "as_of": datetime(2013, 4, 1, tzinfo=UTC),
            "champion_version": None,
            "spec": {"model": "churn"},
            "windows": {"timezone": "UTC"},
        }
        return Run(run_id, **{**usual, **changes})

    return make


@pytest.fixture
def verdict() -> Callable[..., dict]:
    """Make a verdict row."""

    def make(run_id: str, word: str = "hold", **changes) -> dict:
        return {
            "run_id": run_id,
            "model": "churn",
            "champion_version": "1",
            "challenger_version": "2",
            "challenge": 1,
            "verdict": word,
            "reason": "not_proven",
            "explanation": "not proven better",
            "challenger_score": 0.75,
            "champion_score": 0.5,
            "gain": 0.25,
            "lower": 0.0,
            "report": {"verdict": word},
            **changes,
        }

    return make
