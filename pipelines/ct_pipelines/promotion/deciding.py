"""Promoting, rejecting and rolling back, each checked in staging and compared with who is champion."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ct_components.champion import Grounds, check_expected, make_champion
from ct_components.errors import CTError, StateError
from ct_components.journal import LONGEST_NOTE, earlier_champions, stop_waiting
from ct_components.ledger import Candidate, Promotion
from ct_components.registry import STAGING, Version
from ct_components.spec import RegistrySettings
from ct_components.stages.promote_challenger.promote import check, find_grounds
from ct_pipelines.promotion.services import Services, find_version, section


@dataclass(frozen=True)
class Outcome:
    """What came of a command.

    Attributes:
        model: Whose champion it is.
        version: Who is champion now; "" for nobody.
        before: Who was champion before; "" for nobody.
        changed: Whether this command changed it.
        text: The same for people, in one sentence.
        kind: manual, rollback or rejected.
        note: What the person said.
        serving: What came of serving it; None where nothing was told to.
        told: Who was told, in one line.
    """

    model: str
    version: str
    before: str
    changed: bool
    text: str
    kind: str
    note: str | None = None
    serving: Mapping[str, str] | None = None
    told: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns it in JSON's own types."""
        return asdict(self)


def promote(services: Services, model: str, number: str | None, note: str, *, force: bool = False) -> Outcome:
    """Makes a version champion that waits in staging, after checking it there again.

    Args:
        services: MLflow and the ledger.
        model: The model's name.
        number: The version; None takes the one that waits, the latest if there are several.
        note: Why, for the record.
        force: Whether a version may be promoted that does not wait: it never won, was rejected, or its
            verdict is void.

    Raises:
        StateError: If nothing waits, the version does not, or its verdict is void.
        ModelError: If it does not do in staging what a champion must.
        Unreachable: If MLflow or the ledger does not answer.
    """
    champion = services.champion(model)
    before = champion.number if champion else ""
    if number is not None and number == before:
        return _unchanged(model, before, "manual")
    candidate = _candidate(services, model, number, champion, force=force)
    version = find_version(services.registry, model, candidate.version)
    check_expected(services.ledger, candidate, champion)
    services.registry.set_alias(model, STAGING, version.number)
    _check(services, version, before)
    grounds = find_grounds(
        services.registry, services.ledger, version, candidate.run_id, "manual", note or None
    )
    make_champion(
        services.registry,
        services.ledger,
        model,
        version.number,
        expected=before,
        # Who insists on a version that does not wait goes by no verdict.
        run_id=candidate.run_id or None,
        grounds=grounds,
    )
    return _done(services, model, version.number, before, "manual", note)


def reject(services: Services, model: str, number: str | None, note: str) -> Outcome:
    """Decides that a version which waits in staging does not become champion.

    Raises:
        StateError: If nothing waits, or the version does not.
    """
    champion = services.champion(model)
    candidate = _candidate(services, model, number, champion, force=False)
    if services.ledger:
        services.ledger.reject_candidate(model, candidate.version, note)
    stop_waiting(services.registry, find_version(services.registry, model, candidate.version))
    now = champion.number if champion else ""
    text = f"{model}: version {candidate.version} is rejected; {_stays(now)}"
    return Outcome(model, now, now, changed=False, text=text, kind="rejected", note=note)


def rollback(services: Services, model: str, to: str | None, note: str, *, force: bool = False) -> Outcome:
    """Makes an earlier version the champion again.

    Args:
        services: MLflow and the ledger.
        model: The model's name.
        to: The version; None takes the champion before this one.
        note: Why, for the record.
        force: Whether to leave out the check in staging, and to take a version that never was champion.

    Raises:
        StateError: If there is no such version, or none was champion before.
        ModelError: If it does not load or predict any more.
        Unreachable: If MLflow or the ledger does not answer.
    """
    begun = _broken_off(services, model, to)
    champion = services.champion(model)
    before = champion.number if champion else ""
    if begun and begun.version == before:
        return _changed(model, before, begun.previous_version or "", "rollback", begun.note or note)
    if to is not None and to == before:
        return _unchanged(model, before, "rollback")
    target = _target(services, model, to, before, force=force)
    version = _existing(services, model, target, before)
    if not force:
        _check(
            services, version, before, hint="; --to takes another version, and --force leaves out the check"
        )
    make_champion(
        services.registry,
        services.ledger,
        model,
        version.number,
        expected=before,
        run_id=None,
        grounds=Grounds("rollback", note=note),
    )
    return _done(services, model, version.number, before, "rollback", note)


