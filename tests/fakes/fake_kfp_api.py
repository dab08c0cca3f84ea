"""A fake of the calls of Kubeflow Pipelines' /apis/v2beta1 that are used here, with faults to order.

It answers as KFP 2.17 does: the same routes, fields, filters, states, error bodies and status codes, as read
in its API server. What KFP would refuse, it refuses; where KFP only ignores what it does not know (a query
parameter), the fake refuses too. Tests reach it through the real `kfp_server_api` alone.

In a process of its own, `python fake_kfp_api.py --port 0 --state FILE` prints its port; several processes
can share it then, and another one started on FILE goes on where it stopped. Tests speak to `Control`, which
speaks to `/fake/...`.

Faults, by operation (such as create_run, or * for any) and for so many calls:

============== ==================================================================================
unreachable    the connection is closed, nothing happens
dies_after     it happens, then the connection is closed without an answer
exits_after    as dies_after, and the fake's process ends (only where it has one of its own)
twice          it happens twice, and one of both is answered
slow           it happens after `seconds`
slow_after     it happens at once, and is answered after `seconds`
unavailable    HTTP 503;  too_many: HTTP 429;  broken: HTTP 500;  refused: HTTP 403
html           HTTP 200 with a login page
redirect       HTTP 302 to a login page
garbage        HTTP 200 with JSON that holds nothing of what was asked for
echo           HTTP 400 with a message that repeats the request's Authorization header
============== ==================================================================================
"""

import argparse
import email.parser
import email.policy
import json
import os
import re
import socket
import ssl
import threading
import time
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from fake_kfp_resources import (
    DENIED,
    INTERNAL,
    INVALID,
    LIST_OPTIONS,
    UNAUTHENTICATED,
    Experiments,
    NoSuchRoute,
    Pipelines,
    PipelineVersions,
    RecurringRuns,
    Refusal,
    Runs,
    Store,
    UploadRefusal,
    new_id,
    now,
)

API = "/apis/v2beta1"


