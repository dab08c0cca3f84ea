"""The door: one run for each reason, whatever fails between the decision and the record."""

from datetime import timedelta

import pytest
from fake_engine import Crash
from trigger_samples import MODEL, asked, claim, finish, request

from ct_components import keys
from ct_components.errors import Duplicate, StateError, Unreachable
from ct_pipelines.triggers.door import LEASE
from ct_pipelines.triggers.engine import RunState
from ct_pipelines.triggers.reconcile import reconcile


class TestSubmitting:
    def test_a_run_is_made_under_the_name_and_with_the_key_of_its_trigger(self, door, engine):
        opened = door.submit(request(), asked())

        (run,) = engine.runs.values()
        assert (opened.trigger.state, opened.trigger.run_id) == ("submitted", run.run_id)
        assert run.name == keys.run_name(MODEL, "drift-2026-11-28")
        assert run.arguments == {"spec": "{}", "reason": "drift", "key": "drift-2026-11-28"}

    def test_the_same_key_again_is_answered_with_its_run(self, door, engine, ledger, clock):
        first = door.submit(request(), asked())
        claim(ledger, engine, first.trigger.run_id, clock)
        during = door.submit(request(), asked())
        finish(ledger, engine, first.trigger.run_id)
        after = door.submit(request(), asked())

        assert [each.decision.action for each in (first, during, after)] == ["run", "answer", "answer"]
        assert {each.trigger.run_id for each in (first, during, after)} == set(engine.runs)

    def test_twenty_reasons_within_the_cooldown_give_one_run_and_nineteen_suppressions(
        self, door, engine, ledger, clock
    ):
        for day in range(1, 21):
            opened = door.submit(request(f"drift-2026-11-{day:02}"), asked(cooldown="24h"))
            if opened.decision.action == "run":
                claim(ledger, engine, opened.trigger.run_id, clock)
                finish(ledger, engine, opened.trigger.run_id)
            clock.advance(minutes=30)

        decisions = [each["decision"] for each in ledger.history(MODEL)["triggers"]]
        assert len(engine.runs) == 1
        assert decisions == ["run", *["cooldown"] * 19]

    def test_what_was_suppressed_is_judged_again_when_it_comes_again(self, door, engine, ledger, clock):
        first = door.submit(request("drift-2026-11-27"), asked(cooldown="24h"))
        claim(ledger, engine, first.trigger.run_id, clock)
        finish(ledger, engine, first.trigger.run_id)
        early = door.submit(request(), asked(cooldown="24h"))
        clock.advance(hours=24)
        late = door.submit(request(), asked(cooldown="24h"))

        assert (early.decision.reason, late.decision.action) == ("cooldown", "run")
        assert late.trigger.tries == 2

    def test_a_preview_changes_nothing(self, door, engine, ledger):
        assert door.preview(request(), asked()).action == "run"
        assert (engine.runs, ledger.history()["triggers"]) == ({}, [])


class TestForce:
    def test_it_makes_another_attempt_with_a_key_and_a_name_of_its_own(self, door, engine, ledger, clock):
        first = door.submit(request(), asked())
        claim(ledger, engine, first.trigger.run_id, clock)
        finish(ledger, engine, first.trigger.run_id)
        again = door.submit(request(force=True, note="the data were mended"), asked(force=True))
        claim(ledger, engine, again.trigger.run_id, clock)

        assert (again.trigger.attempt, again.trigger.note) == (2, "the data were mended")
        assert [run.arguments["key"] for run in engine.runs.values()] == [
            "drift-2026-11-28",
            "drift-2026-11-28@2",
        ]
        assert len({run.name for run in engine.runs.values()}) == 2


