"""Where Kubeflow Pipelines is, and as whom one speaks to it."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from ct_components.connections import redact
from ct_components.errors import StateError

HOST = "KFP_CT_KFP_HOST"
NAMESPACE = "KFP_CT_KFP_NAMESPACE"
TOKEN_FILE = "KFP_CT_KFP_TOKEN_FILE"  # noqa: S105 (a variable's name)
CA_FILE = "KFP_CT_KFP_CA_FILE"
EXPERIMENT = "KFP_CT_KFP_EXPERIMENT"
SERVICE_ACCOUNT = "KFP_CT_KFP_SERVICE_ACCOUNT"

DEFAULT_EXPERIMENT = "continuous-training"

_ALLOWED_HOST = "such as http://ml-pipeline.kubeflow.svc.cluster.local:8888 within the cluster, or https://kfp.example.com/pipeline"
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LONGEST_EXPERIMENT = 128


@dataclass(frozen=True)
class KfpSettings:
    """How Kubeflow Pipelines is reached.

    Attributes:
        host: Its URL, without a slash at the end.
        namespace: The profile's namespace, where KFP serves several users; None where it serves one.
        token_file: File of the bearer token, read anew for every request, since a projected token is
            replaced while we run; None sends none.
        ca_file: Certificates that are trusted instead of the public ones.
        experiment: Name of the experiment that runs are put into; made if it is missing.
        service_account: Kubernetes service account of the runs' pods; None for KFP's own.
        timeouts: Seconds to connect, and to wait for an answer.
    """

    host: str
    namespace: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    experiment: str = DEFAULT_EXPERIMENT
    service_account: str | None = None
    timeouts: tuple[float, float] = (5, 30)

    def __post_init__(self) -> None:
        _check_host(self.host)
        _check_name(NAMESPACE, self.namespace)
        _check_name(SERVICE_ACCOUNT, self.service_account)
        if not 0 < len(self.experiment.encode()) <= _LONGEST_EXPERIMENT:
            raise StateError(
                f"{EXPERIMENT}: got {self.experiment[:80]!r}; allowed: 1 to {_LONGEST_EXPERIMENT} characters"
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "KfpSettings":
        """Reads the settings that this process was given.

        Raises:
            StateError: If no host is named, or a setting is not allowed.

        >>> KfpSettings.from_environment({"KFP_CT_KFP_HOST": "https://kfp.example.com/pipeline/"}).host
        'https://kfp.example.com/pipeline'
        """
        given = {name: environment.get(name, "").strip() for name in _NAMES}
        if not given[HOST]:
            raise StateError(f"{HOST} is not set; allowed: the URL of Kubeflow Pipelines, {_ALLOWED_HOST}")
        return cls(
            host=given[HOST].rstrip("/"),
            namespace=given[NAMESPACE] or None,
            token_file=Path(given[TOKEN_FILE]) if given[TOKEN_FILE] else None,
            ca_file=Path(given[CA_FILE]) if given[CA_FILE] else None,
            experiment=given[EXPERIMENT] or DEFAULT_EXPERIMENT,
            service_account=given[SERVICE_ACCOUNT] or None,
        )


_NAMES = (HOST, NAMESPACE, TOKEN_FILE, CA_FILE, EXPERIMENT, SERVICE_ACCOUNT)


def _check_host(host: str) -> None:
    shown = redact(host)[:200]
    parts = _split(host)
    if parts is None or "@" in parts.netloc or parts.query or parts.fragment or re.search(r"\s", host):
        raise StateError(
            f"{HOST}: got {shown!r}; allowed: an http or https URL without user, query and blanks, "
            f"{_ALLOWED_HOST}"
        )
    if parts.scheme == "http" and not _is_near(parts.hostname or ""):
        raise StateError(
            f"{HOST}: got {shown!r}, whose tokens anyone on the way could read; allowed: https, "
            "or http to this machine or to a service of the cluster (NAME or NAME.NAMESPACE.svc…)"
        )


def _split(host: str) -> SplitResult | None:
    try:
        parts = urlsplit(host)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and parts.hostname and has_port else None


def _is_near(name: str) -> bool:
    """Whether a name leads to this machine, or can only be one of the cluster's own."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return "." not in name or name.endswith(".svc") or ".svc." in name


def _check_name(role: str, name: str | None) -> None:
    if name is not None and not _DNS_LABEL.fullmatch(name):
        raise StateError(
            f"{role}: got {name[:80]!r}; allowed: 1 to 63 lower-case letters, digits and -, "
            "starting and ending with a letter or digit"
        )
