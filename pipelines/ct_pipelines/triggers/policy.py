"""Whether a reason to train leads to a run: small callables, asked one after the other.

Each looks at what is on record, while nobody can change it, and returns a decision or None. The first one
that decides ends the matter; if none does, the pipeline runs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ct_components.ledger.records import Decision, Standing, Start
from ct_components.spec import Breaker, Budget, Duration, ModelSpec
from ct_components.vocabulary import DUPLICATE, FAILED


@dataclass(frozen=True)
class Asked:
    """Settings of the model, and what the person who asks may overrule.

    Attributes:
        timezone: Zone whose calendar days the durations mean.
        force: Whether cooldown, budget, breaker and an earlier run of the same key do not count. A run that
            is in flight always does: two at once would fight for the champion.
    """

    cooldown: Duration
    budget: Budget
    breaker: Breaker
    timezone: str
    force: bool = False

    @classmethod
    def of(cls, spec: ModelSpec, *, force: bool = False) -> "Asked":
        """Returns the settings of a model."""
        triggers = spec.triggers
        return cls(triggers.cooldown, triggers.budget, triggers.breaker, spec.source.timezone, force)


Rule = Callable[[Asked, Standing], Decision | None]


def decide(asked: Asked, standing: Standing) -> Decision:
    """Returns what is to be done with a reason to train."""
    known = known_key(standing, force=asked.force)
    return known or _against(asked, standing) or Decision("run", "run", _overruled(asked, standing))


def _against(asked: Asked, standing: Standing) -> Decision | None:
    return next(filter(None, (rule(asked, standing) for rule in RULES)), None)


def _overruled(asked: Asked, standing: Standing) -> str:
    """Says what force overrules, so that it stays on record."""
    otherwise = _against(replace(asked, force=False), standing)
    return f"forced, although {otherwise.explanation}" if otherwise else "nothing stands against it"


def known_key(standing: Standing, *, force: bool) -> Decision | None:
    """A key that has its run is answered with it; one that was suppressed is judged again."""
    previous = standing.previous
    if previous is None or previous.state in ("suppressed", "refused"):
        return None
    if previous.state == "submitting":
        if previous.lease_until is not None and previous.lease_until > standing.now:
            return Decision("answer", "in_progress", "another submitter is starting its run")
        return Decision("run", "resumed", "its submitter did not finish, so it is taken up again")
    if force and standing.previous_ended:
        return None
    return Decision("answer", "known", f"run {previous.run_id} was started for this key")


def in_flight(_asked: Asked, standing: Standing) -> Decision | None:
    """One run of a model at a time."""
    other = next((start for start in standing.starts if start.outcome is None), None)
    if other is None:
        return None
    found = (
        f"run {other.run_id} of key {other.key} is in flight"
        if other.run_id
        else f"key {other.key} is being started, or was left to kfp-ct reconcile to start"
    )
    return Decision("suppress", "in_flight", found)


def cooldown(asked: Asked, standing: Standing) -> Decision | None:
    """No run so soon after another's start; failed runs start no cooldown."""
    for start in _counted(standing):
        over = asked.cooldown.add(start.started_at, asked.timezone)
        if start.outcome != FAILED and over > standing.now:
            return _overrulable(
                asked,
                "cooldown",
                f"key {start.key} started a run at {_time(start.started_at)}; "
                f"the cooldown of {asked.cooldown} is over at {_time(over)}",
            )
    return None


def budget(asked: Asked, standing: Standing) -> Decision | None:
    """No more runs in a span of time than the model may have; failed ones cost as much as others."""
    since = asked.budget.per.subtract(standing.now, asked.timezone)
    spent = [start for start in _counted(standing) if start.started_at > since]
    if len(spent) < asked.budget.runs:
        return None
    return _overrulable(
        asked,
        "budget",
        f"{len(spent)} runs were started in the last {asked.budget.per}; "
        f"triggers.budget allows {asked.budget.runs}",
    )


def breaker(asked: Asked, standing: Standing) -> Decision | None:
    """After so many failures in a row a pause, then one try, and as long as that fails a pause again."""
    failures: list[Start] = []
    for start in _counted(standing):
        if start.outcome != FAILED:
            break
        failures.append(start)
    if len(failures) < asked.breaker.failures:
        return None
    last = max(start.ended_at or start.started_at for start in failures)
    over = asked.breaker.pause.add(last, asked.timezone)
    if over <= standing.now:
        return None
    return _overrulable(
        asked,
        "breaker",
        f"the last {len(failures)} runs failed, the latest at {_time(last)}; "
        f"one is tried again after {_time(over)}",
    )


RULES: tuple[Rule, ...] = (in_flight, cooldown, budget, breaker)
OVERRULABLE = ("cooldown", "budget", "breaker")
"""Reasons of a suppression that somebody may overrule."""


def _counted(standing: Standing) -> Iterator[Start]:
    """Yields the runs that were started; a duplicate ended before it did anything."""
    return (start for start in standing.starts if start.outcome != DUPLICATE)


def _overrulable(asked: Asked, reason: str, explanation: str) -> Decision | None:
    return None if asked.force else Decision("suppress", reason, explanation)


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
