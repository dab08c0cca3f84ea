"""Stage notify: whatever happened, the run is closed, a page says what came of it, and people are told."""

import contextlib
import json
import logging
import sqlite3
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from ct_components import connections as addresses
from ct_components.errors import Duplicate, SpecError, Unreachable
from ct_components.journal import let_wait
from ct_components.ledger import Candidate
from ct_components.stage import Context, stage
from ct_components.stages.notify import component
from ct_components.stages.notify.close import Closing, close, conclude
from ct_components.stages.notify.parameter import read_leniently
from ct_components.stages.notify.words import Ended, Known

PAGE = "minio://mlpipeline/v2/artifacts/run.html"


def notify(stages, run_id, state="SUCCEEDED", spec=""):
    """The component, as KFP calls it; returns its page."""
    page = stages.artifact(run_id, "run.html")
    page.uri = PAGE
    component.notify.python_func(run_id, page, SimpleNamespace(state=state), spec)
    return Path(page.path).read_text()


def mlflow_status(stages, context):
    return stages.client.get_run(context.mlflow_run_id).info.status


@pytest.fixture
def judged(two_models):
    """The strong run after its verdict."""
    two_models.evaluate(two_models.strong)
    return two_models


def test_a_promoted_run(judged, monkeypatch):
    monkeypatch.setattr("ct_components.stages.promote_challenger.promote.check", lambda *_: None)
    judged.promote(judged.strong)
    page = notify(judged, "run-strong")
    row = judged.ledger.run("run-strong")
    assert (row["state"], row["outcome"]) == ("succeeded", "promoted")
    assert row["message"].startswith("Proven better than the champion")
    assert "Promoted" in page
    assert "promote_challenger" in page
    assert mlflow_status(judged, judged.strong.context) == "FINISHED"


def test_a_retained_run(two_models):
    itself = Context(**{**vars(two_models.strong.context), "champion": "2"}).to_json()
    two_models.evaluate(two_models.strong, context=itself)
    page = notify(two_models, "run-strong")
    row = two_models.ledger.run("run-strong")
    assert (row["state"], row["outcome"]) == ("succeeded", "retained")
    assert "Retained" in page
    assert row["message"] in page


def test_a_run_whose_stage_failed(judged):
    with pytest.raises(SystemExit), stage("promote_challenger", judged.strong.context):
        raise SpecError("the <b>message</b>")
    page = notify(judged, "run-strong", "FAILED")
    row = judged.ledger.run("run-strong")
    assert (row["state"], row["outcome"], row["message"]) == ("failed", "failed", "the <b>message</b>")
    assert "Failed" in page
    assert "the &lt;b&gt;message&lt;/b&gt;" in page
    assert mlflow_status(judged, judged.strong.context) == "FAILED"


def test_a_run_that_failed_outside_its_stages(judged):
    """A pod that was killed leaves no outcome in the ledger."""
    page = notify(judged, "run-strong", "CANCELLED")
    assert judged.ledger.run("run-strong")["outcome"] == "failed"
    assert "the pipeline ended as CANCELLED" in page
    assert mlflow_status(judged, judged.strong.context) == "FAILED"


def test_a_run_that_did_not_begin_has_no_row_and_still_a_page(stages):
    with pytest.raises(SystemExit), stage("begin_run", Context(run_id="run-9")):
        raise SpecError("reason: got 'boredom'")
    page = notify(stages, "run-9", "FAILED")
    assert stages.ledger.run("run-9") is None
    assert "Failed" in page
    assert "begin_run" in page
    assert "reason: got &#39;boredom&#39;" in page


def test_a_run_of_which_nothing_is_known(stages):
    assert "the pipeline ended as FAILED" in notify(stages, "run-9", "FAILED")


def test_without_a_ledger_the_verdict_comes_from_mlflow(judged, no_ledger):
    page = notify(judged, "run-strong")
    assert "Promoted" in page
    assert "Proven better than the champion" in page
    assert mlflow_status(judged, judged.strong.context) == "FINISHED"


