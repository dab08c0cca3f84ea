"""Who was champion when."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ct_components.errors import CTError, SpecError, StateError
from ct_components.journal import in_charge_at, tagged_promotions
from ct_components.ledger import Ledger, Promotion
from ct_components.windows import parse_as_of
from ct_pipelines.promotion.services import open_known_ledger, open_services

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class InCharge:
    """Who was champion at an instant.

    Attributes:
        model: The model's name.
        at: The instant.
        promotion: How the champion became it; None if there was none.
        until: When the next one took its place; None if it is champion still.
    """

    model: str
    at: datetime
    promotion: Promotion | None
    until: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """Returns it in JSON's own types; `version` is null where there was no champion."""
        found = self.promotion
        names = ("version", "previous_version", "kind", "run_id", "reason", "note", "windows")
        about = {name: getattr(found, name) if found else None for name in names}
        return {
            "model": self.model,
            "at": self.at.isoformat(),
            "since": found.created_at.isoformat() if found else None,
            "until": self.until.isoformat() if self.until else None,
            **about,
        }


def champion_at(model: str, at: str, environment: Mapping[str, str] = os.environ) -> InCharge:
    """Returns who was champion at an instant: by the ledger alone, if there is one, else by MLflow's tags.

    Who asks for now learns what a hand or a crash left: the ledger follows the alias first, or is followed.

    Args:
        model: The model's name.
        at: A date, which is its first instant, or an ISO time, on the model's own clock unless it has an
            offset; "" is now.
        environment: Where ledger and MLflow are.

    Raises:
        SpecError: If `at` is no instant, or in the future.
        StateError: If nothing is known of the model.
        Unreachable: If the ledger or MLflow does not answer.
    """
    ledger = open_known_ledger(environment)
    if ledger and not at:
        _catch_up(model, environment)
    promotions = (
        ledger.promotions(model)
        if ledger
        else tagged_promotions(open_services(environment=environment).registry, model)
    )
    if not promotions:
        known = f"; the ledger knows: {', '.join(ledger.models()) or 'none'}" if ledger else ""
        raise StateError(f"nothing is on record of a champion of {model!r}{known}")
    instant = _instant(at, _timezone(ledger, model, promotions))
    found = in_charge_at(promotions, instant)
    later = [each for each in promotions if found is None or each.sequence > found.sequence]
    return InCharge(model, instant, found, later[0].created_at if later else None)


def _catch_up(model: str, environment: Mapping[str, str]) -> None:
    """The ledger knows of no hand that moved the alias; while MLflow is away it is all there is to go by."""
    try:
        open_services(environment=environment).champion(model)
    except CTError as error:
        logger.warning("by the ledger alone, since its alias cannot be seen: %s", error)


def _instant(text: str, timezone: str) -> datetime:
    try:
        return parse_as_of(text, timezone, datetime.now(UTC))
    except SpecError as error:
        raise SpecError(str(error).replace("as-of:", "--at:", 1)) from None


def _timezone(ledger: Ledger | None, model: str, promotions: Sequence[Promotion]) -> str:
    run = ledger.latest_run(model) if ledger else None
    windows = [run["windows"]] if run else [each.windows for each in reversed(promotions)]
    zones = (each["timezone"] for each in windows if each and "timezone" in each)
    return str(next(zones, "UTC"))
