"""What happens to a model that is to be promoted: the sections `registry`, `serving` and `notify`."""

from typing import Annotated, Literal

from pydantic import Field

from ct_components.spec.durations import Duration
from ct_components.spec.fields import KubernetesName, PositiveDuration, VariableName, WebAddress
from ct_components.spec.section import Section

Event = Literal["promoted", "waiting", "retained", "failed"]


class Check(Section):
    """What a version must do in staging, in a clean process, before it can be champion."""

    tolerance: float = Field(
        default=1e-6, ge=0, lt=1, description="Largest difference from the scores that it had when fitted."
    )
    load_seconds: float = Field(default=120, gt=0, description="Longest time that it may take to load.")
    latency_ms: float = Field(
        default=1000, gt=0, description="Longest time for a single row, in milliseconds: the median of some."
    )
    memory_mb: int = Field(default=4096, ge=64, description="Most memory of the process, in MiB.")


class RegistrySettings(Section):
    """How a version that won becomes champion."""

    promotion: Literal["auto", "manual"] = Field(
        default="auto",
        description="auto makes it champion once it is checked; manual leaves it in staging for a person.",
    )
    check: Check = Field(default_factory=Check, description="What it must do in staging first.")


class Serving(Section):
    """What is told of a new champion, so that it is served."""

    type: Literal["none", "kserve", "deployment"] = Field(
        default="none", description="none serves nothing; else a KServe InferenceService, or a Deployment."
    )
    name: KubernetesName | None = Field(
        default=None, description="Name of the InferenceService or Deployment; null is the model's."
    )
    namespace: KubernetesName | None = Field(
        default=None, description="Its namespace; null is that of the pod which deploys."
    )
    container: KubernetesName | None = Field(
        default=None, description="The Deployment's container; null is its only one."
    )
    variable: VariableName = Field(
        default="MODEL_URI", description="Environment variable of the Deployment that holds the model's URI."
    )
    url: WebAddress | None = Field(
        default=None,
        description="Where to ask for a prediction afterwards; null asks KServe's own address, or nothing.",
    )
    timeout: PositiveDuration = Field(
        default=Duration(10, "m"), description="How long it may take to become ready; then it is rolled back."
    )


class Channel(Section):
    """Where people learn what came of a run."""

    type: Literal["slack", "webhook", "alertmanager"] = Field(
        description="A Slack-compatible webhook, any webhook that takes JSON, or Alertmanager's API."
    )
    url: VariableName = Field(description="Environment variable that holds the address, which is a secret.")
    token: VariableName | None = Field(
        default=None, description="Environment variable that holds a bearer token; null sends none."
    )
    on: Annotated[list[Event], Field(min_length=1)] = Field(
        default=["promoted", "waiting", "retained", "failed"], description="What it is told."
    )
