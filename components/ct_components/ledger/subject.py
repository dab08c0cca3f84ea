"""What the ledger's subjects share: the database, reading rows, and a model's lock."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.sql import visitors

from ct_components.errors import StateError
from ct_components.ledger.database import Database
from ct_components.ledger.tables import models


class Subject:
    """A part of the ledger. Each of its methods is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _rows(self, query: sa.Select[Any]) -> list[RowMapping]:
        with self._database.reading() as connection:
            return fetch(connection, query)


def fetch(connection: Connection, query: sa.Select[Any]) -> list[RowMapping]:
    """Returns the rows of a query.

    Raises:
        StateError: If one holds what is no JSON, or no time; SQLite takes any text for either.
    """
    found = connection.execute(query).mappings()
    try:
        return list(found)
    except ValueError as error:
        raise _unreadable(connection, query, error) from error


def first(connection: Connection, query: sa.Select[Any]) -> RowMapping | None:
    """Returns the first row of a query, if there is one; otherwise as `fetch`."""
    return next(iter(fetch(connection, query.limit(1))), None)


def _unreadable(connection: Connection, query: sa.Select[Any], error: ValueError) -> StateError:
    tables = sorted({each.name for each in visitors.iterate(query) if isinstance(each, sa.Table)})
    return StateError(
        f"{', '.join(tables)} of the ledger at {connection.engine.url} holds what is no JSON, or no "
        f"time: {error}; allowed: what this program writes, days as YYYY-MM-DD, times as "
        "YYYY-MM-DD HH:MM:SS in UTC"
    )


def lock_model(connection: Connection, model: str) -> None:
    """Waits until nobody else decides about a model, and keeps it so until the transaction ends.

    On SQLite a transaction that writes has the whole file to itself already.
    """
    own = sa.select(models.c.model).where(models.c.model == model).with_for_update()
    if connection.scalar(own) is not None:
        return
    try:
        with connection.begin_nested():
            connection.execute(models.insert().values(model=model, created_at=datetime.now(UTC)))
    except sa.exc.IntegrityError:
        # Somebody else inserted it meanwhile, and holds it or held it.
        connection.scalar(own)
