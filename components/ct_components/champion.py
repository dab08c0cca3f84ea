"""Who is champion: the ledger decides, MLflow's alias follows.

The ledger's unique (model, sequence) is the compare-and-swap, the alias its projection. A crash between
the two leaves a promotion that is not projected, which the next reader projects. An alias that was moved
by hand is adopted as an external promotion; one that was removed is restored, since a model without
champion would take the next challenger unopposed. Whoever changes ledger or alias does so alone, because
an alias that a slow process sets late would look as if a hand had moved it. Without a ledger the alias
alone decides: compare, then set, with the versions' tags for a journal.
"""

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ct_components.errors import StateError
from ct_components.journal import describe, let_wait, next_promotion, tagged_promotions
from ct_components.ledger import Candidate, Ledger, Promotion
from ct_components.registry import CHAMPION, Registry, Version

# Each round mends one difference; more than two are found only while somebody else promotes.
_ROUNDS = 10

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Grounds:
    """Why a version becomes champion.

    Attributes:
        kind: promotion by a run, manual by a person, or rollback.
        reason: The verdict's reason.
        note: What the person said.
        windows: Of the run: training window, holdout, as-of and time zone.
    """

    kind: str = "promotion"
    reason: str | None = None
    note: str | None = None
    windows: Mapping[str, Any] | None = None


BY_A_RUN = Grounds()


class _Pinned(NamedTuple):
    champion: Version | None
    promotion: Promotion | None


def pin_champion(registry: Registry, ledger: Ledger | None, model: str) -> Version | None:
    """Returns the champion, after mending what a crash or a hand left between ledger and alias."""
    if ledger is None:
        return registry.alias(model, CHAMPION)
    promotion = ledger.champion(model)
    alias = registry.alias(model, CHAMPION)
    if _agree(promotion, alias) and (promotion is None or promotion.projected_at):
        return alias
    with ledger.promoting(model):
        return _pin(registry, ledger, model).champion


def make_champion(
    registry: Registry,
    ledger: Ledger | None,
    model: str,
    version: str,
    *,
    expected: str,
    run_id: str | None,
    grounds: Grounds = BY_A_RUN,
) -> str:
    """Makes `version` the champion if the champion is still `expected`. Repeating it changes nothing.

    Args:
        registry: Where the alias is.
        ledger: Where the promotion is recorded; None without a ledger.
        model: The registered model.
        version: The new champion's version.
        expected: The champion that it was judged against; "" for a first model.
        run_id: The run that judged it; None where no run did.
        grounds: Why it becomes champion.

    Returns:
        The champion's version: another than `version` if the run had promoted it before, and it was replaced
        since.

    Raises:
        StateError: If there is no such version, or another one became champion meanwhile: the verdict is
            void, which the ledger records.
    """
    if ledger is None:
        _compare_then_set(registry, model, version, expected, run_id, grounds)
        return version
    with ledger.promoting(model):
        champion, promotion = _pin(registry, ledger, model)
        current = champion.number if champion else ""
        if current == version or _has_promoted(ledger, model, version, expected, run_id, grounds):
            return current
        if current != expected:
            raise _void(ledger, _judged(model, version, run_id, expected), current)
        registry.version(model, version)
        # After the promotion that was pinned, not after the latest: one in between voids this one.
        promoted = ledger.record_promotion(model, version, previous=promotion, run_id=run_id, **vars(grounds))
        _follow(registry, ledger, promoted)
        return version


def make_candidate(
    registry: Registry, ledger: Ledger | None, version: Version, *, expected: str, run_id: str
) -> Candidate:
    """Lets a version that won wait for a person. Repeating it changes nothing, also after the decision.

    Args:
        registry: Where the version is.
        ledger: Where the candidate is recorded; None leaves it to the version's tags.
        version: Who won.
        expected: The champion that it was judged against; "" for a first model.
        run_id: The run that judged it.

    Raises:
        StateError: If another version became champion meanwhile: the verdict is void.
    """
    candidate = _judged(version.name, version.number, run_id, expected)
    with ledger.promoting(version.name) if ledger else nullcontext():
        known = ledger.candidate(version.name, version.number) if ledger else None
        if known and known.decision:
            return known
        champion = _look(registry, ledger, version.name)
        if champion and champion.number == version.number:
            return replace(candidate, decision="promoted", decided_at=candidate.created_at)
        check_expected(ledger, candidate, champion)
        let_wait(registry, version)
        return ledger.record_candidate(candidate) if ledger else candidate


def check_expected(ledger: Ledger | None, candidate: Candidate, champion: Version | None) -> None:
    """Refuses a candidate whose verdict is about another champion than the present one.

    Raises:
        StateError: The verdict is void, which the ledger records by then.
    """
    if (champion.number if champion else None) != candidate.expected:
        raise _void(ledger, candidate, champion.number if champion else "")


def anchor_number(version: Version) -> str:
    """Returns the number of the version that a model's small losses are counted from: its anchor.

    A version that was promoted by hand, or before anchors were recorded, is its own.
    """
    return version.tags.get("anchor") or version.number


def find_anchor(registry: Registry, champion: Version) -> Version | None:
    """Returns the champion's anchor, the last version that was proven superior; None if it is its own.

    It is its own, too, when the anchor was deleted: a warning says so, and small losses count from here on.
    """
    number = anchor_number(champion)
    if number == champion.number:
        return None
    try:
        return registry.version(champion.name, number)
    except StateError as error:
        logger.warning("the champion's anchor is gone, so losses count from the champion: %s", error)
        return None


