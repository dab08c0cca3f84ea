"""`kfp-ct monitor drift`: what is printed, written, recorded and sent."""

import json
import subprocess
import sys

import pyarrow as pa
import pytest
import yaml
from click.testing import CliRunner
from drift_world import SPRING, SUMMER, make_spec

from ct_components.errors import StateError
from ct_components.events import parse_event
from ct_components.ledger import open_ledger
from ct_pipelines.cli import monitor


@pytest.fixture
def command(world, tmp_path, connections, monkeypatch):
    """Runs the command on a spec whose trigger has these settings; returns click's result."""
    monkeypatch.setenv("KFP_CT_HOME", str(tmp_path / "state"))

    def run(verb, as_of, *options, **drift):
        path = tmp_path / "model.yaml"
        path.write_text(yaml.safe_dump(make_spec(world.root, **drift).model_dump(mode="json")))
        arguments = [verb, str(path), "--as-of", as_of, *options]
        return CliRunner().invoke(monitor.command, arguments)

    run.looks = lambda: open_ledger(connections.ledger_url).looks("flight-delay", "drift")
    run.pages = tmp_path / "state" / "monitoring" / "flight-delay" / "drift"
    return run


def fast(command, as_of, *options, **drift):
    return command("drift", as_of, "--no-evidently", *options, **drift)


def unit_change(day):
    minutes = pa.array([60 * value for value in day["scheduled_minutes"].to_pylist()])
    return day.set_column(day.column_names.index("scheduled_minutes"), "scheduled_minutes", minutes)


def test_a_quiet_look_says_its_sentence_is_written_and_recorded(command, world):
    world.supply(SPRING)

    ended = fast(command, SPRING)

    assert ended.exit_code == 0, ended.output
    assert "flight-delay drift as of 2013-04-01 04:00 UTC: no_drift" in ended.output
    assert "None of 11 features drifted" in ended.output
    folder = command.pages / "20130401T040000Z"
    assert f"page: {folder}/page.html" in ended.output
    assert sorted(path.name for path in folder.iterdir()) == ["page.html", "report.json"]
    [look] = command.looks()
    assert (look.verdict, look.key, look.drifted) == ("no_drift", None, False)
    assert look.report_uri == (folder / "page.html").as_uri()
    assert json.loads((folder / "report.json").read_text()) == look.report


@pytest.mark.service
def test_what_fires_sends_one_event_with_the_days_key(command, world, receiver):
    world.supply(SUMMER)

    ended = fast(command, SUMMER)

    assert ended.exit_code == 0, ended.output
    assert "sent drift-2013-07-15 to http://127.0.0.1" in ended.output
    [(headers, event)] = receiver
    assert headers["Authorization"] == "Bearer s3cret"
    read = parse_event(json.dumps(event).encode(), timezone="America/New_York")
    assert (read.model, read.reason, read.key) == ("flight-delay", "drift", "drift-2013-07-15")
    assert set(event["data"]) == {"model", "reason", "window", "key"}
    assert "s3cret" not in ended.output
    assert command.looks()[0].key == "drift-2013-07-15"


@pytest.mark.service
def test_two_looks_on_one_day_send_the_same_key_and_the_same_id(command, world, receiver):
    world.supply("2013-07-16", days=9)

    fast(command, "2013-07-15T06:00")
    fast(command, "2013-07-15T18:00")

    assert {event["data"]["key"] for _, event in receiver} == {"drift-2013-07-15"}
    assert len({event["id"] for _, event in receiver}) == 1
    assert len(command.looks()) == 2


@pytest.mark.service
def test_a_dry_run_leaves_nothing_behind(command, world, receiver):
    world.supply(SUMMER)

    ended = fast(command, SUMMER, "--dry-run")

    assert "dry run: drift-2013-07-15 was not sent" in ended.output
    assert receiver == []
    assert command.looks() == []
    assert not command.pages.exists()


@pytest.mark.service
def test_broken_data_are_recorded_written_and_exit_with_11_and_nothing_is_sent(command, world, receiver):
    world.supply(SPRING, unit_change)

    ended = fast(command, SPRING)

    assert ended.exception.exit_code == 11
    assert str(ended.exception).startswith("The data are broken, not drifted: scheduled_minutes")
    assert receiver == []
    assert [look.verdict for look in command.looks()] == ["broken"]
    assert "Broken data" in (command.pages / "20130401T040000Z" / "page.html").read_text()


def test_an_unreachable_webhook_ends_with_75_and_the_look_is_on_record(
    command, world, closed_port, monkeypatch
):
    from ct_components import webhook

    monkeypatch.setenv("KFP_CT_WEBHOOK_URL", f"http://127.0.0.1:{closed_port}/drift")
    monkeypatch.setattr(webhook.send, "__defaults__", (webhook.Patience(tries=2, first_wait=0.01),))
    world.supply(SUMMER)

    ended = fast(command, SUMMER)

    assert ended.exception.exit_code == 75
    assert [look.key for look in command.looks()] == ["drift-2013-07-15"]


def test_without_a_webhook_the_door_is_asked_here(command, world, monkeypatch):
    asked = []
    monkeypatch.setattr(
        monitor, "_submit_here", lambda look, spec, _asked: asked.append((look.key, spec.source.uri))
    )
    world.supply(SUMMER)

    assert fast(command, SUMMER).exit_code == 0
    assert asked == [("drift-2013-07-15", f"{world.root}/flights/dt=*/*.parquet")]


def test_json_is_the_whole_look(command, world):
    world.supply(SPRING)

    look = json.loads(fast(command, SPRING, "--json").stdout)

    assert (look["verdict"], look["reason"], look["fires"], look["share"]) == (
        "no_drift",
        "nothing_drifted",
        False,
        0.0,
    )
    assert {feature["name"] for feature in look["features"]} >= {"temp", "carrier"}
    assert look["page"].endswith("page.html")


def test_a_second_look_at_one_instant_replaces_the_page_and_leaves_nothing_else(command, world):
    world.supply(SPRING)
    fast(command, SPRING)
    fast(command, SPRING, psi_threshold=0.5)

    assert [path.name for path in command.pages.iterdir()] == ["20130401T040000Z"]
    assert "above 0.5" in (command.pages / "20130401T040000Z" / "page.html").read_text()


def test_a_folder_that_cannot_be_written_is_named(command, world, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KFP_CT_REPORT_ROOT", str(tmp_path / "file"))
    world.supply(SPRING)

    ended = fast(command, SPRING)

    assert isinstance(ended.exception, StateError)
    assert "cannot write" in str(ended.exception)


def test_a_look_imports_nothing_heavy_of_its_own():
    """MLflow imports pandas itself; nothing of ours does, nor scikit-learn, kubernetes or Evidently."""
    code = (
        "import sys; from ct_pipelines.cli.monitor import command; import ct_components.monitoring.drift; "
        "print(sorted({'pandas', 'sklearn', 'kubernetes', 'kfp', 'mlflow', 'evidently'} & set(sys.modules)))"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"
