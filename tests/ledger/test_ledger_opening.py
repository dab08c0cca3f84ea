"""Opening a ledger: what works, and how it says what does not."""

import contextlib
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from ct_components.connections import sqlite_url
from ct_components.errors import SpecError, StateError, Unreachable
from ct_components.ledger import open_ledger
from ct_components.ledger.subject import lock_model

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"])


def _sql(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = [connection.execute(statement).fetchall() for statement in statements]
        connection.commit()
    return found


def test_no_url_is_no_ledger():
    assert open_ledger(None) is None


def test_an_up_to_date_ledger_opens_with_one_query(ledger):
    seen = []
    sa.event.listen(ledger._database._engine, "before_cursor_execute", lambda *call: seen.append(call[2]))

    ledger.prepare()

    assert [each for each in seen if not each.startswith("BEGIN")] == [
        "SELECT ct_alembic_version.version_num \nFROM ct_alembic_version"
    ]


def test_an_up_to_date_ledger_opens_without_alembic(ledger, url):
    """Alembic takes longer to import than all else that a submission needs before it starts."""
    script = (
        "import sys\nfrom ct_components.ledger import open_ledger\nopen_ledger(sys.argv[1])\n"
        "print('alembic' in sys.modules)"
    )

    ended = subprocess.run([sys.executable, "-c", script, url], capture_output=True, text=True, check=True)

    assert ended.stdout == "False\n"


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


@ON_SQLITE
def test_a_locked_ledger_is_unreachable_and_reading_it_is_not(url, run, ledger, monkeypatch):
    ledger.claim_run(run("run-1"))
    monkeypatch.setattr("ct_components.ledger.database._LOCK_SECONDS", 0.2)
    impatient = open_ledger(url)
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")

        assert impatient.run("run-1") is not None
        with pytest.raises(Unreachable, match="does not answer: database is locked"):
            impatient.set_mlflow_run("run-1", "m")


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.service)])
class TestOnAServer:
    def test_a_model_that_somebody_decides_about_for_too_long_is_unreachable(self, ledger, run, monkeypatch):
        ledger.claim_run(run("run-1"))
        monkeypatch.setattr("ct_components.ledger.database._LOCK_SECONDS", 1)
        with ledger._database.writing() as other:
            lock_model(other, "churn")

            assert ledger.run("run-1") is not None
            ledger.claim_run(run("run-2", model="fraud"))
            with pytest.raises(Unreachable, match="does not answer: canceling statement due to lock timeout"):
                ledger.claim_run(run("run-3"))

    def test_two_that_wait_for_each_other_are_told_to_try_again(self, ledger, run):
        """A deadlock: PostgreSQL refuses one of the two after a second, and the other goes on."""
        for model in ("churn", "fraud"):
            ledger.claim_run(run(model, model=model))
        told = []

        def lock(one, other, meeting):
            try:
                with ledger._database.writing() as connection:
                    lock_model(connection, one)
                    meeting.wait()
                    lock_model(connection, other)
            except Unreachable as error:
                told.append(str(error))

        meeting = threading.Barrier(2)
        threads = [
            threading.Thread(target=lock, args=(*each, meeting))
            for each in (("churn", "fraud"), ("fraud", "churn"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(told) == 1
        assert "does not answer: deadlock detected" in told[0]

    def test_a_process_that_stands_still_gives_its_lock_up(self, ledger, run, monkeypatch):
        ledger.claim_run(run("run-1"))
        monkeypatch.setattr("ct_components.ledger.database._IDLE_SECONDS", 1)

        def stand_still():
            with ledger._database.writing() as connection:
                lock_model(connection, "churn")
                ledger.claim_run(run("run-2", key="other"))

        with pytest.raises(Unreachable, match="does not answer"):
            stand_still()
        assert ledger.run("run-2") is not None

    def test_a_wrong_password_is_no_matter_of_waiting_and_not_shown(self, url):
        server = url.rpartition("@")[2]

        with pytest.raises(StateError, match="password authentication failed") as caught:
            open_ledger(f"postgresql://postgres:s3cret@{server}")

        assert f"://postgres:***@{server}" in str(caught.value)
        assert "s3cret" not in str(caught.value)

    def test_a_database_that_is_not_there_is_named(self, url):
        with pytest.raises(StateError, match='database "nowhere" does not exist'):
            open_ledger(url.rpartition("/")[0] + "/nowhere")

    def test_a_url_without_a_driver_means_psycopg(self, url, run):
        open_ledger(url.replace("+psycopg", "")).claim_run(run("run-1"))

        assert open_ledger(url).run("run-1") is not None

    def test_no_connection_is_left_open(self, url, execute, run):
        open_ledger(url).claim_run(run("run-1"))

        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert execute(url, count) == [(1,)]  # the one that asks


@ON_SQLITE
def test_a_ledger_that_vanishes_while_open_is_no_traceback(tmp_path, ledger, run):
    (tmp_path / "ledger.db").unlink()

    with pytest.raises(StateError, match="no such table"):
        ledger.claim_run(run("run-1"))


def test_tables_that_vanish_while_open_are_no_traceback(run, empty_url, execute):
    ledger = open_ledger(empty_url)
    execute(empty_url, "DROP TABLE ct_models")

    with pytest.raises(StateError, match=r"no such table|does not exist"):
        ledger.claim_run(run("run-1"))


@ON_SQLITE
def test_a_ledger_in_a_read_only_place_can_be_read(tmp_path, ledger, url, run):
    ledger.claim_run(run("run-1"))
    (tmp_path / "ledger.db").chmod(stat.S_IRUSR)

    assert open_ledger(url).history()["runs"][0]["run_id"] == "run-1"


@ON_SQLITE
def test_opening_waits_for_no_writer(url, ledger, run, monkeypatch):
    monkeypatch.setattr("ct_components.ledger.database._LOCK_SECONDS", 0.2)
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")

        assert open_ledger(url) is not None


def test_queries_of_one_transaction_see_one_moment(ledger, url, run, monkeypatch):
    """A run that is recorded between two queries of a report would be in half of it."""
    ledger.claim_run(run("run-1"))
    monkeypatch.setattr("ct_components.ledger.database._LOCK_SECONDS", 0.2)
    other = open_ledger(url)
    count = sa.text("SELECT count(*) FROM ct_runs")
    with ledger._database.reading() as connection:
        before = connection.scalar(count)
        with contextlib.suppress(Unreachable):  # SQLite lets no writer end meanwhile, PostgreSQL does
            other.claim_run(run("run-2", key="other"))

        assert connection.scalar(count) == before == 1


@ON_SQLITE
@pytest.mark.parametrize(
    "spoil", ["UPDATE ct_triggers SET run_arguments = '{'", "UPDATE ct_triggers SET created_at = 'yesterday'"]
)
@pytest.mark.parametrize("read", [lambda ledger: ledger.history(), lambda ledger: ledger.open_triggers()])
def test_a_row_that_somebody_spoilt_is_told_by_its_table(read, spoil, ledger, run, execute, url):
    ledger.claim_run(run("run-1"))
    execute(url, spoil)

    with pytest.raises(
        StateError, match=r"ct_triggers of the ledger at .* holds what is no JSON, or no time"
    ):
        read(ledger)
