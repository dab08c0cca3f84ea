"""Kubernetes' API, as far as serving needs it: the only module here that speaks to it.

Two calls, `get` and `patch`, of one named object, as plain dictionaries. The client's own ways to the same
calls ask for more rights (discovery) or know built-in kinds only.
"""

import json
import os
from pathlib import Path
from typing import Any, NoReturn

from ct_components import connections
from ct_components.connections import first_line, redact
from ct_components.errors import Overtaken, StateError, Unreachable
from ct_components.serving.targets import Resource, Thing

_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_TIMEOUTS = (5, 30)
_LATER = frozenset({0, 408, 425, 429})
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT = 401, 403, 404, 409


class KubernetesApi:
    """The API of the pod's own cluster, else of the current kubeconfig's.

    Attributes:
        namespace: The namespace that one is in.
    """

    def __init__(self) -> None:
        import yaml
        from kubernetes import client, config

        configuration = client.Configuration()
        try:
            self.namespace = configure(config, configuration)
        except (config.ConfigException, yaml.YAMLError, OSError) as error:
            raise StateError(f"no Kubernetes cluster is known here: {first_line(error)}") from None
        # Whether a call may be repeated is for the caller to decide: an answer may be lost after a change.
        configuration.retries = False
        self._host = redact(str(configuration.host))
        self._client = client.ApiClient(configuration)

    def get(self, resource: Resource) -> Thing:
        """Returns an object.

        Raises:
            StateError: If there is none, or one may not read it.
            Unreachable: If the API does not answer.
        """
        return self._call("get", resource)

    def patch(self, resource: Resource, body: Thing) -> Thing:
        """Patches an object, and returns it.

        Raises:
            Overtaken: If its resourceVersion is not the body's any more.
            StateError: If there is none, or one may not patch it, or it would be no valid object.
            Unreachable: If the API does not answer; it may have patched it nevertheless.
        """
        return self._call("patch", resource, body)

    def _call(self, verb: str, resource: Resource, body: Thing | None = None) -> Thing:
        import urllib3
        from kubernetes import client

        try:
            found = self._send(verb.upper(), f"{resource.path}/{resource.name}", resource.patch_type, body)
        except client.ApiException as error:
            self._refused(error, verb, resource)
        except (urllib3.exceptions.HTTPError, UnicodeDecodeError) as error:
            raise Unreachable(f"Kubernetes at {self._host} does not answer: {first_line(error)}") from None
        if not isinstance(found, dict):
            raise Unreachable(f"Kubernetes at {self._host} answers something else than an object")
        return found

    def _send(self, method: str, path: str, content_type: str = "", body: Thing | None = None) -> Any:
        return self._client.call_api(
            path,
            method,
            header_params={"Accept": "application/json"} | ({"Content-Type": content_type} if body else {}),
            body=body,
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _request_timeout=_TIMEOUTS,
        )

    def _refused(self, error: Any, verb: str, resource: Resource) -> NoReturn:
        status, said = int(error.status or 0), _message(error)
        if status in _LATER or status >= 500:  # noqa: PLR2004 (HTTP's server errors)
            raise Unreachable(f"Kubernetes at {self._host} does not answer: HTTP {status} {said}") from None
        if status == _CONFLICT:
            raise Overtaken(f"{resource} was changed meanwhile") from None
        if status in {_UNAUTHORIZED, _FORBIDDEN}:
            raise StateError(
                f"Kubernetes at {self._host} refuses to {verb} {resource.plural}.{resource.group} "
                f"{resource.name!r} in namespace {resource.namespace!r} (HTTP {status}: {said}); a Role must "
                "allow get and patch of it, such as the one in manifests/components/serving"
            ) from None
        if status == _NOT_FOUND:
            raise StateError(f"there is no {resource}; {self._others(resource)}") from None
        raise StateError(f"Kubernetes refuses to {verb} {resource} (HTTP {status}): {said}") from None

    def _others(self, resource: Resource) -> str:
        """Names what there is instead, as far as one may look: no Role of ours grants that."""
        import urllib3
        from kubernetes import client

        try:
            found = self._send("GET", resource.path)
            names = sorted(each["metadata"]["name"] for each in found["items"])
        except client.ApiException as error:
            if error.status == _NOT_FOUND:
                return f"{resource.plural}.{resource.group} is not installed"
        except (urllib3.exceptions.HTTPError, LookupError, TypeError, ValueError):
            pass
        else:
            return f"namespace {resource.namespace!r} has {', '.join(names) or 'none'}"
        return "which there are, one may not see"


def configure(config: Any, configuration: Any) -> str:
    """Fills in how the cluster is reached, and returns the namespace that one is in."""
    if connections.in_a_pod():
        config.load_incluster_config(client_configuration=configuration)
        return _POD_NAMESPACE.read_text(encoding="utf-8").strip() if _POD_NAMESPACE.exists() else "default"
    # The library reads the variable when it is imported; here it counts when it is used.
    file = os.environ.get("KUBECONFIG") or None
    config.load_kube_config(file, client_configuration=configuration)
    _, current = config.list_kube_config_contexts(file)
    return str(current["context"].get("namespace") or "default")


def _message(error: Any) -> str:
    """Returns what the API says, which a proxy before it may not say as the API does."""
    try:
        said = json.loads(error.body)["message"]
    except (ValueError, TypeError, LookupError):
        said = error.reason
    return first_line(Exception(said))
