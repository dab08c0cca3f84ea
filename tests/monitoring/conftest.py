"""Flights, prepared once, and what looks at drift are taken with."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import drift_world
import pytest


@pytest.fixture(scope="session")
def flights(tmp_path_factory):
    """All flights of 2013 as daily partitions."""
    from prepare_flights import main

    root = tmp_path_factory.mktemp("flights")
    assert main([str(root)]) == 0
    return root


@pytest.fixture(scope="session")
def winter(flights, tmp_path_factory):
    """What a champion that learned the winter has beside it in MLflow."""
    path = tmp_path_factory.mktemp("winter") / "training.parquet"
    return drift_world.learn(flights, *drift_world.WINTER, path)


@pytest.fixture
def empty_world(tmp_path, flights, registry):
    """A source without rows, and a registry without a champion."""
    return drift_world.World(tmp_path / "data", flights, registry)


@pytest.fixture
def world(empty_world, winter):
    """The same with a champion that learned the winter."""
    empty_world.promote(winter)
    return empty_world


@pytest.fixture
def receiver(monkeypatch):
    """A webhook on loopback, to which events go: a list of (headers, event)."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((dict(self.headers), json.loads(body)))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("KFP_CT_WEBHOOK_URL", f"http://127.0.0.1:{server.server_port}/drift")
    monkeypatch.setenv("KFP_CT_WEBHOOK_TOKEN", "s3cret")
    yield received
    server.shutdown()
    thread.join()
    server.server_close()
