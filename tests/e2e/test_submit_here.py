"""`kfp-ct submit` without KFP: the same door, and the pipeline on this machine."""

import json
import signal
import sqlite3
import time
from contextlib import closing

import pytest
from shop import FIRST_AS_OF, SECOND_AS_OF, stages_shown

pytestmark = pytest.mark.slow

SPEC_ERROR = 10
SOURCE_ERROR = 12


def submit(shell, spec, *options, as_of=FIRST_AS_OF, **environment):
    return shell("submit", spec, "--reason", "manual", "--as-of", as_of, *options, **environment)


def test_a_reason_has_one_run_and_the_next_one_has_to_cool_down(shell, write_spec):
    spec = write_spec()

    first = submit(shell, spec, "--key", "monday", "--note", "prices changed")
    again = submit(shell, spec, "--key", "monday")
    soon = submit(shell, spec, "--key", "tuesday", "--json", as_of=SECOND_AS_OF)
    forced = submit(shell, spec, "--key", "tuesday", "--force", "--note", "cannot wait", as_of=SECOND_AS_OF)

    assert [each.returncode for each in (first, again, soon, forced)] == [0, 0, 0, 0], forced.stderr
    assert "promote_challenger" in stages_shown(first.stderr)
    assert "nothing new to run" in again.stdout
    assert (json.loads(soon.stdout)["decision"], json.loads(soon.stdout)["why"]) == ("suppress", "cooldown")
    history = shell.history()
    monday, tuesday = history["triggers"]
    assert (monday["decision"], monday["note"], monday["origin"]) == ("run", "prices changed", "flags")
    assert (tuesday["decision"], tuesday["note"], tuesday["tries"]) == ("run", "cannot wait", 2)
    assert [run["run_id"] for run in history["runs"]] == [monday["run_id"], tuesday["run_id"]]
    assert [run["key"] for run in history["runs"]] == ["monday", "tuesday"]


def test_a_run_that_fails_ends_the_command_as_its_stage_did_and_starts_no_cooldown(shell, write_spec):
    spec = write_spec(validation={"min_rows": 10**6})

    failed = submit(shell, spec, "--key", "monday")
    then = submit(shell, write_spec(), "--key", "tuesday")

    assert failed.returncode == 11, failed.stderr
    assert "validate_data failed" in failed.stderr
    assert then.returncode == 0, then.stderr
    assert [run["outcome"] for run in shell.history()["runs"]] == ["failed", "promoted"]


def test_a_run_that_cannot_even_begin_does_not_stay_in_flight(shell, write_spec):
    unresolved = write_spec(source={"uri": "${NOWHERE}/*.parquet"})

    failed = submit(shell, unresolved, "--key", "monday")
    then = submit(shell, write_spec(), "--key", "tuesday")

    assert failed.returncode == SPEC_ERROR, failed.stderr
    assert "NOWHERE" in failed.stderr
    assert then.returncode == 0, then.stderr
    assert [trigger["state"] for trigger in shell.history()["triggers"]] == ["refused", "submitted"]


def test_a_pipeline_that_is_not_there_does_not_stay_in_flight(shell, write_spec):
    """Of a ledger of its own, too, where the runs of others are left alone."""
    ledger = f"sqlite:///{shell.home}/shared.db"

    failed = submit(shell, write_spec(), "--pipeline", "nowhere.yaml", KFP_CT_LEDGER_URL=ledger)
    then = submit(shell, write_spec(), "--dry-run", KFP_CT_LEDGER_URL=ledger)

    assert (failed.returncode, "nowhere.yaml" in failed.stderr) == (SPEC_ERROR, True), failed.stderr
    assert "would have a run" in then.stdout, then.stdout


def test_a_preview_runs_nothing(shell, write_spec):
    seen = submit(shell, write_spec(), "--dry-run")

    assert (seen.returncode, "would have a run" in seen.stdout) == (0, True), seen.stderr
    assert shell("history", "--json").returncode in {0, 14}
    assert not (shell.home / "runs").exists()


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
def test_a_submitter_that_is_ended_leaves_nothing_in_flight(way, shell, write_spec):
    spec = write_spec()
    with shell.start(
        "submit", spec, "--reason", "manual", "--key", "monday", "--as-of", FIRST_AS_OF
    ) as process:
        wait_for_claim(shell)
        process.send_signal(way)
        process.communicate(timeout=60)

    mended = shell("reconcile")
    then = submit(shell, spec, "--key", "tuesday")

    assert (mended.returncode, then.returncode) == (0, 0), mended.stderr + then.stderr
    assert [run["outcome"] for run in shell.history()["runs"]] == ["failed", "promoted"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--reason", "whim"], "'whim' is not one of"),
        (["--reason", "manual", "--key", "../../x"], "key: got '../../x'"),
        (["--reason", "manual", "--key", "a@2"], "key: got 'a@2'"),
        (["--reason", "manual", "--force"], "force: without a note"),
        (["--reason", "manual", "--as-of", "soon"], "as-of: got 'soon'"),
        (["--reason", "schedule"], "nothing says which instant was scheduled"),
        (["--event-file", "nowhere.json"], "event file 'nowhere.json' cannot be read"),
        (["--reason", "manual", "--event-file", "e.json"], "either --reason or --event-file"),
        ([], "either --reason or --event-file"),
    ],
)
def test_a_misuse_is_one_message_and_no_run(options, words, shell, write_spec):
    ended = shell("submit", write_spec(), *options)

    assert ended.returncode in {2, SPEC_ERROR}
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (shell.home / "runs").exists()


def test_in_a_pod_nothing_runs_here(shell, write_spec):
    ended = shell("submit", write_spec(), "--reason", "manual", KUBERNETES_SERVICE_HOST="10.0.0.1")

    assert ended.returncode == 14
    assert "KFP_CT_KFP_HOST is not set" in ended.stderr


def wait_for_claim(shell):
    """Waits until begin_run has the key, which takes some seconds."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        time.sleep(0.1)
        if not (shell.home / "ledger.db").exists():
            continue
        with closing(sqlite3.connect(shell.home / "ledger.db")) as connection:
            try:
                if connection.execute("SELECT count(*) FROM ct_runs").fetchone()[0]:
                    return
            except sqlite3.OperationalError:
                continue
    pytest.fail("begin_run did not claim the key")
