"""What was asked for, what ran, what was seen and who became champion, from the ledger."""

from typing import Any

from ct_components.errors import StateError
from ct_pipelines.ledgers import open_ledger_here


def read_history(model: str | None) -> dict[str, list[dict[str, Any]]]:
    """Returns triggers, runs with verdicts and stages, promotions and the monitors' looks, each oldest first.

    Args:
        model: One model's name; None for all.

    Raises:
        StateError: If there is no ledger where one was expected, or it does not know the model.
        Unreachable: If the ledger does not answer.
    """
    ledger = open_ledger_here(make=False)
    found = ledger.history(model)
    if model and not any(found.values()):
        known = ", ".join(ledger.models()) or "none"
        raise StateError(f"the ledger knows no model {model!r}; it knows: {known}")
    return found
