"""Promotions with their reasons, versions that wait for a person, and the lock of those who promote."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from ct_components.errors import StateError, Unreachable
from ct_components.ledger import Candidate, open_ledger

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)


@pytest.fixture
def waiting(ledger):
    """Version 2 waits, judged against version 1, and version 3, judged later."""
    ledger.record_promotion("churn", "1", previous=None, run_id="run-1")
    for version, hours in (("2", 0), ("3", 1)):
        at = NOON + timedelta(hours=hours)
        ledger.record_candidate(Candidate("churn", version, f"run-{version}", "1", at))
    ledger.record_candidate(Candidate("fraud", "2", "run-9", "1", NOON))
    return ledger


def promote(ledger, version, **about):
    before = ledger.champion("churn")
    return ledger.record_promotion("churn", version, previous=before, **{"run_id": None, **about})


def decisions(ledger):
    return {each["version"]: each["decision"] for each in ledger.history("churn")["candidates"]}


class TestPromotions:
    def test_what_is_recorded_of_one_comes_back(self, ledger):
        windows = {"training": {"start": "2013-01-01"}, "timezone": "UTC"}
        about = {"kind": "manual", "reason": "superior", "note": "agreed\0", "windows": windows}

        promote(ledger, "1", run_id="run-1", **about)

        (found,) = ledger.promotions("churn")
        assert (found.kind, found.reason, found.note) == ("manual", "superior", "agreed?")
        assert (found.windows, found.serving_state, found.served_at) == (windows, None, None)

    def test_what_serves_it_is_recorded_with_it(self, ledger):
        promote(ledger, "1")
        promote(ledger, "2")

        ledger.record_serving("churn", 2, "deploying", "")
        ledger.record_serving("churn", 2, "failed", "not ready in 10 minutes")

        first, second = ledger.promotions("churn")
        assert (first.serving_state, second.serving_state) == (None, "failed")
        assert second.serving_message == "not ready in 10 minutes"
        assert second.served_at >= second.created_at


class TestCandidates:
    def test_the_latest_comes_first(self, waiting):
        assert [each.version for each in waiting.waiting("churn")] == ["3", "2"]
        assert waiting.candidate_of_run("run-2").version == "2"
        assert waiting.candidate_of_run("unknown") is None

    def test_a_repetition_changes_nothing(self, waiting):
        again = Candidate("churn", "2", "run-2", "1", NOON + timedelta(days=1))

        assert waiting.record_candidate(again).created_at == NOON
        assert len(waiting.waiting("churn")) == 2

    def test_one_that_is_promoted_voids_the_others(self, waiting):
        promote(waiting, "2", note="agreed")

        assert decisions(waiting) == {"2": "promoted", "3": "void"}
        assert waiting.candidate("churn", "3").note.startswith("version 2 became champion")
        assert waiting.candidate("churn", "2").note == "agreed"
        assert [each.version for each in waiting.waiting("fraud")] == ["2"]

    def test_a_promotion_that_is_void_decides_nothing(self, waiting):
        with pytest.raises(StateError, match="is void"):
            waiting.record_promotion("churn", "2", previous=None, run_id=None)

        assert decisions(waiting) == {"2": None, "3": None}

    def test_a_verdict_on_the_champion_that_returns_still_stands(self, waiting):
        promote(waiting, "1", kind="rollback")

        assert decisions(waiting) == {"2": None, "3": None}

    def test_a_first_model_may_wait(self, ledger):
        ledger.record_candidate(Candidate("churn", "1", "run-1", None, NOON))
        ledger.record_candidate(Candidate("churn", "2", "run-2", None, NOON))

        promote(ledger, "1")

        assert decisions(ledger) == {"1": "promoted", "2": "void"}

    def test_what_is_decided_stays_so(self, waiting):
        assert waiting.reject_candidate("churn", "2", "wrong weather")
        assert not waiting.reject_candidate("churn", "2", "again")
        waiting.record_void(waiting.candidate("churn", "2"), "too late")
        promote(waiting, "3")

        found = waiting.candidate("churn", "2")
        assert (found.decision, found.note) == ("rejected", "wrong weather")
        assert waiting.record_candidate(found) == found

    def test_somebody_who_insists_overrules_it(self, waiting):
        waiting.reject_candidate("churn", "2", "wrong weather")

        promote(waiting, "2", note="it was right")

        found = waiting.candidate("churn", "2")
        assert (found.decision, found.note) == ("promoted", "it was right")

    def test_a_verdict_that_came_to_nothing_is_on_record(self, ledger):
        judged = Candidate("churn", "2", "run-2", "1", NOON)

        ledger.record_void(judged, "the champion is now 3")
        ledger.record_void(judged, "again")

        found = ledger.candidate("churn", "2")
        assert (found.decision, found.note, found.expected) == ("void", "the champion is now 3", "1")
        assert found.decided_at is not None
        assert ledger.waiting("churn") == []


class TestPromoting:
    def test_one_after_the_other(self, url):
        seen, entered, leave = [], Event(), Event()

        def first():
            with open_ledger(url).promoting("churn"):
                entered.set()
                assert leave.wait(30)
                seen.append("first")

        def second():
            with open_ledger(url).promoting("churn"):
                seen.append("second")

        with ThreadPoolExecutor(2) as pool:
            one = pool.submit(first)
            assert entered.wait(30)
            two = pool.submit(second)
            # The ledger itself is free meanwhile.
            promote(open_ledger(url), "1")
            leave.set()
            one.result(60)
            two.result(60)
        assert seen == ["first", "second"]

    def test_who_waits_too_long_is_told_to_come_again(self, url, monkeypatch):
        monkeypatch.setattr("ct_components.ledger.database._LOCK_SECONDS", 0.2)
        held, other = open_ledger(url), open_ledger(url)

        with (
            held.promoting("churn"),
            pytest.raises(Unreachable, match="does not answer"),
            other.promoting("churn"),
        ):
            pytest.fail("two have it")

    def test_what_goes_wrong_inside_is_not_hidden(self, ledger):
        with pytest.raises(StateError, match="as it is"), ledger.promoting("churn"):
            raise StateError("as it is")
        with ledger.promoting("churn"):
            pass
