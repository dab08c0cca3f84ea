"""Waiting for a run: until it has ended, whoever started it, and through what goes away again."""

from datetime import timedelta
from itertools import repeat

import pytest
from fake_engine import Crash
from trigger_samples import asked, claim, finish, request

from ct_components.errors import CTError, Unreachable
from ct_components.ledger.records import StageOutcome
from ct_pipelines.triggers.door import LEASE
from ct_pipelines.triggers.engine import RunState
from ct_pipelines.triggers.waiting import failure_of, wait_for


def after(*steps):
    """Pauses of no length, before each of which something happens, and then nothing."""
    for step in steps:
        step()
        yield 0
    raise AssertionError("it should have ended")


def test_it_ends_with_the_run_and_tells_of_its_stages(door, engine, ledger, clock):
    trigger = door.submit(request(), asked()).trigger
    claim(ledger, engine, trigger.run_id, clock)
    stage = StageOutcome(
        trigger.run_id, "train_model", "succeeded", 0, "", clock.now, clock.now + timedelta(seconds=2)
    )
    told = []

    ended = wait_for(
        door,
        trigger,
        told.append,
        after(lambda: ledger.record_stage(stage), lambda: finish(ledger, engine, trigger.run_id)),
    )

    assert (ended.run_id, told) == (trigger.run_id, ["train_model succeeded in 2.0 s"])
    assert failure_of(door, ended) is None


def test_a_run_that_fails_before_it_claims_its_key_is_an_error(door, engine):
    trigger = door.submit(request(), asked()).trigger
    engine.runs[trigger.run_id].state = RunState.FAILED

    ended = wait_for(door, trigger, print, repeat(0))

    assert isinstance(failure_of(door, ended), CTError)


def test_who_is_answered_while_another_submits_waits_for_that_run(door, engine, ledger, clock):
    engine.next_creation = "crash after"
    with pytest.raises(Crash):
        door.submit(request(), asked())
    trigger = door.submit(request(), asked()).trigger
    (run_id,) = engine.runs

    ended = wait_for(
        door,
        trigger,
        print,
        after(lambda: claim(ledger, engine, run_id, clock), lambda: finish(ledger, engine, run_id)),
    )

    assert (trigger.run_id, ended.run_id) == (None, run_id)


def test_a_submitter_that_does_not_finish_is_something_to_try_again(door, engine, clock):
    engine.next_creation = "crash before"
    with pytest.raises(Crash):
        door.submit(request(), asked())
    trigger = door.submit(request(), asked()).trigger

    with pytest.raises(Unreachable, match="did not finish"):
        wait_for(door, trigger, print, after(lambda: clock.advance(seconds=LEASE.total_seconds())))


def test_the_run_that_holds_the_key_is_waited_for_and_not_its_duplicate(door, engine, ledger, clock):
    trigger = door.submit(request(), asked()).trigger
    holder = engine.create(trigger.run_name, {"key": trigger.run_key})
    claim(ledger, engine, holder, clock)

    ended = wait_for(door, trigger, print, after(lambda: finish(ledger, engine, holder)))

    assert ended.run_id == holder


def test_an_engine_that_is_away_for_a_moment_ends_no_wait(door, engine, ledger, clock, monkeypatch):
    patient = type(door)(ledger, engine, patience=timedelta(seconds=5), clock=clock)
    trigger = patient.submit(request(), asked()).trigger
    answers = iter([Unreachable("away"), RunState.LIVE, RunState.SUCCEEDED])

    def state(_run_id):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(engine, "state", state)

    assert wait_for(patient, trigger, print, repeat(0)).run_outcome is None
    assert not list(answers)
