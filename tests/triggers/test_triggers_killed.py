"""A process of the door that dies anywhere leaves one run, and a ledger that says so."""

import signal
import time
from ast import FunctionDef, parse, unparse, walk
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from trigger_world import World, said

import ct_components.ledger
from ct_components import keys

pytestmark = pytest.mark.slow

LEASE = 0.6  # a little longer than that of killed.py


@dataclass(frozen=True)
class Scenario:
    """A command, what came before it, and every point that it passes, each before and after its effect."""

    prepare: Callable[[World], None]
    run: Callable
    passes: tuple[str, ...]
    # Where the ledger's record of this command is not what the next one needs.
    exit_code: int = 0


def nothing(_world: World) -> None:
    """The first trigger of a model."""


def kfp_is_away(world: World) -> None:
    world.fake.fail("list_runs", "unavailable", 99)


def kfp_refuses(world: World) -> None:
    world.fake.fail("create_run", "refused", 99)


def a_trigger_waits(world: World) -> None:
    assert world.submit(point="create before").returncode == -signal.SIGKILL
    time.sleep(LEASE)


def a_run_was_asked_for(world: World) -> None:
    assert world.submit().returncode == 0


def a_run_died(world: World) -> None:
    a_run_was_asked_for(world)
    (run,) = world.fake.runs()
    assert world.begin(run).returncode == 0
    world.fake.advance(run["run_id"], "FAILED")


def submit(world: World, point: str = ""):
    return world.submit(point=point)


def begin(world: World, point: str = ""):
    (run,) = world.fake.runs()
    return world.begin(run, point=point)


def reconcile(world: World, point: str = ""):
    return world.run("reconcile", point=point)


STARTING = ("find", "create", "record_submitted")
SCENARIOS = {
    "submit": Scenario(nothing, submit, ("open_trigger", *STARTING)),
    "submit while KFP is away": Scenario(kfp_is_away, submit, ("open_trigger", "find", "release_lease"), 75),
    "submit what KFP refuses": Scenario(
        kfp_refuses, submit, ("open_trigger", "find", "create", "refuse_trigger"), 14
    ),
    "begin_run": Scenario(a_run_was_asked_for, begin, ("claim_run", "set_mlflow_run", "record_stage")),
    "reconcile a trigger that waits": Scenario(a_trigger_waits, reconcile, ("open_trigger", *STARTING)),
    "reconcile a run that died": Scenario(a_run_died, reconcile, ("state", "end_trigger")),
}
# Calls that raise have no point after them; what a process had written before it got there is the point.
POINTS = [
    (name, f"{point} {when}")
    for name, scenario in SCENARIOS.items()
    for point in scenario.passes
    for when in ("before", "after")
    if not (when == "after" and (scenario.exit_code, point) in {(75, "find"), (14, "create")})
]
# Writes of the ledger that none of these commands makes, and which tests let them die.
ELSEWHERE = {
    "add_metrics": "one insert; a monitor measures again",
    "finish_run": "the exit task; repeated in tests of notify",
    "mark_projected": "promotion",
    "promoting": "promotion",
    "record_candidate": "promotion",
    "record_look": "one insert; a monitor looks again",
    "record_promotion": "promotion",
    "record_serving": "one update; deploying again records it again",
    "record_verdict": "evaluation",
    "record_void": "promotion",
    "reject_candidate": "promotion",
    "reopen_run": "a stage that is retried",
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_point_of_a_command_is_known(world, name):
    scenario = SCENARIOS[name]
    scenario.prepare(world)

    ended = scenario.run(world, "record")

    passed = [line.removeprefix("point ") for line in ended.stdout.splitlines() if line.startswith("point ")]
    assert ended.returncode == scenario.exit_code, said(ended)
    assert set(passed) == {point for known, point in POINTS if known == name}


def test_every_write_of_the_ledger_has_its_points():
    folder = Path(ct_components.ledger.__file__).parent
    modules = [parse(path.read_text()) for path in folder.glob("*.py")]
    methods = [node for module in modules for node in walk(module) if isinstance(node, FunctionDef)]
    writers = {method.name for method in methods if "self._database.writing()" in unparse(method)}

    here = {point for scenario in SCENARIOS.values() for point in scenario.passes}
    assert {name.replace("_replace_stage", "record_stage") for name in writers} - here == set(ELSEWHERE)


@pytest.mark.parametrize(("name", "point"), POINTS)
def test_a_process_that_dies_there_leaves_one_run(world, name, point):
    scenario = SCENARIOS[name]
    scenario.prepare(world)

    died = scenario.run(world, point)
    world.fake.heal()
    time.sleep(LEASE)
    again = scenario.run(world)
    mended = reconcile(world)

    assert died.returncode == -signal.SIGKILL, said(died)
    assert (again.returncode, mended.returncode) == (0, 0), said(again) + said(mended)
    (run,) = world.fake.runs()
    (trigger,) = world.history()["triggers"]
    assert (trigger["state"], trigger["run_id"]) == ("submitted", run["run_id"])
    assert run["display_name"] == keys.run_name("churn", trigger["run_key"])
    assert world.trained() in ([], [run["run_id"]])
    assert not world.ledger.waiting_triggers()
