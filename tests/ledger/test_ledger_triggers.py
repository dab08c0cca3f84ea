"""Triggers: how a decision is recorded, who holds a key, and how a trigger ends."""

from datetime import UTC, datetime, timedelta

import pytest

from ct_components.keys import run_name
from ct_components.ledger import Decision

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LATER = NOON + 10 * MINUTE  # when the lease of five minutes is over


class TestDecisions:
    def test_a_new_key_that_runs_is_leased(self, opening):
        found = opening("key", now=NOON, note="for the audit", pipeline="training@3")

        assert (found.state, found.decision, found.explanation) == ("submitting", "run", "decided to run")
        assert found.lease_until == NOON + 5 * MINUTE
        assert (found.key, found.attempt, found.tries, found.run_id) == ("key", 1, 1, None)
        assert found.created_at == found.decided_at == NOON
        assert found.run_name == run_name("churn", "key")
        assert (found.note, found.pipeline) == ("for the audit", "training@3")
        assert found.run_arguments == {"spec": "churn.yaml"}

    def test_what_was_asked_comes_back(self, ledger, opening):
        window = (NOON - timedelta(days=7), NOON)
        opening("key", as_of=NOON, window=window, reason="performance", origin="alertmanager")

        (found,) = ledger.waiting_triggers(now=LATER)
        assert (found.as_of, found.window) == (NOON, window)
        assert (found.reason, found.origin) == ("performance", "alertmanager")

    def test_a_suppressed_key_says_why(self, opening, ledger):
        found = opening("key", "suppress", "cooldown")

        assert (found.state, found.decision) == ("suppressed", "cooldown")
        assert found.lease_until is None
        assert ledger.waiting_triggers(now=LATER) == ledger.open_triggers() == []

    def test_a_suppressed_key_is_judged_again_in_the_same_row(self, opening, ledger):
        opening("key", "suppress", "cooldown", now=NOON)
        again = opening("key", "suppress", "budget", now=LATER, note="again")

        assert (again.decision, again.tries, again.note) == ("budget", 2, "again")
        assert (again.created_at, again.decided_at) == (NOON, LATER)
        run = opening("key", "run", now=LATER + MINUTE)
        assert (run.state, run.tries, run.attempt, run.decision) == ("submitting", 3, 1, "run")
        assert len(ledger.history("churn")["triggers"]) == 1

    def test_a_refused_key_may_be_tried_again(self, opening, ledger):
        refused = ledger.refuse_trigger(opening("key"), "no such pipeline", NOON)
        assert (refused.state, refused.decision, refused.lease_until) == ("refused", "refused", None)

        again = opening("key")
        assert (again.state, again.tries) == ("submitting", 2)

    def test_an_answer_writes_nothing(self, opening, ledger):
        first = opening("key")
        before = ledger.history()["triggers"]

        assert opening("key", "answer", note="another") == first
        assert ledger.history()["triggers"] == before

    def test_who_takes_a_lease_over_finishes_what_was_begun(self, opening):
        opening("key", now=NOON, run_arguments={"as_of": "2013-04-01"})

        taken = opening("key", now=LATER, run_arguments={"as_of": "2013-05-01"})

        assert (taken.tries, taken.lease_until) == (2, LATER + 5 * MINUTE)
        assert taken.run_arguments == {"as_of": "2013-04-01"}

    def test_force_makes_another_attempt_with_a_key_and_a_name_of_its_own(self, opening, ledger):
        ledger.record_submitted(opening("key"), "run-1")

        forced = opening("key", force=True, note="the label was wrong")

        assert (forced.attempt, forced.run_key, forced.force) == (2, "key@2", True)
        assert forced.run_name == run_name("churn", "key@2")
        ledger.record_submitted(forced, "run-2")
        assert opening("key", force=True).attempt == 3

    def test_a_forced_attempt_that_is_suppressed_is_on_record_and_judged_again_by_force(
        self, opening, ledger
    ):
        ledger.record_submitted(opening("key"), "run-1")

        suppressed = opening("key", "suppress", "breaker", force=True)
        again = opening("key", "run", force=True)

        assert (suppressed.attempt, suppressed.state, suppressed.decision) == (2, "suppressed", "breaker")
        assert (again.attempt, again.state, again.tries) == (2, "submitting", 2)

    @pytest.mark.parametrize("fate", ["suppressed", "refused"])
    def test_a_forced_attempt_that_came_to_nothing_lets_no_copy_of_the_event_run(
        self, opening, ledger, standing, fate
    ):
        """The event is delivered once more: its key has had its run, whatever was forced since."""
        ledger.record_submitted(opening("key"), "run-1")
        if fate == "suppressed":
            opening("key", "suppress", "breaker", force=True)
        else:
            ledger.refuse_trigger(opening("key", force=True), "no such pipeline")

        assert standing("key").previous.attempt == 1
        assert standing("key", force=True).previous.attempt == 2
        with pytest.raises(ValueError, match="cannot run key"):
            opening("key", "run")

    def test_an_attempt_does_not_take_the_key_of_a_run_past_the_door(self, opening, ledger, run):
        ledger.record_submitted(opening("key"), "run-1")
        ledger.claim_run(run("run-2", key="key@2"))

        assert opening("key", force=True).run_key == "key@3"

    def test_keys_of_other_models_are_others(self, opening, ledger):
        opening("key")

        assert opening("key", model="fraud").attempt == 1
        assert [each.model for each in ledger.waiting_triggers(now=LATER)] == ["churn", "fraud"]
        assert [each.model for each in ledger.waiting_triggers("fraud", LATER)] == ["fraud"]

    @pytest.mark.parametrize("action", ["run", "suppress"])
    def test_what_somebody_holds_cannot_be_decided_anew(self, opening, action):
        opening("key", now=NOON)

        with pytest.raises(ValueError, match=f"cannot {action} key 'key' of churn, which is submitting"):
            opening("key", action, now=NOON + MINUTE)

    @pytest.mark.parametrize("action", ["run", "suppress"])
    def test_what_has_its_run_cannot_be_decided_anew(self, opening, ledger, action):
        ledger.record_submitted(opening("key"), "run-1")

        with pytest.raises(ValueError, match=f"cannot {action} key 'key' of churn, which is submitted"):
            opening("key", action)

    def test_an_unknown_key_cannot_be_answered(self, opening, ledger):
        with pytest.raises(ValueError, match="cannot answer key 'key' of churn, which is not known"):
            opening("key", "answer")
        assert ledger.history()["triggers"] == []

    def test_a_decision_that_fails_leaves_nothing(self, ledger, request_):
        def fail(standing):
            raise LookupError

        with pytest.raises(LookupError):
            ledger.open_trigger(request_(), fail, lease=MINUTE)
        assert ledger.history()["triggers"] == []
        assert ledger.models() == []


