"""The fake refuses what KFP refuses, and is shared by processes."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import fake_kfp_api
import pytest
from fake_kfp_api import Control

from ct_components.errors import StateError, Unreachable
from ct_pipelines.kfp_api.runs import KfpEngine
from ct_pipelines.kfp_api.settings import KfpSettings

NAME = "ct-953d5286751dac96086a6b216629b212149d70e1"


@contextmanager
def own_process(*options):
    """Runs the fake as a process of its own."""
    command = [sys.executable, fake_kfp_api.__file__, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, Control(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


def ask(url, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/apis/v2beta1{path}", data=data, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/runs?colour=red", None, 400, "unknown query parameters: colour"),
        ("GET", "/nothing", None, 404, "Not Found"),
        ("DELETE", "/runs/1", None, 404, "Not Found"),
        ("POST", "/runs", {"display_name": "x", "colour": "red"}, 400, 'unknown field "colour"'),
        ("POST", "/runs", [], 400, "syntax error"),
        ("POST", "/runs", {"displayName": "x"}, 400, "Experiment id"),
        ("POST", "/runs", {"display_name": "x", "experiment_id": "gone"}, 404, "Experiment gone not found"),
        ("POST", "/experiments", {}, 500, "Internal Server Error"),
        ("GET", "/runs?sort_by=colour", None, 400, "Invalid sorting field"),
        ("GET", "/runs/gone", None, 404, "Run gone not found"),
    ],
)
def test_what_kfp_would_refuse_is_refused(fake, method, path, body, status, said):
    answered, content = ask(fake.url, method, path, body)

    assert answered == status
    assert said in content["message"]
    assert content["code"] in {3, 5, 13}


def test_a_filter_of_an_unknown_field_is_refused(fake):
    fake.put("runs", run_id="x", experiment_id="e", display_name="x")
    fake.put("experiments", experiment_id="e", namespace="")
    path = "/runs?filter=" + urllib.request.quote(
        '{"predicates":[{"operation":"EQUALS","key":"colour","stringValue":"x"}]}'
    )

    assert ask(fake.url, "GET", "/runs?filter=%7B")[0] == 400
    assert (
        ask(fake.url, "GET", path)[1]["message"] == "no support for filtering on unrecognized field 'colour'"
    )


@pytest.mark.parametrize("cron", ["0 0 3 * * 7", "0 0 3 L * *", "0 3 * *", ""])
def test_a_cron_that_kfp_would_not_take_is_refused(fake, cron):
    body = {"display_name": "x", "max_concurrency": "1", "trigger": {"cron_schedule": {"cron": cron}}}

    status, content = ask(fake.url, "POST", "/recurringruns", body)

    assert status == 400
    assert "Schedule cron is not a supported format" in content["message"]


def test_processes_share_one_fake_and_another_goes_on_where_it_stopped(tmp_path, package):
    state = tmp_path / "state.json"
    with own_process("--state", str(state)) as (_, first):
        run_id = KfpEngine(KfpSettings(first.url), package).create(NAME, {"spec": "{}"})

    with own_process("--state", str(state)) as (_, second):
        engine = KfpEngine(KfpSettings(second.url), package)
        assert engine.find(NAME) == run_id
        engine.create(f"{NAME}-2", {"spec": "{}"})
        assert len(second.things("pipeline_versions")) == 1


def test_a_fake_that_exits_after_the_effect_has_kept_it(tmp_path, package):
    state = tmp_path / "state.json"
    with own_process("--state", str(state)) as (process, fake):
        engine = KfpEngine(KfpSettings(fake.url), package)
        fake.fail("create_run", "exits_after")
        with pytest.raises(Unreachable):
            engine.create(NAME, {"spec": "{}"})
        process.wait(timeout=10)

    with own_process("--state", str(state)) as (_, fake):
        assert KfpEngine(KfpSettings(fake.url), package).find(NAME) == fake.runs()[0]["run_id"]


def test_faults_are_for_so_many_calls_of_one_operation_until_healed(fake, engine):
    fake.fail("list_runs", "unavailable", count=2)
    for _ in range(2):
        with pytest.raises(Unreachable):
            engine.find(NAME)
    assert engine.find(NAME) is None

    fake.fail("*", "refused", count=100)
    with pytest.raises(StateError):
        engine.find(NAME)
    fake.heal()
    assert engine.find(NAME) is None


def test_kinds_of_faults_are_those_of_the_docstring():
    text = Path(fake_kfp_api.__file__).read_text()
    named = {"dies_after", "exits_after", "twice", "slow", "slow_after", *fake_kfp_api._EARLY}

    assert all(f"\n{kind} " in text or f"  {kind}: " in text for kind in named)
