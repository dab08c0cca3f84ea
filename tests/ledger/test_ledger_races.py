"""Several processes at once: of two that want the same, one gets it, and nothing is lost."""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ct_components.errors import Duplicate, Overtaken, StateError
from ct_components.keys import run_name
from ct_components.ledger import Decision, StageOutcome, open_ledger

PROCESSES = 8
COPIES = 100
LEASE = timedelta(minutes=5)


@pytest.fixture(scope="module")
def pool():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as executor:
        yield executor


def _claim(url, run, name=""):
    try:
        return open_ledger(url).claim_run(run, name).run_id
    except Duplicate as error:
        return f"duplicate: {error}"


def _promote(url, version, previous):
    try:
        return open_ledger(url).record_promotion("churn", version, previous=previous, run_id=version).version
    except StateError as error:
        return f"{type(error).__name__}: {error}"


def _once(standing):
    """A key has one run."""
    word = "answer" if standing.previous else "run"
    return Decision(word, word, word)


def _one_in_flight(standing):
    """As the door decides: one run at a time."""
    if standing.previous and standing.previous.state != "suppressed":
        return Decision("answer", "known", "known")
    if any(start.outcome is None for start in standing.starts):
        return Decision("suppress", "in_flight", "a run is in flight")
    return Decision("run", "new", "nothing stands against it")


def _open(url, request, decide):
    return open_ledger(url).open_trigger(request, decide, lease=LEASE).decision.action


def _submit(url, request, decide):
    """What a whole submission writes."""
    ledger = open_ledger(url)
    opened = ledger.open_trigger(request, decide, lease=LEASE)
    if opened.decision.action == "run":
        ledger.record_submitted(opened.trigger, f"run-{request.key}")
    return opened.decision.action


def _judge(url, row):
    """As evaluate_challenger does when it is told that its number was taken."""
    ledger = open_ledger(url)
    while True:
        number = 1 + ledger.challenges("churn", "1", besides=row["run_id"])
        try:
            ledger.record_verdict({**row, "challenge": number})
        except Overtaken:
            continue
        return number


def _stage(url, outcome):
    open_ledger(url).record_stage(outcome)


def _measure(url, record):
    open_ledger(url).add_metrics([record])


def _look(url, look):
    return open_ledger(url).record_look(look)


class TestOpening:
    def test_eight_processes_make_one_new_ledger(self, pool, empty_url, run):
        runs = [run(f"run-{i}", key=f"key-{i}") for i in range(PROCESSES)]

        assert list(pool.map(_claim, [empty_url] * PROCESSES, runs)) == [each.run_id for each in runs]
        assert len(open_ledger(empty_url).history("churn")["runs"]) == PROCESSES

    def test_eight_processes_bring_one_older_ledger_up_to_date(self, pool, empty_url, execute, run):
        """The older one here is a ledger whose first migration alone was done."""
        open_ledger(empty_url).claim_run(run("run-0", key="key-0"))
        for table in ("triggers", "looks", "model_metrics", "models", "candidates"):
            execute(empty_url, f"DROP TABLE ct_{table}")
        for column in ("reason", "note", "windows", "serving_state", "serving_message", "served_at"):
            execute(empty_url, f"ALTER TABLE ct_promotions DROP COLUMN {column}")
        execute(empty_url, "UPDATE ct_alembic_version SET version_num = '0001'")
        runs = [run(f"run-{i}", key=f"key-{i}") for i in range(1, PROCESSES)]

        assert list(pool.map(_claim, [empty_url] * PROCESSES, runs)) == [each.run_id for each in runs]
        found = open_ledger(empty_url).history("churn")
        assert len(found["triggers"]) == len(found["runs"]) == PROCESSES


class TestClaims:
    def test_of_eight_processes_that_claim_a_key_of_a_new_ledger_exactly_one_wins(self, pool, empty_url, run):
        runs = [run(f"run-{i}") for i in range(PROCESSES)]
        answers = list(pool.map(_claim, [empty_url] * PROCESSES, runs))

        winners = [answer for answer in answers if not answer.startswith("duplicate")]
        assert len(winners) == 1
        assert all(f"is held by run {winners[0]}" in each for each in answers if each not in winners)
        outcomes = Counter(row["outcome"] for row in open_ledger(empty_url).history("churn")["runs"])
        assert outcomes == {None: 1, "duplicate": PROCESSES - 1}

    def test_eight_attempts_of_one_run_all_hold_its_key(self, pool, url, run):
        assert set(pool.map(_claim, [url] * PROCESSES, [run("run-1")] * PROCESSES)) == {"run-1"}

    def test_eight_clones_at_once_all_run(self, pool, url, ledger, run):
        ledger.claim_run(run("run-0"), run_name("churn", "key"))
        clones = [run(f"run-{i}") for i in range(1, PROCESSES + 1)]

        answers = pool.map(_claim, [url] * PROCESSES, clones, ["Clone of ct-1"] * PROCESSES)

        assert list(answers) == [each.run_id for each in clones]
        triggers = ledger.history("churn")["triggers"]
        assert Counter(row["origin"] for row in triggers) == {"pipeline": 1, "clone": PROCESSES}

    def test_who_claims_while_another_is_recorded_as_submitted_holds_the_key(
        self, pool, url, ledger, run, opening
    ):
        """The claim may come before or after; either way, ledger and trigger name the same run."""
        triggers = [opening(f"key-{i}", lease=LEASE, now=datetime.now(UTC)) for i in range(20)]
        jobs = []
        for i, trigger in enumerate(triggers):
            jobs.append(pool.submit(_claim, url, run(f"claimed-{i}", key=f"key-{i}")))
            jobs.append(pool.submit(_record, url, trigger, f"submitted-{i}"))
        for job in jobs:
            job.result()

        assert sorted(each.run_id for each in ledger.open_triggers()) == sorted(
            f"claimed-{i}" for i in range(20)
        )


