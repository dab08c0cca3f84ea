"""MLflow as the stages use it, on a real store."""

import contextlib
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import mlflow.artifacts
import pytest

from ct_components.connections import Connections, sqlite_url
from ct_components.errors import CTError, StateError, Unreachable
from ct_components.registry import Registry, Version, model_metadata

MODEL = "churn"


@pytest.fixture
def client(registry):
    """MLflow's own client, with three versions of a model."""
    registry._client.create_registered_model(MODEL)
    for letter in "abc":
        registry._client.create_model_version(MODEL, "file:///nowhere", tags={"theirs": letter})
    return registry._client


@pytest.fixture
def mlflow_run(registry):
    return registry.start_run(MODEL, "2013-04-01 manual", "run-1", {"key": "k", "challenged": ""})


class TestRuns:
    def test_a_second_start_gives_the_same_run(self, registry, mlflow_run):
        assert registry.start_run(MODEL, "another name", "run-1", {}) == mlflow_run
        assert registry.start_run(MODEL, "2013-04-01 manual", "run-2", {}) != mlflow_run

    def test_it_holds_name_tags_and_the_artifact_root(self, registry, mlflow_run, connections):
        found = registry._client.get_run(mlflow_run)

        assert found.info.run_name == "2013-04-01 manual"
        assert found.data.tags["kfp_ct.run_id"] == "run-1"
        assert found.data.tags["kfp_ct.challenged"] == ""
        assert found.info.artifact_uri.startswith(f"{connections.artifact_root}/{MODEL}/")

    @pytest.mark.parametrize("name", ["MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"])
    def test_what_the_backend_injects_is_not_joined(self, connections, monkeypatch, name):
        foreign = Registry(connections)._client.create_experiment("foreign")
        monkeypatch.setenv(name, "f" * 32 if name == "MLFLOW_RUN_ID" else foreign)

        registry = Registry(connections)
        started = registry.start_run(MODEL, "name", "run-1", {})

        assert registry._client.get_run(started).info.experiment_id not in {foreign, "0"}
        assert started != "f" * 32
        assert name not in os.environ

    @pytest.mark.parametrize("run_id", ["it's", 'say "x"', "x' or tags.a = 'b", "ünï code", "100%"])
    def test_a_run_id_of_any_kind_is_found_again(self, registry, mlflow_run, run_id):
        started = registry.start_run(MODEL, "name", run_id, {})

        assert started != mlflow_run
        assert registry.start_run(MODEL, "name", run_id, {}) == started

    @pytest.mark.parametrize("run_id", ["both ' and \"", "back\\slash"])
    def test_a_run_id_that_cannot_be_searched_for_is_refused(self, registry, run_id):
        with pytest.raises(StateError, match="MLflow cannot search for"):
            registry.start_run(MODEL, "name", run_id, {})

    def test_a_deleted_experiment_is_named(self, registry, mlflow_run):
        registry._client.delete_experiment(registry._client.get_run(mlflow_run).info.experiment_id)

        with pytest.raises(StateError, match="experiment 'churn' is deleted; restore it"):
            registry.start_run(MODEL, "name", "run-2", {})

    def test_an_experiment_that_another_run_makes_meanwhile_is_used(self, registry, monkeypatch):
        find = type(registry._client).get_experiment_by_name
        theirs = []

        def find_too_early(client, name):
            if theirs:
                return find(client, name)
            theirs.append(client.create_experiment(name))
            return None

        monkeypatch.setattr(type(registry._client), "get_experiment_by_name", find_too_early)

        started = registry.start_run(MODEL, "name", "run-1", {})

        assert registry._client.get_run(started).info.experiment_id == theirs[0]

    def test_what_is_logged_can_be_read(self, registry, mlflow_run):
        registry.log(
            mlflow_run,
            parameters={"max_iter": 100, "long": "x" * 10_000, "none": None},
            metrics={"gain": 0.25, "zero": 0.0, "unknown": None},
            tags={"verdict": "hold"},
            files={"verdict.json": '{"ü": 1}'},
        )

        data = registry._client.get_run(mlflow_run).data
        assert data.params["max_iter"] == "100"
        assert len(data.params["long"]) == 6_000
        assert data.metrics == {"gain": 0.25, "zero": 0.0}
        assert data.tags["kfp_ct.verdict"] == "hold"
        assert registry.read_text(mlflow_run, "verdict.json") == '{"ü": 1}'

    def test_reading_uses_the_registrys_own_store(self, registry, mlflow_run, tmp_path):
        registry.log(mlflow_run, files={"a.txt": "text"})
        mlflow.set_tracking_uri(sqlite_url(tmp_path / "other.db"))

        assert registry.read_text(mlflow_run, "a.txt") == "text"

    def test_a_file_that_is_missing_is_a_matter_of_state(self, registry, mlflow_run):
        with pytest.raises(StateError, match=f"no.json of MLflow run {mlflow_run} cannot be read"):
            registry.read_text(mlflow_run, "no.json")

    def test_a_run_that_is_missing_is_a_matter_of_state(self, registry):
        with pytest.raises(StateError, match=r"refuses: .*not found"):
            registry.log("0" * 32, metrics={"gain": 0.5})

    @pytest.mark.parametrize(("failed", "status"), [(False, "FINISHED"), (True, "FAILED")])
    def test_a_run_is_closed_and_can_be_closed_again(self, registry, mlflow_run, failed, status):
        registry.finish_run(mlflow_run, failed=not failed)
        registry.finish_run(mlflow_run, failed=failed)

        assert registry._client.get_run(mlflow_run).info.status == status


