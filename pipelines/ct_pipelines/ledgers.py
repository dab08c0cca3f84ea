"""Which ledger the command line uses: the one that is named, else on a laptop that of the state folder."""

import os
from collections.abc import Mapping
from pathlib import Path

from ct_components import connections
from ct_components.errors import StateError
from ct_components.ledger import Ledger, open_ledger


def open_ledger_here(environment: Mapping[str, str] = os.environ, *, make: bool = True) -> Ledger:
    """Opens the ledger that `KFP_CT_LEDGER_URL` names, else the one in the state folder.

    Args:
        environment: What names it.
        make: Whether a state folder without one gets one.

    Raises:
        StateError: If a pod is given none, or there is none to be read.
        Unreachable: If it does not answer.
    """
    url = connections.ledger_url(environment)
    if url is None and connections.in_a_pod(environment):
        raise StateError(f"{connections.LEDGER_URL} is not set; allowed: the ledger's SQLAlchemy URL")
    if url is None:
        url = _embedded(connections.state_home(environment) / "ledger.db", make=make)
    ledger = open_ledger(url)
    assert ledger is not None
    return ledger


def _embedded(path: Path, *, make: bool) -> str:
    if not make and not path.exists():
        raise StateError(
            f"there is no ledger at {path}; run kfp-ct run first, or set {connections.STATE_HOME} to the "
            f"state folder or {connections.LEDGER_URL} to the ledger"
        )
    return connections.sqlite_url(path)