class FakeKfp:
    """The API server: routes, authentication, faults, and what tests ask of it.

    Args:
        state: A file that keeps what it knows.
        multi_user: Whether namespaces are needed, as where KFP serves several users.
        own_process: Whether the fault exits_after may end this process.
    """

    def __init__(self, state=None, *, multi_user=False, own_process=False):
        self.store = Store(state)
        self.own_process = own_process
        self.token = None
        self.faults = []
        self.requests = []
        kinds = (Experiments, Pipelines, PipelineVersions, Runs, RecurringRuns)
        e, p, v, r, s = (kind(self.store, multi_user=multi_user) for kind in kinds)
        listing = LIST_OPTIONS | {"namespace"}
        one = r"/([^/:]+)"
        self.routes = [
            ("GET", "/experiments", "list_experiments", listing, lambda q: e.list(q.query)),
            ("POST", "/experiments", "create_experiment", set(), lambda q: e.create(q.json())),
            ("GET", "/pipelines", "list_pipelines", listing, lambda q: p.list(q.query)),
            ("POST", "/pipelines", "create_pipeline", set(), lambda q: p.create(q.json())),
            (
                "GET",
                f"/pipelines{one}/versions",
                "list_pipeline_versions",
                LIST_OPTIONS,
                lambda q: v.list(q.ids[0], q.query),
            ),
            (
                "POST",
                "/pipelines/upload_version",
                "upload_pipeline_version",
                {"name", "display_name", "pipelineid", "description", "tags"},
                lambda q: v.upload(q.query, *q.file()),
            ),
            ("GET", "/runs", "list_runs", listing | {"experiment_id"}, lambda q: r.list(q.query)),
            ("POST", "/runs", "create_run", {"experiment_id"}, lambda q: r.create(q.json())),
            ("GET", f"/runs{one}", "get_run", {"experiment_id"}, lambda q: r.get(q.ids[0])),
            (
                "GET",
                "/recurringruns",
                "list_recurring_runs",
                listing | {"experiment_id"},
                lambda q: s.list(q.query),
            ),
            ("POST", "/recurringruns", "create_recurring_run", set(), lambda q: s.create(q.json())),
            (
                "POST",
                f"/recurringruns{one}:enable",
                "enable_recurring_run",
                set(),
                lambda q: s.switch(q.ids[0], "ENABLE"),
            ),
            (
                "POST",
                f"/recurringruns{one}:disable",
                "disable_recurring_run",
                set(),
                lambda q: s.switch(q.ids[0], "DISABLE"),
            ),
        ]

    def answer(self, request):
        """Returns status and body of a request of the API; None closes the connection instead."""
        operation, allowed, effect = self._route(request)
        with self.store.lock:
            self.requests.append({"operation": operation, "authorization": request.authorization})
            fault = self._fault(operation)
        kind = fault["kind"] if fault else ""
        early = _EARLY.get(kind)
        if early:
            return early(fault, request)
        if kind == "slow":
            time.sleep(fault["seconds"])
        try:
            self._admit(request, allowed)
            with self.store.lock:
                body = effect(request)
                if kind == "twice":
                    body = effect(request)
        except Refusal as refusal:
            return refusal.status, refusal.body
        return self._late(kind, fault, body)

    def _late(self, kind, fault, body):
        if kind == "exits_after" and self.own_process:
            os._exit(0)
        if kind in {"dies_after", "exits_after"}:
            return None
        if kind == "slow_after":
            time.sleep(fault["seconds"])
        return 200, body

    def _route(self, request):
        path = request.path.removeprefix(API)
        for method, pattern, operation, allowed, effect in self.routes:
            match = re.fullmatch(pattern, path)
            if match and method == request.method and request.path.startswith(API):
                request.ids = [unquote(each) for each in match.groups()]
                return operation, allowed, effect
        return "unknown", set(), _no_such_route

    def _admit(self, request, allowed):
        unknown = sorted(set(request.query) - allowed)
        if unknown and request.path.startswith(API):
            raise Refusal(INVALID, f"unknown query parameters: {', '.join(unknown)}")
        if self.token and request.authorization != f"Bearer {self.token}":
            raise Refusal(UNAUTHENTICATED, "Request header error: there is no user identity header")

    def _fault(self, operation):
        for fault in self.faults:
            if fault["count"] > 0 and fault["operation"] in {operation, "*"}:
                fault["count"] -= 1
                return fault
        return None

    def control(self, request):
        """What tests ask for, under /fake."""
        action = request.path.removeprefix("/fake/")
        body = request.json() if request.body else {}
        with self.store.lock:
            if action == "state":
                return {**self.store.tables, "requests": self.requests}
            if action == "faults":
                self.faults = [*self.faults, body] if body else []
            elif action == "token":
                self.token = body["token"]
            elif action == "requests":
                self.requests = []
            else:
                return self._change(action, body)
        return {}

    def _change(self, action, body):
        runs = self.store.tables["runs"]
        found = [run for run in runs if run["run_id"] == body.get("run_id")]
        if action == "advance":
            found[0]["state"] = body["state"]
        elif action == "forget":
            self.store.tables["runs"] = [run for run in runs if "run_id" in body and run not in found]
        elif action == "clone":  # as the UI does
            copy = {**found[0], "run_id": new_id(), "state": "PENDING", "created_at": now()}
            found = [copy | {"display_name": f"Clone of {copy['display_name']}"}]
            runs.append(found[0])
        elif action == "put":
            self.store.tables[body["kind"]].append(body["row"])
        else:
            raise NoSuchRoute
        self.store.save()
        return found[0] if found else {}


def _no_such_route(_request):
    raise NoSuchRoute


_PAGE = "<!doctype html><title>Log in</title><form action=/dex/auth>"
_EARLY = {
    "unreachable": lambda _fault, _request: None,
    "html": lambda _fault, _request: (200, _PAGE),
    "redirect": lambda _fault, _request: (302, _PAGE),
    "garbage": lambda _fault, _request: (200, {"hello": "world"}),
    "unavailable": lambda _fault, _request: (
        503,
        "upstream connect error or disconnect/reset before headers",
    ),
    "too_many": lambda _fault, _request: (429, {"code": 8, "message": "too many requests", "details": []}),
    "broken": lambda _fault, _request: (500, Refusal(INTERNAL, "Internal Server Error", "database: ").body),
    "refused": lambda _fault, _request: (403, Refusal(DENIED, "User is not authorized", "Failed: ").body),
    "echo": lambda _fault, request: (400, {"code": 3, "message": f"bad header {request.authorization}"}),
}