@pytest.mark.usefixtures("client")
class TestVersions:
    def test_a_version_is_found_by_its_number(self, registry):
        assert registry.version(MODEL, "2") == Version(MODEL, "2", "", {})
        assert registry.version(MODEL, "2").uri == "models:/churn/2"

    @pytest.mark.parametrize(
        ("name", "number"), [(MODEL, "9"), (MODEL, "x"), (MODEL, ""), ("other", "1"), ("", "1"), ("a/b", "1")]
    )
    def test_no_such_version_is_a_matter_of_state(self, registry, name, number):
        with pytest.raises(StateError, match=re.escape(f"model {name!r} has no version {number!r}")):
            registry.version(name, number)

    def test_an_alias_moves(self, registry):
        assert registry.alias(MODEL, "champion") is None
        registry.set_alias(MODEL, "champion", "1")
        registry.set_alias(MODEL, "champion", "2")

        assert registry.alias(MODEL, "champion").number == "2"

    @pytest.mark.parametrize("name", ["other", "it's", ""])
    def test_an_unknown_model_has_no_alias(self, registry, name):
        assert registry.alias(name, "champion") is None

    def test_an_alias_needs_its_version(self, registry):
        with pytest.raises(StateError, match=r"refuses: .*version=9.* not found"):
            registry.set_alias(MODEL, "champion", "9")

    def test_our_tags_come_without_their_prefix_and_others_not_at_all(self, registry, client):
        registry.tag_version(registry.version(MODEL, "1"), {"verdict": "hold", "explanation": "x" * 9_000})

        tags = registry.version(MODEL, "1").tags
        assert tags == {"verdict": "hold", "explanation": "x" * 5_000}
        assert client.get_model_version(MODEL, "1").tags["theirs"] == "a"

    def test_the_version_of_a_run_is_found(self, registry, client, mlflow_run):
        client.create_model_version(MODEL, "file:///nowhere", run_id=mlflow_run)

        assert registry.version_of_run(MODEL, mlflow_run).number == "4"
        assert registry.version_of_run(MODEL, "0" * 32) is None
        assert registry.version_of_run("other", mlflow_run) is None

    @pytest.mark.parametrize("name", ["it's", 'a "b"', "x' or name = 'churn", "churn' -- "])
    def test_names_with_quotation_marks_find_their_own_versions_only(
        self, registry, client, mlflow_run, name
    ):
        client.create_model_version(MODEL, "file:///nowhere", run_id=mlflow_run)
        assert registry.version_of_run(name, mlflow_run) is None
        client.create_registered_model(name)
        client.create_model_version(name, "file:///nowhere", run_id=mlflow_run)

        assert registry.version_of_run(name, mlflow_run) == Version(name, "1", mlflow_run, {})
        assert registry.challenges(name, "1", besides="") == 0

    def test_a_name_that_cannot_be_searched_for_is_refused(self, registry):
        with pytest.raises(StateError, match="MLflow cannot search for"):
            registry.version_of_run("both ' and \"", "r")

    def test_a_model_whose_files_are_gone_is_a_matter_of_state(self, registry):
        with pytest.raises(StateError, match=r"version models:/churn/1 cannot be read: .*No such artifact"):
            registry.download(registry.version(MODEL, "1"))


