"""Whether a ledger has this program's tables; the migrations are imported only where it has not."""

import logging

import sqlalchemy as sa

from ct_components.errors import StateError
from ct_components.ledger.database import Database
from ct_components.ledger.tables import HEAD, revisions


def prepare(database: Database) -> None:
    """Makes the tables of a new ledger, and brings those of an older one up to date.

    A ledger that is up to date costs one query. Alembic, which costs more than all else that a command does
    before it starts, is not imported for it.

    Raises:
        StateError: If another program made the ledger, or a newer version of this one.
        Unreachable: If the database does not answer.
    """
    if _revision(database) == HEAD:
        return
    # It would tell everybody who listens at level INFO of its plugins, already while it is imported.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from ct_components.ledger.migrations import migrate

    migrate(database)


def _revision(database: Database) -> str | None:
    try:
        with database.reading() as connection:
            found: str | None = connection.scalar(sa.select(revisions.c.version_num))
            return found
    except StateError:
        # Mostly there is no such table. If it is something worse, the migration meets it, too, and says so.
        return None
