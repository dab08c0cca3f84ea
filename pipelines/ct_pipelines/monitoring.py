"""The monitoring pipeline: both monitors of a model, side by side, as KFP shows them.

It starts no run itself. A look that fires sends its event to the webhook, if the cluster has one; a look at
broken data fails its task.
"""

from typing import Any

from kfp import dsl, kubernetes

from ct_components import webhook
from ct_components.stages.monitor_drift.component import monitor_drift
from ct_components.stages.monitor_performance.component import monitor_performance
from ct_pipelines.pipeline import CONNECTIONS, Needs, Placement, _placed

PIPELINE_NAME = "model-monitoring"

# Without retries: the next look is soon, and bad data would only be looked at again.
NEEDS = {
    "monitor_drift": Needs("1", "1Gi", "4Gi", minutes=60, retries=0),
    "monitor_performance": Needs("1", "2Gi", "8Gi", minutes=60, retries=0),
}

_ADDRESSES = (webhook.URL,)
_SECRETS = (webhook.TOKEN,)


def monitoring(*, caching: bool = False, image: str = "") -> Any:
    """Makes the pipeline.

    Args:
        caching: Whether KFP may answer a look from its cache. Off by default: it would be an earlier look.
        image: The image of both stages; "" for the one that the components name.

    Returns:
        A KFP pipeline, to compile or to call.
    """
    placement = Placement(caching, image)

    @dsl.pipeline(
        name=PIPELINE_NAME,
        description="Looks whether the world has drifted from a champion, and whether it still performs.",
    )
    def pipeline(spec: str, as_of: str = "", evidently: bool = True) -> None:
        """Looks at drift and at performance.

        Args:
            spec: The model spec: inline JSON or YAML, or the path of its file.
            as_of: The instant that the looks pretend is now; "" is now.
            evidently: Whether Evidently's report is made too.
        """
        run_id = dsl.PIPELINE_JOB_ID_PLACEHOLDER
        drift = monitor_drift(spec=spec, run_id=run_id, as_of=as_of, evidently=evidently)
        performance = monitor_performance(spec=spec, run_id=run_id, as_of=as_of)
        for task, stage in ((drift, "monitor_drift"), (performance, "monitor_performance")):
            _connected(_placed(task, NEEDS[stage], placement))

    return pipeline


def _connected(task: Any) -> None:
    """Gives a task what else it needs of the KFP namespace: where its event goes."""
    for given, names in (
        (kubernetes.use_config_map_as_env, _ADDRESSES),
        (kubernetes.use_secret_as_env, _SECRETS),
    ):
        given(task, CONNECTIONS, {name: name for name in names}, optional=True)
