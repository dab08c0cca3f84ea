from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fake_engine import FakeEngine
from fake_kfp_api import fake_kfp
from trigger_samples import Clock
from trigger_world import World

from ct_components.connections import sqlite_url
from ct_components.ledger import Ledger, open_ledger
from ct_pipelines.triggers.door import Door
from postgresql import postgresql  # noqa: F401  (a fixture is found by its name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    assert ledger
    return ledger


@pytest.fixture
def door(ledger: Ledger, engine: FakeEngine, clock: Clock) -> Door:
    return Door(ledger, engine, patience=timedelta(0), clock=clock)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database for a ledger."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "ledger.db")
    server = request.getfixturevalue("postgresql")
    return server.url(server.new_database())


@pytest.fixture
def world(url: str, tracking_uri: str, tmp_path: Path) -> Iterator[World]:
    """A model, a ledger, MLflow and a fake of KFP, for processes that ask for runs."""
    with fake_kfp() as fake:
        yield World(tmp_path, url, tracking_uri, fake)