def test_without_a_ledger_a_failed_run_is_closed_in_mlflow(judged, no_ledger):
    page = notify(judged, "run-strong", "FAILED")
    assert "Failed" in page
    assert mlflow_status(judged, judged.strong.context) == "FAILED"


def test_without_a_ledger_a_run_without_verdict_is_retained(two_models, no_ledger):
    assert "no verdict is on record" in notify(two_models, "run-strong")


def test_its_own_failed_attempt_is_no_failure_of_the_run(judged):
    with pytest.raises(RuntimeError), stage("notify", Context(run_id="run-strong")):
        raise RuntimeError("out of memory")
    page = notify(judged, "run-strong")
    assert judged.ledger.run("run-strong")["outcome"] == "promoted"
    assert "out of memory" not in page


def test_the_page_is_written_though_mlflow_is_away(judged, tmp_path, monkeypatch):
    def away(*_, **__):
        raise SpecError("away")

    monkeypatch.setattr("ct_components.registry.Registry.finish_run", away)
    with pytest.raises(SpecError):
        close(Closing("run-strong", "FAILED", str(tmp_path / "page.html")))
    assert "Failed" in (tmp_path / "page.html").read_text()
    assert judged.ledger.run("run-strong")["outcome"] == "failed"


def test_closing_twice_changes_nothing(judged, tmp_path):
    page = str(tmp_path / "page.html")
    first, second = (close(Closing("run-strong", "SUCCEEDED", page)) for _ in range(2))
    assert first == second


def test_a_verdict_of_promotion_is_none_when_its_stage_failed():
    known = Known({}, {"verdict": "promote", "explanation": "better"})

    assert conclude("FAILED", known) == Ended(
        "failed", "the pipeline ended as FAILED; its stages' logs say why"
    )


class Receiver(ThreadingHTTPServer):
    """Takes what is posted, and answers with `status`."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.told = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def people(monkeypatch):
    """Where people are told: the variable HOOK leads there, and holds a secret."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("HOOK", f"http://127.0.0.1:{server.server_port}/s3cr3t-path")
        yield server
        server.shutdown()
        thread.join()


CANDIDATE = Candidate("shop", "2", "run-strong", "1", datetime(2024, 3, 13, tzinfo=UTC))
HOOK = {"notify": [{"type": "webhook", "url": "HOOK"}]}


def record(stages, run_id, spec):
    """Changes the spec that a run is recorded with."""
    place = addresses.ledger_url().removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(place)) as connection:
        changed = json.dumps({**stages.ledger.run(run_id)["spec"], **spec})
        connection.execute("UPDATE ct_runs SET spec = ? WHERE run_id = ?", (changed, run_id))
        connection.commit()


def test_people_are_told_of_a_promotion_with_its_figures(judged, people, caplog):
    caplog.set_level(logging.DEBUG)
    record(judged, "run-strong", HOOK)

    page = notify(judged, "run-strong")

    (told,) = people.told
    verdict = judged.ledger.verdict("run-strong")
    assert (told["event"], told["model"], told["run"]) == ("promoted", "shop", "run-strong")
    assert told["title"] == "shop: version 2 is champion"
    assert told["reason"] == verdict["explanation"]
    figures = told["figures"]
    assert (figures["champion_version"], figures["challenger_version"]) == ("1", "2")
    assert (figures["gain"], figures["lower"]) == (verdict["gain"], verdict["lower"])
    assert figures["text"] == (
        f"ROC AUC: champion version 1 {verdict['champion_score']:.4f}, challenger version 2 "
        f"{verdict['challenger_score']:.4f}, gain {verdict['gain']:+.4f}, lower limit {verdict['lower']:+.4f}"
    )
    assert told["page"] == PAGE
    assert told["as_of"] == "2024-03-13T00:00:00+00:00"
    assert told["trigger"] == {"reason": "manual", "key": judged.strong.context.key}
    assert "tell people" in page
    assert "told: webhook" in page
    assert "told: webhook" in caplog.text
    rows = json.dumps(judged.ledger.history("shop"), default=str)
    assert not [text for text in (page, caplog.text, rows) if "s3cr3t-path" in text]