class Request:
    """A request as the handlers read it."""

    def __init__(self, method, target, headers, body):
        parts = urlsplit(target)
        self.method, self.path, self.headers, self.body = method, parts.path, headers, body
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.authorization = headers.get("Authorization")
        self.ids = []

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            raise Refusal(INVALID, "proto: syntax error") from None

    def file(self):
        """Returns name and content of the one uploaded file."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parser = email.parser.BytesParser(policy=email.policy.HTTP)
        for part in parser.parsebytes(head + self.body).iter_parts():
            if part.get_param("name", header="Content-Disposition") == "uploadfile":
                return part.get_filename(), part.get_payload(decode=True)
        raise UploadRefusal(400, "Failed to create a pipeline version")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two make the other side wait for 40 ms
    fake = None

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers, body)
        if request.path.startswith("/fake/"):
            try:
                answer = 200, self.fake.control(request)
            except Refusal as refusal:
                answer = refusal.status, refusal.body
        else:
            answer = self.fake.answer(request)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(*answer)

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _handle  # noqa: N815

    def _send(self, status, body):
        text = body if isinstance(body, str) else json.dumps(body)
        content = text.encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/dex/auth")
        self.send_header("Content-Type", "application/json" if text[:1] in "{[" else "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments):
        """A test's output is its own."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that went away is no error of the fake."""


@contextmanager
def serving(handler, port=0, tls=None):
    """Runs a server on loopback in a thread; yields its URL.

    Args:
        handler: The handler's class.
        port: 0 for a free one.
        tls: Certificate and key file, for https.
    """
    server = Server(("127.0.0.1", port), handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def fake_kfp(*, multi_user=False, tls=None):
    """Runs a fake in this process; yields what a test controls it with."""
    fake = FakeKfp(multi_user=multi_user)
    with serving(type("KfpHandler", (Handler,), {"fake": fake}), tls=tls) as url:
        yield Control(url, tls and tls[0])


class Control:
    """What a test does to a fake, wherever it runs.

    Attributes:
        url: The host to give to the client.
    """

    def __init__(self, url, certificate=None):
        self.url = url
        self._tls = ssl.create_default_context(cafile=certificate) if certificate else None

    def fail(self, operation, kind, count=1, seconds=0.0):
        """Orders a fault; see the module's docstring."""
        known = {"dies_after", "exits_after", "twice", "slow", "slow_after", *_EARLY}
        assert kind in known, kind
        self._ask("faults", operation=operation, kind=kind, count=count, seconds=seconds)

    def heal(self):
        """Takes back all faults."""
        self._ask("faults")

    def want_token(self, token):
        self._ask("token", token=token)

    def runs(self):
        return self._ask("state")["runs"]

    def things(self, kind):
        """Returns all experiments, pipelines, pipeline_versions or recurring_runs."""
        return self._ask("state")[kind]

    def requests(self):
        """Returns the operations that were asked for, in order."""
        return [each["operation"] for each in self._ask("state")["requests"]]

    def authorizations(self):
        return [each["authorization"] for each in self._ask("state")["requests"]]

    def forget_requests(self):
        self._ask("requests")

    def advance(self, run_id, state):
        """Puts a run into one of KFP's states, such as RUNNING or FAILED."""
        self._ask("advance", run_id=run_id, state=state)

    def forget(self, run_id=None):
        """Forgets one run, or all."""
        self._ask("forget", **({"run_id": run_id} if run_id else {}))

    def clone(self, run_id):
        """Clones a run as the UI does; returns the new one."""
        return self._ask("clone", run_id=run_id)

    def put(self, kind, **row):
        """Adds a thing as somebody else might have left it."""
        self._ask("put", kind=kind, row=row)

    def _ask(self, action, **body):
        data = json.dumps(body).encode() if body else b""
        request = urllib.request.Request(f"{self.url}/fake/{quote(action)}", data=data, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:  # noqa: S310
            return json.load(answer)


def main():
    parser = argparse.ArgumentParser(description="A fake of Kubeflow Pipelines' API.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path, help="file that keeps what it knows")
    parser.add_argument("--multi-user", action="store_true")
    options = parser.parse_args()
    fake = FakeKfp(options.state, multi_user=options.multi_user, own_process=True)
    with serving(type("KfpHandler", (Handler,), {"fake": fake}), options.port) as url:
        print(urlsplit(url).port, flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
