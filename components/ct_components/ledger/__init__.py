"""The ledger: what ran, why, what was decided and who is champion, in SQL."""

from ct_components.ledger.records import (
    Candidate,
    Decision,
    LookRecord,
    MetricRecord,
    Opened,
    Promotion,
    Run,
    StageOutcome,
    Standing,
    Start,
    Trigger,
    TriggerRequest,
)
from ct_components.ledger.store import Ledger, open_ledger

__all__ = [
    "Candidate",
    "Decision",
    "Ledger",
    "LookRecord",
    "MetricRecord",
    "Opened",
    "Promotion",
    "Run",
    "StageOutcome",
    "Standing",
    "Start",
    "Trigger",
    "TriggerRequest",
    "open_ledger",
]
