"""A fake of Kubernetes' API for one InferenceService or Deployment, with its controllers and a model server.

Tests reach it through the real `kubernetes` client, and the model server through real HTTP. It behaves as the
real ones do: a patch with another resourceVersion is a conflict, KServe and Kubernetes look at a change some
time after it, and say until then of the new value what was true of the old one; what is not ready leaves the
old pods serving. Time passes by looks: each GET of the object is one tick of its controllers.

What it can be told to do wrong: see `fail`, `refuse`, `fate`, `predicts`, `meddle`.
"""

import copy
import json
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from fake_kfp_api import serving
from fake_kubernetes_api import write_kubeconfig

ISVC = "/apis/serving.kserve.io/v1beta1/namespaces/models/inferenceservices"
DEPLOYMENT = "/apis/apps/v1/namespaces/models/deployments"
_PATCHES = {ISVC: "application/merge-patch+json", DEPLOYMENT: "application/strategic-merge-patch+json"}


class FakeServing:
    """One object, its controllers and its model server.

    Attributes:
        url: Where all of it answers.
        kubeconfig: The file that leads to it.
        fates: What becomes of an address: `loads`, `never` (is loaded for ever), `crashes` (and KServe or
            Kubernetes say so), `flaps` (ready for one look), `breaks` (ready until the first prediction).
        lag: Looks during which the controllers have not seen a change.
        slow: Looks that loading takes then.
        predicts: What the server does for an address: a list of scores, or `500`, `hangs`, `drips`, `junk`.
        calls: Verb and path of each call of the API.
        tokens: The Authorization of each call.
    """

    def __init__(self, collection, thing):
        self.url = None
        self.kubeconfig = None
        self.collection = collection
        self.fates = {}
        self.predicts = {}
        self.lag, self.slow = 2, 2
        self.calls, self.tokens, self.asked = [], [], []
        self._thing = thing
        self._faults = []
        self._refusals = {}
        self._meddling = []
        self._version = 100
        self._age = None
        self._stale = False
        self._active = self.uri
        self._child_uri = self.uri
        self._child = 3 if collection == DEPLOYMENT else 7
        self._settle("ready", self._child)

    # What a test sees and does.

    @property
    def name(self):
        return self._thing["metadata"]["name"]

    @property
    def uri(self):
        if self.collection == ISVC:
            return self._thing["spec"]["predictor"]["model"]["storageUri"]
        return self._container["env"][1]["value"]

    @property
    def active(self):
        """The address whose model answers."""
        return self._active

    @property
    def thing(self):
        return copy.deepcopy(self._thing)

    @property
    def annotations(self):
        return self._thing["metadata"].get("annotations", {})

    def change(self, edit):
        """Lets somebody else change the object."""
        before = self.uri
        edit(self._thing)
        self._changed(before)

    def set_uri(self, uri):
        self.change(lambda thing: self._merge(thing, self._uri_patch(uri)))

    def let_time_pass(self):
        """Lets the controllers finish what they are at."""
        for _ in range(self.lag + self.slow + 1):
            self._tick()

    def fail(self, verb, kind, count=1, after=0):
        """Orders a fault: `conflict`, a status such as 503, `dies`, `dies_after` (done), `slow`."""
        self._faults += [(verb, "", 0)] * after + [(verb, kind, 0)] * count

    def refuse(self, verb, status=403):
        """Refuses a verb from now on."""
        self._refusals[verb] = status

    def meddle(self, verb, uri):
        """Lets somebody else set the address just before the next call of a verb is answered."""
        self._meddling.append((verb, uri))

    # The API.

    def answer(self, verb, target, content_type, body):
        path = urlsplit(target).path
        kind = self._call(verb, path)
        while self._meddling and self._meddling[0][0] == verb:
            self.set_uri(self._meddling.pop(0)[1])
        if kind == "slow":
            time.sleep(0.2)
        if kind == "dies":
            return None
        if isinstance(kind, int):
            return kind, status(kind, "the server is currently unable to handle the request")
        if path == self.collection and verb == "list":
            return 200, {"items": [self._thing]}
        if path != f"{self.collection}/{self.name}":
            name, plural = path.rpartition("/")[2], self.collection.rpartition("/")[2]
            return 404, status(404, f'{plural} "{name}" not found')
        answer = self._patch(kind, content_type, body) if verb == "patch" else self._get()
        return None if kind == "dies_after" else answer

    def _call(self, verb, path):
        self.calls.append((verb, path))
        if verb in self._refusals:
            return self._refusals[verb]
        for index, fault in enumerate(self._faults):
            if fault[0] == verb:
                return self._faults.pop(index)[1]
        return ""

    def _get(self):
        self._tick()
        return 200, self.thing

    def _patch(self, kind, content_type, body):
        if content_type != _PATCHES[self.collection]:
            return 415, status(415, f"the body of the request was in an unknown format: {content_type}")
        if kind == "conflict":
            self._bump()
        if body["metadata"]["resourceVersion"] != self._thing["metadata"]["resourceVersion"]:
            return 409, status(409, "the object has been modified; please apply your changes")
        del body["metadata"]["resourceVersion"]
        before = self.uri
        self._merge(self._thing, body)
        self._changed(before)
        return 200, self.thing

    def _merge(self, old, new):
        for key, value in new.items():
            if value is None:
                old.pop(key, None)
            elif isinstance(value, dict):
                self._merge(old.setdefault(key, {}), value)
            elif isinstance(value, list) and self.collection == DEPLOYMENT:
                self._merge_list(old.setdefault(key, []), value)
            else:
                old[key] = value

    def _merge_list(self, old, new):
        """A strategic merge patch finds containers and variables by their names."""
        for each in new:
            same = next((known for known in old if known["name"] == each["name"]), None)
            if same is None:
                old.append(each)
            else:
                self._merge(same, each)

    # The controllers.

    def _changed(self, before):
        self._bump()
        if self.uri != before:
            self._thing["metadata"]["generation"] += 1
            self._age = 0
            self._stale = self._state == "failed"

    def _bump(self):
        self._version += 1
        self._thing["metadata"]["resourceVersion"] = str(self._version)

    def _tick(self):
        """What the controllers have done by this look."""
        if self._age is None:
            return
        self._age += 1
        if self._age <= self.lag:
            return
        if self._age == self.lag + 1 and not self._seen():
            self._age = None
            self._settle("ready", self._child)
            return
        fate = self.fates.get(self.uri, "loads")
        done = self._age > self.lag + self.slow
        if done and fate == "crashes":
            self._settle("failed", self._child)
        elif done and (fate in {"loads", "breaks"} or (fate == "flaps" and self._age % 3 == 0)):
            self._settle("ready", self._child)
            self._active = self.uri
        else:
            # A Deployment shows that it was given up until the next one makes progress.
            shown = "failed" if self._stale and self.collection == DEPLOYMENT and not done else "loading"
            self._settle(shown, self._child)

    def _seen(self):
        """The controllers change what they made if it is not that already; returns whether it was not."""
        differs = self.uri != self._child_uri
        if self.collection == DEPLOYMENT:
            self._child = self._thing["metadata"]["generation"]
        elif differs:
            self._child += 1
        self._child_uri = self.uri
        return differs

    def _settle(self, state, observed):
        self._state = state
        make = _isvc_status if self.collection == ISVC else self._deployment_status
        self._thing["status"] = make(state, observed)
        if self.collection == ISVC and self.url:
            self._thing["status"]["address"] = {"url": self.url}
        self._bump()

    def _deployment_status(self, state, observed):
        replicas = self._thing["spec"]["replicas"]
        counts = {
            "ready": (replicas, replicas, replicas),
            "loading": (replicas + 1, 1, replicas),
            "failed": (replicas + 1, 1, replicas),
        }[state]
        reason = "ProgressDeadlineExceeded" if state == "failed" else "ReplicaSetUpdated"
        progressing = {
            "type": "Progressing",
            "reason": reason,
            "status": "False" if state == "failed" else "True",
        }
        named = dict(zip(("replicas", "updatedReplicas", "availableReplicas"), counts, strict=True))
        return {"observedGeneration": observed, **named, "conditions": [progressing]}

    def _uri_patch(self, uri):
        if self.collection == ISVC:
            return {"spec": {"predictor": {"model": {"storageUri": uri}}}}
        container = {"name": "server", "env": [{"name": "MODEL_URI", "value": uri}]}
        return {"spec": {"template": {"spec": {"containers": [container]}}}}

    @property
    def _container(self):
        return self._thing["spec"]["template"]["spec"]["containers"][0]

    # The model server.

    def predict(self, path, body):
        """Returns status and answer; None to break the connection."""
        self.asked.append((path, body))
        what = self.predicts.get(self._active, "junk")
        if self.fates.get(self._active) == "breaks":
            self._age = None
            self._settle("loading", self._child)
        if what == "hangs":
            time.sleep(1)
            return None
        if what == "500":
            return 500, {"error": "the model raised ValueError"}
        if what == "junk":
            return 200, {"hello": "world"}
        rows = [[1 - score, score] for score in what]
        if path.endswith("/invocations"):
            return 200, {"predictions": rows}
        flat = [value for row in rows for value in row]
        output = {"name": "output-1", "shape": [len(rows), 2], "datatype": "FP64", "data": flat}
        return 200, {"model_name": self.name, "outputs": [output]}


