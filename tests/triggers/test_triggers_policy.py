"""When a reason to train leads to a run: each rule alone, and who comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ct_components.ledger.records import Standing, Start, Trigger
from ct_components.spec import Breaker, Budget, Duration
from ct_pipelines.triggers.policy import Asked, decide

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ASKED = Asked(
    Duration(24, "h"),
    Budget(runs=3, per=Duration(30, "d")),
    Breaker(failures=3, pause=Duration(6, "h")),
    "UTC",
)
FORCED = replace(ASKED, force=True)


def start(
    hours_ago: float, outcome: str | None = "retained", *, key: str = "other", state: str = "submitted"
) -> Start:
    began = NOW - timedelta(hours=hours_ago)
    ended = None if outcome is None else began + timedelta(minutes=10)
    return Start(key, 1, state, began, f"run-{key}", outcome, ended)


def trigger(state: str, *, lease_minutes: float | None = None) -> Trigger:
    lease = None if lease_minutes is None else NOW + timedelta(minutes=lease_minutes)
    return Trigger(
        **dict.fromkeys(Trigger.__dataclass_fields__)
        | {"model": "churn", "key": "drift-2026-11-28", "attempt": 1, "state": state, "decision": "run"}
        | {"run_id": "run-1" if state == "submitted" else None, "lease_until": lease, "tries": 1}
    )


def standing(*starts: Start, previous: Trigger | None = None, ended: bool = False) -> Standing:
    return Standing(NOW, previous, ended, starts)


def decided(asked: Asked, *starts: Start, **known) -> tuple[str, str]:
    decision = decide(asked, standing(*starts, **known))
    assert decision.explanation
    return decision.action, decision.reason


def test_the_first_trigger_of_a_model_runs():
    assert decided(ASKED) == ("run", "run")


@pytest.mark.parametrize("state", ["submitting", "submitted"])
@pytest.mark.parametrize("asked", [ASKED, FORCED])
def test_two_runs_of_a_model_are_never_under_way_at_once_whoever_asks(asked, state):
    assert decided(asked, start(0.1, None, state=state)) == ("suppress", "in_flight")


class TestCooldown:
    @pytest.mark.parametrize("outcome", ["promoted", "retained"])
    def test_it_counts_from_the_start_of_the_last_run(self, outcome):
        assert decided(ASKED, start(23.9, outcome)) == ("suppress", "cooldown")
        assert decided(ASKED, start(24, outcome)) == ("run", "run")

    def test_failed_runs_start_none(self):
        assert decided(ASKED, start(1, "failed")) == ("run", "run")

    def test_a_failed_run_does_not_hide_an_earlier_one(self):
        assert decided(ASKED, start(1, "failed"), start(5)) == ("suppress", "cooldown")

    def test_zero_is_none(self):
        assert decided(replace(ASKED, cooldown=Duration(0, "d")), start(0)) == ("run", "run")

    def test_days_are_those_of_the_models_clock(self):
        spring = datetime(2013, 3, 11, 4, 0, tzinfo=UTC)  # midnight in New York; the day before had 23 hours
        asked = replace(ASKED, cooldown=Duration(1, "d"), timezone="America/New_York")
        began = replace(start(0), started_at=spring - timedelta(hours=23))

        assert decide(asked, Standing(spring, None, False, (began,))).action == "run"
        assert (
            decide(replace(asked, timezone="UTC"), Standing(spring, None, False, (began,))).action
            == "suppress"
        )


class TestBudget:
    def test_failed_runs_cost_as_much_as_others(self):
        spent = [start(100, "failed"), start(200), start(300)]

        assert decided(ASKED, *spent) == ("suppress", "budget")
        assert decided(ASKED, *spent[:2]) == ("run", "run")

    def test_what_is_older_than_the_span_costs_nothing(self):
        assert decided(ASKED, start(100), start(200), start(24 * 30)) == ("run", "run")

    def test_a_duplicate_costs_nothing_and_cools_nothing(self):
        assert decided(ASKED, *(start(1, "duplicate") for _ in range(9))) == ("run", "run")


class TestBreaker:
    ROOM = replace(ASKED, budget=Budget(runs=99, per=Duration(30, "d")))

    def failures(self, *hours_ago: float) -> list[Start]:
        return [start(each, "failed") for each in hours_ago]

    def test_failures_in_a_row_stop_further_runs_for_a_while(self):
        assert decided(self.ROOM, *self.failures(1, 30, 60)) == ("suppress", "breaker")

    def test_then_one_is_tried(self):
        assert decided(self.ROOM, *self.failures(7, 30, 60)) == ("run", "run")

    def test_which_stops_them_again_if_it_fails(self):
        assert decided(self.ROOM, *self.failures(1, 7, 30, 60)) == ("suppress", "breaker")

    def test_a_success_in_between_lets_them_through(self):
        two, success, one = self.failures(1, 2), start(90), start(100, "failed")

        assert decided(self.ROOM, *two, success, one) == ("run", "run")

    def test_the_pause_counts_from_the_last_failures_end(self):
        late = replace(start(10, "failed"), ended_at=NOW - timedelta(hours=5))

        assert decided(self.ROOM, late, *self.failures(30, 60)) == ("suppress", "breaker")


class TestKnownKeys:
    def test_a_key_with_a_run_is_answered_with_it(self):
        assert decided(ASKED, previous=trigger("submitted")) == ("answer", "known")
        assert decided(ASKED, start(1), previous=trigger("submitted"), ended=True) == ("answer", "known")

    @pytest.mark.parametrize("state", ["suppressed", "refused"])
    def test_one_that_was_suppressed_or_refused_is_judged_again(self, state):
        assert decided(ASKED, previous=trigger(state)) == ("run", "run")
        assert decided(ASKED, start(1), previous=trigger(state)) == ("suppress", "cooldown")

    def test_one_that_somebody_is_submitting_is_left_to_them(self):
        assert decided(ASKED, previous=trigger("submitting", lease_minutes=1)) == ("answer", "in_progress")

    def test_one_that_was_left_waiting_is_taken_up_whatever_stands_against_it(self):
        waiting = trigger("submitting", lease_minutes=0)

        assert decided(ASKED, start(1), start(2), start(3), previous=waiting) == ("run", "resumed")


class TestForce:
    def test_it_overrules_what_was_decided_for_the_models_good(self):
        assert decided(FORCED, start(1), start(2), start(3), start(4)) == ("run", "run")
        assert decided(FORCED, *(start(each, "failed") for each in (1, 2, 3))) == ("run", "run")

    def test_it_runs_a_key_again_once_its_run_has_ended(self):
        previous = trigger("submitted")

        assert decided(FORCED, previous=previous) == ("answer", "known")
        assert decided(FORCED, start(1), previous=previous, ended=True) == ("run", "run")
