"""From what somebody typed, or an event said, to a request that the door judges."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ct_components import keys
from ct_components.errors import SpecError
from ct_components.ledger.records import TriggerRequest
from ct_components.spec import ModelSpec, dump_spec, with_hyperparameters
from ct_components.spec.cron import last_firing
from ct_components.vocabulary import REASONS
from ct_components.windows import parse_as_of

if TYPE_CHECKING:
    from ct_components.events import TriggerEvent

# A CronJob's Jobs are named after it and the scheduled instant, in minutes since 1970.
_JOB = re.compile(r".*-([0-9]{7,9})")
# A Job may be late, and clocks differ.
_FARTHEST = timedelta(days=366)
_LONGEST_NOTE = 2000


@dataclass(frozen=True)
class Flags:
    """What a person, or a CronJob, typed.

    Attributes:
        reason: One of `REASONS`.
        as_of: The instant that the run pretends is now; "" is when it begins.
        key: The trigger's key; "" lets reason and window say it.
        note: Free text, kept with the trigger.
        hyperparameters: A JSON object that overrides training.parameters.
        job_name: The Kubernetes Job that runs this; "" outside of one.
        force: Whether what would suppress it is overruled.
    """

    reason: str
    as_of: str = ""
    key: str = ""
    note: str = ""
    hyperparameters: str = ""
    job_name: str = ""
    force: bool = False


def from_flags(spec: ModelSpec, flags: Flags, now: datetime) -> TriggerRequest:
    """Returns the request that flags make.

    Raises:
        SpecError: If a flag is not allowed, or nothing says which instant was scheduled.
    """
    if flags.reason not in REASONS:
        raise SpecError(f"reason: got {flags.reason!r}; allowed: {', '.join(REASONS)}")
    # A slip of the pen must not cost a key and a failed run, three of which would stop the model's triggers.
    with_hyperparameters(spec, flags.hyperparameters)
    as_of = parse_as_of(flags.as_of, spec.source.timezone, now) if flags.as_of.strip() else None
    return TriggerRequest(
        model=spec.model,
        key=keys.check_key(flags.key) if flags.key else _key(spec, flags, as_of or now, now),
        reason=flags.reason,
        origin="flags",
        run_arguments=run_arguments(spec, flags.reason, as_of, flags.hyperparameters),
        as_of=as_of,
        note=_note(flags),
        force=flags.force,
    )


def from_event(
    spec: ModelSpec, event: "TriggerEvent", *, note: str = "", force: bool = False
) -> TriggerRequest:
    """Returns the request that an event makes; the run works on what is there when it begins.

    Raises:
        SpecError: If the event is about another model, or has neither key nor window.
    """
    from ct_components.events import rule_key

    if event.model != spec.model:
        raise SpecError(f"event: model is {event.model!r}; allowed: {spec.model!r}, the model of the spec")
    flags = Flags(event.reason, note=note, force=force)
    key = event.key or (event.window and rule_key(event.reason, event.window[1], spec.source.timezone))
    if not key:
        raise SpecError("event: neither key nor window; allowed: one of them at least")
    return TriggerRequest(
        model=spec.model,
        key=keys.check_key(key),
        reason=event.reason,
        origin=event.origin,
        run_arguments=run_arguments(spec, event.reason),
        window=event.window,
        note=_note(flags),
        force=force,
    )


def from_monitor(
    spec: ModelSpec, reason: str, window: tuple[datetime, datetime], *, as_of: datetime | None
) -> TriggerRequest:
    """Returns the request of a monitor that fired here; a replayed look starts a replayed run."""
    return TriggerRequest(
        model=spec.model,
        key=keys.day_key(reason, window[1], spec.source.timezone),
        reason=reason,
        origin="monitor",
        run_arguments=run_arguments(spec, reason, as_of),
        as_of=as_of,
        window=window,
    )


def run_arguments(
    spec: ModelSpec, reason: str, as_of: datetime | None = None, hyperparameters: str = ""
) -> Mapping[str, str]:
    """Returns the pipeline's parameters but for the key, which the door gives."""
    return {
        "spec": dump_spec(spec),
        "as_of": as_of.isoformat() if as_of else "",
        "reason": reason,
        "hyperparameters": hyperparameters,
    }


def _key(spec: ModelSpec, flags: Flags, window_end: datetime, now: datetime) -> str:
    """Returns the key that the reason's rule gives."""
    if flags.reason == "manual":
        return keys.manual_key()
    if flags.reason != "schedule":
        return keys.day_key(flags.reason, window_end, spec.source.timezone)
    return keys.schedule_key(_scheduled(flags.job_name, now) or _last_scheduled(spec, window_end))


def _scheduled(job_name: str, now: datetime) -> datetime | None:
    """Returns the instant of a CronJob's Job; another's may end in a number, too, such as 20261128."""
    match = _JOB.fullmatch(job_name)
    instant = datetime.fromtimestamp(int(match[1]) * 60, UTC) if match else None
    return instant if instant and abs(now - instant) < _FARTHEST else None


def _last_scheduled(spec: ModelSpec, now: datetime) -> datetime:
    triggers = spec.triggers
    if triggers.schedule is None:
        raise SpecError(
            "reason: got 'schedule', and nothing says which instant was scheduled; allowed: a spec with "
            "triggers.schedule, --key, or --job-name of a CronJob's Job"
        )
    return last_firing(triggers.schedule, triggers.timezone or spec.source.timezone, now)


def _note(flags: Flags) -> str:
    if len(flags.note) > _LONGEST_NOTE:
        raise SpecError(f"note: {len(flags.note)} characters; allowed: {_LONGEST_NOTE}")
    if flags.force and not flags.note.strip():
        raise SpecError("force: without a note; allowed: --note with why, which stays on record")
    return flags.note.strip()
