"""A process that dies anywhere while it changes a champion leaves a model that anybody can go on with."""

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from promotion_world import Model

from ct_components.stage import Context

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Scenario:
    """A command, what came before it, every point that it passes, and how it ends, however often it dies.

    Attributes:
        prepare: What came before: version 1 is champion already.
        command: What is run.
        passes: What it writes, each before and after its effect.
        steps: The changes of champion by its end, after the first.
        decision: On version 2, where that is a candidate: the decision by its end, "" if it waits.
    """

    prepare: Callable[[Model], None]
    command: Callable[[Model], tuple[str, ...]]
    passes: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    decision: str | None = None


def nothing(_model: Model) -> None:
    """Version 1 is champion."""


def version_2_waits(model: Model) -> None:
    context = Context.from_json(model.context("2", "1"))
    from ct_components.champion import make_candidate

    version = model.registry.version(model.name, "2")
    make_candidate(model.registry, model.ledger, version, expected="1", run_id=context.run_id)


def version_2_is_champion(model: Model) -> None:
    model.promote("2", "1")


def a_hand_was_there(model: Model) -> None:
    model.move_alias("3")


def the_alias_was_removed(model: Model) -> None:
    model.remove_alias()


def stage(promotion: str) -> Callable[[Model], tuple[str, ...]]:
    settings = json.dumps({"promotion": promotion})
    return lambda model: ("stage", model.context("2", "1"), "2", settings)


def kfp_ct(verb: str, *options: str) -> Callable[[Model], tuple[str, ...]]:
    return lambda model: ("kfp-ct", verb, model.name, *options)


def pin(model: Model) -> tuple[str, ...]:
    return ("pin", model.name)


FOLLOWING = ("record_promotion", "tag_version", "set_alias champion", "mark_projected", "promoting")
SCENARIOS = {
    "auto": Scenario(
        nothing,
        stage("auto"),
        ("set_alias staging", *FOLLOWING, "record_stage"),
        (("2", "promotion"),),
    ),
    "manual": Scenario(
        nothing,
        stage("manual"),
        ("set_alias staging", "tag_version", "record_candidate", "promoting", "record_stage"),
        (),
        decision="",
    ),
    "promote": Scenario(
        version_2_waits,
        kfp_ct("promote", "2"),
        ("set_alias staging", *FOLLOWING),
        (("2", "manual"),),
        decision="promoted",
    ),
    "reject": Scenario(
        version_2_waits,
        kfp_ct("promote", "--reject"),
        ("reject_candidate", "tag_version"),
        (),
        decision="rejected",
    ),
    "rollback": Scenario(
        version_2_is_champion,
        kfp_ct("rollback", "--to", "1", "--note", "alarms"),
        FOLLOWING,
        (("2", "promotion"), ("1", "rollback")),
    ),
    "void": Scenario(
        lambda model: model.promote("3", "1"),
        stage("auto"),
        ("set_alias staging", "record_void", "record_stage"),
        (("3", "promotion"),),
        decision="void",
    ),
    "adoption": Scenario(
        a_hand_was_there, pin, ("record_promotion", "tag_version", "promoting"), (("3", "external"),)
    ),
    "restoration": Scenario(
        the_alias_was_removed, pin, ("set_alias champion", "mark_projected", "promoting"), ()
    ),
}
POINTS = [
    (name, f"{point} {when}")
    for name, scenario in SCENARIOS.items()
    for point in scenario.passes
    for when in ("before", "after")
]
# A repetition of these finds its work done, and says that there is nothing to do.
ENDS_OTHERWISE = {"reject": 14, "void": 14}


@pytest.fixture
def champion(model: Model) -> Model:
    """A model whose champion is version 1."""
    model.promote("1", "")
    return model


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_point_of_a_command_is_known(champion, killer, name):
    scenario = SCENARIOS[name]
    scenario.prepare(champion)

    ended = killer.run(champion.services, *scenario.command(champion), point="record")

    passed = {line.removeprefix("point ") for line in ended.stdout.splitlines() if line.startswith("point ")}
    assert ended.returncode == (14 if name == "void" else 0), ended.stdout
    assert passed == {point for known, point in POINTS if known == name}


@pytest.mark.parametrize("then", ["repeated", "read"])
@pytest.mark.parametrize(("name", "point"), POINTS)
def test_a_process_that_dies_there_is_resumed_to_the_same_end(champion, killer, name, point, then):
    """By the same command, or first by whoever looks next."""
    scenario = SCENARIOS[name]
    scenario.prepare(champion)
    command = scenario.command(champion)

    died = killer.run(champion.services, *command, point=point)
    if then == "read":
        champion.pin()
        assert champion.alias() == champion.ledger.champion(champion.name).version
    again = killer.run(champion.services, *command)

    assert died.returncode == -signal.SIGKILL, died.stdout
    assert again.returncode in {0, ENDS_OTHERWISE.get(name, 0)}, again.stdout
    assert champion.steps() == [("1", "promotion"), *scenario.steps]
    assert champion.pin() == champion.alias() == champion.steps()[-1][0]
    assert all(each.projected_at for each in champion.ledger.promotions(champion.name))
    decided = champion.ledger.candidate(champion.name, "2")
    assert (decided and (decided.decision or "")) == scenario.decision


@pytest.mark.parametrize("point", [f"{point} {when}" for point in FOLLOWING for when in ("before", "after")])
def test_a_rollback_that_was_broken_off_goes_no_further_back(champion, killer, point):
    """Without --to, a repetition could take the champion before the one that is back already."""
    champion.promote("2", "1")
    champion.promote("3", "2")
    command = ("kfp-ct", "rollback", champion.name, "--note", "alarms")

    killer.run(champion.services, *command, point=point)
    if champion.ledger.champion(champion.name).projected_at:
        # The command was over but for its last words, or had not begun.
        assert champion.pin() == (
            "2" if point in ("mark_projected after", "promoting before", "promoting after") else "3"
        )
        return
    again = killer.run(champion.services, *command)

    assert again.returncode == 0, again.stdout
    assert "version 2 is champion" in again.stdout
    assert champion.steps()[3:] == [("2", "rollback")]


def test_a_stage_that_is_repeated_after_a_rollback_leaves_it(champion, killer):
    """Its verdict speaks of version 1, which is champion again; but what it promoted was found wanting."""
    command = ("stage", champion.context("2", "1"), "2", "{}")
    killer.run(champion.services, *command, point="promoting after")
    back = killer.run(champion.services, "kfp-ct", "rollback", champion.name, "--note", "alarms")

    again = killer.run(champion.services, *command)

    assert (back.returncode, again.returncode) == (0, 0), back.stdout + again.stdout
    assert "answer ''" in again.stdout
    assert champion.pin() == "1"
    assert champion.steps() == [("1", "promotion"), ("2", "promotion"), ("1", "rollback")]


def test_the_tags_say_how_it_became_champion(champion, killer):
    killer.run(champion.services, *stage("auto")(champion), point="set_alias champion before")
    killer.run(champion.services, *stage("auto")(champion))

    tags = champion.tags("2")
    assert tags["promoted_by"] == f"{champion.name}-run-2"
    assert (tags["promoted_after"], tags["promoted_as"]) == ("1", "promotion")
    assert tags["promoted_at"] == champion.ledger.champion(champion.name).created_at.isoformat()
