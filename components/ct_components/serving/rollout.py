"""Deploying a version: remember, patch, wait, ask for a prediction; put back what was there if that fails.

Waiting is looking again, not watching: a look needs no right but `get`, and a connection that breaks costs
one look. What is seen once may be a status that is about to change, so it counts when it is seen at two looks
in a row.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from ct_components.errors import CTError, ModelError, StateError, Unreachable
from ct_components.serving import prediction
from ct_components.serving.deployment import Deployment
from ct_components.serving.kserve import InferenceService
from ct_components.serving.request import Deployed, DeployRequest
from ct_components.serving.targets import Held, Look, Resource, Target, Thing, Value, observed
from ct_components.spec import Serving

_LOOKS_IN_A_ROW = 2
# Seconds between looks, and between tries to write: 1, 1.5, 2.25 … 10.
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 1.0, 10.0, 1.5
_WRITES = 10
_ASKS = 5
# Seconds for the looks after the prediction, however late that came.
_LAST_LOOKS = 30.0

logger = logging.getLogger("kfp-ct")


class Api(Protocol):
    """The two calls of Kubernetes' API that a deployment takes."""

    namespace: str

    def get(self, resource: Resource) -> Thing:
        """Returns an object."""

    def patch(self, resource: Resource, body: Thing) -> Thing:
        """Patches an object and returns it; `Overtaken` if it is not as it was read."""


