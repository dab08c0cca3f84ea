"""What an object that serves a model holds, and how that is written: pure functions of the object.

It is told of a version by one patch, which also remembers what it replaces, in two annotations. KServe
copies annotations into its pods, so one that changed later would start them anew: nothing is written when a
deployment succeeds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ct_components.connections import redact
from ct_components.serving.request import DeployRequest

VERSION = "kfp-ct/model-version"
REPLACES = "kfp-ct/replaces"

Thing = dict[str, Any]
"""An object as Kubernetes' API gives it."""
Dialect = Literal["v2", "mlflow"]
"""How a server is asked for predictions, unless its address says otherwise."""


@dataclass(frozen=True)
class Resource:
    """Which object is meant, and how it is patched.

    Attributes:
        kind: Its kind, for people.
        group: Its API's group.
        api_version: Its API's version.
        plural: Its kind's name in addresses and Roles.
        namespace: Its namespace.
        name: Its name.
        patch_type: The content type of a patch.
    """

    kind: str
    group: str
    api_version: str
    plural: str
    namespace: str
    name: str
    patch_type: str

    @property
    def path(self) -> str:
        """The address of the kind's objects in the namespace."""
        return f"/apis/{self.group}/{self.api_version}/namespaces/{self.namespace}/{self.plural}"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Value:
    """What is served: an address, and the version behind it; "" for one that was set by somebody else."""

    uri: str
    version: str = ""

    def __str__(self) -> str:
        shown = redact(self.uri) or "nothing"
        return f"version {self.version} ({shown})" if self.version else shown


@dataclass(frozen=True)
class Held:
    """What an object holds.

    Attributes:
        value: What it is told to serve.
        replaced: What that replaced, if a deployment of ours wrote it.
        since: The generation that the status was about when that was written; one that is about
            `value` has another. None if nobody knows.
    """

    value: Value
    replaced: Value | None = None
    since: int | None = None


@dataclass(frozen=True)
class Look:
    """What a status says of the value that the object holds now.

    Attributes:
        state: Whether it is served, may still be, or never will be.
        words: The status, for people.
        model_failed: Whether it is the model that does not load.
    """

    state: Literal["ready", "waiting", "failed"]
    words: str
    model_failed: bool = False


class Target(Protocol):
    """A kind of object that serves a model."""

    resource: Resource
    dialect: Dialect

    def wanted(self, request: DeployRequest) -> Value:
        """Returns what the object is to hold for a request."""

    def check(self, thing: Thing) -> None:
        """Refuses an object that could not take a new version."""

    def read(self, thing: Thing) -> Held:
        """Returns what an object holds."""

    def patch(self, thing: Thing, held: Held) -> Thing:
        """Returns the patch that lets an object hold something else, if it is still as it was read."""

    def look(self, thing: Thing, held: Held) -> Look:
        """Returns what an object's status says."""

    def address(self, thing: Thing) -> str:
        """Returns where the object itself says that it answers; "" if it does not."""


def at(thing: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Returns what stands under some keys, or nothing: a status is filled in bit by bit."""
    for key in keys:
        thing = thing.get(key) or {}
    return dict(thing)


def observed(thing: Thing) -> int:
    """Returns the generation that a status is about; 0 for one that nobody has looked at."""
    return int(at(thing, "status").get("observedGeneration") or 0)


def condition(status: Thing, name: str) -> Thing:
    """Returns a condition of a status; empty if it has none such."""
    return next((dict(each) for each in status.get("conditions") or [] if each.get("type") == name), {})


def metadata(thing: Thing, held: Held) -> Thing:
    """Returns a patch's metadata: what is removed is None, and another resourceVersion is a conflict."""
    note: dict[str, Any] = {"by": held.value.uri, "since": held.since}
    if held.replaced:
        note |= {"uri": held.replaced.uri, "version": held.replaced.version}
    return {
        "resourceVersion": str(at(thing, "metadata").get("resourceVersion") or ""),
        "annotations": {
            VERSION: held.value.version or None,
            REPLACES: json.dumps(note, sort_keys=True),
        },
    }


def held_by(thing: Thing, uri: str) -> Held:
    """Reads the annotations, which count only as long as nobody else has changed the value."""
    annotations = at(thing, "metadata", "annotations")
    try:
        note = json.loads(annotations.get(REPLACES) or "")
        replaced = Value(str(note["uri"]), str(note["version"])) if "uri" in note else None
        since = None if note["since"] is None else int(note["since"])
        if note["by"] != uri:
            return Held(Value(uri))
    except (ValueError, LookupError, TypeError):
        return Held(Value(uri))
    return Held(Value(uri, str(annotations.get(VERSION) or "")), replaced, since)


def names(known: Mapping[str, Any]) -> str:
    """Returns names, for a message."""
    return ", ".join(sorted(map(str, known))) or "none"
