"""Where promotions are recorded, and what is recorded there of a model."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ct_components import connections
from ct_components.champion import pin_champion
from ct_components.errors import SpecError, StateError
from ct_components.journal import tagged_candidates, tagged_promotions
from ct_components.ledger import Candidate, Ledger, Promotion, open_ledger
from ct_components.registry import Registry, Version
from ct_components.spec import Section, load_spec
from ct_components.stages.promote_challenger.promote import resolved

_Section = TypeVar("_Section", bound=Section)

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Services:
    """Where promotions are recorded. Without a ledger, the versions' tags are the record.

    Attributes:
        registry: MLflow.
        ledger: None without one.
        spec: The model spec that somebody gave; None takes what the model's latest run recorded.
    """

    registry: Registry
    ledger: Ledger | None
    spec: Mapping[str, Any] | None = None

    def champion(self, model: str) -> Version | None:
        """Returns the champion, after mending what a crash or a hand left."""
        return pin_champion(self.registry, self.ledger, model)

    def promotions(self, model: str) -> list[Promotion]:
        """Returns all promotions, oldest first."""
        return self.ledger.promotions(model) if self.ledger else tagged_promotions(self.registry, model)

    def waiting(self, model: str) -> list[Candidate]:
        """Returns the versions that wait for a person, the latest first."""
        return self.ledger.waiting(model) if self.ledger else tagged_candidates(self.registry, model)

    def recorded_spec(self, model: str, version: Version | None = None) -> Mapping[str, Any]:
        """Returns the spec that says how the model is checked, served and told of; empty if nobody knows."""
        if self.spec is not None:
            return self.spec
        run = self.ledger.latest_run(model) if self.ledger else None
        if run is None and version is not None:
            run = resolved(self.registry, version)
        spec = (run or {}).get("spec")
        return spec if isinstance(spec, dict) else {}


def open_services(
    spec: Path | None = None, model: str | None = None, environment: Mapping[str, str] = os.environ
) -> Services:
    """Opens MLflow and the ledger that the environment names, else those in the state folder.

    Raises:
        StateError: If there is no MLflow.
        SpecError: If a spec is given, and is not allowed, or is that of another model than `model`.
        Unreachable: If one of them does not answer.
    """
    home = connections.state_home(environment)
    if not environment.get(connections.TRACKING_URI) and not (home / "mlflow.db").exists():
        raise StateError(
            f"{connections.TRACKING_URI} is not set, and there is no MLflow in {home}; allowed: MLflow's "
            f"address there, or the state folder in {connections.STATE_HOME}"
        )
    embedded = {**environment, **connections.embedded(home, environment)}
    given = load_spec(spec).model_dump(mode="json") if spec else None
    if given and model not in (None, given["model"]):
        raise SpecError(f"--spec: {str(spec)!r} is of model {given['model']!r}; allowed: one of {model!r}")
    return Services(Registry(connections.from_environment(embedded)), open_known_ledger(environment), given)


def open_known_ledger(environment: Mapping[str, str] = os.environ) -> Ledger | None:
    """Opens the ledger that is named, else the one in the state folder; None if there is neither.

    Raises:
        Unreachable: If it does not answer.
    """
    home = connections.state_home(environment) / "ledger.db"
    return open_ledger(
        connections.ledger_url(environment) or (connections.sqlite_url(home) if home.exists() else None)
    )


def find_version(registry: Registry, model: str, number: str) -> Version:
    """Returns a version by its number.

    Raises:
        StateError: If there is no such version; it says which there are.
    """
    try:
        return registry.version(model, number)
    except StateError as error:
        known = ", ".join(each.number for each in registry.versions(model)) or "none"
        raise StateError(f"{error}; it has: {known}") from None


def section(spec: Mapping[str, Any], name: str, kind: type[_Section]) -> _Section:
    """Returns a section of a recorded spec, which another version of this program may have written."""
    try:
        return kind.model_validate(spec.get(name) or {})
    except ValidationError as error:
        logger.warning("%s of the recorded spec is unreadable, and its defaults are taken: %s", name, error)
        return kind()
