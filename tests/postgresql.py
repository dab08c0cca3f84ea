"""A real PostgreSQL of the tests' own: a cluster in a temporary folder, on loopback, ended with the session.

A conftest that imports `postgresql` gives its tests the fixture; they are marked `service`.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

_USER = "postgres"
# Tests ask for speed; what a power cut would lose is nobody's.
_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "unix_socket_directories=",
    "listen_addresses=127.0.0.1",
    "max_connections=200",
    "timezone=America/New_York",
)
_PATIENCE = 60


@dataclass(frozen=True)
class PostgreSQL:
    """A running server.

    Attributes:
        port: On 127.0.0.1.
        password: Of the user `postgres`, random.
    """

    port: int
    password: str
    _names: Iterator[int] = field(default_factory=count)

    def url(self, database: str = "postgres") -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{_USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make a database, and return its name."""
        name = f"test_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def empty(self, database: str, keep: tuple[str, ...] = ()) -> None:
        """Empty all tables of a database; much quicker than a new one."""
        tables = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database)
        names = ", ".join(name for (name,) in tables if name not in keep)
        self.execute(f"TRUNCATE {names} RESTART IDENTITY", database)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple]:
        """Run a statement, and return its rows."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=_USER,
            password=self.password,
            dbname=database,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server of this session's own. Skipped without its binaries, but never in CI."""
    binaries = _binaries()
    if binaries is None:
        missing = "PostgreSQL is not installed: no initdb on the PATH or in /usr/lib/postgresql/*/bin"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with _folder() as folder, _server(binaries, folder) as server:
        yield server


def _binaries() -> Path | None:
    """Debian keeps them out of the PATH, a folder a version."""
    on_path = shutil.which("initdb")
    found = [Path(on_path)] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def _folder() -> Iterator[Path]:
    """Where pytest keeps its own only root can look, and the server does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="ct-postgresql-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _USER)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(binaries: Path, folder: Path) -> Iterator[PostgreSQL]:
    data, secret, log = folder / "data", folder / "password", folder / "log"
    server = PostgreSQL(_free_port(), secrets.token_hex(8))
    secret.write_text(server.password)
    log.touch()
    if os.geteuid() == 0:
        shutil.chown(secret, _USER)
    initdb = ["-D", data, "-U", _USER, "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--no-sync"]
    _as_user(subprocess.run)([binaries / "initdb", *initdb], check=True, capture_output=True)
    options = [part for each in (*_SETTINGS, f"port={server.port}") for part in ("-c", each)]
    with log.open("wb") as output:
        process = _as_user(subprocess.Popen)(
            [binaries / "postgres", "-D", data, *options], stdout=output, stderr=output
        )
    try:
        _wait(server, process, log)
        yield server
    finally:
        # SIGQUIT is PostgreSQL's immediate shutdown: nobody will ever want what it would still write.
        process.send_signal(signal.SIGQUIT)
        process.wait(_PATIENCE)


def _as_user(start: Callable) -> Callable:
    """Runs a program as postgres where this is root, since initdb refuses to be root."""
    identity = {"user": _USER, "group": _USER, "extra_groups": []} if os.geteuid() == 0 else {}

    def call(command, **options):
        return start(command, cwd="/", **identity, **options)

    return call


def _wait(server: PostgreSQL, process: subprocess.Popen, log: Path) -> None:
    import psycopg

    limit = time.monotonic() + _PATIENCE
    while True:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > limit:
                pytest.fail(f"PostgreSQL did not start: {log.read_text()}")
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
