"""What was asked for, what ran, what was seen and who became champion, from the ledger."""

from pathlib import Path
from typing import Any

from ct_components import connections
from ct_components.errors import StateError
from ct_components.ledger import open_ledger


def read_history(model: str | None) -> dict[str, list[dict[str, Any]]]:
    """Returns triggers, runs with verdicts and stages, promotions and the monitors' looks, each oldest first.

    Args:
        model: One model's name; None for all.

    Raises:
        StateError: If there is no ledger where one was expected, or it does not know the model.
        Unreachable: If the ledger does not answer.
    """
    url = connections.ledger_url() or connections.sqlite_url(_embedded_ledger())
    ledger = open_ledger(url)
    assert ledger is not None
    found = ledger.history(model)
    if model and not any(found.values()):
        known = ", ".join(ledger.models()) or "none"
        raise StateError(f"the ledger knows no model {model!r}; it knows: {known}")
    return found


def _embedded_ledger() -> Path:
    path = connections.state_home() / "ledger.db"
    if not path.exists():
        raise StateError(
            f"there is no ledger at {path}; run kfp-ct run first, or set {connections.STATE_HOME} to the "
            f"state folder or {connections.LEDGER_URL} to the ledger"
        )
    return path
