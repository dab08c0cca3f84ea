"""What the ledger takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from ct_components.keys import attempt_key


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
    """One change of champion.

    Attributes:
        sequence: From 1, without a gap: a model's highest is its champion.
        previous_version: The champion before it; None for the first.
        run_id: The run whose verdict it follows; None where a person alone decided.
        kind: promotion by a run, manual by a person, rollback, or external for an alias moved by hand.
        created_at: When it was recorded, never before the one before it.
        projected_at: When the alias was seen to follow; None until then.
        reason: The verdict's reason.
        note: What the person said who promoted.
        windows: Of the run: training window, holdout, as-of and time zone.
        serving_state: deploying, served or failed; None where nothing is told to serve it.
        serving_message: What came of serving it.
        served_at: When `serving_state` was set.
    """

    model: str
    sequence: int
    version: str
    previous_version: str | None
    run_id: str | None
    kind: str
    created_at: datetime
    projected_at: datetime | None
    reason: str | None = None
    note: str | None = None
    windows: Mapping[str, Any] | None = None
    serving_state: str | None = None
    serving_message: str | None = None
    served_at: datetime | None = None


@dataclass(frozen=True)
class Candidate:
    """A version that won and waits in staging for a person, or whose verdict came to nothing.

    Attributes:
        run_id: The run that judged it.
        expected: The champion that it was judged against; None for a first model.
        decided_at: When it was decided; None while it waits.
        decision: promoted, rejected, or void since another version became champion; None while it waits.
        note: Why, in words.
    """

    model: str
    version: str
    run_id: str
    expected: str | None
    created_at: datetime
    decided_at: datetime | None = None
    decision: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class TriggerRequest:
    """A reason to train, before it is decided.

    Attributes:
        model: The model's name.
        key: What makes two reasons the same one.
        reason: One of `ct_components.vocabulary.REASONS`.
        origin: How it came: flags, cloudevent, alertmanager, monitor, pipeline or clone.
        run_arguments: The pipeline's parameters except `key`, which follows from key and attempt.
        pipeline: The pipeline that is to run.
        as_of: The instant that the run is to pretend is now; None is the instant of its start.
        window: What a monitor looked at.
        note: Free text of whoever asked.
        force: Whether a key that had its run may have another.
        cloned_from: The run that a clone copies.
    """

    model: str
    key: str
    reason: str
    origin: str
    run_arguments: Mapping[str, str]
    pipeline: str = ""
    as_of: datetime | None = None
    window: tuple[datetime, datetime] | None = None
    note: str = ""
    force: bool = False
    cloned_from: str | None = None


@dataclass(frozen=True)
class Trigger:
    """One attempt of a key, and what became of it.

    Attributes:
        attempt: From 1; more than one only by force.
        state: submitting, submitted, suppressed or refused.
        decision: run, refused, or why it was suppressed: cooldown, in_flight, budget or breaker.
        explanation: The decision in one sentence.
        run_name: What the engine shows the run as.
        run_id: The run; None until one is known.
        run_outcome: What came of a run that ended without telling the ledger; `Start.outcome` knows both.
        lease_until: Until when a submitter has it to itself; None unless submitting.
        tries: How often it was judged or taken up.
        created_at: When it first came.
        decided_at: When it was last judged or taken up.
        submitted_at: When its run was first known.
        ended_at: When `run_outcome` was set.
    """

    model: str
    key: str
    attempt: int
    reason: str
    origin: str
    run_arguments: Mapping[str, str]
    pipeline: str
    as_of: datetime | None
    window: tuple[datetime, datetime] | None
    note: str
    force: bool
    cloned_from: str | None
    state: str
    decision: str
    explanation: str
    run_name: str
    run_id: str | None
    run_outcome: str | None
    lease_until: datetime | None
    tries: int
    created_at: datetime
    decided_at: datetime
    submitted_at: datetime | None
    ended_at: datetime | None = None

    @property
    def run_key(self) -> str:
        """The pipeline's parameter `key`."""
        return attempt_key(self.key, self.attempt)


@dataclass(frozen=True)
class Start:
    """A trigger that led, or is about to lead, to a run.

    Attributes:
        started_at: When its run was known, else when it was decided.
        outcome: What came of the run; None while it has not ended.
        ended_at: When it ended.
    """

    key: str
    attempt: int
    state: str
    started_at: datetime
    run_id: str | None
    outcome: str | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """What a decision on a request may look at; nobody changes it meanwhile.

    Attributes:
        now: The instant of the decision.
        previous: The latest attempt of the request's key; without force, the latest that led to a run, if one
            did.
        previous_ended: Whether that attempt had a run, which ended.
        starts: The model's starts, newest first: all that have not ended, and all of the last 400 days.
            Without `previous` while its run has not ended: a trigger does not stand in its own way.
    """

    now: datetime
    previous: Trigger | None
    previous_ended: bool
    starts: tuple[Start, ...]


@dataclass(frozen=True)
class Decision:
    """What is to be done with a request.

    Attributes:
        action: run it, answer it with the previous attempt, or suppress it.
        reason: Of a suppression: cooldown, in_flight, budget or breaker. Else free.
        explanation: One sentence for people.
    """

    action: Literal["run", "answer", "suppress"]
    reason: str
    explanation: str


@dataclass(frozen=True)
class Opened:
    """A decided request, as it is on record."""

    trigger: Trigger
    decision: Decision


@dataclass(frozen=True)
class LookRecord:
    """One look of a monitor.

    Attributes:
        monitor: drift or performance.
        champion_version: Who was looked at; None without a champion.
        drifted: Whether this look, alone, saw drift; None where it is not about drift, or could not tell.
        share: Share of the features that drifted.
        key: The key of the event that it sent; None if it sent none.
        report: The whole judgement.
        report_uri: Where its page is.
    """

    model: str
    monitor: str
    champion_version: str | None
    as_of: datetime
    window_start: datetime
    window_end: datetime
    verdict: str
    reason: str
    explanation: str
    drifted: bool | None
    share: float | None
    key: str | None
    report: Mapping[str, Any]
    report_uri: str | None
    looked_at: datetime


@dataclass(frozen=True)
class MetricRecord:
    """A metric of a model version on one day, as a scoring service measured it.

    Attributes:
        value: None where the metric is not defined on that day's rows.
        n: Rows behind it.
        source: Who measured it.
    """

    model: str
    version: str
    metric: str
    day: date
    value: float | None
    n: int
    source: str
    written_at: datetime
