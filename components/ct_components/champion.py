"""Who is champion: the ledger decides, MLflow's alias follows.

The ledger's unique (model, sequence) is the compare-and-swap, the alias its projection. A crash between
the two leaves a promotion that is not projected, which the next reader projects. An alias that was moved
by hand is adopted as an external promotion. Without a ledger the alias alone decides: compare, then set.
"""

import logging

from ct_components.errors import StateError
from ct_components.ledger import Ledger
from ct_components.registry import CHAMPION, Registry, Version

logger = logging.getLogger("kfp-ct")


def pin_champion(registry: Registry, ledger: Ledger | None, model: str) -> Version | None:
    """Returns the champion, after mending what a crash or a hand left between ledger and alias."""
    if ledger:
        _project(registry, ledger, model)
    alias = registry.alias(model, CHAMPION)
    if ledger and alias:
        _adopt(ledger, model, alias)
    return alias


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
        StateError: If another version became champion meanwhile: the verdict is void.
    """
    champion = pin_champion(registry, ledger, model)
    current = champion.number if champion else ""
    if current == version:
        return
    if current != expected:
        raise StateError(
            f"the verdict on {model} version {version} is void: it was judged against champion "
            f"{expected or 'none'}, and the champion is now {current or 'none'}"
        )
    if ledger:
        ledger.record_promotion(model, version, previous=ledger.champion(model), run_id=run_id)
        _project(registry, ledger, model)
    else:
        registry.set_alias(model, CHAMPION, version)


def _project(registry: Registry, ledger: Ledger, model: str) -> None:
    latest = ledger.champion(model)
    if latest and latest.projected_at is None:
        registry.set_alias(model, CHAMPION, latest.version)
        ledger.mark_projected(latest)


def _adopt(ledger: Ledger, model: str, alias: Version) -> None:
    latest = ledger.champion(model)
    if latest is None or latest.version != alias.number:
        logger.warning(
            "the champion alias of %s was moved to version %s by hand; adopted", model, alias.number
        )
        ledger.record_promotion(model, alias.number, previous=latest, run_id=None, kind="external")