class TestChallenges:
    def test_only_what_spent_alpha_against_this_champion_counts(self, registry, client):
        for _ in range(4):
            client.create_model_version(MODEL, "file:///nowhere")
        tags = [
            {"verdict": "promote", "challenged": ""},
            {"verdict": "hold", "challenged": "1"},
            {"verdict": "insufficient", "challenged": "1"},
            {"verdict": "reject", "challenged": "1"},
            {"challenged": "1"},
            {"verdict": "hold", "challenged": "11"},
        ]
        for number, each in enumerate(tags, start=1):
            registry.tag_version(registry.version(MODEL, str(number)), each)

        assert registry.challenges(MODEL, "1", besides="7") == 2
        assert registry.challenges(MODEL, "1", besides="2") == 1
        assert registry.challenges(MODEL, "2", besides="7") == 0
        assert registry.challenges("other", "1", besides="7") == 0

    def test_pages_are_read_to_their_end(self, registry, client, monkeypatch):
        search = type(client).search_model_versions
        monkeypatch.setattr(
            type(client),
            "search_model_versions",
            lambda *args, **more: search(*args, **{**more, "max_results": 1}),
        )
        for number in "123":
            registry.tag_version(registry.version(MODEL, number), {"verdict": "hold", "challenged": "1"})

        assert registry.challenges(MODEL, "1", besides="") == 3


class TestModelMetadata:
    def test_what_train_model_wrote_is_read(self, tmp_path):
        (tmp_path / "MLmodel").write_text('metadata:\n  kfp_ct: \'{"target": "late"}\'\n')
        assert model_metadata(tmp_path) == {"target": "late"}

    @pytest.mark.parametrize(
        "text",
        [None, "", "flavors: {}", "metadata:", "metadata: {other: 1}", "- a", "metadata: {kfp_ct: x}", "{"],
    )
    def test_a_model_of_others_is_refused(self, tmp_path, text):
        if text is not None:
            (tmp_path / "MLmodel").write_text(text)
        with pytest.raises(StateError, match="was not made by train_model"):
            model_metadata(tmp_path)


class _Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = self.server.answer
        self.server.asked += 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_args):
        """Keep still."""


