"""Which run holds which key, and what becomes of the others."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ct_components.errors import Duplicate, StateError
from ct_components.keys import run_name

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
OF_KEY = run_name("churn", "key")


class TestOneRunAKey:
    def test_a_retry_of_the_same_run_is_accepted_and_changes_nothing(self, ledger, run):
        ledger.claim_run(run("run-1", champion_version="1"))
        first = ledger.run("run-1")

        ledger.claim_run(run("run-1", as_of=NOON, champion_version="2"))

        assert ledger.run("run-1") == first

    def test_another_run_with_the_key_is_a_duplicate_and_says_whose_it_is(self, ledger, run):
        ledger.claim_run(run("run-1"))

        with pytest.raises(Duplicate, match="run run-2: key 'key' of churn is held by run run-1"):
            ledger.claim_run(run("run-2"))
        assert ledger.run("run-2")["state"] == "failed"

    def test_the_key_of_another_model_is_another_key(self, ledger, run):
        ledger.claim_run(run("run-1"))
        ledger.claim_run(run("run-2", model="fraud"))

        assert ledger.run("run-2")["state"] == "running"

    def test_a_run_keeps_the_key_that_it_has(self, ledger, run):
        ledger.claim_run(run("run-1"))

        with pytest.raises(Duplicate, match="run-1 was recorded before, under another key than 'other'"):
            ledger.claim_run(run("run-1", key="other"))

    def test_a_run_with_a_key_of_its_own_cannot_take_anothers(self, ledger, run):
        ledger.claim_run(run("run-1"))
        ledger.claim_run(run("run-2", key="other"))

        with pytest.raises(Duplicate, match="held by run run-1"):
            ledger.claim_run(run("run-2"))

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
    @given(ids=st.lists(st.sampled_from("abcde"), min_size=1, max_size=12))
    def test_the_first_run_holds_a_key_whoever_asks_how_often(self, ledger, run, ids):
        key = f"key-{len(ledger.history()['runs'])}"
        answers = []
        for run_id in ids:
            try:
                ledger.claim_run(run(f"{run_id}-{key}", key=key))
                answers.append("held")
            except Duplicate:
                answers.append("duplicate")

        assert answers == ["held" if each == ids[0] else "duplicate" for each in ids]

    def test_the_first_is_recorded_as_asked(self, ledger, run):
        assert ledger.claim_run(run("run-1"), OF_KEY) == run("run-1")


class TestDuplicates:
    def test_a_duplicate_is_on_record_and_closed_with_its_reason(self, ledger, run):
        ledger.claim_run(run("run-1"), OF_KEY)

        with pytest.raises(Duplicate, match="held by run run-1"):
            ledger.claim_run(run("run-2"), OF_KEY)

        row = ledger.run("run-2")
        assert (row["state"], row["outcome"], row["key"]) == ("failed", "duplicate", "duplicate-run-2")
        assert row["message"] == "run run-2: key 'key' of churn is held by run run-1"
        assert row["finished_at"] == row["created_at"]

    def test_a_retry_of_a_duplicate_is_one_again(self, ledger, run):
        ledger.claim_run(run("run-1"))
        for _ in range(2):
            with pytest.raises(Duplicate, match="run run-2: key 'key' of churn is held by run run-1"):
                ledger.claim_run(run("run-2"))

        assert len(ledger.history("churn")["runs"]) == 2

    def test_its_exit_task_cannot_make_it_anything_else(self, ledger, run):
        ledger.claim_run(run("run-1"))
        with pytest.raises(Duplicate):
            ledger.claim_run(run("run-2"))

        ledger.finish_run("run-2", state="failed", outcome="failed", message="told")

        assert ledger.run("run-2")["outcome"] == "duplicate"

    def test_it_is_no_start_of_the_model(self, ledger, run, standing):
        ledger.claim_run(run("run-1"))
        with pytest.raises(Duplicate):
            ledger.claim_run(run("run-2"))

        assert [each.run_id for each in standing().starts] == ["run-1"]
        assert [each.run_id for each in ledger.open_triggers()] == ["run-1"]

    def test_what_it_would_be_recorded_as_may_be_taken(self, ledger, run):
        ledger.claim_run(run("run-1"))
        ledger.claim_run(run("run-3", key="duplicate-run-2"))

        with pytest.raises(StateError, match="run run-2 of churn cannot be recorded"):
            ledger.claim_run(run("run-2"))


class TestClones:
    """Somebody copies a run in the user interface: it brings the old key under a name of its own."""

    def test_a_clone_gets_a_key_of_its_own_and_says_what_it_copies(self, ledger, run):
        ledger.claim_run(run("run-1"), OF_KEY)

        claimed = ledger.claim_run(run("run-2", reason="drift"), "Clone of ct-1")

        assert (claimed.key, claimed.reason) == ("manual-run-2", "manual")
        assert ledger.run("run-2")["state"] == "running"
        (trigger,) = [each for each in ledger.open_triggers() if each.run_id == "run-2"]
        assert (trigger.origin, trigger.cloned_from, trigger.note) == (
            "clone",
            "run-1",
            "cloned from key key",
        )
        assert trigger.run_key == "manual-run-2"

    def test_a_retry_of_a_clone_is_the_same_clone(self, ledger, run):
        ledger.claim_run(run("run-1"), OF_KEY)
        first = ledger.claim_run(run("run-2"), "Clone of ct-1")

        assert ledger.claim_run(run("run-2"), "Clone of ct-1") == first
        assert len(ledger.history("churn")["runs"]) == 2

    def test_clones_of_clones_are_clones(self, ledger, run):
        ledger.claim_run(run("run-1"), OF_KEY)
        keys = [ledger.claim_run(run(f"run-{i}"), "Clone").key for i in (2, 3)]

        assert keys == ["manual-run-2", "manual-run-3"]

    def test_two_runs_of_a_schedule_are_no_clones_whatever_kfp_calls_them(self, ledger, run):
        key = "schedule-2013-04-01T03:00Z"
        ledger.claim_run(run("run-1", key=key), "nightly 1")

        with pytest.raises(Duplicate, match="held by run run-1"):
            ledger.claim_run(run("run-2", key=key), "nightly 2")
        assert ledger.claim_run(run("run-3", key=key), "Clone of nightly 1").key == "manual-run-3"

    def test_a_free_key_is_taken_whatever_the_run_is_called(self, ledger, run):
        assert ledger.claim_run(run("run-1"), "my own run").key == "key"


class TestTheTriggerOfAClaim:
    def test_a_run_that_did_not_pass_the_door_becomes_a_trigger(self, ledger, run):
        ledger.claim_run(run("run-1", reason="schedule"))

        (trigger,) = ledger.open_triggers("churn")
        assert (trigger.key, trigger.attempt, trigger.origin) == ("key", 1, "pipeline")
        assert (trigger.state, trigger.run_id, trigger.reason) == ("submitted", "run-1", "schedule")
        assert trigger.as_of == run().as_of
        assert trigger.run_name == OF_KEY

    def test_the_run_of_a_waiting_trigger_takes_it(self, ledger, run, opening):
        """Its submitter died after it had made the run, and before it could say so."""
        opening("key")

        ledger.claim_run(run("run-1"), OF_KEY)

        (trigger,) = ledger.open_triggers("churn")
        assert (trigger.state, trigger.run_id, trigger.lease_until) == ("submitted", "run-1", None)
        assert trigger.origin == "cloudevent"
        assert trigger.explanation == "decided to run"
        assert ledger.waiting_triggers(now=datetime(2100, 1, 1, tzinfo=UTC)) == []

    def test_who_claims_wins_over_what_was_recorded_as_submitted(self, ledger, run, opening):
        submitted = ledger.record_submitted(opening("key"), "run-a", NOON)
        ledger.claim_run(run("run-b"), OF_KEY)

        (trigger,) = ledger.open_triggers("churn")
        assert trigger.run_id == "run-b"
        assert trigger.submitted_at == submitted.submitted_at == NOON
        with pytest.raises(Duplicate, match="held by run run-b"):
            ledger.claim_run(run("run-a"), OF_KEY)

    def test_the_run_of_a_further_attempt_claims_that_attempt(self, ledger, run, opening):
        ledger.record_submitted(opening("key"), "run-1")
        ledger.claim_run(run("run-1"), OF_KEY)
        ledger.record_submitted(opening("key", force=True), "run-2")

        ledger.claim_run(run("run-2", key="key@2"), run_name("churn", "key@2"))

        assert [(each.attempt, each.run_id) for each in ledger.open_triggers()] == [
            (1, "run-1"),
            (2, "run-2"),
        ]

    def test_a_suppressed_key_that_runs_past_the_door_has_a_run_and_says_so(self, ledger, run, opening):
        opening("key", "suppress", "cooldown")

        ledger.claim_run(run("run-1"))

        (trigger,) = ledger.open_triggers()
        assert (trigger.state, trigger.decision) == ("submitted", "run")
        assert trigger.explanation == "Run run-1 began under this key, past the door: decided to suppress"

    def test_a_run_that_was_given_up_and_comes_after_all_is_open(self, ledger, run, opening):
        ledger.end_trigger(ledger.record_submitted(opening("key"), "run-1"), "failed", "forgotten")
        assert ledger.open_triggers() == []

        ledger.claim_run(run("run-1"), OF_KEY)

        assert [each.run_id for each in ledger.open_triggers()] == ["run-1"]
