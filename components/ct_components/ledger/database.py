"""The ledger's database: how it is opened, how transactions begin, what its errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ct_components.connections import database_error, first_line, redact_url
from ct_components.errors import CTError, StateError, Unreachable

ROLE = "the ledger"
# How long a writer waits for another, and PostgreSQL for a connection.
_LOCK_SECONDS = 30
_CONNECT_SECONDS = 10
# PostgreSQL ends a transaction whose process stands still, so that its locks do not stand with it.
_IDLE_SECONDS = 60
# A server that vanished without a word is noticed after a minute, where the system would wait for hours.
_POSTGRESQL = {
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# Classes of SQLSTATE that say nothing about what was asked: connection, rollback (serialization, deadlock),
# resources, locks, an operator. 25P03 is a transaction that stood still for too long.
_TRANSIENT = ("08", "40001", "40P01", "53", "55P03", "57", "25P03")


class Database:
    """Transactions on one SQLAlchemy URL.

    Raises:
        StateError: If the URL, its driver or its folder can never work.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        try:
            if self.is_sqlite:
                _make_folder(url)
            self._engine = _sqlite(url) if self.is_sqlite else _server(url)
        except (sa.exc.ArgumentError, ImportError, OSError, ValueError) as error:
            raise database_error(ROLE, url, error) from error

    @property
    def place(self) -> str:
        """Where the ledger is, for messages."""
        return f"{ROLE} at {redact_url(self.url)}"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that reads: all its queries see the same moment.

        Raises:
            Unreachable: If the database does not answer.
            StateError: If it never will.
        """
        with self._transaction(writing=False, isolation="REPEATABLE READ") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes; an IntegrityError is the caller's to understand.

        Every write of the ledger begins here. A query sees what was committed before it, so whoever waited
        for a lock sees what its last holder wrote.

        Raises:
            Unreachable: If the database does not answer, or another writer does not end.
            StateError: If it never will.
        """
        with self._transaction(writing=True, isolation="READ COMMITTED") as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_patience())
            yield connection

    @contextmanager
    def _transaction(self, *, writing: bool, isolation: str) -> Iterator[Connection]:
        # SQLite has one level, which is stricter than both.
        level = {} if self.is_sqlite else {"isolation_level": isolation}
        try:
            connecting = self._engine.connect()
            with connecting.execution_options(writing=writing, **level) as connection, connection.begin():
                yield connection
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DBAPIError as error:
            raise self._understood(error) from error

    def _understood(self, error: sa.exc.DBAPIError) -> CTError:
        state = getattr(error.orig, "sqlstate", None) or ""
        if state.startswith(_TRANSIENT):
            return Unreachable(f"{self.place} does not answer: {first_line(error.orig or error)}")
        return database_error(ROLE, self.url, error)


def _patience() -> sa.Select[Any]:
    """Of this transaction alone: a connection pooler may hand the session to somebody else."""
    limits = {"lock_timeout": _LOCK_SECONDS, "idle_in_transaction_session_timeout": _IDLE_SECONDS}
    return sa.select(*(sa.func.set_config(name, f"{value}s", True) for name, value in limits.items()))


def _make_folder(url: str) -> None:
    database = sa.make_url(url).database
    if not database or database == ":memory:":
        raise StateError(
            f"{ROLE} at {redact_url(url)} would vanish with the process; allowed: a file, such as "
            "sqlite:////folder/ledger.db"
        )
    Path(database).parent.mkdir(parents=True, exist_ok=True)


def _server(url: str) -> Engine:
    """A connection per transaction: a stage has a few in an hour, and a server has few connections."""
    parsed = sa.make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    is_libpq = parsed.get_driver_name() in {"psycopg", "psycopg2"}
    # What the URL says itself is meant.
    own = {name: value for name, value in _POSTGRESQL.items() if name not in parsed.query} if is_libpq else {}
    return sa.create_engine(parsed, connect_args=own, poolclass=sa.NullPool)


def _sqlite(url: str) -> Engine:
    """A connection per transaction: an open file costs nothing, and one left open is a warning at exit."""
    engine = sa.create_engine(url, connect_args={"timeout": _LOCK_SECONDS}, poolclass=sa.NullPool)
    sa.event.listen(engine, "connect", _sqlite_connect)
    sa.event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")


def _sqlite_begin(connection: Connection) -> None:
    """A transaction that reads first and writes later is refused at once when another writer came between.

    Beginning as a writer waits for the other instead.
    """
    writing = connection.get_execution_options()["writing"]
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
