"""CronJobs that start a model's pipeline on a schedule: the only module that speaks to Kubernetes."""

from dataclasses import dataclass
from typing import Any

from ct_components.connections import first_line
from ct_components.errors import Unreachable
from ct_components.serving.kubernetes_api import configure

_LABELS = "app.kubernetes.io/part-of=kfp-continuous-training,kfp-ct/model={model},kfp-ct/workload=schedule"
_TIMEOUTS = (5, 30)
_LOOKS_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True)
class CronJobs:
    """What was found of a model's schedule.

    Attributes:
        names: CronJobs that are not suspended.
        namespace: Where was looked.
        unchecked: Why nobody could look; "" if somebody did.
    """

    names: tuple[str, ...] = ()
    namespace: str = ""
    unchecked: str = ""


def find_cronjobs(model: str, namespace: str | None = None) -> CronJobs:
    """Looks for the CronJobs that start a model's pipeline on a schedule.

    Args:
        model: The model's name.
        namespace: Where to look; None for the pod's own, or the one of the current kubeconfig context.

    Raises:
        Unreachable: If the cluster is known and does not answer.
    """
    import urllib3
    import yaml
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        own = configure(config, configuration)
    except (config.ConfigException, yaml.YAMLError, OSError) as error:
        return CronJobs(unchecked=f"no Kubernetes cluster is known here ({first_line(error)})")
    configuration.retries = False
    namespace = namespace or own
    api = client.BatchV1Api(client.ApiClient(configuration))
    try:
        found = api.list_namespaced_cron_job(
            namespace, label_selector=_LABELS.format(model=model), _request_timeout=_TIMEOUTS
        )
    except client.ApiException as error:
        return _refused(error, namespace, configuration.host)
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(
            f"Kubernetes at {configuration.host} does not answer: {first_line(error)}"
        ) from None
    return CronJobs(
        tuple(sorted(job.metadata.name for job in found.items if not job.spec.suspend)), namespace
    )


def _refused(error: Any, namespace: str, host: str) -> CronJobs:
    status = int(error.status or 0)
    if status == 0 or status in _LOOKS_LATER or status >= 500:  # noqa: PLR2004 (HTTP's server errors)
        raise Unreachable(
            f"Kubernetes at {host} does not answer: HTTP {status} {first_line(Exception(error.reason))}"
        ) from None
    reason = f"Kubernetes refuses to list CronJobs in namespace {namespace!r} (HTTP {status} {error.reason})"
    return CronJobs(namespace=namespace, unchecked=reason)