class TestStanding:
    def test_of_a_new_model_there_is_nothing(self, standing):
        found = standing()

        assert (found.now, found.previous, found.previous_ended, found.starts) == (NOON, None, False, ())

    def test_it_is_what_a_decision_looks_at_and_looking_changes_nothing(self, opening, ledger, request_):
        opening("key")
        before = ledger.history()
        seen = []

        def decide(standing):
            seen.append(standing)
            return Decision("answer", "known", "known")

        expected = ledger.standing(request_("key"), LATER)
        ledger.open_trigger(request_("key"), decide, lease=MINUTE, now=LATER)

        assert seen == [expected]
        assert ledger.history() == before

    def test_starts_are_what_led_to_a_run_newest_first(self, opening, ledger, standing):
        opening("suppressed", "suppress", "cooldown")
        ledger.refuse_trigger(opening("refused"), "no")
        opening("waiting", now=NOON - MINUTE)
        ledger.record_submitted(opening("submitted", now=NOON - 2 * MINUTE), "run-1", NOON)
        opening("foreign", model="fraud")

        starts = standing().starts

        assert [(each.key, each.state, each.run_id) for each in starts] == [
            ("submitted", "submitted", "run-1"),
            ("waiting", "submitting", None),
        ]
        assert [each.started_at for each in starts] == [NOON, NOON - MINUTE]
        assert all(each.outcome is None and each.ended_at is None for each in starts)

    def test_a_run_says_itself_how_it_ended(self, opening, ledger, run, standing):
        ledger.record_submitted(opening("key"), "run-1", NOON)
        ledger.claim_run(run("run-1"))
        ledger.finish_run("run-1", state="succeeded", outcome="promoted", message="")

        (start,) = standing().starts
        assert start.outcome == "promoted"
        assert start.ended_at == ledger.run("run-1")["finished_at"]

    def test_a_trigger_does_not_stand_in_its_own_way(self, opening, standing):
        opening("key")

        found = standing("key")
        assert found.starts == ()
        assert (found.previous.key, found.previous_ended) == ("key", False)
        assert len(standing("other").starts) == 1

    def test_a_key_whose_run_ended_is_a_start_like_others(self, opening, ledger, standing):
        ledger.end_trigger(
            ledger.record_submitted(opening("key"), "run-1", NOON), "failed", "forgotten", LATER
        )

        found = standing("key")
        assert found.previous_ended
        assert [(each.outcome, each.ended_at) for each in found.starts] == [("failed", LATER)]

    def test_the_previous_attempt_is_the_latest(self, opening, ledger, standing):
        for i in (1, 2, 3):
            ledger.record_submitted(opening("key", force=i > 1), f"run-{i}")

        found = standing("key")
        assert found.previous.attempt == 3
        assert sorted(each.attempt for each in found.starts) == [1, 2]

    def test_what_ended_long_ago_is_forgotten_and_what_is_open_is_not(self, opening, ledger, standing):
        begun = NOON - timedelta(days=401)
        ledger.end_trigger(
            ledger.record_submitted(opening("ended", now=begun), "run-1", begun), "failed", "died"
        )
        ledger.record_submitted(opening("open", now=begun), "run-2", begun)
        recent = NOON - timedelta(days=399)
        ledger.end_trigger(
            ledger.record_submitted(opening("recent", now=recent), "run-3", recent), "failed", "died"
        )

        assert [each.key for each in standing().starts] == ["recent", "open"]


