"""The continuous-training pipeline, from components that may each be replaced.

::

    exit handler: notify ───────────────────────────────────────────────────────────────────
      begin_run → fetch_data → validate_data → compute_features → train_model
         → evaluate_challenger → If verdict = promote: promote_challenger → deploy_model
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kfp import dsl, kubernetes

from ct_components.channels import SECRETS_FOLDER
from ct_components.stage import TIMEOUT
from ct_components.stages.begin_run.component import begin_run
from ct_components.stages.compute_features.component import compute_features
from ct_components.stages.deploy_model.component import deploy_model
from ct_components.stages.evaluate_challenger.component import evaluate_challenger
from ct_components.stages.fetch_data.component import fetch_data
from ct_components.stages.notify.component import notify
from ct_components.stages.promote_challenger.component import promote_challenger
from ct_components.stages.train_model.component import train_model
from ct_components.stages.validate_data.component import validate_data
from ct_components.vocabulary import THREADS

PIPELINE_NAME = "continuous-training"

Component = Callable[..., Any]


@dataclass(frozen=True)
class Stages:
    """The component of each stage. A replacement takes the same inputs and gives the same outputs."""

    begin_run: Component = begin_run
    fetch_data: Component = fetch_data
    validate_data: Component = validate_data
    compute_features: Component = compute_features
    train_model: Component = train_model
    evaluate_challenger: Component = evaluate_challenger
    promote_challenger: Component = promote_challenger
    deploy_model: Component = deploy_model
    notify: Component = notify


@dataclass(frozen=True)
class Needs:
    """What a stage's pod asks for, and how it is retried."""

    cpu: str
    memory: str
    memory_limit: str
    minutes: int
    # Stages that talk to services or storage are retried; the others give the same answer again.
    retries: int = 2


NEEDS = {
    "begin_run": Needs("250m", "512Mi", "1Gi", minutes=10),
    "fetch_data": Needs("1", "1Gi", "4Gi", minutes=120),
    "validate_data": Needs("1", "1Gi", "4Gi", minutes=60, retries=0),
    "compute_features": Needs("1", "2Gi", "8Gi", minutes=60, retries=0),
    "train_model": Needs("2", "2Gi", "8Gi", minutes=240),
    "evaluate_challenger": Needs("1", "2Gi", "8Gi", minutes=60),
    # The model that is checked may take as much as the model spec allows it by default.
    "promote_challenger": Needs("500m", "1Gi", "5Gi", minutes=20),
    # It waits for the rollout, and for the way back if that fails.
    "deploy_model": Needs("250m", "256Mi", "1Gi", minutes=120),
    "notify": Needs("250m", "256Mi", "1Gi", minutes=10),
}


# What every stage is given of the KFP namespace: addresses from a ConfigMap, the rest from a Secret of the
# same name. Both are optional, because a pod that waits for a missing key says nothing; a stage does.
CONNECTIONS = "kfp-ct-connections"
_ADDRESSES = ("MLFLOW_TRACKING_URI", "KFP_CT_MLFLOW_ARTIFACT_ROOT", "DATA_ROOT")
_SECRETS = (
    "KFP_CT_LEDGER_URL",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
)


@dataclass(frozen=True)
class Placement:
    """How tasks are placed: `image` is that of every stage, "" for its component's own."""

    caching: bool = False
    image: str = ""


