"""What the ledger keeps, and what a retry changes in it."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from ct_components.errors import Overtaken, StateError
from ct_components.ledger import StageOutcome

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)


def _outcome(stage="fetch_data", *, run_id="run-1", code=0, message="", started=NOON):
    word = "failed" if code else "succeeded"
    return StageOutcome(run_id, stage, word, code, message, started, started + timedelta(seconds=2))


class TestTimes:
    def test_times_come_back_in_utc(self, ledger, run):
        ledger.claim_run(run("run-1", as_of=datetime(2013, 4, 1, tzinfo=timezone(timedelta(hours=-4)))))

        as_of = ledger.run("run-1")["as_of"]
        assert as_of.isoformat() == "2013-04-01T04:00:00+00:00"
        assert ledger.run("run-1")["created_at"].tzinfo is UTC

    def test_naive_times_are_refused(self, ledger, run):
        with pytest.raises(sa.exc.StatementError, match="takes aware times only"):
            ledger.claim_run(run("run-1", as_of=datetime(2013, 4, 1)))
        assert ledger.run("run-1") is None


class TestText:
    def test_what_a_database_cannot_hold_becomes_a_question_mark(self, ledger, run):
        """An error's message must be recorded whatever it quotes: else nobody learns what went wrong."""
        ledger.claim_run(run("run-1"))
        ledger.finish_run("run-1", state="failed", outcome="failed", message="no\0file \udcff, but ü and 😀")

        assert ledger.run("run-1")["message"] == "no?file ?, but ü and 😀"


class TestStages:
    def test_a_retry_replaces_its_own_outcome_only(self, ledger):
        ledger.record_stage(_outcome("fetch_data"))
        ledger.record_stage(_outcome("train_model", code=75, message="away", started=NOON + timedelta(1)))
        again = _outcome("train_model", started=NOON + timedelta(2))
        ledger.record_stage(again)

        assert ledger.stage_outcomes("run-1") == [_outcome("fetch_data"), again]
        assert ledger.stage_outcome("run-1", "train_model") == again

    def test_stages_that_did_not_end_have_no_outcome(self, ledger):
        ledger.record_stage(_outcome("fetch_data", run_id="run-2"))

        assert ledger.stage_outcome("run-1", "fetch_data") is None
        assert ledger.stage_outcomes("run-1") == []


class TestVerdicts:
    def test_a_retry_replaces_its_own(self, ledger, run, verdict):
        ledger.claim_run(run("run-1"))
        ledger.record_verdict(verdict("run-1", "hold"))
        ledger.record_verdict(verdict("run-1", "promote", gain=0.5))

        found = ledger.verdict("run-1")
        assert (found["verdict"], found["gain"], found["report"]) == ("promote", 0.5, {"verdict": "promote"})
        assert ledger.challenges("churn", "1", besides="") == 1

    def test_a_run_without_a_verdict_has_none(self, ledger):
        assert ledger.verdict("run-1") is None

    def test_a_verdict_needs_its_run(self, ledger, verdict):
        with pytest.raises(StateError, match="verdict of run 'unknown' cannot be recorded"):
            ledger.record_verdict(verdict("unknown"))

    def test_only_what_spent_alpha_against_this_champion_counts(self, ledger, run, verdict):
        rows = [
            ("hold", {}),
            ("reject", {}),
            ("promote", {}),
            ("insufficient", {}),
            ("hold", {"champion_version": "2"}),
            ("hold", {"model": "fraud"}),
            ("promote", {"champion_version": None}),
        ]
        for i, (word, changes) in enumerate(rows):
            ledger.claim_run(run(f"run-{i}", key=f"key-{i}", model=changes.get("model", "churn")))
            number = 1 + ledger.challenges(
                changes.get("model", "churn"), changes.get("champion_version", "1"), besides=f"run-{i}"
            )
            ledger.record_verdict(verdict(f"run-{i}", word, challenge=number, **changes))

        assert ledger.challenges("churn", "1", besides="new") == 3
        assert ledger.challenges("churn", "1", besides="run-0") == 3
        assert ledger.challenges("churn", "3", besides="new") == 0
        assert ledger.challenges("churn", None, besides="new") == 1

    def test_two_challenges_that_were_counted_at_once_do_not_spend_the_same_share(self, ledger, run, verdict):
        for name in ("run-1", "run-2"):
            ledger.claim_run(run(name, key=name))
        ledger.record_verdict(verdict("run-1", challenge=1))

        with pytest.raises(Overtaken, match=r"judged as challenge 1 .* which run run-1 has become by now"):
            ledger.record_verdict(verdict("run-2", challenge=1))

        assert ledger.verdict("run-2") is None
        ledger.record_verdict(verdict("run-2", challenge=2))


