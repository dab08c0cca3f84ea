"""Opening a ledger: what works, and how it says what does not."""

import contextlib
import sqlite3
import stat

import pytest
import sqlalchemy as sa

from ct_components.connections import sqlite_url
from ct_components.errors import SpecError, StateError, Unreachable
from ct_components.ledger import open_ledger


def _sql(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = [connection.execute(statement).fetchall() for statement in statements]
        connection.commit()
    return found


def test_no_url_is_no_ledger():
    assert open_ledger(None) is None


def test_folders_are_made_and_opening_again_keeps_what_is_there(tmp_path, run):
    url = sqlite_url(tmp_path / "a folder/ünï/ledger.db")
    open_ledger(url).claim_run(run("run-1"))

    assert open_ledger(url).run("run-1")["key"] == "key"


def test_the_tables_of_a_neighbour_are_left_alone(tmp_path, run):
    """MLflow, in the same database, has a table `runs`, too."""
    path = tmp_path / "shared.db"
    _sql(path, "CREATE TABLE runs (run_uuid TEXT)", "CREATE TABLE schema_version (hash TEXT)")

    open_ledger(sqlite_url(path)).claim_run(run("run-1"))

    assert _sql(path, "SELECT * FROM runs", "SELECT run_id FROM ct_runs") == [[], [("run-1",)]]


def test_another_schema_version_is_refused_by_name_and_nothing_is_added(tmp_path):
    path = tmp_path / "ledger.db"
    _sql(path, "CREATE TABLE ct_schema_version (version INTEGER)", "INSERT INTO ct_schema_version VALUES (7)")

    with pytest.raises(StateError, match=r"ledger\.db has schema version 7; this program .* version 1"):
        open_ledger(sqlite_url(path))

    assert _sql(path, "SELECT name FROM sqlite_master") == [[("ct_schema_version",)]]


def test_a_folder_in_place_of_the_file_is_named_at_once(tmp_path):
    with pytest.raises(StateError, match=f"the ledger at .*{tmp_path.name} cannot be used: unable to open"):
        open_ledger(sqlite_url(tmp_path))


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_text("not a database, but long enough for SQLite to look into it" * 20)

    with pytest.raises(StateError, match="file is not a database"):
        open_ledger(sqlite_url(path))


def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StateError, match=r"cannot be used: .*[Nn]ot a directory|File exists"):
        open_ledger(sqlite_url(tmp_path / "file/ledger.db"))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_ledger_in_memory_is_refused(url):
    with pytest.raises(StateError, match="would vanish with the process"):
        open_ledger(url)


@pytest.mark.parametrize(
    "url",
    [
        "foo://ct:secret@db/ledger",
        "postgresql+foo://ct:secret@db/ledger",
        "sqlite+foo:////tmp/x.db",
        "ledger.db",
        "postgresql://ct:secret@db:port/ledger",
        "://ct:secret@db",
    ],
)
def test_an_unusable_url_says_what_is_allowed_and_no_password(url):
    with pytest.raises((SpecError, StateError)) as caught:
        open_ledger(url)

    assert "allowed: an SQLAlchemy URL" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dialect", ["postgresql", "postgresql+psycopg2", "mysql+pymysql"])
def test_a_server_that_is_out_of_reach_or_its_missing_driver_is_named(dialect, closed_port):
    url = f"{dialect}://ct:s3/cr@et@127.0.0.1:{closed_port}/ledger"

    with pytest.raises((StateError, Unreachable)) as caught:
        open_ledger(url)

    assert "needs the Python package 'p" in str(caught.value) or isinstance(caught.value, Unreachable)
    assert f"://ct:***@127.0.0.1:{closed_port}/ledger" in str(caught.value)
    assert "s3/cr" not in str(caught.value)


def test_a_locked_ledger_is_unreachable_and_reading_it_is_not(url, run, ledger, monkeypatch):
    ledger.claim_run(run("run-1"))
    monkeypatch.setattr("ct_components.ledger.database._LOCK_SECONDS", 0.2)
    impatient = open_ledger(url)
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")

        assert impatient.run("run-1") is not None
        with pytest.raises(Unreachable, match="does not answer: database is locked"):
            impatient.set_mlflow_run("run-1", "m")


def test_a_ledger_that_vanishes_while_open_is_no_traceback(tmp_path, ledger, run):
    (tmp_path / "ledger.db").unlink()

    with pytest.raises(StateError, match="no such table"):
        ledger.claim_run(run("run-1"))


def test_a_ledger_in_a_read_only_place_can_be_read(tmp_path, ledger, url, run):
    ledger.claim_run(run("run-1"))
    (tmp_path / "ledger.db").chmod(stat.S_IRUSR)

    assert open_ledger(url).history()["runs"][0]["run_id"] == "run-1"


def test_opening_waits_for_no_writer(url, ledger, run, monkeypatch):
    monkeypatch.setattr("ct_components.ledger.database._LOCK_SECONDS", 0.2)
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")

        assert open_ledger(url) is not None


def test_queries_of_one_transaction_see_one_moment(ledger):
    with ledger._database.reading() as connection:
        assert connection.get_execution_options()["writing"] is False
        with pytest.raises(sa.exc.InvalidRequestError):
            connection.begin()
