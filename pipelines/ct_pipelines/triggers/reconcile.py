"""Mending what crashes and outages left: triggers that wait, runs that ended unseen, aliases that lag."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ct_components.errors import CTError, Unreachable
from ct_components.ledger.records import Trigger
from ct_pipelines.triggers.door import Door

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Mended:
    """One thing that was mended, or could not be.

    Attributes:
        model: Whose it is.
        what: resumed, closed, alias or failed.
        text: One sentence for people.
    """

    model: str
    what: str
    text: str


@dataclass
class Report:
    """What a reconciliation did.

    Attributes:
        mended: In the order in which it was done.
        errors: What could not be mended; the first of the gravest kind decides how the command ends.
    """

    mended: list[Mended] = field(default_factory=list)
    errors: list[CTError] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Returns it in JSON's own types."""
        return {"mended": [vars(each) for each in self.mended], "errors": [str(each) for each in self.errors]}

    def raise_for_errors(self) -> None:
        """Raises what could not be mended: something to try again counts least, as it will be."""
        refused = [error for error in self.errors if not isinstance(error, Unreachable)]
        for error in [*refused, *self.errors]:
            raise error


def reconcile(door: Door, model: str | None, pin: Callable[[str], list[str]] | None) -> Report:
    """Mends one model, or all; what fails for one does not keep the others from being mended.

    Args:
        door: Where triggers are resumed.
        model: One model's name; None is all.
        pin: Mends a model's alias and says in sentences what it did; None leaves aliases alone.

    Returns:
        What was done, and what could not be.
    """
    report = Report()
    for trigger in door.ledger.open_triggers(model):
        _try(report, trigger.model, "closed", partial(_closed, door, trigger))
    for trigger in door.ledger.waiting_triggers(model, door.clock()):
        _try(report, trigger.model, "resumed", partial(_resumed, door, trigger))
    if pin:
        for name in [model] if model else door.ledger.models():
            _try(report, name, "alias", partial(pin, name))
    return report


def _try(report: Report, model: str, what: str, mend: Callable[[], list[str]]) -> None:
    try:
        report.mended += [Mended(model, what, text) for text in mend()]
    except CTError as error:
        report.errors.append(error)
        logger.warning("%s: %s", model, error)


def _closed(door: Door, trigger: Trigger) -> list[str]:
    ended = door.close_if_ended(trigger)
    return [f"key {trigger.run_key}: {ended}"] if ended else []


def _resumed(door: Door, trigger: Trigger) -> list[str]:
    """Takes the lease first: somebody may be submitting the same key at this moment."""
    leased = door.take_up(trigger)
    if leased is None:
        return []
    started = door.start(leased)
    return [f"key {trigger.run_key}: had been left waiting; its run is {started.run_id}"]