class Clock(Protocol):
    """Time that passes."""

    def now(self) -> float:
        """Returns seconds since some instant."""

    def sleep(self, seconds: float) -> None:
        """Waits."""


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        """Returns seconds since some instant."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


def deploy(
    settings: Serving, request: DeployRequest, api: Api | None = None, clock: Clock | None = None
) -> Deployed:
    """Lets a version be served, and returns when it is; repeating it only looks whether it is.

    Args:
        settings: What serves the model, and how long it may take.
        request: The version, and what it must predict.
        api: Kubernetes' API; None connects to the pod's own cluster, or that of the current kubeconfig.
        clock: Time; None for the machine's.

    Raises:
        StateError: If it is not served in time, and what was served before serves again or was left to
            somebody else; or if the object or the permission is missing. The message says which.
        ModelError: As above, if the model does not load or predicts something else.
        Unreachable: If Kubernetes does not answer. Once it does, the same call finishes what was begun.
    """
    if settings.type == "none":
        what = f"{request.model} version {request.version}"
        return Deployed("none", "", f"serving.type is none, so nothing was told of {what}")
    if api is None:
        from ct_components.serving.kubernetes_api import KubernetesApi

        api = KubernetesApi()
    seconds = settings.timeout.nominal.total_seconds()
    target = _target(settings, request.model, api.namespace)
    return _Rollout(target, api, clock or SystemClock(), seconds, settings.url).run(request)


def _target(settings: Serving, model: str, own_namespace: str) -> Target:
    """Returns the object that the settings name; its name is the model's, its namespace one's own."""
    name, namespace = settings.name or model, settings.namespace or own_namespace
    if settings.type == "kserve":
        return InferenceService(namespace, name)
    return Deployment(namespace, name, settings.container, settings.variable)


class _Superseded(StateError):
    """Somebody else changed the value meanwhile: it is theirs now."""


class _Rollout:
    """One deployment to one object."""

    def __init__(self, target: Target, api: Api, clock: Clock, seconds: float, url: str | None) -> None:
        self._target, self._api, self._clock = target, api, clock
        self._seconds, self._url = seconds, url
        self._told: Held | None = None

    @property
    def _place(self) -> Resource:
        return self._target.resource

    def run(self, request: DeployRequest) -> Deployed:
        wanted = self._target.wanted(request)
        try:
            held = self._write(lambda thing: self._begun(thing, wanted))
        except Unreachable as error:
            raise Unreachable(f"{error}; {self._whether(wanted)}") from None
        deadline = self._clock.now() + self._seconds
        try:
            thing = self._wait(held, deadline)
            asked = self._ask(request, thing)
            # A model may break at its first request.
            self._wait(held, max(deadline, self._clock.now() + _LAST_LOOKS))
        except _Superseded as error:
            raise StateError(str(error)) from None
        except CTError as error:
            raise self._undone(held, error) from None
        before = str(held.replaced) if held.replaced else "nothing that anybody remembers"
        message = f"{self._place} serves {held.value}, after {before}; {asked}"
        logger.info("%s", message)
        return Deployed("served", held.replaced.uri if held.replaced else "", message)

    def _whether(self, wanted: Value) -> str:
        if self._told is None:
            return f"{self._place} was told nothing of {wanted}"
        return (
            f"whether {self._place} took {wanted} or keeps {self._told.replaced} is not known; the same call "
            "finishes it"
        )

    def _begun(self, thing: Thing, wanted: Value) -> Held | None:
        """Returns what the object is to hold; None if it holds it: this was begun before."""
        holds = self._target.read(thing)
        if holds.value.uri == wanted.uri:
            return None
        self._target.check(thing)
        logger.info("%s: %s after %s", self._place, wanted, holds.value)
        return Held(wanted, holds.value, observed(thing))

    def _write(self, decide: Callable[[Thing], Held | None]) -> Held:
        """Reads, decides and patches. A conflict, and an answer that was lost, are read and decided anew."""
        for attempt, pause in enumerate(_pauses(), 1):
            try:
                thing = self._api.get(self._place)
                held = decide(thing)
                if held is not None:
                    self._told = held
                    thing = self._api.patch(self._place, self._target.patch(thing, held))
                return self._target.read(thing)
            except Unreachable as error:
                if attempt == _WRITES:
                    raise
                logger.warning("%s; trying again in %.1f s", error, pause)
                self._clock.sleep(pause)
        raise AssertionError

    def _wait(self, held: Held, deadline: float, *, to_the_end: bool = False) -> Thing:
        """Looks until what the object holds is served, and returns the object.

        Args:
            held: What it must hold all the time.
            deadline: When it must be served.
            to_the_end: Whether to look on where Kubernetes has given up: what was put back may still be
                shown with the failure of what it replaces.
        """
        row, last = 0, ""
        for pause in _pauses():
            look, thing = self._look(held)
            row = row + 1 if look.state == last else 1
            last = look.state
            if row >= _LOOKS_IN_A_ROW and look.state == "ready" and thing is not None:
                return thing
            if row >= _LOOKS_IN_A_ROW and look.state == "failed" and not to_the_end:
                raise StateError(look.words)
            if self._clock.now() + pause > deadline:
                kind = ModelError if look.model_failed else StateError if thing else Unreachable
                raise kind(f"not served within {self._seconds:g} seconds: {look.words}")
            self._clock.sleep(pause)
        raise AssertionError

    def _look(self, held: Held) -> tuple[Look, Thing | None]:
        try:
            thing = self._api.get(self._place)
        except Unreachable as error:
            logger.warning("%s", error)
            return Look("waiting", str(error)), None
        now = self._target.read(thing)
        if now.value.uri != held.value.uri:
            raise _Superseded(
                f"{self._place}: while {held.value} was waited for, somebody else set it to {now.value}; "
                "that was left as it is"
            )
        return self._target.look(thing, held), thing

    def _ask(self, request: DeployRequest, thing: Thing) -> str:
        """Asks the service for a prediction of rows whose scores are known; returns what came of it."""
        sample = request.sample.complete() if request.sample else None
        url = self._url or self._target.address(thing)
        if not sample or not sample.rows or not url:
            reason = "no address to ask is known" if not url else "there is no row with a known score"
            return f"no prediction was asked for, because {reason}"
        endpoint = prediction.endpoint(url, self._target.dialect, self._place.name)
        for attempt, pause in enumerate(_pauses(), 1):
            try:
                prediction.ask(endpoint, sample, request.tolerance)
            except CTError as error:
                # The first answers may still come from the pods of the version before, or from nowhere.
                if attempt == _ASKS:
                    raise
                logger.warning("%s; asking again in %.1f s", error, pause)
                self._clock.sleep(pause)
            else:
                return f"{len(sample.rows)} rows were predicted as they should be"
        raise AssertionError

    def _undone(self, held: Held, error: CTError) -> CTError:
        """Puts back what was served before, and returns the error that says what failed and what serves."""
        failed = f"{self._place} does not serve {held.value}: {error}"
        kind = ModelError if isinstance(error, ModelError) else StateError
        if held.replaced is None:
            return kind(f"{failed}; it stays so, because nobody remembers what was served before")
        logger.error("%s; putting back %s", failed, held.replaced)
        try:
            back = self._write(lambda thing: self._put_back(thing, held))
        except _Superseded as second:
            return kind(f"{failed}; and {second}")
        except CTError as second:
            lost = Unreachable if isinstance(second, Unreachable) else StateError
            return lost(
                f"{failed}; AND {held.replaced} COULD NOT BE PUT BACK: {second}; "
                f"{self._place} was last told to serve {held.value}"
            )
        try:
            self._wait(back, self._clock.now() + self._seconds, to_the_end=True)
        except CTError as second:
            return kind(f"{failed}; {held.replaced} was put back, BUT IS NOT SEEN TO SERVE: {second}")
        return kind(f"{failed}; {held.replaced} was put back, and serves again")

    def _put_back(self, thing: Thing, held: Held) -> Held | None:
        now, old = self._target.read(thing), held.replaced
        assert old is not None
        if now.value.uri == old.uri:
            return None
        if now.value.uri != held.value.uri:
            raise _Superseded(f"somebody else set it to {now.value} meanwhile, which was left as it is")
        # A change that nobody has looked at is taken back before it was one: no later look will tell of it.
        unseen = observed(thing) == held.since
        return Held(old, None, None if unseen else observed(thing))


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
