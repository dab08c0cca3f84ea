"""A real champion, and both ways to look at it: the compiled pipeline, and the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from drift_world import CATEGORICAL, NUMERIC, SUMMER, ZONE

from ct_components import connections
from ct_components.ledger import open_ledger
from ct_pipelines.compile import MONITORING, compile_pipeline, compiled_path
from ct_pipelines.local.runner import run_pipeline

GOLDEN = Path(__file__).parents[2] / "pipelines" / "compiled" / "monitoring.yaml"
KFP_CT = Path(sys.executable).with_name("kfp-ct")


class Quiet:
    """An observer of local runs that keeps the stages' logs."""

    def __init__(self):
        self.logs = {}

    def started(self, task):
        pass

    def retried(self, task, exit_code):
        pass

    def ended(self, task, _exit_code, _seconds, log):
        self.logs[task] = log.read_text() if log.exists() else ""


class Home:
    """A state folder with a champion of the winter's flights."""

    def __init__(self, folder, flights):
        self.folder = folder
        self.environment = {**connections.embedded(folder, {}), "DATA_ROOT": str(flights)}
        self.spec = folder / "model.yaml"
        content = {
            "model": "flight-delay",
            "task": "binary",
            "source": {
                "type": "parquet",
                "uri": "${DATA_ROOT}/flights/dt=*/*.parquet",
                "timestamp": "scheduled",
                "timezone": ZONE,
            },
            "columns": {
                "target": "late",
                "categorical": CATEGORICAL,
                "numeric": NUMERIC,
                "id": "flight_id",
            },
            "training": {"estimator": "sklearn.linear_model.LogisticRegression"},
            "triggers": {"drift": {}, "performance": {}, "cooldown": "0d"},
        }
        folder.mkdir()
        self.spec.write_text(yaml.safe_dump(content))

    def kfp_ct(self, *arguments):
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("KFP_CT", "MLFLOW"))}
        return subprocess.run(
            [KFP_CT, *map(str, arguments)],
            env={**kept, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def ledger(self):
        return open_ledger(self.environment[connections.LEDGER_URL])


@pytest.fixture(scope="module")
def home(flights, tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("home") / "state", flights)
    ended = home.kfp_ct("run", home.spec, "--as-of", "2013-04-01")
    assert ended.returncode == 0, ended.stderr
    return home


def metrics_of(run, task):
    [output] = run.folder.glob(f"artifacts/*/{task}/executor_output.json")
    artifacts = json.loads(output.read_text())["artifacts"]
    return artifacts["metrics"]["artifacts"][0]["metadata"]


def test_the_golden_file_is_what_is_compiled_and_what_runs(tmp_path):
    compile_pipeline(tmp_path / "monitoring.yaml", name=MONITORING)

    assert (tmp_path / "monitoring.yaml").read_bytes() == GOLDEN.read_bytes(), "run scripts/golden"
    assert compiled_path(MONITORING) == GOLDEN


def test_both_monitors_stand_side_by_side_and_know_where_their_event_goes():
    pipeline, platform = yaml.safe_load_all(GOLDEN.read_text())
    tasks = pipeline["root"]["dag"]["tasks"]
    assert set(tasks) == {"monitor-drift", "monitor-performance"}
    assert not any(task.get("dependentTasks") for task in tasks.values())
    assert set(pipeline["root"]["inputDefinitions"]["parameters"]) == {"spec", "as_of", "evidently"}
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for executor in executors.values():
        text = json.dumps(executor)
        assert "KFP_CT_WEBHOOK_URL" in text
        assert "KFP_CT_WEBHOOK_TOKEN" in text


@pytest.mark.slow
def test_the_compiled_pipeline_shows_pages_and_metrics(home):
    arguments = {"spec": home.spec.read_text(), "as_of": "2013-04-08"}
    observer = Quiet()

    run = run_pipeline(GOLDEN, arguments, home.folder, home.environment, observer, warm_start=False)

    assert run.exit_code == 0, observer.logs
    page = run.artifact("monitor-drift", "page").read_text()
    assert "No drift" in page
    assert "flight-delay" in run.artifact("monitor-performance", "page").read_text()
    evidently = run.artifact("monitor-drift", "evidently_report").read_text()
    assert len(evidently) > 1_000_000 or "was left out" in evidently
    metrics = metrics_of(run, "monitor-drift")
    assert metrics["drifted_share"] == 0.0
    assert metrics["features"] == 11.0
    assert metrics["current_rows"] > 6000
    assert 0.5 < metrics_of(run, "monitor-performance")["roc_auc_value"] < 1
    [look] = [each for each in home.ledger().looks("flight-delay", "drift") if each.report.get("run_id")]
    assert look.report["run_id"] == run.run_id
    assert look.report_uri.endswith("page")


@pytest.mark.slow
def test_what_the_champion_has_beside_it_is_what_a_look_needs(home):
    """The real training run keeps the days of its window, cut where it begins and ends."""
    ended = home.kfp_ct("monitor", "drift", home.spec, "--as-of", "2013-04-01", "--dry-run", "--json")

    look = json.loads(ended.stdout)
    assert look["reference_days"] == 76
    assert look["reference_rows"] > 60_000
    assert {feature["dependence"] for feature in look["features"]} == {"days"}


@pytest.mark.slow
def test_a_dry_run_of_the_performance_monitor_records_nothing(home):
    before = home.ledger().looks("flight-delay", "performance"), home.ledger().metrics("flight-delay")

    ended = home.kfp_ct("monitor", "performance", home.spec, "--as-of", "2013-04-20", "--dry-run", "--json")

    assert json.loads(ended.stdout)["monitor"] == "performance"
    after = home.ledger().looks("flight-delay", "performance"), home.ledger().metrics("flight-delay")
    assert after == before


@pytest.mark.slow
def test_an_alarm_trains_through_the_door_and_the_new_champion_knows_the_season(home):
    """This test comes last: it changes who is champion."""
    first = home.kfp_ct("monitor", "drift", home.spec, "--as-of", SUMMER, "--no-evidently")
    second = home.kfp_ct("monitor", "drift", home.spec, "--as-of", SUMMER, "--no-evidently")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "asks for a run as drift-2013-07-15" in first.stdout
    [run] = [run for run in home.ledger().history("flight-delay")["runs"] if run["key"] == "drift-2013-07-15"]
    assert (run["reason"], run["outcome"], f"{run['as_of']:%Y-%m-%d}") == ("drift", "promoted", SUMMER)
    assert ": no_drift" in second.stdout
    looks = home.ledger().looks("flight-delay", "drift")[-2:]
    assert [(look.champion_version, look.key) for look in looks] == [("1", "drift-2013-07-15"), ("2", None)]