def continuous_training(stages: Stages | None = None, *, caching: bool = False, image: str = "") -> Any:
    """Makes the pipeline.

    Args:
        stages: Components to use instead of ours.
        caching: Whether KFP may answer a stage from its cache. Off by default: the cache's key is the image's
            name and the inputs, so that a "retrain" may silently be last week's.
        image: The image of every stage; "" for each component's own.

    Returns:
        A KFP pipeline, to compile or to call.
    """
    use = stages or Stages()
    placement = Placement(caching, image)

    @dsl.pipeline(
        name=PIPELINE_NAME,
        description="Retrains a model, and promotes it only if it is proven better on unseen rows.",
    )
    def pipeline(
        spec: str, as_of: str = "", reason: str = "manual", key: str = "", hyperparameters: str = ""
    ) -> None:
        """Retrains a model, and promotes it only if it is proven better.

        Args:
            spec: The model spec: inline JSON or YAML, or the path of its file.
            as_of: The instant that the run pretends is now; "" is now.
            reason: Why it runs: schedule, drift, performance or manual.
            key: The trigger's key; "" makes one.
            hyperparameters: A JSON object that overrides training.parameters for this run.
        """
        closing = use.notify(run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER, spec=spec)
        # The model spec names the channels' secrets, so nobody knows here which keys of it there are.
        kubernetes.use_secret_as_volume(closing, CONNECTIONS, mount_path=SECRETS_FOLDER, optional=True)
        _placed(closing, NEEDS["notify"], placement)
        with dsl.ExitHandler(closing, name="train and judge"):
            _train_and_judge(use, placement, spec, as_of, reason, key, hyperparameters)

    return pipeline


def _train_and_judge(
    use: Stages, placement: Placement, spec: Any, as_of: Any, reason: Any, key: Any, hyperparameters: Any
) -> None:
    def placed(stage: str, **inputs: Any) -> Any:
        return _placed(getattr(use, stage)(**inputs), NEEDS[stage], placement)

    run_id = dsl.PIPELINE_JOB_ID_PLACEHOLDER
    begun = placed(
        "begin_run",
        spec=spec,
        run_id=run_id,
        as_of=as_of,
        reason=reason,
        key=key,
        hyperparameters=hyperparameters,
        run_name=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
    ).outputs
    context, columns, windows = begun["context"], begun["columns"], begun["windows"]
    rows = placed(
        "fetch_data",
        source=begun["source"],
        columns=columns,
        also=begun["also"],
        windows=windows,
        context=context,
    ).outputs
    validated = placed(
        "validate_data",
        training=rows["training"],
        holdout=rows["holdout"],
        columns=columns,
        windows=windows,
        validation=begun["validation"],
        context=context,
    )
    computed = placed("compute_features", training=rows["training"], columns=columns, context=context)
    trained = placed(
        "train_model",
        features=computed.after(validated).outputs["features"],
        profile=validated.outputs["profile"],
        resolved=begun["resolved"],
        columns=columns,
        training=begun["training"],
        context=context,
    ).outputs
    judged = placed(
        "evaluate_challenger",
        holdout=rows["holdout"],
        challenger=trained["Output"],
        windows=windows,
        gates=begun["gates"],
        context=context,
    )
    # kfp.local answers conditions on *named* outputs with a silent "false"; the single return value works.
    with dsl.If(judged.outputs["Output"] == "promote", name="verdict is promote"):
        promoted = placed(
            "promote_challenger", challenger=trained["Output"], context=context, registry=begun["registry"]
        )
        placed("deploy_model", version=promoted.outputs["Output"], serving=begun["serving"], context=context)


def _placed(task: Any, needs: Needs, placement: Placement) -> Any:
    """Sets what a task needs of the cluster, and the time limit that it keeps itself."""
    task.set_caching_options(placement.caching)
    if placement.image:
        task.set_container_image(placement.image)
    task.set_cpu_request(needs.cpu).set_memory_request(needs.memory).set_memory_limit(needs.memory_limit)
    if needs.retries:
        task.set_retry(
            num_retries=needs.retries, backoff_duration="10s", backoff_factor=3, backoff_max_duration="300s"
        )
    seconds = needs.minutes * 60
    task.set_env_variable(TIMEOUT, str(seconds))
    for name, value in THREADS.items():
        task.set_env_variable(name, value)
    # The stage ends itself and says so; the pod's own limit is for a stage that cannot.
    kubernetes.set_timeout(task, seconds + 60)
    kubernetes.use_config_map_as_env(task, CONNECTIONS, {name: name for name in _ADDRESSES}, optional=True)
    kubernetes.use_secret_as_env(task, CONNECTIONS, {name: name for name in _SECRETS}, optional=True)
    return task
