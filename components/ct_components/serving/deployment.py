"""A Deployment: what is written to it, and what its status means."""

from ct_components.errors import StateError
from ct_components.serving.request import DeployRequest
from ct_components.serving.targets import (
    Dialect,
    Held,
    Look,
    Resource,
    Thing,
    Value,
    at,
    condition,
    held_by,
    metadata,
    names,
    observed,
)


class Deployment:
    """A Deployment, one of whose containers takes the model's address from an environment variable."""

    dialect: Dialect = "mlflow"

    def __init__(self, namespace: str, name: str, container: str | None, variable: str) -> None:
        self.resource = Resource(
            "Deployment",
            "apps",
            "v1",
            "deployments",
            namespace,
            name,
            "application/strategic-merge-patch+json",
        )
        self._container = container
        self._variable = variable

    def wanted(self, request: DeployRequest) -> Value:
        """Returns MLflow's address of the version, which its servers resolve themselves."""
        return Value(request.uri, request.version)

    def check(self, thing: Thing) -> None:
        """Refuses one that would start no pod."""
        spec = at(thing, "spec")
        if spec.get("paused"):
            raise StateError(f"{self.resource} is paused; resume it first")
        if spec.get("replicas") == 0:
            raise StateError(
                f"{self.resource} is scaled to 0; scale it up first, or set serving.type to none"
            )

    def read(self, thing: Thing) -> Held:
        """Returns what the variable holds.

        Raises:
            StateError: If there is no such container or variable, or it takes its value from elsewhere.
        """
        container = self._found(thing)
        known = {str(each.get("name")): each for each in container.get("env") or []}
        place = f"{self.resource}: container {container['name']!r}"
        if self._variable not in known:
            raise StateError(f"{place} has no variable {self._variable!r}; it has {names(known)}")
        if "valueFrom" in known[self._variable]:
            raise StateError(f"{place} takes {self._variable!r} from elsewhere; allowed: a plain value")
        return held_by(thing, str(known[self._variable].get("value") or ""))

    def _found(self, thing: Thing) -> Thing:
        containers = list(at(thing, "spec", "template", "spec").get("containers") or [])
        known = {str(each["name"]): each for each in containers}
        if self._container is None and len(known) == 1:
            return dict(containers[0])
        if self._container is None:
            raise StateError(f"{self.resource} has several containers; name one of {names(known)}")
        if self._container not in known:
            raise StateError(f"{self.resource} has no container {self._container!r}; it has {names(known)}")
        return dict(known[self._container])

    def patch(self, thing: Thing, held: Held) -> Thing:
        """Returns a strategic merge patch, which finds container and variable by their names."""
        variable = {"name": self._variable, "value": held.value.uri}
        container = {"name": self._found(thing)["name"], "env": [variable]}
        return {
            "metadata": metadata(thing, held),
            "spec": {"template": {"spec": {"containers": [container]}}},
        }

    def look(self, thing: Thing, held: Held) -> Look:  # noqa: ARG002 (its own generation says it)
        """Observed, and all replicas updated and available; what is said of an earlier generation is not."""
        if observed(thing) < int(at(thing, "metadata").get("generation") or 0):
            return Look("waiting", "Kubernetes has not looked at the change yet")
        status = at(thing, "status")
        asked = int(at(thing, "spec").get("replicas", 1))
        updated, available, all_ = (
            int(status.get(name) or 0) for name in ("updatedReplicas", "availableReplicas", "replicas")
        )
        words = f"of {asked} replicas {updated} are updated and {available} available, of {all_} that run"
        if updated == available == all_ == asked:
            return Look("ready", words)
        progress = condition(status, "Progressing")
        if progress.get("reason") == "ProgressDeadlineExceeded":
            return Look("failed", f"ProgressDeadlineExceeded: {words}")
        return Look("waiting", words)

    def address(self, thing: Thing) -> str:  # noqa: ARG002 (which Service leads to it, it does not say)
        """Returns nothing: which Service leads to it, a Deployment does not know."""
        return ""