def _broken_off(services: Services, model: str, to: str | None) -> Promotion | None:
    """Returns a rollback that a crash broke off: whoever repeats it wants its end, not one further back."""
    latest = services.ledger.champion(model) if services.ledger else None
    if latest is None or latest.kind != "rollback" or latest.projected_at:
        return None
    return latest if to in (None, latest.version) else None


def _target(services: Services, model: str, to: str | None, before: str, *, force: bool) -> str:
    promotions = services.promotions(model)
    earlier = earlier_champions(promotions)
    # The latest first. What was rolled back is taken by its number only.
    once = dict.fromkeys(each.version for each in reversed(promotions) if each.version != before)
    allowed = ", ".join(once) or "none"
    if to is None:
        if not earlier:
            left = f"; --to takes what was rolled back: {allowed}" if once else ""
            raise StateError(f"{model} has no earlier champion to roll back to; {_stays(before)}{left}")
        return earlier[0]
    if not force and to not in once:
        raise StateError(
            f"--to: version {to} of {model} was never champion; allowed: {allowed}, or any version with "
            f"--force; {_stays(before)}"
        )
    return to


def _existing(services: Services, model: str, number: str, champion: str) -> Version:
    """A champion of old may have been deleted."""
    try:
        return find_version(services.registry, model, number)
    except StateError as error:
        raise StateError(f"{error}; {_stays(champion)}; --to takes another version") from None


def _candidate(
    services: Services, model: str, number: str | None, champion: Version | None, *, force: bool
) -> Candidate:
    waiting = services.waiting(model)
    chosen = next((each for each in waiting if number in (None, each.version)), None)
    now = champion.number if champion else ""
    if number is not None and force:
        run_id = chosen.run_id if chosen else ""
        return Candidate(model, number, run_id, now or None, datetime.now(UTC))
    if chosen:
        return chosen
    if number is None:
        raise StateError(
            f"no version of {model} waits in staging; {_stays(now)}; allowed: a version by its number, with "
            "--force"
        )
    find_version(services.registry, model, number)
    known = services.ledger.candidate(model, number) if services.ledger else None
    if known and known.decision == "void":
        raise StateError(f"the verdict on {model} version {number} is void: {known.note}; {_stays(now)}")
    state = f"was decided: {known.decision}, {known.note or 'without a note'}" if known else "does not wait"
    others = ", ".join(each.version for each in waiting) or "none"
    raise StateError(
        f"version {number} of {model} {state}; waiting in staging: {others}; {_stays(now)}; --force promotes "
        "it all the same"
    )


def _check(services: Services, version: Version, champion: str, hint: str = "") -> None:
    spec = services.recorded_spec(version.name, version)
    try:
        check(services.registry, version, section(spec, "registry", RegistrySettings).check)
    except CTError as error:
        raise type(error)(f"{error}; {_stays(champion)}{hint}") from error


def _done(services: Services, model: str, version: str, before: str, kind: str, note: str) -> Outcome:
    """Of two that want the same at once, one is on record with its note, and the other changed nothing."""
    latest = services.promotions(model)[-1]
    said = (latest.note or "")[:LONGEST_NOTE]
    if latest.version == version and (latest.kind, said) != (kind, note[:LONGEST_NOTE]):
        return _unchanged(model, version, kind)
    return _changed(model, version, before, kind, note)


def _changed(model: str, version: str, before: str, kind: str, note: str | None) -> Outcome:
    how = "rolled back" if kind == "rollback" else "promoted by hand"
    text = f"{model}: version {version} is champion, after {f'version {before}' if before else 'none'}: {how}"
    return Outcome(model, version, before, changed=True, text=text, kind=kind, note=note or None)


def _unchanged(model: str, version: str, kind: str) -> Outcome:
    text = f"{model}: version {version} is champion already"
    return Outcome(model, version, version, changed=False, text=text, kind=kind)


def _stays(champion: str) -> str:
    return f"version {champion} is champion" if champion else "there is no champion"
