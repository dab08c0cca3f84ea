"""What statuses mean, what is asked of servers, and samples: the parts that need no cluster."""

import json
import time
from http.server import BaseHTTPRequestHandler

import pytest
from fake_kfp_api import serving

from ct_components.errors import ModelError, StateError
from ct_components.serving import Sample, prediction
from ct_components.serving.deployment import Deployment
from ct_components.serving.kserve import InferenceService
from ct_components.serving.targets import Held, Value

NEW = Held(Value("gs://bucket/7", "7"), Value("gs://bucket/6"), since=7)


def knative(
    created="churn-00008", ready="churn-00008", *, target="Loaded", copies=1, observed=8, said="True"
):
    """An InferenceService's status where Knative runs it."""
    return {
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": "PredictorReady", "status": "True"}, {"type": "Ready", "status": said}],
            "components": {
                "predictor": {"latestCreatedRevision": created, "latestReadyRevision": ready},
            },
            "modelStatus": {
                "transitionStatus": "UpToDate" if target == "Loaded" else "InProgress",
                "states": {"activeModelState": "Loaded", "targetModelState": target},
                "copies": {"totalCopies": copies, "failedCopies": 0},
            },
        }
    }


def state(status, held=NEW):
    return InferenceService("models", "churn").look(status, held).state


def test_ready_up_to_date_and_loaded_is_served():
    assert state(knative()) == "ready"


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"status": None},
        {"status": {"observedGeneration": 8, "conditions": None, "modelStatus": None}},
        knative(said="Unknown"),
        knative(said="False"),
        knative(target="Pending"),
        knative(target="FailedToLoad"),
        knative(created="churn-00009"),
    ],
)
def test_anything_less_is_waited_for(status):
    assert state(status) == "waiting"


def test_all_of_it_may_still_be_said_of_the_version_before():
    """KServe's observedGeneration is that of what it made, so only its own earlier value tells."""
    assert state(knative(observed=7)) == "waiting"
    assert state(knative(observed=7), Held(NEW.value)) == "ready"


def test_what_kserve_made_anew_counts_from_1():
    assert state(knative(observed=1)) == "ready"


def test_one_that_sleeps_was_ready():
    """Scaled to zero, KServe says Pending; a repeated deployment must not take that for a failure."""
    assert state(knative(target="Pending", copies=0)) == "ready"
    assert state(knative(target="Pending", copies=0, created="churn-00009")) == "waiting"
    assert state(knative("", "", target="Pending", copies=0)) == "waiting"


def rolled(updated=2, available=2, running=2, *, observed=4, reason="ReplicaSetUpdated"):
    """A Deployment of two replicas, at its fourth generation."""
    counts = {"updatedReplicas": updated, "availableReplicas": available, "replicas": running}
    progress = {"type": "Progressing", "status": "True", "reason": reason}
    status = {"observedGeneration": observed, "conditions": [progress], **counts}
    return {"metadata": {"generation": 4}, "spec": {"replicas": 2}, "status": status}


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (rolled(), "ready"),
        (rolled(observed=3), "waiting"),
        (rolled(observed=3, reason="ProgressDeadlineExceeded"), "waiting"),
        (rolled(updated=1), "waiting"),
        (rolled(available=1), "waiting"),
        (rolled(running=3), "waiting"),
        (rolled(1, 1, 1), "waiting"),
        (rolled(updated=1, reason="ProgressDeadlineExceeded"), "failed"),
        (rolled(reason="ProgressDeadlineExceeded"), "ready"),
        ({"metadata": {"generation": 4}, "spec": {}}, "waiting"),
    ],
)
def test_a_deployment_is_served_when_all_replicas_are_new_and_available(thing, expected):
    target = Deployment("models", "churn", None, "MODEL_URI")

    assert target.look(thing, NEW).state == expected


