"""The main job on small data: retrain, compare, promote, as `kfp-ct run` in a process of its own."""

import json
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from shop import FIRST_AS_OF, SECOND_AS_OF, make_data, stages_shown

from ct_pipelines.compile import compiled_path

pytestmark = pytest.mark.slow

STAGES = [
    "begin_run",
    "fetch_data",
    "validate_data",
    "compute_features",
    "train_model",
    "evaluate_challenger",
    "notify",
]


def mlflow_rows(home, query):
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        return connection.execute(query).fetchall()


def test_the_first_model_is_promoted_and_the_second_judged_against_it(
    make_shell, write_spec, tmp_path, data_root
):
    shell = make_shell(tmp_path / "größer Ünï ☃" / ("long " * 20).strip())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    ended = shell(
        "run",
        write_spec("other folder/model.yaml"),
        "--as-of",
        FIRST_AS_OF,
        "--as-of",
        SECOND_AS_OF,
        cwd=elsewhere,
    )

    assert ended.returncode == 0, ended.stderr
    first, second = ended.stderr.split("shop as of ")[1:]
    assert list(stages_shown(first)) == [*STAGES[:-1], "promote_challenger", "deploy_model", "notify"]
    assert list(stages_shown(second))[:6] == STAGES[:6]
    history = shell.history()
    one, two = history["runs"]
    assert one["outcome"] == "promoted"
    assert one["verdict"]["champion_version"] is None
    assert (two["verdict"]["champion_version"], two["verdict"]["challenger_version"]) == ("1", "2")
    expected = {"promote": "promoted"}.get(two["verdict"]["verdict"], "retained")
    assert two["outcome"] == expected
    assert len(history["promotions"]) == (2 if expected == "promoted" else 1)
    # Printed, and kept as pages.
    assert "version 1, roc_auc" in ended.stdout
    assert "alpha 0.0304, challenge 1" in ended.stdout
    for run in history["runs"]:
        folder = shell.home / "pages" / run["run_id"]
        assert {path.name for path in folder.iterdir()} == {
            "run.html",
            "validation.html",
            "verdict.html",
            "verdict.json",
        }
    index = (shell.home / "pages" / "index.html").read_text()
    assert all(f"{run['run_id']}/run.html" in index for run in history["runs"])
    # One MLflow run for each pipeline run, both closed.
    assert mlflow_rows(shell.home, "select status from runs") == [("FINISHED",), ("FINISHED",)]
    # Nothing beside the state folder, and nothing temporary in it.
    assert list(elsewhere.iterdir()) == []
    assert list(shell.home.glob("runs/*/tmp")) == []
    # The commands at the end can be pasted into a shell.
    (ledger,) = re.findall(r"^ledger  (.*)$", ended.stdout, re.MULTILINE)
    pasted = subprocess.run(ledger, shell=True, capture_output=True, text=True, check=True)  # noqa: S602
    assert pasted.stdout.count("shop") >= 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", one["created_at"])
    assert one["as_of"] == "2024-02-15T00:00:00+00:00"


def test_json_is_one_object_a_run(shell, write_spec):
    ended = shell("run", write_spec(), "--as-of", FIRST_AS_OF, "--json", "--reason", "drift")

    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    said = json.loads(line)
    assert (said["model"], said["verdict"], said["outcome"]) == ("shop", "promote", "promoted")
    assert said["run_id"] == shell.history()["runs"][0]["run_id"]
    assert shell.history()["runs"][0]["reason"] == "drift"
    assert all(Path(page).exists() for page in said["pages"].values())


def edited_pipeline(tmp_path, edit):
    """The compiled pipeline with a change, as a person would make it in an editor."""
    documents = list(yaml.safe_load_all(compiled_path().read_text(encoding="utf-8")))
    edit(documents[0])
    path = tmp_path / "edited.yaml"
    path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return path


def test_the_compiled_yaml_is_what_runs(shell, write_spec, tmp_path):
    def raise_the_bar(pipeline):
        command = pipeline["deploymentSpec"]["executors"]["exec-evaluate-challenger"]["container"]["command"]
        assert "        settings = outputs.Settings(" in command[-1]
        command[-1] = command[-1].replace(
            "        settings = outputs.Settings(",
            "        import json\n"
            "        gates = json.dumps({**json.loads(gates), 'floors': {'roc_auc': 0.99}})\n"
            "        print('edited by hand')\n"
            "        settings = outputs.Settings(",
        )
        pipeline["root"]["inputDefinitions"]["parameters"]["reason"]["defaultValue"] = "schedule"

    edited = edited_pipeline(tmp_path, raise_the_bar)

    ended = shell("run", write_spec(), "--as-of", FIRST_AS_OF, "--pipeline", edited)

    assert ended.returncode == 0, ended.stderr
    assert "reject (floor)" in ended.stdout
    assert "promote_challenger" not in stages_shown(ended.stderr)
    (log,) = shell.home.glob("runs/*/logs/evaluate-challenger.log")
    assert "edited by hand" in log.read_text()
    assert shell.history()["promotions"] == []


