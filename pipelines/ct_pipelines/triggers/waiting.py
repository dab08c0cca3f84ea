"""Waiting for a run that was submitted, and how it ended."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, repeat

from ct_components.errors import EXIT_CODES, CTError, Unreachable
from ct_components.ledger.records import Trigger
from ct_components.vocabulary import FAILED
from ct_pipelines.triggers.door import Door

# Seconds between two looks: soon at first, for what fails at once, then seldom.
_PAUSES = (1, 1, 2, 3, 5, 8)
_LAST_PAUSE = 15


def wait_for(
    door: Door, trigger: Trigger, tell: Callable[[str], None], pauses: Iterator[float] | None = None
) -> Trigger:
    """Waits until the run of a trigger has ended, and tells of each stage that ends meanwhile.

    Who is starting it may be somebody else, and another run than the one that was created may claim the key.

    Returns:
        The trigger as it is on record then.

    Raises:
        Unreachable: If ledger or engine do not answer for longer than the door's patience; or if whoever was
            starting the run did not finish.
    """
    told: set[str] = set()
    for pause in pauses or chain(_PAUSES, repeat(_LAST_PAUSE)):
        trigger, ended = door.patiently(partial(_look, door, trigger, told, tell))
        if ended:
            return trigger
        if trigger.lease_until is not None and trigger.lease_until <= door.clock():
            raise Unreachable(f"whoever was starting the run of key {trigger.run_key} did not finish")
        time.sleep(pause)
    return trigger


def _look(door: Door, trigger: Trigger, told: set[str], tell: Callable[[str], None]) -> tuple[Trigger, bool]:
    trigger = door.ledger.trigger(trigger.model, trigger.key, trigger.attempt)
    if not trigger.run_id:
        return trigger, trigger.state != "submitting"
    run = door.ledger.run(trigger.run_id)
    for stage in door.ledger.stage_outcomes(trigger.run_id):
        if stage.stage not in told:
            told.add(stage.stage)
            seconds = (stage.finished_at - stage.started_at).total_seconds()
            tell(f"{stage.stage} {stage.outcome} in {seconds:.1f} s")
    ended = bool(run and run["finished_at"]) or trigger.run_outcome is not None
    return trigger, ended or door.close_if_ended(trigger) is not None


def failure_of(door: Door, trigger: Trigger) -> CTError | None:
    """Returns the error of a run that has failed, of the kind that its stage's exit code names; else None."""
    if door.engine.failure:
        return door.engine.failure
    run = door.ledger.run(trigger.run_id or "")
    if run is None:
        ended = door.ledger.trigger(trigger.model, trigger.key, trigger.attempt)
        return CTError(ended.explanation) if ended.run_outcome == FAILED else None
    if run["outcome"] != FAILED:
        return None
    outcomes = door.ledger.stage_outcomes(trigger.run_id or "")
    failed = next((stage for stage in outcomes if stage.outcome == "failed"), None)
    kind = EXIT_CODES.get(failed.exit_code, CTError) if failed else CTError
    where = f"{failed.stage} failed" if failed else f"run {trigger.run_id} failed"
    return kind(f"{where}: {run['message']}")