class TestSubmitting:
    def test_a_recorded_run_ends_the_lease(self, opening, ledger):
        found = ledger.record_submitted(opening("key"), "run-1", LATER)

        assert (found.state, found.run_id, found.submitted_at) == ("submitted", "run-1", LATER)
        assert found.lease_until is None
        assert ledger.open_triggers("churn") == [found]
        assert ledger.waiting_triggers(now=LATER) == []

    def test_a_trigger_can_be_read_again(self, opening, ledger):
        found = ledger.record_submitted(opening("key"), "run-1")

        assert ledger.trigger("churn", "key", 1) == found

    def test_recording_again_changes_nothing(self, opening, ledger):
        trigger = opening("key")
        first = ledger.record_submitted(trigger, "run-1", NOON)

        assert ledger.record_submitted(trigger, "run-1", LATER) == first
        assert ledger.record_submitted(trigger, "run-2", LATER) == first

    def test_the_run_that_claimed_the_key_stays(self, opening, ledger, run):
        trigger = opening("key")
        ledger.claim_run(run("run-b"))

        assert ledger.record_submitted(trigger, "run-a").run_id == "run-b"

    def test_a_released_lease_is_anybodys(self, opening, ledger):
        released = ledger.release_lease(opening("key", now=NOON), "KFP is away", NOON + MINUTE)

        assert (released.state, released.explanation) == ("submitting", "KFP is away")
        assert ledger.waiting_triggers("churn", NOON + MINUTE) == [released]
        assert opening("key", now=NOON + MINUTE).tries == 2

    @pytest.mark.parametrize("method", ["release_lease", "refuse_trigger"])
    def test_who_lost_the_lease_cannot_give_it_up(self, opening, ledger, method):
        """A submitter that slept for ten minutes must not disturb who took its key over."""
        slept = opening("key", now=NOON)
        taken = opening("key", now=LATER)

        assert getattr(ledger, method)(slept, "away", LATER + MINUTE) == taken
        ledger.record_submitted(taken, "run-1")
        assert getattr(ledger, method)(taken, "away", LATER + MINUTE).state == "submitted"

    def test_who_lost_the_lease_may_still_record_its_run(self, opening, ledger):
        """It exists, after all. If there is another, the claim decides."""
        slept = opening("key", now=NOON)
        opening("key", now=LATER)

        assert ledger.record_submitted(slept, "run-1", LATER).run_id == "run-1"


