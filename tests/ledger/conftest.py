import contextlib
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ct_components.connections import sqlite_url
from ct_components.ledger import Decision, Ledger, LookRecord, MetricRecord, Run, TriggerRequest, open_ledger
from postgresql import PostgreSQL, postgresql  # noqa: F401  (a fixture is found by its name)

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.service)]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger in which nothing has happened; making its tables takes longer than copying it."""
    path = tmp_path_factory.mktemp("ledger") / "template.db"
    open_ledger(sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def postgresql_ledger(postgresql: PostgreSQL) -> str:  # noqa: F811
    """The name of a database with a ledger, which is emptied for each test."""
    name = postgresql.new_database()
    open_ledger(postgresql.url(name))
    return name


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> str:
    """On which database a test runs; tests that use it run on both."""
    return request.param


@pytest.fixture
def empty_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if database == "sqlite":
        return sqlite_url(tmp_path / "ledger.db")
    server = request.getfixturevalue("postgresql")
    return server.url(server.new_database())


@pytest.fixture
def url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A ledger in which nothing has happened. Tests that spoil its tables use `empty_url`."""
    if database == "sqlite":
        path = tmp_path / "ledger.db"
        path.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        return sqlite_url(path)
    server, name = request.getfixturevalue("postgresql"), request.getfixturevalue("postgresql_ledger")
    server.empty(name, keep=("ct_alembic_version", "ct_schema_version"))
    return server.url(name)


@pytest.fixture
def ledger(url: str) -> Ledger:
    return open_ledger(url)


@pytest.fixture
def execute(request: pytest.FixtureRequest) -> Callable[..., list[tuple]]:
    """Runs SQL as another program does, on the database of a URL; the last statement's rows."""

    def run(url: str, *statements: str) -> list[tuple]:
        if url.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
                found = [connection.execute(statement).fetchall() for statement in statements]
                connection.commit()
            return found[-1]
        server, name = request.getfixturevalue("postgresql"), url.rpartition("/")[2]
        return [server.execute(statement, name) for statement in statements][-1]

    return run


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


@pytest.fixture
def request_() -> Callable[..., TriggerRequest]:
    """Make a request for model churn."""

    def make(key: str = "key", **changes) -> TriggerRequest:
        usual = {"reason": "drift", "origin": "cloudevent", "run_arguments": {"spec": "churn.yaml"}}
        return TriggerRequest(changes.pop("model", "churn"), key, **{**usual, **changes})

    return make


@pytest.fixture
def opening(ledger: Ledger, request_) -> Callable:
    """Open a trigger with a decision that is made beforehand; the trigger as recorded."""

    def open_(key="key", action="run", word="new", *, now=NOON, lease=timedelta(minutes=5), **changes):
        decision = Decision(action, word, f"decided to {action}")
        return ledger.open_trigger(request_(key, **changes), lambda _: decision, lease=lease, now=now).trigger

    return open_


@pytest.fixture
def standing(ledger: Ledger, request_) -> Callable:
    """What a decision about a request would see; it changes nothing."""

    def see(key="other", now=NOON, **changes):
        return ledger.standing(request_(key, **changes), now)

    return see


@pytest.fixture
def look() -> Callable[..., LookRecord]:
    """Make a look at version 1 of churn."""

    def make(**changes) -> LookRecord:
        usual = {
            "model": "churn",
            "monitor": "drift",
            "champion_version": "1",
            "as_of": NOON,
            "window_start": NOON - timedelta(days=7),
            "window_end": NOON,
            "verdict": "fire",
            "reason": "share",
            "explanation": "a quarter of the features drifted",
            "drifted": True,
            "share": 0.25,
            "key": "drift-2013-04-01",
            "report": {"features": [{"name": "age", "psi": 0.5}]},
            "report_uri": "file:///reports/1.html",
            "looked_at": NOON,
        }
        return LookRecord(**{**usual, **changes})

    return make


@pytest.fixture
def metric() -> Callable[..., MetricRecord]:
    """Make a value of version 1 of churn on 1 April."""

    def make(value: float | None = 0.75, **changes) -> MetricRecord:
        usual = {
            "model": "churn",
            "version": "1",
            "metric": "roc_auc",
            "day": NOON.date(),
            "n": 500,
            "source": "test",
            "written_at": NOON,
        }
        return MetricRecord(value=value, **{**usual, **changes})

    return make
