"""What the ledger takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Run:
    """A pipeline run as `begin_run` records it."""

    run_id: str
    model: str
    key: str
    reason: str
    as_of: datetime
    champion_version: str | None
    spec: Mapping[str, Any]
    windows: Mapping[str, Any]


@dataclass(frozen=True)
class StageOutcome:
    """How one stage of a run ended. `outcome` is succeeded or failed."""

    run_id: str
    stage: str
    outcome: str
    exit_code: int
    message: str
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True)
class Promotion:
    """One change of champion. `kind` is promotion, or external for an alias that was moved by hand."""

    model: str
    sequence: int
    version: str
    previous_version: str | None
    run_id: str | None
    kind: str
    created_at: datetime
    projected_at: datetime | None
