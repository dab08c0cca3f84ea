"""Real receivers on loopback: an HTTP server that does what a test says, and Debian's Alertmanager."""

import json
import logging
import os
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from ct_components.channels import Figures, Message
from ct_components.spec import Channel

_PATIENCE = 30
EVENTS = ["promoted", "waiting", "retained", "failed"]


class Receiver(ThreadingHTTPServer):
    """Does one step a POST; the last step again and again. A GET does those of `getting`, then lists."""

    daemon_threads = True

    def __init__(self, *steps):
        super().__init__(("127.0.0.1", 0), Handler)
        self.steps = list(steps) or [200]
        self.listed = b"[]"
        self.getting = []
        self.requests = []
        self.times = []
        self.released = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook/s3cr3t-path"

    @property
    def bodies(self):
        return [json.loads(body) for _, _, body in self.requests]

    def handle_error(self, request, client_address):
        """Clients that go away are what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.times.append(time.monotonic())
        self.server.requests.append((self.path, dict(self.headers), body))
        step = self.server.steps.pop(0) if len(self.server.steps) > 1 else self.server.steps[0]
        if callable(step):
            step(self)
        elif step == "close":
            self.close_connection = True
            self.connection.close()
        elif step == "hang":
            self.server.released.wait(_PATIENCE)
        else:
            answer(self, step)

    def do_GET(self):
        self.server.times.append(time.monotonic())
        if self.server.getting:
            self.server.getting.pop(0)(self)
        else:
            answer(self, 200, body=self.server.listed)

    def log_message(self, *_):
        pass


def answer(handler, status, *headers, body=b"{}"):
    handler.send_response(status)
    for name, value in (*headers, ("Content-Length", str(len(body)))):
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def receiver():
    """Starts receivers, and ends them."""
    started = []

    def start(*steps, context=None):
        server = Receiver(*steps)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def logged(caplog):
    """All that is logged, by whichever library."""
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.fixture
def channel():
    """Makes a channel whose variables are named after it."""

    def make(kind, on=EVENTS, token=None, url=None):
        return Channel(type=kind, url=url or f"{kind.upper()}_URL", token=token, on=list(on))

    return make


@pytest.fixture
def message():
    """Makes a message of a run; `changes` replace its fields."""

    def make(event="retained", **changes):
        figures = Figures(
            "roc_auc", "1", 0.75, "2", 0.7422, -0.0078, -0.0312, False, "ROC AUC: champion 0.7500"
        )
        fields = {
            "model": "flight-delay",
            "event": event,
            "title": f"flight-delay: {event}",
            "reason": "The challenger is not proven better.",
            "run_id": "run-1",
            "figures": figures,
            "page": "https://kfp.example.com/#/runs/details/run-1",
            "as_of": "2013-06-01T04:00:00+00:00",
            "trigger_reason": "drift",
            "key": "drift-2013-06-01",
        }
        return Message(**{**fields, **changes})

    return make


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager."""

    url: str

    def alerts(self):
        """Returns the labels of the alerts that fire, with what else there is of each."""
        found = requests.get(f"{self.url}/api/v2/alerts", timeout=5).json()
        return [each for each in found if each["labels"]["alertname"] == "ContinuousTraining"]


@pytest.fixture(scope="session")
def alertmanager(tmp_path_factory):
    """Debian's Alertmanager, of this session's own. Skipped without it, but never in CI."""
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        missing = "Alertmanager is not installed: no prometheus-alertmanager on the PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("alertmanager")
    config = folder / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    address = f"127.0.0.1:{_free_port()}"
    options = [f"--config.file={config}", f"--storage.path={folder / 'data'}", "--cluster.listen-address="]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binary, *options, f"--web.listen-address={address}"], stdout=log, stderr=log
        )
    try:
        _wait(f"http://{address}", process, folder / "log")
        yield Alertmanager(f"http://{address}")
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _wait(url, process, log):
    limit = time.monotonic() + _PATIENCE
    while True:
        try:
            requests.get(f"{url}/-/ready", timeout=1).raise_for_status()
        except requests.RequestException:
            if process.poll() is not None or time.monotonic() > limit:
                pytest.fail(f"Alertmanager did not start: {log.read_text()}")
            time.sleep(0.05)
        else:
            return


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