class Server(BaseHTTPRequestHandler):
    """Answers what a test gave it."""

    parts, pause, status = (), 0.0, 200

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Location", "http://elsewhere")
        self.end_headers()
        for part in self.parts:
            self.wfile.write(part)
            time.sleep(self.pause)

    def log_message(self, *_arguments):
        """A test's output is its own."""


SAMPLE = Sample(("age",), ((1.5,), (2.5,)), (-0.5, 0.5))


def ask(*parts, dialect="v2", **settings):
    with serving(type("AskedServer", (Server,), {"parts": parts, **settings})) as url:
        prediction.ask(prediction.endpoint(url, dialect, "churn"), SAMPLE, 1e-6)


def v2(shape, data, datatype="FP64"):
    output = {"name": "output-1", "shape": shape, "datatype": datatype, "data": data}
    return json.dumps({"outputs": [output]}).encode()


class TestAnswers:
    @pytest.mark.parametrize(
        "answer",
        [
            v2([2, 1], [False, True], "BOOL"),
            v2([2], [0, 1], "INT64"),
            v2([2, 2], [1.5, -0.5, 0.5, 0.5]),
            v2([2, 2], [[1.5, -0.5], [0.5, 0.5]]),
        ],
        ids=["classes", "flat classes", "flat scores", "nested scores"],
    )
    def test_what_is_right(self, answer):
        ask(answer)

    def test_classes_on_the_other_side_are_wrong(self):
        with pytest.raises(ModelError, match="scores that differ, by 1"):
            ask(v2([2, 1], [True, True], "BOOL"))

    def test_mlflows_classes(self):
        ask(b'{"predictions": [false, true]}', dialect="mlflow")

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"[]",
            b"{}",
            b'{"outputs": []}',
            b'{"outputs": 7}',
            b'{"outputs": [{"shape": [2, 2], "data": ["a", "b", "c", "d"]}]}',
            b"<html>sign in</html>",
        ],
    )
    def test_what_is_no_prediction(self, answer):
        with pytest.raises(StateError, match="answers something else than"):
            ask(answer)

    def test_a_redirection_is_not_followed(self):
        with pytest.raises(StateError, match="answers HTTP 302"):
            ask(status=302)

    def test_of_a_traceback_the_last_line_is_told(self):
        with pytest.raises(StateError, match="HTTP 500: ValueError: no such column"):
            ask(b"Traceback (most recent call last):\n  File x\nValueError: no such column", status=500)

    def test_one_that_never_ends_is_cut_off(self, monkeypatch):
        monkeypatch.setattr(prediction, "_BYTES", 1 << 20)
        with pytest.raises(StateError, match="answers more than 1 MiB"):
            ask(*[b" " * (1 << 18)] * 8)

    def test_one_that_drips_is_cut_off(self, monkeypatch):
        monkeypatch.setattr(prediction, "_SECONDS", 0.2)
        with pytest.raises(StateError, match=r"has not answered in full within 0.2 s"):
            ask(*[b" " * (1 << 16)] * 20, pause=0.05)


def written(columns=("age",), data=((1.5,),), scores=(0.5,)):
    return json.dumps({"rows": {"columns": columns, "data": data}, "scores": scores})


class TestSamples:
    def test_what_train_model_logs_is_read(self):
        assert Sample.from_json(written()) == Sample(("age",), ((1.5,),), (0.5,))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "JSONDecodeError"),
            ("{}", "KeyError"),
            ("[]", "TypeError"),
            (written(data=((1.5, 2),)), "its rows are not as long as its columns"),
            (written(data=()), "its rows are not as long as its columns"),
            (written(scores=(0.5, 0.5)), "not one finite score for each row"),
            ('{"rows": {"columns": ["a"], "data": [[1]]}, "scores": [NaN]}', "not one finite score"),
        ],
    )
    def test_anything_else_is_none(self, text, message):
        with pytest.raises(StateError, match=f"prediction sample cannot be used: .*{message}"):
            Sample.from_json(text)
