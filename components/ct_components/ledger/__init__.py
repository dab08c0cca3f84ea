"""The ledger: what ran, why, what was decided and who is champion, in SQL."""

from ct_components.ledger.records import Promotion, Run, StageOutcome
from ct_components.ledger.store import Ledger, open_ledger

__all__ = ["Ledger", "Promotion", "Run", "StageOutcome", "open_ledger"]
