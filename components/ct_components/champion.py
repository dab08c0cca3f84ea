"""Who is champion: the ledger decides, MLflow's alias follows.

The ledger's unique (model, sequence) is the compare-and-swap, the alias its projection. A crash between
the two leaves a promotion that is not projected, which the next reader projects. An alias that was moved
by hand is adopted as an external promotion; one that was removed is restored, since a model without
champion would take the next challenger unopposed. Without a ledger the alias alone decides: compare, then
set.
"""

import logging
from typing import NamedTuple

from ct_components.errors import StateError
from ct_components.ledger import Ledger, Promotion
from ct_components.registry import CHAMPION, Registry, Version

# Each round mends one difference; more than two are found only while somebody else promotes.
_ROUNDS = 10

logger = logging.getLogger("kfp-ct")


class _Pinned(NamedTuple):
    champion: Version | None
    promotion: Promotion | None


def pin_champion(registry: Registry, ledger: Ledger | None, model: str) -> Version | None:
    """Returns the champion, after mending what a crash or a hand left between ledger and alias."""
    return _pin(registry, ledger, model).champion


def make_champion(
    registry: Registry, ledger: Ledger | None, model: str, version: str, *, expected: str, run_id: str
) -> None:
    """Makes `version` the champion if the champion is still `expected`. Repeating it changes nothing.

    Args:
        registry: Where the alias is.
        ledger: Where the promotion is recorded; None without a ledger.
        model: The registered model.
        version: The new champion's version.
        expected: The champion that it was judged against; "" for a first model.
        run_id: The run that promotes.

    Raises:
        StateError: If there is no such version, or another one became champion meanwhile: the verdict is
            void.
    """
    champion, promotion = _pin(registry, ledger, model)
    current = champion.number if champion else ""
    if current == version:
        return
    if current != expected:
        raise StateError(
            f"the verdict on {model} version {version} is void: it was judged against champion "
            f"{expected or 'none'}, and the champion is now {current or 'none'}"
        )
    registry.version(model, version)
    if ledger:
        # After the promotion that was pinned, not after the latest: a promotion in between voids this one.
        _follow(registry, ledger, ledger.record_promotion(model, version, previous=promotion, run_id=run_id))
    else:
        registry.set_alias(model, CHAMPION, version)


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


def _pin(registry: Registry, ledger: Ledger | None, model: str) -> _Pinned:
    """Mends one difference at a time, and looks again, because others may be mending or promoting too."""
    if ledger is None:
        return _Pinned(registry.alias(model, CHAMPION), None)
    for _ in range(_ROUNDS):
        # In this order: an alias that is read later than the ledger cannot be older than what it says.
        promotion = ledger.champion(model)
        alias = registry.alias(model, CHAMPION)
        if _agree(promotion, alias):
            if promotion and promotion.projected_at is None:
                ledger.mark_projected(promotion)
            return _Pinned(alias, promotion)
        if promotion and (promotion.projected_at is None or alias is None):
            if _exists(registry, promotion):
                _restore(registry, ledger, promotion)
                continue
            logger.warning("%s has no version %s, its last champion, any more", model, promotion.version)
            if alias is None:
                return _Pinned(None, promotion)
        if alias:
            _adopt(ledger, promotion, alias)
    raise StateError(f"the champion of {model} keeps changing: somebody else is moving its alias")


def _agree(promotion: Promotion | None, alias: Version | None) -> bool:
    return (promotion.version if promotion else None) == (alias.number if alias else None)


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
    """Lets the alias follow; the last write wins there, so a later promotion must not be overwritten."""
    registry.set_alias(promotion.model, CHAMPION, promotion.version)
    latest = ledger.champion(promotion.model)
    if latest and latest.sequence != promotion.sequence:
        _follow(registry, ledger, latest)
    else:
        ledger.mark_projected(promotion)


def _adopt(ledger: Ledger, promotion: Promotion | None, alias: Version) -> None:
    try:
        ledger.record_promotion(alias.name, alias.number, previous=promotion, run_id=None, kind="external")
    except StateError:
        # Somebody promoted since the ledger was read: that, and no hand, may be what moved the alias.
        return
    logger.warning(
        "the champion alias of %s was moved to version %s by hand; adopted", alias.name, alias.number
    )
