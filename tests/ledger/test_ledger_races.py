"""Several processes at once: of two that want the same, one gets it."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from ct_components.errors import Duplicate, StateError
from ct_components.ledger import open_ledger

PROCESSES = 8


@pytest.fixture(scope="module")
def pool():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as executor:
        yield executor


def _claim(url, run):
    try:
        open_ledger(url).claim_run(run)
    except Duplicate as error:
        return f"duplicate: {error}"
    return run.run_id


def _promote(url, version, previous):
    try:
        return open_ledger(url).record_promotion("churn", version, previous=previous, run_id=version).version
    except StateError as error:
        return f"{type(error).__name__}: {error}"


def test_of_eight_processes_that_claim_a_key_of_a_new_ledger_exactly_one_wins(pool, url, run):
    answers = list(pool.map(_claim, [url] * PROCESSES, [run(f"run-{i}") for i in range(PROCESSES)]))

    winners = [answer for answer in answers if not answer.startswith("duplicate")]
    assert len(winners) == 1
    assert all(f"is held by run {winners[0]}" in each for each in answers if each not in winners)


def test_eight_attempts_of_one_run_all_hold_its_key(pool, url, run):
    assert set(pool.map(_claim, [url] * PROCESSES, [run("run-1")] * PROCESSES)) == {"run-1"}


@pytest.mark.parametrize("is_first", [True, False])
def test_of_eight_promotions_after_the_same_champion_one_wins_and_the_others_are_void(
    pool, ledger, url, is_first
):
    before = None if is_first else ledger.record_promotion("churn", "0", previous=None, run_id=None)
    versions = [str(i) for i in range(1, PROCESSES + 1)]

    answers = list(pool.map(_promote, [url] * PROCESSES, versions, [before] * PROCESSES))

    champion = ledger.champion("churn")
    assert answers.count(champion.version) == 1
    assert (
        sum("StateError: promotion of churn version" in each and "is void" in each for each in answers) == 7
    )
    assert champion.previous_version == (None if is_first else "0")
    assert len(ledger.history()["promotions"]) == (1 if is_first else 2)