def test_another_pipeline_must_take_the_same_parameters(shell, write_spec, tmp_path):
    def rename(pipeline):
        parameters = pipeline["root"]["inputDefinitions"]["parameters"]
        parameters["instant"] = parameters.pop("as_of")

    ended = shell(
        "run", write_spec(), "--as-of", FIRST_AS_OF, "--pipeline", edited_pipeline(tmp_path, rename)
    )

    assert ended.returncode == 10
    assert "does not take these parameters" in ended.stderr
    assert "as_of" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_after_a_failed_run_the_next_one_works(make_shell, shell, write_spec, tmp_path):
    data = make_data(tmp_path / "spoilt")
    broken = data / "shop" / "dt=2024-02-10" / "rows.parquet"
    good = broken.read_bytes()
    broken.write_bytes(b"not Parquet")
    spoilt, spec = make_shell(shell.home, data), write_spec()

    failed = spoilt("run", spec, "--as-of", FIRST_AS_OF, "--key", "january", "--json")
    broken.write_bytes(good)
    mended = spoilt("run", spec, "--as-of", FIRST_AS_OF)

    assert failed.returncode == 12
    assert stages_shown(failed.stderr) == {"begin_run": "✓", "fetch_data": "✗", "notify": "✓"}
    said = json.loads(failed.stdout)
    assert (said["outcome"], said["failed_stage"]) == ("failed", "fetch_data")
    assert str(broken) in said["message"]
    assert mended.returncode == 0, mended.stderr
    history = shell.history()
    assert [run["outcome"] for run in history["runs"]] == ["failed", "promoted"]
    assert history["runs"][0]["message"].count(str(broken)) == 1
    assert [stage["stage"] for stage in history["runs"][0]["stages"]] == ["begin_run", "fetch_data", "notify"]
    assert mlflow_rows(shell.home, "select status from runs order by start_time") == [
        ("FAILED",),
        ("FINISHED",),
    ]


def test_two_runs_at_once_on_a_fresh_state_folder(make_shell, write_spec, tmp_path):
    shell, spec = make_shell(tmp_path / "state"), write_spec()

    both = [shell.start("run", spec, "--as-of", FIRST_AS_OF) for _ in range(2)]
    said = [process.communicate(timeout=300) for process in both]

    assert "tried again" not in said[0][1] + said[1][1]
    # Either the second waited for the first's champion, or its verdict on no champion is void.
    assert {process.returncode for process in both} <= {0, 14}
    assert 0 in {process.returncode for process in both}
    history = shell.history()
    assert len(history["runs"]) == 2
    assert all(run["finished_at"] for run in history["runs"])
    assert [promotion["sequence"] for promotion in history["promotions"]] == [1]
    assert mlflow_rows(shell.home, "select count(*) from model_versions") == [(2,)]
    for (_, err), process in zip(said, both, strict=True):
        assert process.returncode == 0 or "is void" in err


def hanging(first=""):
    """Edits fetch_data so that it says that it runs, and never ends."""

    def edit(pipeline):
        command = pipeline["deploymentSpec"]["executors"]["exec-fetch-data"]["container"]["command"]
        command[-1] = command[-1].replace(
            '    with stage("fetch_data", context):',
            f"    import subprocess, time, os\n{first}"
            "    open(os.environ['KFP_CT_HOME'] + '/hanging', 'w').close()\n"
            "    time.sleep(600)\n"
            '    with stage("fetch_data", context):',
        )

    return edit


def wait_until_it_hangs(shell):
    deadline = time.monotonic() + 120
    while not (shell.home / "hanging").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("received", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("options", [[], ["--cold"]], ids=["warm", "cold"])
def test_a_run_that_is_broken_off_leaves_no_process(
    shell, write_spec, living, tmp_path, received, code, options
):
    edited = edited_pipeline(tmp_path, hanging("    subprocess.Popen(['sleep', '600'])\n"))
    process = shell.start("run", write_spec(), "--as-of", FIRST_AS_OF, "--pipeline", edited, *options)
    wait_until_it_hangs(shell)

    process.send_signal(received)
    _, said = process.communicate(timeout=30)

    assert process.returncode == code
    assert "Traceback" not in said
    ended = time.monotonic() + 5
    while living(f"KFP_CT_HOME={shell.home}") and time.monotonic() < ended:
        time.sleep(0.05)
    assert living(f"KFP_CT_HOME={shell.home}") == []
    (run,) = shell.history()["runs"]
    assert (run["state"], run["outcome"], run["message"]) == ("failed", "failed", "broken off by a signal")
    assert list(shell.home.glob("runs/*/tmp")) == []


def test_a_stage_that_is_killed_is_said_with_its_signal(shell, write_spec, tmp_path):
    def kill(pipeline):
        command = pipeline["deploymentSpec"]["executors"]["exec-validate-data"]["container"]["command"]
        command[-1] = command[-1].replace(
            '    with stage("validate_data", context)',
            "    import os, signal\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
            '    with stage("validate_data", context)',
        )

    ended = shell("run", write_spec(), "--as-of", FIRST_AS_OF, "--pipeline", edited_pipeline(tmp_path, kill))

    assert ended.returncode == 1
    assert (
        "error: validate_data failed: it was ended by SIGKILL, perhaps for lack of memory\n" in ended.stderr
    )
    (run,) = shell.history()["runs"]
    assert (run["state"], run["outcome"]) == ("failed", "failed")


def test_a_stage_does_not_outlive_a_run_that_was_killed(shell, write_spec, living, tmp_path):
    """It could promote a model of which nobody is told any more."""

    process = shell.start(
        "run", write_spec(), "--as-of", FIRST_AS_OF, "--pipeline", edited_pipeline(tmp_path, hanging())
    )
    wait_until_it_hangs(shell)

    process.kill()
    process.communicate(timeout=30)

    ended = time.monotonic() + 10
    while living(f"KFP_CT_HOME={shell.home}") and time.monotonic() < ended:
        time.sleep(0.05)
    assert living(f"KFP_CT_HOME={shell.home}") == []
