"""Many processes at the door at once, and services that are away: one run for each reason all the same."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from trigger_world import KILLED, said

from ct_components.events import trigger_event

pytestmark = [pytest.mark.slow, pytest.mark.service]

LEASE = 0.6
SECRET = "s3cret-t0ken"  # noqa: S105 — nobody's
EIGHT = 8
# Submits again and again in one process: a hundred starts of Python would be what is measured.
AGAIN_AND_AGAIN = """\
import sys
from ct_pipelines.cli.submit import command
for arguments in [line.split("\\t") for line in sys.stdin.read().splitlines()]:
    command.main(arguments, standalone_mode=False)
"""


def event_file(world, day: int = 28) -> Path:
    window = datetime(2026, 11, day - 1, tzinfo=UTC), datetime(2026, 11, day, tzinfo=UTC)
    event = trigger_event("churn", "drift", window, f"drift-2026-11-{day:02}", window[1])
    path = world.folder / f"event {day}.json"
    path.write_text(json.dumps(event))
    return path


def submit_from(world, batches: list[list[tuple]]) -> list[str]:
    """Lets one process for each batch submit all of its own, all processes at once; returns their output."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", AGAIN_AND_AGAIN],
            env=world.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in batches
    ]
    lines = ["\n".join("\t".join(map(str, arguments)) for arguments in batch) for batch in batches]
    for process, text in zip(processes, lines, strict=True):
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
    ended = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(batches), ended
    return [out for out, _ in ended]


def test_a_hundred_copies_of_one_event_from_eight_processes_give_one_run(world):
    event = event_file(world)
    copies = [(world.spec, "--event-file", event)] * 100

    submit_from(world, [copies[number::EIGHT] for number in range(EIGHT)])

    (run,) = world.fake.runs()
    (trigger,) = world.history()["triggers"]
    assert (trigger["run_id"], trigger["origin"]) == (run["run_id"], "cloudevent")


def test_twenty_reasons_from_eight_processes_within_the_cooldown_give_one_run_and_nineteen_suppressions(
    world,
):
    events = [(world.spec, "--event-file", event_file(world, day)) for day in range(2, 22)]

    submit_from(world, [events[number::EIGHT] for number in range(EIGHT)])

    decisions = Counter(trigger["decision"] for trigger in world.history()["triggers"])
    assert len(world.fake.runs()) == 1
    assert decisions == {"run": 1, "in_flight": 19}


def test_a_submitter_that_sleeps_between_look_up_and_creation_gives_one_run_that_trains(world):
    with world.start("submit", world.spec, "--reason", "drift", point="stop:find after") as sleeper:
        assert sleeper.stdout.readline() == "stopped\n"
        time.sleep(LEASE)
        taken_over = world.submit()
        (first,) = world.fake.runs()
        begun = world.begin(first)
        os.kill(sleeper.pid, signal.SIGCONT)
        sleeper.communicate(timeout=60)
    (second,) = [run for run in world.fake.runs() if run["run_id"] != first["run_id"]]
    late = world.begin(second)

    assert (taken_over.returncode, begun.returncode, late.returncode) == (0, 0, 15), said(late)
    outcomes = {run["run_id"]: run["outcome"] for run in world.history()["runs"]}
    assert outcomes == {first["run_id"]: None, second["run_id"]: "duplicate"}
    assert [trigger["run_id"] for trigger in world.history()["triggers"]] == [first["run_id"]]


def test_kfp_that_answers_one_request_twice_gives_one_run_that_trains(world):
    world.fake.fail("create_run", "twice")
    world.submit()

    codes = [world.begin(run).returncode for run in world.fake.runs()]

    assert sorted(codes) == [0, 15]
    assert len(world.trained()) == 1


def test_kfp_that_dies_after_creating_gives_one_run(world):
    world.fake.fail("create_run", "dies_after")

    ended = world.submit()

    assert ended.returncode in {0, 75}, said(ended)
    assert world.submit().returncode == 0
    assert len(world.fake.runs()) == 1


def test_a_clone_made_in_the_ui_trains_and_says_what_it_copies(world):
    world.submit()
    (first,) = world.fake.runs()
    world.begin(first)
    world.ledger.finish_run(first["run_id"], state="succeeded", outcome="retained", message="")
    world.fake.clone(first["run_id"])
    (clone,) = [run for run in world.fake.runs() if run["run_id"] != first["run_id"]]

    begun = world.begin(clone)

    trigger = world.history()["triggers"][-1]
    assert begun.returncode == 0, said(begun)
    assert (trigger["origin"], trigger["reason"]) == ("clone", "manual")
    assert (trigger["cloned_from"], trigger["run_id"]) == (first["run_id"], clone["run_id"])


def test_kfp_away_for_the_whole_retry_time_is_for_the_job_to_try_again_and_reconcile_starts_the_run(world):
    world.fake.fail("*", "unavailable", 99)
    ended = world.submit()
    world.fake.heal()

    mended = world.run("reconcile", "--json")

    assert (ended.returncode, mended.returncode) == (75, 0), said(ended) + said(mended)
    assert "does not answer" in ended.stderr or "failed with HTTP 503" in ended.stderr
    assert [each["what"] for each in json.loads(mended.stdout)["mended"]] == ["resumed"]
    assert len(world.fake.runs()) == 1


def test_a_ledger_that_is_away_is_for_the_job_to_try_again(world, closed_port):
    away = f"postgresql+psycopg://ct:{SECRET}@127.0.0.1:{closed_port}/ledger"

    ended = world.submit(KFP_CT_LEDGER_URL=away)
    again = world.submit()

    assert ended.returncode == 75, said(ended)
    assert "the ledger at postgresql+psycopg://ct:***@127.0.0.1" in ended.stderr
    assert again.returncode == 0
    assert len(world.fake.runs()) == 1


def test_no_secret_reaches_a_parameter_a_log_an_error_or_the_ledger(world):
    token = world.folder / "token"
    token.write_text(SECRET)
    world.environment["KFP_CT_KFP_TOKEN_FILE"] = str(token)
    world.environment["KFP_CT_WEBHOOK_TOKEN"] = SECRET
    world.environment["MLFLOW_TRACKING_PASSWORD"] = SECRET
    world.fake.want_token(SECRET)
    world.fake.fail("create_run", "echo")
    refused = world.submit()
    accepted = world.submit()
    begun = world.begin(world.fake.runs()[0])

    assert (refused.returncode, accepted.returncode, begun.returncode) == (14, 0, 0), said(refused)
    assert set(world.fake.authorizations()) == {f"Bearer {SECRET}"}
    everything = [
        refused.stdout,
        refused.stderr,
        accepted.stdout,
        accepted.stderr,
        begun.stdout,
        begun.stderr,
    ]
    everything += [json.dumps([world.history(), world.fake.runs()], default=str)]
    assert not [text for text in everything if SECRET in text]


def test_a_submitter_imports_nothing_that_is_heavy(world):
    heavy = ["mlflow", "sklearn", "pandas", "evidently", "kfp", "kubernetes", "alembic", "pyarrow", "scipy"]
    show = f"import atexit, sys; atexit.register(lambda: print([m for m in {heavy} if m in sys.modules]))"
    text = Path(KILLED).read_text().replace('"""Runs', f'{show}\n"""Runs', 1)
    (world.folder / "shown.py").write_text(text)

    ended = subprocess.run(
        [sys.executable, "shown.py", "nowhere", "submit", world.spec, "--reason", "drift"],
        env=world.environment,
        cwd=world.folder,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.splitlines()[-1] == "[]"
    assert len(world.fake.runs()) == 1