class TestClosing:
    def test_closing_again_changes_the_message_only(self, ledger, run):
        ledger.claim_run(run("run-1"))
        ledger.finish_run("run-1", state="succeeded", outcome="retained", message="held")
        first = dict(ledger.run("run-1"))

        ledger.finish_run("run-1", state="failed", outcome="failed", message="held, and told")

        assert ledger.run("run-1") == {**first, "message": "held, and told"}

    def test_the_mlflow_run_is_remembered(self, ledger, run):
        ledger.claim_run(run("run-1"))
        ledger.set_mlflow_run("run-1", "abc")

        assert ledger.run("run-1")["mlflow_run_id"] == "abc"

    def test_a_run_that_is_retried_is_open_again(self, ledger, run):
        ledger.claim_run(run("run-1"))
        ledger.finish_run("run-1", state="failed", outcome="failed", message="away")

        ledger.reopen_run("run-1")

        assert ledger.run("run-1")["state"] == "running"
        assert [each.run_id for each in ledger.open_triggers("churn")] == ["run-1"]

    def test_a_run_that_is_not_known_cannot_be_opened_again_and_nobody_minds(self, ledger):
        ledger.reopen_run("run-1")

        assert ledger.run("run-1") is None


class TestHistory:
    def test_models_are_those_of_runs_and_promotions(self, ledger, run):
        ledger.claim_run(run("run-1", model="fraud"))
        ledger.record_promotion("churn", "1", previous=None, run_id=None)

        assert ledger.models() == ["churn", "fraud"]

    def test_looks_come_without_their_reports(self, ledger, look):
        ledger.record_look(look())

        (found,) = ledger.history("churn")["looks"]
        assert found["verdict"] == "fire"
        assert "report" not in found

    def test_runs_come_oldest_first_with_verdict_and_stages(self, ledger, run, verdict):
        for i in (1, 2):
            ledger.claim_run(run(f"run-{i}", key=f"key-{i}"))
        ledger.claim_run(run("other", model="fraud"))
        ledger.record_verdict(verdict("run-2"))
        ledger.record_stage(_outcome("fetch_data", run_id="run-2"))
        ledger.record_promotion("churn", "1", previous=None, run_id="run-1")

        found = ledger.history("churn")

        assert [each["run_id"] for each in found["runs"]] == ["run-1", "run-2"]
        assert [each["verdict"] and each["verdict"]["verdict"] for each in found["runs"]] == [None, "hold"]
        assert [[s["stage"] for s in each["stages"]] for each in found["runs"]] == [[], ["fetch_data"]]
        assert [each["version"] for each in found["promotions"]] == ["1"]
        assert len(ledger.history()["runs"]) == 3
        assert [each["key"] for each in found["triggers"]] == ["key-1", "key-2"]
        assert set(found) == {"triggers", "runs", "candidates", "promotions", "looks"}
        assert not any(ledger.history("unknown").values())

    def test_two_thousand_runs_take_as_many_queries_as_one_and_no_second(self, ledger, run, verdict):
        ledger.claim_run(run("first", key="first"))
        few = _statements(ledger)
        _fill(ledger, run, verdict, 2_000)

        begun = time.process_time()
        found = ledger.history("churn")
        seconds = time.process_time() - begun

        assert len(found["runs"]) == 2_001
        assert len(found["runs"][-1]["stages"]) == 7
        assert _statements(ledger) == few
        assert few <= 8
        assert seconds < 1


def _statements(ledger):
    seen = []
    sa.event.listen(ledger._database._engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
    ledger.history("churn")
    return len(seen)


def _fill(ledger, run, verdict, count):
    """As `claim_run`, `record_stage` and `record_verdict` would, in one transaction."""
    from dataclasses import asdict

    from ct_components.ledger.tables import runs, stage_outcomes, verdicts

    created = datetime(2014, 1, 1, tzinfo=UTC)
    own = {"state": "succeeded", "created_at": created + timedelta(days=9_000)}
    report = {"days": [{"day": "2013-04-01", "rows": 900, "champion": 0.5, "challenger": 0.75}] * 14}
    rows = [asdict(run(f"run-{i}", key=f"key-{i}", spec={"columns": ["x"] * 40})) for i in range(count)]
    ended = [asdict(_outcome(f"stage-{j}", run_id=f"run-{i}")) for i in range(count) for j in range(7)]
    judged = [verdict(f"run-{i}", report=report, judged_at=created) for i in range(count)]
    with ledger._database.writing() as connection:
        connection.execute(runs.insert(), [{**row, **own} for row in rows])
        connection.execute(stage_outcomes.insert(), ended)
        connection.execute(verdicts.insert(), judged)
