"""The ledger: all of its subjects on one database."""

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

from ct_components.errors import Unreachable
from ct_components.ledger import schema
from ct_components.ledger.candidates import Candidates
from ct_components.ledger.claims import Claims
from ct_components.ledger.database import Database
from ct_components.ledger.history import History
from ct_components.ledger.looks import Looks
from ct_components.ledger.metrics import Metrics
from ct_components.ledger.promotions import Promotions
from ct_components.ledger.runs import Runs
from ct_components.ledger.triggers import Triggers
from ct_components.ledger.verdicts import Verdicts

_ATTEMPTS = 4


class Ledger(Triggers, Claims, Runs, Verdicts, Promotions, Candidates, Looks, Metrics, History):
    """The ledger of one database. Each method is one transaction."""

    def prepare(self) -> None:
        """Makes missing tables, brings older ones up to date, and refuses those of another program.

        Raises:
            StateError: If a newer program, or another one, made the ledger.
            Unreachable: If the database does not answer.
        """
        schema.prepare(self._database)


def open_ledger(url: str | None) -> Ledger | None:
    """Opens the ledger at an SQLAlchemy URL, and makes its tables where they are missing.

    Raises:
        Unreachable: If the database does not answer after several tries.
        StateError: If the URL or its driver is unusable, or a newer program made the ledger.
    """
    if url is None:
        return None
    ledger = Ledger(Database(url))
    retrying = Retrying(
        # SQLite waits for its lock itself, and nothing else about a file goes away by waiting.
        stop=stop_after_attempt(1 if url.startswith("sqlite") else _ATTEMPTS),
        wait=wait_exponential(multiplier=0.5, max=4) + wait_random(0, 1),
        retry=retry_if_exception_type(Unreachable),
        reraise=True,
    )
    retrying(ledger.prepare)
    return ledger