@pytest.fixture
def server(monkeypatch):
    """A server that always answers the same, and its URI with a password."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answering) as found:
        found.asked = 0
        found.uri = f"http://ct:secret@127.0.0.1:{found.server_port}"
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def _ask(uri):
    with pytest.raises(CTError) as caught:
        Registry(Connections(uri, None, None)).alias(MODEL, "champion")
    text = str(caught.value)
    assert "secret" not in text
    assert "\n" not in text
    assert "MLflow at " in text
    return caught.value


class TestServersThatDoNotAnswerWell:
    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (500, "Traceback (most recent call last):\n  boom"),
            (503, "<html>upstream is away</html>"),
            (500, '{"error_code": "INTERNAL_ERROR", "message": "boom"}'),
            (429, "slow down"),
            (200, "<html>\nthis is no MLflow</html>"),
            (200, "[1, 2"),
        ],
    )
    def test_a_broken_answer_may_get_better(self, server, status, body):
        server.answer = (status, body)

        error = _ask(server.uri)

        assert isinstance(error, Unreachable)
        assert f"http://ct:***@127.0.0.1:{server.server_port} does not answer" in str(error)

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (401, "who are you"),
            (403, "not you"),
            (404, "<html>nothing here</html>"),
            (403, '{"error_code": "PERMISSION_DENIED", "message": "not you"}'),
        ],
    )
    def test_a_refusal_does_not(self, server, status, body):
        server.answer = (status, body)

        error = _ask(server.uri)

        assert isinstance(error, StateError)
        assert "refuses" in str(error)

    @pytest.mark.usefixtures("server")
    def test_a_name_that_does_not_resolve_is_unreachable(self):
        assert isinstance(_ask("http://ct:secret@mlflow.invalid:5000"), Unreachable)

    @pytest.mark.slow
    def test_a_closed_port_is_said_in_time_without_a_traceback(self, closed_port, tmp_path):
        script = tmp_path / "ask.py"
        script.write_text(
            "import sys\n"
            "from ct_components.connections import Connections\n"
            "from ct_components.registry import Registry\n"
            "from ct_components.stage import stage\n"
            "with stage('begin_run'):\n"
            "    Registry(Connections(sys.argv[1], None, None)).alias('churn', 'champion')\n"
        )
        uri = f"http://ct:secret@127.0.0.1:{closed_port}"
        begun = time.monotonic()

        ended = subprocess.run(
            [sys.executable, script, uri],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

        assert ended.returncode == 75
        assert time.monotonic() - begun < 20
        last = ended.stderr.strip().splitlines()[-1]
        assert last.startswith("error: begin_run: MLflow at http://ct:***@127.0.0.1:")
        assert "Traceback" not in ended.stderr
        assert "secret" not in ended.stderr


class TestStoresThatCannotBeUsed:
    def test_a_folder_in_place_of_the_file_is_said_at_once(self, tmp_path):
        begun = time.monotonic()

        assert "unable to open database file" in str(_ask(sqlite_url(tmp_path)))
        assert time.monotonic() - begun < 2

    def test_a_file_that_is_no_database_is_refused(self, tmp_path):
        (tmp_path / "x.db").write_text("not a database, but long enough for SQLite to look" * 20)

        assert isinstance(_ask(sqlite_url(tmp_path / "x.db")), StateError)

    def test_a_parent_that_is_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").touch()

        assert isinstance(_ask(sqlite_url(tmp_path / "file/x.db")), StateError)

    @pytest.mark.parametrize("scheme", ["postgresql", "mysql+pymysql"])
    def test_a_database_server_or_its_missing_driver_is_named(self, closed_port, scheme):
        error = _ask(f"{scheme}://ct:secret@127.0.0.1:{closed_port}/mlflow")

        assert "needs the Python package 'p" in str(error) or isinstance(error, Unreachable)

    @pytest.mark.parametrize(
        "uri", ["foo://ct:secret@host", "postgresql+foo://ct:secret@host/x", "http://[bad"]
    )
    def test_an_address_of_no_kind_is_refused(self, uri):
        assert isinstance(_ask(uri), StateError)

    @pytest.mark.parametrize("name", ["with space", "ünï", "100%", "50%20", "a#b", "what?x=1"])
    def test_a_state_folder_may_have_any_name(self, mlflow_template, tmp_path, name):
        home = tmp_path / name
        home.mkdir()
        (home / "mlflow.db").write_bytes(mlflow_template.read_bytes())
        registry = Registry(Connections(sqlite_url(home / "mlflow.db"), None, (home / "files").as_uri()))

        run = registry.start_run(MODEL, "name", "run-1", {})
        registry.log(run, files={"a.txt": "text"})

        assert registry.read_text(run, "a.txt") == "text"
        assert (home / "files").is_dir()


@contextlib.contextmanager
def _mlflow_server(template, folder):
    store = folder / "server.db"
    store.write_bytes(template.read_bytes())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    stores = ["--backend-store-uri", sqlite_url(store), "--artifacts-destination", str(folder / "served")]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *stores, "--workers", "1"], stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            process.wait(30)


def _wait_for(url, process):
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return
        assert process.poll() is None, "the server ended"
        time.sleep(0.1)
    pytest.fail("the server does not answer")


@pytest.mark.service
def test_a_real_server_does_what_a_file_does(mlflow_template, tmp_path):
    from ct_components.champion import make_champion, pin_champion

    with _mlflow_server(mlflow_template, tmp_path) as uri:
        registry = Registry(Connections(uri, None, None))
        assert registry.alias(MODEL, "champion") is None
        run = registry.start_run(MODEL, "name", "it's", {"challenged": ""})
        assert registry.start_run(MODEL, "name", "it's", {}) == run
        registry.log(run, parameters={"a": 1}, metrics={"gain": 0.5}, files={"a.txt": "ü"})
        assert registry.read_text(run, "a.txt") == "ü"
        with pytest.raises(StateError):
            registry.read_text(run, "b.txt")
        registry._client.create_registered_model(MODEL)
        registry._client.create_model_version(MODEL, f"runs:/{run}/model", run_id=run)
        assert registry.version_of_run(MODEL, run).number == "1"
        registry.tag_version(registry.version(MODEL, "1"), {"verdict": "hold", "challenged": "0"})
        assert registry.challenges(MODEL, "0", besides="") == 1
        make_champion(registry, None, MODEL, "1", expected="", run_id="it's")
        assert pin_champion(registry, None, MODEL).number == "1"
        with pytest.raises(StateError, match="has no version '9'"):
            registry.version(MODEL, "9")
        with pytest.raises(StateError, match="refuses"):
            registry.set_alias(MODEL, "champion", "9")
        registry.finish_run(run)


def test_a_crash_while_mlflow_makes_its_tables_leaves_no_half_made_file(tmp_path):
    """Killed in the middle, MLflow cannot go on with what it finds; so it finds nothing."""
    path = tmp_path / "state" / "mlflow.db"
    script = (
        "import os, threading, time\n"
        "from ct_components.connections import Connections\n"
        "from ct_components.registry import Registry\n"
        "def end():\n"
        "    while not any(os.scandir(os.environ['STATE'])):\n"
        "        time.sleep(0.001)\n"
        "    time.sleep(0.2)\n"
        "    os._exit(9)\n"
        "os.makedirs(os.environ['STATE'])\n"
        "threading.Thread(target=end, daemon=True).start()\n"
        f"Registry(Connections({sqlite_url(path)!r}, None, None))\n"
    )
    environment = {"PATH": os.environ["PATH"], "STATE": str(path.parent)}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, check=False, timeout=120)

    assert killed.returncode == 9
    assert not path.exists()
    registry = Registry(Connections(sqlite_url(path), None, None))
    assert registry.alias("churn", "champion") is None
    assert path.exists()
