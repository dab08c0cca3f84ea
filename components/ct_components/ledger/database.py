"""The ledger's database: how it is opened, how transactions begin, what its errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from ct_components.connections import database_error, redact
from ct_components.errors import StateError

ROLE = "the ledger"
# How long SQLite waits for another writer, and PostgreSQL for a connection.
_LOCK_SECONDS = 30
_CONNECT_SECONDS = 10


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

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that reads: all its queries see the same moment of an SQLite ledger.

        Raises:
            Unreachable: If the database does not answer.
            StateError: If it never will.
        """
        with self._transaction(writing=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes; an IntegrityError is the caller's to understand.

        Raises:
            Unreachable: If the database does not answer.
            StateError: If it never will.
        """
        with self._transaction(writing=True) as connection:
            yield connection

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(writing=writing) as connection, connection.begin():
                yield connection
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DBAPIError as error:
            raise database_error(ROLE, self.url, error) from error


def _make_folder(url: str) -> None:
    database = sa.make_url(url).database
    if not database or database == ":memory:":
        raise StateError(
            f"{ROLE} at {redact(url)} would vanish with the process; allowed: a file, such as "
            "sqlite:////folder/ledger.db"
        )
    Path(database).parent.mkdir(parents=True, exist_ok=True)


def _server(url: str) -> Engine:
    """Connections are checked before use, because a server may have closed them meanwhile."""
    driver = sa.make_url(url).get_driver_name()
    timeout = {"connect_timeout": _CONNECT_SECONDS} if driver in {"psycopg", "psycopg2"} else {}
    return sa.create_engine(url, connect_args=timeout, pool_pre_ping=True)


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