def _isvc_status(state, observed):
    ready = {
        "ready": {"type": "Ready", "status": "True"},
        "loading": {"type": "Ready", "status": "Unknown", "reason": "ReplicaSetUpdated"},
        "failed": {"type": "Ready", "status": "False", "reason": "PredictorReady not ready"},
    }[state]
    transition = {"ready": "UpToDate", "loading": "InProgress", "failed": "BlockedByFailedLoad"}[state]
    target = {"ready": "Loaded", "loading": "Loading", "failed": "FailedToLoad"}[state]
    model = {
        "transitionStatus": transition,
        "states": {"activeModelState": "Loaded", "targetModelState": target},
    }
    if state == "failed":
        model["lastFailureInfo"] = {"reason": "ModelLoadFailed", "message": "no such bucket", "exitCode": 1}
    return {"observedGeneration": observed, "conditions": [ready], "modelStatus": model}


def status(code, message):
    return {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message}


class Handler(BaseHTTPRequestHandler):
    fake = None
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: else each waits for the client's delayed acknowledgement

    def do_GET(self):
        self.fake.tokens.append(self.headers.get("Authorization"))
        listing = urlsplit(self.path).path == self.fake.collection
        self._send(self.fake.answer("list" if listing else "get", self.path, None, None))

    def do_PATCH(self):
        self.fake.tokens.append(self.headers.get("Authorization"))
        self._send(self.fake.answer("patch", self.path, self.headers["Content-Type"], self._body()))

    def do_POST(self):
        self._send(self.fake.predict(self.path, self._body()))

    def _body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _send(self, answer):
        if answer is None:
            self.close_connection = True
            return
        code, body = answer
        content = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments):
        """A test's output is its own."""


def inference_service(uri, name="churn"):
    """An InferenceService as KServe's documentation has it."""
    model = {"modelFormat": {"name": "mlflow"}, "protocolVersion": "v2", "storageUri": uri}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": "models", "generation": 3},
        "spec": {"predictor": {"minReplicas": 1, "model": model}},
    }


def deployment(uri, name="churn"):
    """A Deployment with one container, which takes the model's address from MODEL_URI."""
    env = [{"name": "WORKERS", "value": "2"}, {"name": "MODEL_URI", "value": uri}]
    container = {"name": "server", "image": "server:1", "env": env}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "models", "generation": 3},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [container]}}},
    }


@contextmanager
def fake_serving(folder, collection, thing):
    """Runs a fake; its kubeconfig is written into `folder`."""
    fake = FakeServing(collection, thing)
    with serving(type("ServingHandler", (Handler,), {"fake": fake})) as url:
        fake.url = url
        fake.kubeconfig = write_kubeconfig(folder / "kubeconfig", url, "models")
        if collection == ISVC:
            fake._thing["status"]["address"] = {"url": url}
        yield fake