class TestCrashes:
    @pytest.mark.parametrize("fault", ["crash before", "crash after"])
    def test_the_next_attempt_goes_on_when_the_lease_is_over(self, fault, door, engine, clock):
        engine.next_creation = fault
        with pytest.raises(Crash):
            door.submit(request(), asked())
        during = door.submit(request(), asked())
        clock.now += LEASE
        after = door.submit(request(), asked())

        assert (during.decision.reason, after.decision.reason) == ("in_progress", "resumed")
        assert [run.run_id for run in engine.runs.values()] == [after.trigger.run_id]

    @pytest.mark.parametrize("fault", ["crash before", "crash after"])
    def test_reconcile_goes_on_where_nobody_tries_again(self, fault, door, engine, clock, ledger):
        engine.next_creation = fault
        with pytest.raises(Crash):
            door.submit(request(), asked())
        too_early = reconcile(door, None, None)
        clock.now += LEASE
        report = reconcile(door, None, None)

        (run,) = engine.runs.values()
        assert (too_early.mended, report.errors) == ([], [])
        assert [each.what for each in report.mended] == ["resumed"]
        assert ledger.history()["triggers"][0]["run_id"] == run.run_id

    @pytest.mark.parametrize(("place", "state"), [("fake", "submitting"), ("local", "refused")])
    @pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
    def test_what_a_person_breaks_off_waits_for_nobodys_lease(self, end, place, state, door, engine, ledger):
        """A run on this machine has gone with them; one elsewhere may be there, and is looked for."""
        create, engine.pipeline = engine.create, place

        def broken_off(*_):
            raise end

        engine.create = broken_off
        with pytest.raises(end):
            door.submit(request(), asked())
        engine.create = create
        left = ledger.history()["triggers"][0]["state"]

        assert left == state
        assert door.submit(request(), asked()).decision.action == "run"
        assert len(engine.runs) == 1

    def test_an_answer_that_was_lost_is_looked_for_before_anything_is_made_again(self, door, engine):
        patient = type(door)(door.ledger, engine, patience=timedelta(seconds=5), clock=door.clock)
        engine.next_creation = "answer lost"

        opened = patient.submit(request(), asked())

        assert list(engine.runs) == [opened.trigger.run_id]

    def test_a_submitter_that_slept_makes_a_second_run_which_ends_as_a_duplicate(
        self, door, engine, ledger, clock
    ):
        engine.next_creation = "crash before"  # here it sleeps, having found nothing
        with pytest.raises(Crash):
            door.submit(request(), asked())
        clock.now += LEASE
        opened = door.submit(request(), asked())
        claim(ledger, engine, opened.trigger.run_id, clock)
        late = engine.create(opened.trigger.run_name, {"key": opened.trigger.run_key})  # and wakes up

        with pytest.raises(Duplicate):
            claim(ledger, engine, late, clock)

        outcomes = {run["run_id"]: run["outcome"] for run in ledger.history()["runs"]}
        assert outcomes == {opened.trigger.run_id: None, late: "duplicate"}


class TestOutages:
    def test_an_engine_that_is_away_leaves_the_trigger_waiting(self, door, engine, ledger):
        engine.away = True
        with pytest.raises(Unreachable):
            door.submit(request(), asked())
        engine.away = False

        report = reconcile(door, None, None)

        (run,) = engine.runs.values()
        assert [each.what for each in report.mended] == ["resumed"]
        assert [each["run_id"] for each in ledger.history()["triggers"]] == [run.run_id]

    def test_the_next_attempt_need_not_wait_for_the_lease(self, door, engine):
        engine.away = True
        with pytest.raises(Unreachable):
            door.submit(request(), asked())
        engine.away = False

        assert door.submit(request(), asked()).decision.reason == "resumed"

    def test_what_the_engine_refuses_is_on_record_and_is_judged_again(self, door, engine, ledger):
        engine.refuses = True
        with pytest.raises(StateError):
            door.submit(request(), asked())
        refused = ledger.history()["triggers"][0]
        engine.refuses = False
        again = door.submit(request(), asked())

        assert (refused["state"], refused["explanation"]) == ("refused", "the engine refuses this run")
        assert again.decision.action == "run"

    def test_one_models_trouble_does_not_keep_reconcile_from_another(self, door, engine, clock):
        for model in ("churn", "fraud"):
            engine.next_creation = "crash before"
            with pytest.raises(Crash):
                door.submit(type(request())(**{**vars(request()), "model": model}), asked())
        clock.now += LEASE
        create = engine.create
        names = iter([StateError("churn's pipeline is gone")])

        def refusing(name, arguments):
            if error := next(names, None):
                raise error
            return create(name, arguments)

        engine.create = refusing
        report = reconcile(door, None, None)

        assert [(each.model, each.what) for each in report.mended] == [("fraud", "resumed")]
        assert [str(error) for error in report.errors] == ["churn's pipeline is gone"]


