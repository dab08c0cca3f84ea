"""Two promotions at once, again and again, while others look: one wins, and nobody is lost."""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest
from promotion_world import Model, Services

from ct_components.champion import make_champion, pin_champion
from ct_components.errors import StateError

pytestmark = pytest.mark.slow

ROUNDS = 200
VERSIONS = {"1", "2", "3"}

_opened: dict[str, Services] = {}


def _services(tracking_uri: str, ledger_url: str) -> Services:
    if tracking_uri not in _opened:
        _opened[tracking_uri] = Services.at(tracking_uri, ledger_url)
    return _opened[tracking_uri]


def _promote(urls: tuple[str, str], model: str, version: str, expected: str, run_id: str) -> str:
    services = _services(*urls)
    try:
        return make_champion(
            services.registry, services.ledger, model, version, expected=expected, run_id=run_id
        )
    except StateError as error:
        return str(error)


def _look(urls: tuple[str, str], model: str) -> str:
    """As the next run does, in the middle of it all."""
    services = _services(*urls)
    found = pin_champion(services.registry, services.ledger, model)
    return found.number if found else ""


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield executor


def test_of_two_promotions_at_once_one_wins_two_hundred_times(services, pool):
    model = Model(services)
    urls = services.connections.tracking_uri, services.connections.ledger_url
    champion = model.promote("1", "")

    for number in range(ROUNDS):
        rivals = sorted(VERSIONS - {champion})
        asked = [
            pool.submit(_promote, urls, model.name, rival, champion, f"{model.name}-{number}-{rival}")
            for rival in rivals
        ]
        looked = pool.submit(_look, urls, model.name)
        answers = [each.result(timeout=60) for each in asked]

        (winner,) = [each for each in answers if each in VERSIONS]
        (void,) = [each for each in answers if each not in VERSIONS]
        (loser,) = {*rivals} - {winner}
        assert void == (
            f"the verdict on {model.name} version {loser} is void: it was judged against champion "
            f"{champion}, and the champion is now {winner}"
        )
        assert looked.result(timeout=60) in {champion, winner}
        assert model.alias() == model.ledger.champion(model.name).version == winner
        champion = winner

    kinds = Counter(kind for _, kind in model.steps())
    assert kinds == {"promotion": ROUNDS + 1}
    assert all(each.projected_at for each in model.ledger.promotions(model.name))