def _look(registry: Registry, ledger: Ledger | None, model: str) -> Version | None:
    """The champion, for who has the model to itself."""
    return _pin(registry, ledger, model).champion if ledger else registry.alias(model, CHAMPION)


def _has_promoted(
    ledger: Ledger, model: str, version: str, expected: str, run_id: str | None, grounds: Grounds
) -> bool:
    """Whether this is a stage that is repeated after somebody replaced what it had promoted."""
    wanted = (version, expected or None, run_id, "promotion")
    return grounds.kind == "promotion" and any(
        (each.version, each.previous_version, each.run_id, each.kind) == wanted
        for each in ledger.promotions(model)
    )


def _judged(model: str, version: str, run_id: str | None, expected: str) -> Candidate:
    return Candidate(model, version, run_id or "", expected or None, datetime.now(UTC))


def _void(ledger: Ledger | None, judged: Candidate, current: str) -> StateError:
    """Returns the error after recording it: a verdict that came to nothing is on record, too."""
    if not judged.run_id:
        # A rollback, or a version that somebody insisted on: no verdict is in question.
        return StateError(
            f"version {judged.version} of {judged.model} did not become champion: the champion was "
            f"{judged.expected or 'none'} when that was asked for, and is now {current or 'none'}"
        )
    why = (
        f"it was judged against champion {judged.expected or 'none'}, and the champion is now "
        f"{current or 'none'}"
    )
    if ledger and judged.run_id:
        ledger.record_void(judged, why)
    return StateError(f"the verdict on {judged.model} version {judged.version} is void: {why}")


def _compare_then_set(
    registry: Registry, model: str, version: str, expected: str, run_id: str | None, grounds: Grounds
) -> None:
    """The journal first: a repetition goes by the alias, and must not find it set and nothing told."""
    champion = registry.alias(model, CHAMPION)
    current = champion.number if champion else ""
    if current == version:
        return
    if current != expected:
        raise _void(None, _judged(model, version, run_id, expected), current)
    new = registry.version(model, version)
    before = tagged_promotions(registry, model)
    if champion and before[-1].projected_at is None:
        describe(registry, champion, before[-1], journal=True)
    promotion = next_promotion(model, version, before, run_id=run_id, **vars(grounds))
    describe(registry, new, promotion, journal=True)
    registry.set_alias(model, CHAMPION, version)


def _pin(registry: Registry, ledger: Ledger, model: str) -> _Pinned:
    """Mends one difference at a time, and looks again: a hand, or an older program, asks for no lock."""
    for _ in range(_ROUNDS):
        # In this order: an alias that is read later than the ledger cannot be older than what it says.
        promotion = ledger.champion(model)
        alias = registry.alias(model, CHAMPION)
        if _agree(promotion, alias):
            if promotion and promotion.projected_at is None:
                _follow(registry, ledger, promotion)
            return _Pinned(alias, promotion)
        if promotion and _is_behind(promotion, alias):
            if _exists(registry, promotion):
                _restore(registry, ledger, promotion)
                continue
            logger.warning("%s has no version %s, its last champion, any more", model, promotion.version)
            if alias is None:
                return _Pinned(None, promotion)
        if alias:
            _adopt(registry, ledger, promotion, alias)
    raise StateError(f"the champion of {model} keeps changing: somebody else is moving its alias")


def _agree(promotion: Promotion | None, alias: Version | None) -> bool:
    return (promotion.version if promotion else None) == (alias.number if alias else None)


def _is_behind(promotion: Promotion, alias: Version | None) -> bool:
    """Whether an alias names what it named before the promotion, which a crash kept it from following."""
    if alias is None:
        return True
    return promotion.projected_at is None and alias.number == promotion.previous_version


def _exists(registry: Registry, promotion: Promotion) -> bool:
    try:
        registry.version(promotion.model, promotion.version)
    except StateError:
        return False
    return True


def _restore(registry: Registry, ledger: Ledger, promotion: Promotion) -> None:
    logger.warning(
        "the champion alias of %s does not name version %s, as the ledger says; set again",
        promotion.model,
        promotion.version,
    )
    _follow(registry, ledger, promotion)


def _follow(registry: Registry, ledger: Ledger, promotion: Promotion) -> None:
    """Lets tags and alias follow; the last write wins there, so a later promotion must not be overwritten."""
    version = registry.version(promotion.model, promotion.version)
    describe(registry, version, promotion, journal=False)
    registry.set_alias(promotion.model, CHAMPION, promotion.version)
    latest = ledger.champion(promotion.model)
    if latest and latest.sequence != promotion.sequence:
        _follow(registry, ledger, latest)
    else:
        ledger.mark_projected(promotion)


def _adopt(registry: Registry, ledger: Ledger, promotion: Promotion | None, alias: Version) -> None:
    try:
        adopted = ledger.record_promotion(
            alias.name, alias.number, previous=promotion, run_id=None, kind="external"
        )
    except StateError:
        # Somebody promoted since the ledger was read: that, and no hand, may be what moved the alias.
        return
    describe(registry, alias, adopted, journal=False)
    logger.warning(
        "the champion alias of %s was moved to version %s by hand; adopted", alias.name, alias.number
    )