def test_people_are_told_why_the_champion_stays(two_models, people):
    itself = Context(**{**vars(two_models.strong.context), "champion": "2"}).to_json()
    two_models.evaluate(two_models.strong, context=itself)
    record(two_models, "run-strong", HOOK)

    notify(two_models, "run-strong")

    (told,) = people.told
    assert (told["event"], told["title"]) == ("retained", "shop: version 1 stays champion")
    assert told["reason"] == two_models.ledger.verdict("run-strong")["explanation"]


def test_people_are_told_where_a_run_failed(judged, people):
    with pytest.raises(SystemExit), stage("promote_challenger", judged.strong.context):
        raise SpecError("the <b>message</b>")
    record(judged, "run-strong", HOOK)

    notify(judged, "run-strong", "FAILED")

    (told,) = people.told
    assert (told["event"], told["title"]) == ("failed", "shop: the run failed in promote_challenger")
    assert (told["failed_stage"], told["failure"]) == ("promote_challenger", "the <b>message</b>")
    assert told["reason"].startswith("Proven better")


def test_a_version_that_waits_for_a_person_is_said_to_wait(judged, people):
    judged.ledger.record_candidate(CANDIDATE)
    record(judged, "run-strong", HOOK)

    page = notify(judged, "run-strong")

    (told,) = people.told
    assert (told["event"], told["waiting"]) == ("waiting", "2")
    assert told["title"] == "shop: version 2 won and waits for a person"
    assert told["reason"].startswith("version 2 won and waits in staging for kfp-ct promote. Proven better")
    row = judged.ledger.run("run-strong")
    assert (row["outcome"], row["message"]) == (
        "retained",
        "version 2 won and waits in staging for kfp-ct promote",
    )
    assert row["message"] in page


def test_a_verdict_that_is_void_promoted_nothing(judged, people):
    judged.ledger.record_void(CANDIDATE, "version 7 was quicker")
    record(judged, "run-strong", HOOK)

    notify(judged, "run-strong")

    (told,) = people.told
    assert (told["event"], told["title"]) == ("retained", "shop: version 1 stays champion")
    assert told["reason"].startswith("version 2 won, and is void: version 7 was quicker. ")


def test_without_a_ledger_tags_say_who_waits_and_the_parameter_who_is_told(judged, people, no_ledger):
    let_wait(judged.registry, judged.registry.version("shop", "2"))

    notify(judged, "run-strong", spec=json.dumps(HOOK))

    (told,) = people.told
    assert (told["event"], told["waiting"]) == ("waiting", "2")
    assert told["title"] == "shop: version 2 won and waits for a person"


def test_the_recorded_spec_goes_before_the_parameter(judged, people):
    notify(judged, "run-strong", spec=json.dumps(HOOK))

    assert people.told == []


@pytest.mark.parametrize(
    "spec",
    [
        "model: shop\nnotify: [{type: webhook, url: HOOK}]\nnonsense: 7\ntask: [unknown]\n",
        json.dumps({"model": "shop", "columns": 7, **HOOK}),
    ],
)
def test_a_run_whose_spec_is_broken_is_told_all_the_same(spec, stages, people):
    with pytest.raises(SystemExit), stage("begin_run", Context(run_id="run-9")):
        raise SpecError("2 problems in the spec parameter")

    notify(stages, "run-9", "FAILED", spec)

    (told,) = people.told
    assert (told["model"], told["title"]) == ("shop", "shop: the run failed in begin_run")
    assert told["failure"] == "2 problems in the spec parameter"


@pytest.mark.parametrize(
    "spec", ["{", "/no/such/file", "a: &x [*x]", "\0", "[1]", "{{$.inputs}}", "notify: 7\n", ""]
)
def test_a_spec_that_cannot_be_read_names_nobody(spec, stages, people):
    assert "Failed" in notify(stages, "run-9", "FAILED", spec)

    assert people.told == []


