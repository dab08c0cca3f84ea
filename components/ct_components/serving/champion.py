"""The champion is looked up, deployed, and that is put on record: for the stage and for the command line."""

import logging
from typing import TYPE_CHECKING

from ct_components.champion import pin_champion
from ct_components.errors import CTError, StateError
from ct_components.registry import PREDICTION_SAMPLE, Registry, Version
from ct_components.serving.request import Deployed, DeployRequest, Sample
from ct_components.serving.rollout import Api, Clock, deploy
from ct_components.spec import Serving

if TYPE_CHECKING:
    from ct_components.ledger import Ledger, Promotion

logger = logging.getLogger("kfp-ct")


def serve_champion(
    settings: Serving,
    registry: Registry,
    ledger: "Ledger | None",
    model: str,
    version: str,
    *,
    api: Api | None = None,
    clock: Clock | None = None,
) -> Deployed:
    """Lets a version be served if it is the champion still, and records what came of it.

    Args:
        settings: What serves the model.
        registry: Where the version is.
        ledger: Where its promotion is on record; None without one.
        model: The registered model.
        version: The version that became champion.
        api: Kubernetes' API; None connects.
        clock: Time; None for the machine's.

    Returns:
        What came of it. A version that is not champion any more is left alone, and its state is `superseded`.

    Raises:
        StateError: If it cannot be served. It stays champion, and the message says what is served instead.
        ModelError: As above, where the model is to blame.
        Unreachable: If Kubernetes, MLflow or the ledger does not answer.
    """
    if settings.type == "none":
        return Deployed("none", "", f"serving.type is none, so nothing was told of {model} version {version}")
    champion = pin_champion(registry, ledger, model)
    if champion is None or champion.number != version:
        # A retry may come hours later: what was promoted or rolled back since is what is to be served.
        now = f"version {champion.number} is" if champion else "there is none"
        return Deployed("superseded", "", f"{model} version {version} is not champion any more, {now}")
    promotion = ledger.champion(model) if ledger else None
    _record(ledger, promotion, "deploying", "")
    try:
        deployed = deploy(settings, _request(registry, champion), api, clock)
    except CTError as error:
        message = f"{model} version {version} is champion, but not served: {error}"
        try:
            _record(ledger, promotion, "failed", message)
        except CTError as second:
            # Whatever is wrong with the ledger must not hide what is served.
            logger.warning("this is not on record: %s", second)
        raise type(error)(message) from None
    _record(ledger, promotion, deployed.state, deployed.message)
    return deployed


def _record(ledger: "Ledger | None", promotion: "Promotion | None", state: str, message: str) -> None:
    if ledger and promotion:
        ledger.record_serving(promotion.model, promotion.sequence, state, message)


def _request(registry: Registry, version: Version) -> DeployRequest:
    return DeployRequest(
        version.name, version.number, version.uri, registry.location(version), _sample(registry, version)
    )


def _sample(registry: Registry, version: Version) -> Sample | None:
    try:
        return Sample.from_json(registry.read_text(version.mlflow_run_id, PREDICTION_SAMPLE))
    except StateError as error:
        logger.warning("%s; no prediction will be asked for", error)
        return None
