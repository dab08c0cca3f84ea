"""How the ledger's tables came about, one revision after another, and how a ledger catches up.

A revision is a module in `versions` that alembic finds by itself. It spells its tables out, and imports none
of those in `ct_components.ledger.tables`, which will change after it.
"""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from ct_components.connections import first_line
from ct_components.errors import StateError
from ct_components.ledger.database import Database
from ct_components.ledger.tables import HEAD, revisions, schema_version

# What the program that had no migrations yet called its tables, and which revision they are.
_BEFORE_MIGRATIONS = {1: "0001"}
# PostgreSQL's lock for those who migrate: any number that nobody else uses.
_LOCK = 0x6374_6C65_6467_6572


def migrate(database: Database) -> None:
    """Brings a ledger to `HEAD`, in one transaction: all of it, or nothing.

    Of several processes that come at once, the first migrates and the others find it done.

    Raises:
        StateError: If the ledger is newer than this program, or its tables are not what they should be.
        Unreachable: If the database does not answer, or a migration by somebody else does not end.
    """
    scripts = ScriptDirectory(str(Path(__file__).parent))
    try:
        with database.writing() as connection:
            _lock(connection)
            _upgrade(connection, scripts, _current(database, connection, scripts))
    except sa.exc.IntegrityError as error:
        raise StateError(
            f"{database.place} cannot be brought to revision {HEAD}: {first_line(error.orig or error)}"
        ) from error


def _lock(connection: Connection) -> None:
    """An SQLite transaction that writes has the file to itself already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _current(database: Database, connection: Connection, scripts: ScriptDirectory) -> str | None:
    """The ledger's revision; None for a new ledger, or one that was left half made."""
    known = [script.revision for script in reversed(list(scripts.walk_revisions()))]
    if found := _newest(connection, revisions.name, revisions.c.version_num):
        if found in known:
            return str(found)
        raise _foreign(database, f"revision {found}", f"revisions {', '.join(known)}")
    if found := _newest(connection, schema_version.name, schema_version.c.version):
        if found in _BEFORE_MIGRATIONS:
            return _BEFORE_MIGRATIONS[found]
        allowed = ", ".join(str(each) for each in _BEFORE_MIGRATIONS)
        raise _foreign(database, f"schema version {found}", f"version {allowed} and its own, {HEAD}")
    return None


def _newest(connection: Connection, table: str, column: sa.ColumnElement[Any]) -> Any:
    known = sa.inspect(connection).has_table(table)
    return connection.scalar(sa.select(sa.func.max(column))) if known else None


def _foreign(database: Database, found: str, known: str) -> StateError:
    return StateError(
        f"{database.place} has {found}; this program reads {known}: upgrade it to the version that made the "
        "ledger, or use another ledger"
    )


def _upgrade(connection: Connection, scripts: ScriptDirectory, current: str | None) -> None:
    context = MigrationContext.configure(connection, opts={"version_table": revisions.name})
    with Operations.context(context):
        if current is not None:
            context.stamp(scripts, current)
        missing = list(scripts.iterate_revisions("head", current or "base"))
        for script in reversed(missing):
            script.module.upgrade()
            context.stamp(scripts, script.revision)
