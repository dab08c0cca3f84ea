"""KServe's InferenceService: what is written to it, and what its status means."""

from ct_components.connections import redact
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

# What KServe's storage initializer fetches, of what MLflow's artifact stores are called.
_SCHEMES = ("gs", "s3", "hdfs", "pvc", "file")


class InferenceService:
    """KServe's InferenceService v1beta1, whose predictor takes a storageUri."""

    dialect: Dialect = "v2"

    def __init__(self, namespace: str, name: str) -> None:
        self.resource = Resource(
            "InferenceService",
            "serving.kserve.io",
            "v1beta1",
            "inferenceservices",
            namespace,
            name,
            "application/merge-patch+json",
        )

    def wanted(self, request: DeployRequest) -> Value:
        """Returns the address of the version's files, since KServe does not know MLflow's addresses."""
        location = request.location or request.uri
        scheme, separator, _ = location.partition("://")
        if not separator or scheme not in _SCHEMES:
            allowed = ", ".join(f"{each}://" for each in _SCHEMES)
            raise StateError(
                f"KServe cannot fetch {request.model} version {request.version} from "
                f"{redact(location)!r}; allowed: {allowed}, which MLflow's artifact store must be then"
            )
        return Value(location, request.version)

    def check(self, thing: Thing) -> None:
        """Refuses one without a model, with storage of another kind, or that splits its traffic."""
        predictor = at(thing, "spec", "predictor")
        model = predictor.get("model")
        if not isinstance(model, dict):
            raise self._unfit(
                f"spec.predictor has {names(predictor)}", "spec.predictor.model with a storageUri"
            )
        if other := sorted({"storage"} & model.keys() | {"storageUris"} & predictor.keys()):
            raise self._unfit(f"its predictor has {other[0]}", "spec.predictor.model.storageUri alone")
        percent = predictor.get("canaryTrafficPercent")
        if percent not in {None, 100} or at(thing, "spec").get("canary"):
            raise self._unfit("it splits its traffic with a canary", "all of the traffic for one version")

    def _unfit(self, found: str, allowed: str) -> StateError:
        return StateError(f"{self.resource}: {found}; allowed: {allowed}")

    def read(self, thing: Thing) -> Held:
        """Returns what it holds; the status is about it once KServe's own object is a later one."""
        uri = at(thing, "spec", "predictor", "model").get("storageUri")
        return held_by(thing, str(uri or ""))

    def patch(self, thing: Thing, held: Held) -> Thing:
        """Returns a JSON merge patch."""
        storage = {"storageUri": held.value.uri or None}
        return {"metadata": metadata(thing, held), "spec": {"predictor": {"model": storage}}}

    def look(self, thing: Thing, held: Held) -> Look:
        """Ready, up to date and loaded, and said of this value.

        Until KServe has looked at a patch, all of that is said of the value before. What changes when it has
        is `observedGeneration`, which counts the changes of what KServe made of the InferenceService, not of
        itself: so it is compared with what it was before the patch. It begins anew where KServe makes its
        object anew, so any other number will do.
        """
        if held.since is not None and observed(thing) == held.since:
            return Look("waiting", "KServe has not looked at the change yet")
        status = at(thing, "status")
        ready = condition(status, "Ready")
        model = at(status, "modelStatus")
        states = at(model, "states")
        transition, active = model.get("transitionStatus"), states.get("activeModelState")
        target = states.get("targetModelState") or active
        words = f"Ready {ready.get('status', 'not said')}{_why(ready)}, {transition}, model {target}"
        failure = at(model, "lastFailureInfo").get("message") if target == "FailedToLoad" else None
        words += f": {str(failure)[:300]}" if failure else ""
        served = ready.get("status") == "True" and active == "Loaded" and _one_revision(status)
        if served and ((transition == "UpToDate" and target == "Loaded") or _sleeps(status)):
            return Look("ready", words)
        # A model that does not load is tried again by Kubernetes, while the one before is still served.
        return Look("waiting", words, model_failed=target == "FailedToLoad")

    def address(self, thing: Thing) -> str:
        """Returns its address within the cluster, else the public one; without a path."""
        status = at(thing, "status")
        url = at(status, "address").get("url") or status.get("url") or ""
        scheme, separator, rest = str(url).partition("://")
        return f"{scheme}{separator}{rest.partition('/')[0]}"


def _why(condition: Thing) -> str:
    said = [str(condition[key]) for key in ("reason", "message") if condition.get(key)]
    return f" ({': '.join(said)[:300]})" if said and condition.get("status") != "True" else ""


def _one_revision(status: Thing) -> bool:
    """With Knative, whether the latest revision is the one that is ready; otherwise there are none."""
    predictor = at(status, "components", "predictor")
    return bool(predictor.get("latestCreatedRevision") == predictor.get("latestReadyRevision"))


def _sleeps(status: Thing) -> bool:
    """With Knative, whether the latest revision was ready and sleeps, which KServe calls Pending."""
    predictor = at(status, "components", "predictor")
    model = at(status, "modelStatus")
    nobody_runs = at(model, "copies").get("totalCopies") == 0
    pending = at(model, "states").get("targetModelState") == "Pending"
    return bool(predictor.get("latestReadyRevision")) and nobody_runs and pending
