"""What ran and who became champion, from the ledger."""

from pathlib import Path
from typing import Any

from ct_components import connections
from ct_components.errors import StateError
from ct_components.ledger import open_ledger


def read_history(model: str | None) -> dict[str, list[dict[str, Any]]]:
    """Returns triggers, runs with verdicts and stages, and promotions, each oldest first.

    A run that was started by hand is its own trigger.

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
    if model and not (found["runs"] or found["promotions"]):
        known = sorted({run["model"] for run in ledger.history()["runs"]})
        raise StateError(f"the ledger knows no model {model!r}; it knows: {', '.join(known) or 'none'}")
    return {"triggers": [_trigger(run) for run in found["runs"]], **found}


def _embedded_ledger() -> Path:
    path = connections.state_home() / "ledger.db"
    if not path.exists():
        raise StateError(
            f"there is no ledger at {path}; run kfp-ct run first, or set {connections.STATE_HOME} to the "
            f"state folder or {connections.LEDGER_URL} to the ledger"
        )
    return path


def _trigger(run: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": run["model"],
        "key": run["key"],
        "reason": run["reason"],
        "decision": "run",
        "run_id": run["run_id"],
        "created_at": run["created_at"],
    }