def _record(url, trigger, run_id):
    open_ledger(url).record_submitted(trigger, run_id)


class TestTriggers:
    def test_a_hundred_copies_of_one_event_are_decided_once(self, pool, url, ledger, request_):
        answers = Counter(pool.map(_open, [url] * COPIES, [request_("key")] * COPIES, [_once] * COPIES))

        assert answers == {"run": 1, "answer": COPIES - 1}
        assert len(ledger.history("churn")["triggers"]) == 1

    def test_a_hundred_copies_of_one_event_are_submitted_once(self, pool, url, ledger, request_):
        copies = [request_("key")] * COPIES

        answers = Counter(pool.map(_submit, [url] * COPIES, copies, [_one_in_flight] * COPIES))

        assert answers == {"run": 1, "answer": COPIES - 1}
        assert [each.run_id for each in ledger.open_triggers()] == ["run-key"]

    def test_of_twenty_reasons_at_once_one_runs_and_the_others_are_on_record(
        self, pool, url, ledger, request_
    ):
        requests = [request_(f"key-{i}") for i in range(20)]

        answers = Counter(pool.map(_submit, [url] * 20, requests, [_one_in_flight] * 20))

        assert answers == {"run": 1, "suppress": 19}
        decisions = Counter(row["decision"] for row in ledger.history("churn")["triggers"])
        assert decisions == {"run": 1, "in_flight": 19}

    def test_a_lease_that_is_over_is_taken_over_once(self, pool, url, ledger, opening, request_):
        opening("key", now=datetime.now(UTC) - timedelta(hours=1))

        answers = Counter(pool.map(_open, [url] * 20, [request_("key")] * 20, [_take_over] * 20))

        assert answers == {"run": 1, "answer": 19}
        assert [row["tries"] for row in ledger.history("churn")["triggers"]] == [2]

    def test_models_do_not_stand_in_each_others_way(self, pool, url, ledger, request_):
        requests = [request_("key", model=f"model-{i}") for i in range(20)]

        assert set(pool.map(_submit, [url] * 20, requests, [_one_in_flight] * 20)) == {"run"}
        assert len(ledger.open_triggers()) == 20


def _take_over(standing):
    word = "run" if standing.previous.lease_until <= standing.now else "answer"
    return Decision(word, word, word)


class TestTheRest:
    @pytest.mark.parametrize("is_first", [True, False])
    def test_of_eight_promotions_after_the_same_champion_one_wins_and_the_others_are_void(
        self, pool, ledger, url, is_first
    ):
        before = None if is_first else ledger.record_promotion("churn", "0", previous=None, run_id=None)
        versions = [str(i) for i in range(1, PROCESSES + 1)]

        answers = list(pool.map(_promote, [url] * PROCESSES, versions, [before] * PROCESSES))

        champion = ledger.champion("churn")
        void = [each for each in answers if "StateError: promotion of churn version" in each]
        assert answers.count(champion.version) == 1
        assert len(void) == PROCESSES - 1
        assert all("is void" in each for each in void)
        assert champion.previous_version == (None if is_first else "0")
        assert len(ledger.history()["promotions"]) == (1 if is_first else 2)

    def test_eight_challenges_at_once_spend_a_share_each(self, pool, url, ledger, run, verdict):
        for i in range(PROCESSES):
            ledger.claim_run(run(f"run-{i}", key=f"key-{i}"))
        rows = [verdict(f"run-{i}") for i in range(PROCESSES)]

        assert sorted(pool.map(_judge, [url] * PROCESSES, rows)) == list(range(1, PROCESSES + 1))

    def test_attempts_of_one_stage_that_end_at_once_are_one_outcome(self, pool, url, ledger):
        now = datetime.now(UTC)
        outcomes = [StageOutcome("run-1", "train_model", "failed", i, "", now, now) for i in range(PROCESSES)]

        list(pool.map(_stage, [url] * PROCESSES, outcomes))

        assert len(ledger.stage_outcomes("run-1")) == 1

    def test_no_metric_and_no_look_is_lost(self, pool, url, ledger, metric, look):
        days = [datetime(2013, 4, i, tzinfo=UTC).date() for i in range(1, 31)]
        list(pool.map(_measure, [url] * 30, [metric(day=day) for day in days]))
        numbers = list(pool.map(_look, [url] * 30, [look()] * 30))

        assert [each.day for each in ledger.metrics("churn")] == days
        assert len(set(numbers)) == len(ledger.looks("churn", "drift")) == 30