class TestRunsThatEndUnseen:
    @pytest.mark.parametrize(
        ("happens", "outcome"), [("forgotten", "failed"), ("failed", "failed"), ("succeeded", "retained")]
    )
    @pytest.mark.parametrize("claimed", [False, True])
    def test_they_are_noticed_when_another_reason_comes(
        self, happens, outcome, claimed, door, engine, ledger, clock
    ):
        first = door.submit(request(), asked())
        if claimed:
            claim(ledger, engine, first.trigger.run_id, clock)
        if happens == "forgotten":
            engine.forget(first.trigger.run_id)
        else:
            engine.runs[first.trigger.run_id].state = RunState(happens)
        second = door.submit(request("performance-2026-11-28"), asked())

        assert second.decision.action == "run"
        if claimed:
            assert ledger.run(first.trigger.run_id)["outcome"] == outcome
        else:
            assert ledger.trigger(MODEL, "drift-2026-11-28", 1).run_outcome == outcome

    def test_one_of_a_laptop_that_shares_the_ledger_is_not_taken_for_one_that_kfp_forgot(
        self, door, engine, ledger, clock
    ):
        engine.pipeline = "local"
        first = door.submit(request(), asked())
        claim(ledger, engine, first.trigger.run_id, clock)
        engine.forget(first.trigger.run_id)
        engine.pipeline = "continuous-training@4183f1576461"
        soon = reconcile(door, None, None)
        clock.advance(hours=25)
        later = reconcile(door, None, None)

        assert (soon.mended, [each.what for each in later.mended]) == ([], ["closed"])

    def test_one_that_is_under_way_stands_against_another(self, door):
        door.submit(request(), asked())

        second = door.submit(request("performance-2026-11-28"), asked())

        assert second.decision.reason == "in_flight"
        assert "drift-2026-11-28" in second.decision.explanation


class TestPastTheDoor:
    def test_a_clone_is_a_manual_trigger_that_says_what_it_copies(self, door, engine, ledger, clock):
        first = door.submit(request(), asked())
        claim(ledger, engine, first.trigger.run_id, clock)
        finish(ledger, engine, first.trigger.run_id)
        clone = engine.create(
            f"Clone of {first.trigger.run_name}", engine.runs[first.trigger.run_id].arguments
        )

        claimed = claim(ledger, engine, clone, clock)

        trigger = ledger.history()["triggers"][-1]
        assert (claimed.key, claimed.reason) == (f"manual-{clone}", "manual")
        assert (trigger["origin"], trigger["cloned_from"]) == ("clone", first.trigger.run_id)

    def test_a_run_from_the_kfp_ui_is_on_record_and_in_flight(self, door, engine, ledger, clock):
        by_hand = engine.create("my run", {"key": "manual-run-1"})
        claim(ledger, engine, by_hand, clock)
        clock.advance(seconds=1)

        assert door.submit(request(), asked()).decision.reason == "in_flight"
        assert ledger.history()["triggers"][0]["origin"] == "pipeline"

    def test_two_recurring_runs_at_one_instant_are_one_and_a_duplicate(self, engine, ledger, clock):
        key = "schedule-2026-11-29T03:00Z"
        runs = [engine.create(f"Run of ct-churn {number}", {"key": key}) for number in (1, 2)]
        claim(ledger, engine, runs[0], clock)

        with pytest.raises(Duplicate):
            claim(ledger, engine, runs[1], clock)