class TestEnding:
    def test_a_run_that_died_before_it_began_ends_its_trigger(self, opening, ledger):
        trigger = ledger.record_submitted(opening("key"), "run-1")

        ended = ledger.end_trigger(trigger, "failed", "KFP forgot it", LATER)

        assert (ended.state, ended.run_outcome, ended.ended_at) == ("submitted", "failed", LATER)
        assert ended.explanation == "decided to run; KFP forgot it"
        assert ledger.open_triggers() == []
        assert ledger.run("run-1") is None

    @pytest.mark.parametrize(("outcome", "state"), [("failed", "failed"), ("promoted", "succeeded")])
    def test_a_run_that_died_later_is_closed(self, opening, ledger, run, outcome, state):
        trigger = ledger.record_submitted(opening("key"), "run-1")
        ledger.claim_run(run("run-1"))

        ledger.end_trigger(trigger, outcome, "its pod was evicted", LATER)

        row = ledger.run("run-1")
        assert (row["state"], row["outcome"], row["message"]) == (state, outcome, "its pod was evicted")
        assert row["finished_at"] == LATER
        assert ledger.open_triggers() == []

    def test_what_the_run_said_itself_stands(self, opening, ledger, run):
        trigger = ledger.record_submitted(opening("key"), "run-1")
        ledger.claim_run(run("run-1"))
        ledger.finish_run("run-1", state="succeeded", outcome="promoted", message="better")
        before = ledger.run("run-1")

        assert ledger.end_trigger(trigger, "failed", "forgotten").run_outcome is None
        assert ledger.run("run-1") == before

    def test_the_end_of_a_duplicate_is_not_the_end_of_the_run_that_holds_the_key(self, opening, ledger, run):
        """Somebody found run-a ended, because run-b had claimed the key a moment before."""
        seen = ledger.record_submitted(opening("key"), "run-a")
        ledger.claim_run(run("run-b"))

        ledger.end_trigger(seen, "failed", "ended as a duplicate")

        assert [each.run_id for each in ledger.open_triggers()] == ["run-b"]
        assert ledger.run("run-b")["state"] == "running"

    def test_ending_again_changes_nothing(self, opening, ledger):
        trigger = ledger.record_submitted(opening("key"), "run-1")
        first = ledger.end_trigger(trigger, "failed", "forgotten", NOON)

        assert ledger.end_trigger(trigger, "promoted", "or not", LATER) == first

    def test_what_has_no_run_has_no_end(self, opening, ledger):
        trigger = opening("key")

        assert ledger.end_trigger(trigger, "failed", "forgotten") == trigger

    def test_a_run_that_is_retried_is_open_again(self, opening, ledger, run):
        trigger = ledger.record_submitted(opening("key"), "run-1")
        ledger.claim_run(run("run-1"))
        ledger.end_trigger(trigger, "failed", "evicted")

        ledger.reopen_run("run-1")

        assert [each.run_id for each in ledger.open_triggers()] == ["run-1"]


def test_triggers_come_oldest_first(opening, ledger):
    for i in (3, 1, 2):
        opening(f"key-{i}", now=NOON + i * MINUTE)

    keys = ["key-1", "key-2", "key-3"]
    assert [each.key for each in ledger.waiting_triggers(now=NOON + timedelta(hours=1))] == keys
    assert [each["key"] for each in ledger.history()["triggers"]] == keys


def test_two_years_of_triggers_are_judged_in_a_moment(ledger, request_):
    """An hourly monitor that is suppressed all the time, and a run a day."""
    import time

    from ct_components.ledger.tables import triggers

    def row(i):
        runs = i % 24 == 0
        at = NOON - timedelta(hours=i)
        return {
            "model": "churn", "key": f"key-{i}", "attempt": 1, "run_key": f"key-{i}", "reason": "drift",
            "origin": "monitor", "run_arguments": {"spec": "x" * 8_000 if runs else ""}, "pipeline": "",
            "note": "", "force": False, "state": "submitted" if runs else "suppressed", "decision": "run",
            "explanation": "", "run_name": "", "run_id": "r" if runs else None, "run_outcome": "failed",
            "tries": 1, "created_at": at, "decided_at": at,
        }  # fmt: skip

    with ledger._database.writing() as connection:
        connection.execute(triggers.insert(), [row(i) for i in range(24 * 730)])
    seen = []
    begun = time.process_time()
    ledger.open_trigger(
        request_(), lambda standing: seen.append(standing) or Decision("run", "", ""), lease=MINUTE, now=NOON
    )
    seconds = time.process_time() - begun

    assert len(seen[0].starts) == 401
    assert seconds < 0.2
