import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from promotion_world import Killer, Model, Services

from ct_components.connections import sqlite_url
from postgresql import PostgreSQL, postgresql  # noqa: F401  (a fixture is found by its name)

_PATIENCE = 120
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.service)]


@pytest.fixture(scope="session")
def mlflow_server(
    postgresql: PostgreSQL,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of a real MLflow server on loopback, with PostgreSQL behind it."""
    folder = tmp_path_factory.mktemp("mlflow-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = postgresql.url(postgresql.new_database())
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--artifacts-destination", str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
    environment["MLFLOW_DISABLE_TELEMETRY"] = "true"
    log = (folder / "log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, cwd=folder, start_new_session=True
        ) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}", process, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            # Its workers are in its group.
            os.killpg(process.pid, signal.SIGKILL)


def _wait(address: str, process: subprocess.Popen, log: Path) -> None:
    limit = time.monotonic() + _PATIENCE
    while True:
        try:
            requests.get(f"{address}/health", timeout=5).raise_for_status()
        except requests.RequestException:
            if process.poll() is not None or time.monotonic() > limit:
                pytest.fail(f"MLflow's server did not start: {log.read_text()[-2000:]}")
            time.sleep(0.2)
        else:
            return


@pytest.fixture(scope="session")
def on_sqlite(mlflow_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Services:
    """Ledger and MLflow on SQLite."""
    folder = tmp_path_factory.mktemp("promotion")
    (folder / "mlflow.db").write_bytes(mlflow_template.read_bytes())
    return Services.at(sqlite_url(folder / "mlflow.db"), sqlite_url(folder / "ledger.db"))


@pytest.fixture(scope="session")
def on_servers(mlflow_server: str, postgresql: PostgreSQL) -> Services:  # noqa: F811
    """The ledger on PostgreSQL, and MLflow's server, which has another database there."""
    return Services.at(mlflow_server, postgresql.url(postgresql.new_database()))


@pytest.fixture(params=BOTH)
def services(request: pytest.FixtureRequest) -> Services:
    """Tests that use it run on both."""
    return request.getfixturevalue("on_sqlite" if request.param == "sqlite" else "on_servers")


@pytest.fixture
def model(services: Services) -> Model:
    return Model(services)


@pytest.fixture(scope="session")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    program = Path(__file__).with_name("killed_promotion.py")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KFP_CT", "MLFLOW"))}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ) as process:
        yield Killer(process, tmp_path_factory.mktemp("killed"))
        process.stdin.close()
