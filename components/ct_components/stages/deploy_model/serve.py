"""The stage's logic: what it was given is read, and the champion served."""

import logging

from ct_components import connections
from ct_components.registry import Registry
from ct_components.serving import serve_champion
from ct_components.spec import Serving, parse_section
from ct_components.stage import Context, ledger_of

logger = logging.getLogger("kfp-ct")


def serve(run: Context, version: str, serving: str) -> str:
    """Serves a version if it is the champion still, and returns what came of it.

    Raises:
        SpecError: If `serving` is no section of a spec.
        StateError: If it cannot be served; what was served before is put back.
        ModelError: As above, where the model is to blame.
        Unreachable: If Kubernetes, MLflow or the ledger does not answer.
    """
    settings = parse_section(Serving, serving, "serving")
    if not version or settings.type == "none":
        logger.info("nothing is served anew: %s", "serving.type is none" if version else "none was promoted")
        return "none"
    registry = Registry(connections.from_environment())
    done = serve_champion(settings, registry, ledger_of(run.run_id), run.model, version)
    logger.info("%s", done.message)
    return done.state
