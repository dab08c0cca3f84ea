"""What the tests of triggers ask for, and a clock that goes on when they say so."""

from datetime import UTC, datetime, timedelta

from ct_components.ledger.records import Run, TriggerRequest
from ct_components.spec import Breaker, Budget, Duration
from ct_pipelines.triggers.engine import RunState
from ct_pipelines.triggers.policy import Asked

MODEL = "churn"


class Clock:
    """A clock that goes on when the test says so."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **length: float) -> None:
        self.now += timedelta(**length)


def asked(*, cooldown: str = "0m", runs: int = 99, failures: int = 99, force: bool = False) -> Asked:
    """Settings that suppress nothing unless told to."""
    budget, breaker = Budget(runs=runs), Breaker(failures=failures, pause=Duration(6, "h"))
    return Asked(Duration.parse(cooldown), budget, breaker, "UTC", force=force)


def request(key: str = "drift-2026-11-28", **values) -> TriggerRequest:
    """What somebody asks for."""
    given = {
        "reason": "drift",
        "origin": "flags",
        "run_arguments": {"spec": "{}", "reason": "drift"},
        **values,
    }
    return TriggerRequest(MODEL, key, **given)


def run_of(run_id: str, key: str, now: datetime) -> Run:
    """What `begin_run` claims for a run."""
    return Run(run_id, MODEL, key, "drift", now, None, {}, {})


def claim(ledger, engine, run_id, clock):
    """Lets a run get as far as begin_run's claim."""
    run = engine.runs[run_id]
    return ledger.claim_run(run_of(run_id, run.arguments["key"], clock.now), run.name, clock.now)


def finish(ledger, engine, run_id, outcome="retained"):
    """Lets a run end, and its exit task say so."""
    ledger.finish_run(run_id, state="succeeded", outcome=outcome, message="")
    engine.runs[run_id].state = RunState.SUCCEEDED