def test_a_spec_may_be_a_file(tmp_path):
    path = tmp_path / "the spec.yaml"
    path.write_text("model: shop\n")

    assert read_leniently(str(path)) == read_leniently(path.as_uri()) == {"model": "shop"}


def test_a_duplicate_wakes_nobody(stages, people):
    with pytest.raises(SystemExit), stage("begin_run", Context(run_id="run-9")):
        raise Duplicate("run run-9: key 'x' of shop is held by run run-1")

    assert "Failed" in notify(stages, "run-9", "FAILED", json.dumps(HOOK))

    assert people.told == []


def test_a_channel_that_fails_never_fails_the_stage(judged, people):
    people.status = 403
    record(judged, "run-strong", HOOK)

    page = notify(judged, "run-strong")

    assert len(people.told) == 1
    assert "not told: webhook" in page
    assert judged.ledger.stage_outcome("run-strong", "notify").outcome == "succeeded"
    assert judged.ledger.run("run-strong")["outcome"] == "promoted"


def test_an_error_of_ours_never_fails_the_stage_either(judged, people, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("with a secret")

    monkeypatch.setattr("ct_components.stages.notify.close.tell", broken)
    record(judged, "run-strong", HOOK)

    assert "Promoted" in notify(judged, "run-strong")

    assert "people are not told, for an error of ours: RuntimeError" in caplog.text
    assert "with a secret" not in caplog.text


def test_people_are_told_though_mlflow_is_away(judged, people, monkeypatch):
    def away(*_, **__):
        raise Unreachable("MLflow does not answer")

    monkeypatch.setattr("ct_components.registry.Registry.finish_run", away)
    record(judged, "run-strong", HOOK)

    with pytest.raises(SystemExit) as ended:
        notify(judged, "run-strong", "FAILED")

    assert ended.value.code == 75
    assert [each["event"] for each in people.told] == ["failed"]


def test_people_are_told_though_the_ledger_is_away(stages, people, monkeypatch, closed_port):
    monkeypatch.setenv("KFP_CT_LEDGER_URL", f"postgresql+psycopg://ct:hunter2@127.0.0.1:{closed_port}/ledger")
    monkeypatch.setattr("ct_components.ledger.store._ATTEMPTS", 1)

    with pytest.raises(SystemExit) as ended:
        notify(stages, "run-9", "FAILED", json.dumps({"model": "shop", **HOOK}))

    assert ended.value.code == 75
    (told,) = people.told
    assert (told["title"], told["run"]) == ("shop: the run failed", "run-9")
    assert told["failure"] == (
        "the pipeline ended as FAILED; neither could it be closed: a service does not answer"
    )


def test_a_run_that_went_well_is_not_said_to_have_failed_when_the_ledger_is_away(
    stages, people, monkeypatch, closed_port
):
    monkeypatch.setenv("KFP_CT_LEDGER_URL", f"postgresql+psycopg://ct@127.0.0.1:{closed_port}/ledger")
    monkeypatch.setattr("ct_components.ledger.store._ATTEMPTS", 1)

    with pytest.raises(SystemExit):
        notify(stages, "run-9", spec=json.dumps(HOOK))

    assert people.told == []


@pytest.mark.parametrize("place", ["environment", "file"])
def test_the_page_is_the_kfp_uis_if_it_is_known_where_that_is(place, judged, people, monkeypatch, tmp_path):
    record(judged, "run-strong", HOOK)
    if place == "environment":
        monkeypatch.setenv("KFP_CT_KFP_UI_URL", "https://kfp.example.com/pipeline/")
    else:
        monkeypatch.setenv("KFP_CT_SECRETS_DIR", str(tmp_path))
        (tmp_path / "KFP_CT_KFP_UI_URL").write_text("https://kfp.example.com/pipeline\n")

    notify(judged, "run-strong")

    assert people.told[0]["page"] == "https://kfp.example.com/pipeline/#/runs/details/run-strong"
