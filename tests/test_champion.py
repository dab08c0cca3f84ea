"""Who is champion, whatever crashes, races and hands have done between ledger and alias."""

import contextlib
import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from ct_components.champion import make_champion, pin_champion
from ct_components.errors import StateError
from ct_components.ledger import Ledger, open_ledger
from ct_components.registry import CHAMPION, Registry

MODEL = "churn"


@pytest.fixture
def ledger(connections):
    return open_ledger(connections.ledger_url)


@pytest.fixture
def client(registry):
    """MLflow as a person uses it, with three versions of a model."""
    registry._client.create_registered_model(MODEL)
    for _ in range(3):
        registry._client.create_model_version(MODEL, "file:///nowhere")
    return registry._client


@pytest.fixture
def promote(registry, ledger, client):
    def promote(version, expected, ledger=ledger):
        make_champion(registry, ledger, MODEL, version, expected=expected, run_id=f"run-{version}")

    return promote


def _alias(registry):
    found = registry.alias(MODEL, CHAMPION)
    return found.number if found else None


def _promotions(ledger):
    rows = ledger.history(MODEL)["promotions"]
    return [(row["version"], row["previous_version"], row["kind"], row["run_id"]) for row in rows]


def _pin(registry, ledger):
    found = pin_champion(registry, ledger, MODEL)
    return found.number if found else None


class TestPromotions:
    def test_a_model_that_nobody_registered_has_no_champion(self, registry, ledger):
        assert pin_champion(registry, ledger, "unknown") is None
        assert pin_champion(registry, None, "unknown") is None

    def test_ledger_and_alias_follow_one_another(self, registry, ledger, promote):
        promote("1", "")
        promote("2", "1")

        assert _alias(registry) == _pin(registry, ledger) == "2"
        assert _promotions(ledger) == [
            ("1", None, "promotion", "run-1"),
            ("2", "1", "promotion", "run-2"),
        ]
        assert ledger.champion(MODEL).projected_at is not None

    def test_an_earlier_champion_can_return(self, registry, ledger, promote):
        promote("1", "")
        promote("2", "1")
        promote("1", "2")

        assert _pin(registry, ledger) == "1"
        assert len(_promotions(ledger)) == 3

    def test_repeating_it_changes_nothing(self, registry, ledger, promote):
        promote("1", "")
        before = ledger.history(MODEL)

        promote("1", "")
        promote("1", "anything")

        assert ledger.history(MODEL) == before
        assert _alias(registry) == "1"

    @pytest.mark.parametrize(("first", "expected"), [(None, "1"), ("1", ""), ("1", "3")])
    @pytest.mark.parametrize("with_ledger", [True, False])
    def test_a_verdict_on_another_champion_is_void(
        self, registry, ledger, promote, first, expected, with_ledger
    ):
        own = ledger if with_ledger else None
        if first:
            promote(first, "", own)

        with pytest.raises(
            StateError, match=f"is void.*champion {expected or 'none'}.*now {first or 'none'}"
        ):
            promote("2", expected, own)

        assert _alias(registry) == first
        assert len(_promotions(ledger)) == (1 if first and with_ledger else 0)

    def test_a_version_that_does_not_exist_leaves_the_champion(self, registry, ledger, promote):
        promote("1", "")

        with pytest.raises(StateError, match="has no version '9'"):
            promote("9", "1")

        assert _pin(registry, ledger) == "1"
        assert len(_promotions(ledger)) == 1

    def test_without_a_ledger_the_alias_decides(self, registry, promote):
        promote("1", "", None)
        promote("2", "1", None)
        promote("2", "1", None)

        assert _pin(registry, None) == "2"

    def test_a_ledger_that_comes_later_adopts_the_champion_it_finds(self, ledger, promote):
        promote("1", "", None)

        promote("2", "1")

        assert _promotions(ledger) == [("1", None, "external", None), ("2", "1", "promotion", "run-2")]


class _Crash(Exception):
    """The process dies here."""


def _die(*_args, **_more):
    raise _Crash


CRASHES = {
    "before the alias": (Registry, "set_alias"),
    "before the alias is marked": (Ledger, "mark_projected"),
}


class TestCrashes:
    @pytest.fixture(params=CRASHES)
    def crashed(self, request, promote):
        """A promotion of version 2 after version 1 that died on its way."""

        promote("1", "")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(*CRASHES[request.param], _die)
            with pytest.raises(_Crash):
                promote("2", "1")
        return request.param

    def test_the_promotion_is_recorded_and_not_yet_followed(self, crashed, registry, ledger):
        assert ledger.champion(MODEL).version == "2"
        assert ledger.champion(MODEL).projected_at is None
        assert _alias(registry) == ("1" if crashed == "before the alias" else "2")

    @pytest.mark.usefixtures("crashed")
    def test_the_next_reader_mends_it(self, registry, ledger):
        assert _pin(registry, ledger) == "2"

        assert _alias(registry) == "2"
        assert ledger.champion(MODEL).projected_at is not None
        assert [kind for _, _, kind, _ in _promotions(ledger)] == ["promotion"] * 2

    @pytest.mark.usefixtures("crashed")
    def test_the_next_attempt_mends_it(self, registry, ledger, promote):
        promote("2", "1")

        assert _alias(registry) == "2"
        assert ledger.champion(MODEL).projected_at is not None
        assert len(_promotions(ledger)) == 2

    @pytest.mark.usefixtures("crashed")
    def test_another_promotion_finds_it_mended(self, registry, ledger, promote):
        with pytest.raises(StateError, match="is void"):
            promote("3", "1")
        promote("3", "2")

        assert _pin(registry, ledger) == "3"
        assert [version for version, *_ in _promotions(ledger)] == ["1", "2", "3"]

    def test_a_version_that_was_deleted_meanwhile_does_not_block(self, crashed, registry, ledger, client):
        client.delete_model_version(MODEL, "2")

        left = "1" if crashed == "before the alias" else None
        assert _pin(registry, ledger) == left
        assert _pin(registry, ledger) == left

    def test_a_crash_before_the_ledger_changes_nothing(self, registry, ledger, promote, monkeypatch):
        promote("1", "")
        monkeypatch.setattr(Ledger, "record_promotion", _die)
        with pytest.raises(_Crash):
            promote("2", "1")

        assert _pin(registry, ledger) == "1"


class TestHands:
    def test_an_alias_that_was_moved_is_adopted_once_with_a_word(
        self, registry, ledger, promote, client, caplog
    ):
        promote("1", "")
        client.set_registered_model_alias(MODEL, CHAMPION, "3")

        with caplog.at_level(logging.WARNING, "kfp-ct"):
            assert _pin(registry, ledger) == "3"
        assert _pin(registry, ledger) == "3"

        assert "alias of churn was moved to version 3 by hand; adopted" in caplog.text
        assert _promotions(ledger)[1:] == [("3", "1", "external", None)]
        assert ledger.champion(MODEL).projected_at is not None

    def test_a_verdict_on_the_champion_before_the_hand_is_void(self, promote, client):
        promote("1", "")
        client.set_registered_model_alias(MODEL, CHAMPION, "3")

        with pytest.raises(StateError, match="champion is now 3"):
            promote("2", "1")

    def test_an_alias_that_was_removed_is_restored_with_a_word(
        self, registry, ledger, promote, client, caplog
    ):
        promote("1", "")
        client.delete_registered_model_alias(MODEL, CHAMPION)

        with caplog.at_level(logging.WARNING, "kfp-ct"):
            assert _pin(registry, ledger) == "1"

        assert "does not name version 1, as the ledger says; set again" in caplog.text
        assert _alias(registry) == "1"
        assert len(_promotions(ledger)) == 1

    def test_without_a_ledger_a_removed_alias_is_no_champion(self, registry, promote, client):
        promote("1", "", None)
        client.delete_registered_model_alias(MODEL, CHAMPION)

        assert pin_champion(registry, None, MODEL) is None

    def test_a_champion_that_was_deleted_leaves_none_and_the_next_can_come(
        self, registry, ledger, promote, client, caplog
    ):
        promote("1", "")
        client.delete_model_version(MODEL, "1")

        with caplog.at_level(logging.WARNING, "kfp-ct"):
            assert _pin(registry, ledger) is None
        assert "has no version 1, its last champion, any more" in caplog.text
        promote("2", "")

        assert _pin(registry, ledger) == "2"
        assert _promotions(ledger)[1:] == [("2", "1", "promotion", "run-2")]


class TestRaces:
    """Another process acts at the worst moment: between two steps of ours, and asks for no lock."""

    @pytest.fixture(autouse=True)
    def no_lock(self, monkeypatch):
        monkeypatch.setattr(Ledger, "promoting", lambda *_: contextlib.nullcontext())

    def _at(self, monkeypatch, owner, name, act):
        """Let `act` happen once, just before the method returns."""
        method = getattr(owner, name)
        done = []

        def and_then(self, *args, **more):
            found = method(self, *args, **more)
            if not done:
                done.append(True)
                act()
            return found

        monkeypatch.setattr(owner, name, and_then)

    @pytest.mark.parametrize("moment", [(Registry, "alias"), (Ledger, "champion")])
    def test_a_promotion_while_we_look_is_not_taken_for_a_hand(
        self, registry, ledger, promote, monkeypatch, moment
    ):
        promote("1", "")
        self._at(monkeypatch, *moment, lambda: promote("2", "1"))

        _pin(registry, ledger)

        assert _pin(registry, ledger) == "2"
        assert [kind for _, _, kind, _ in _promotions(ledger)] == ["promotion"] * 2

    @pytest.mark.parametrize("moment", [(Registry, "alias"), (Ledger, "champion"), (Registry, "version")])
    def test_of_two_promotions_after_one_champion_the_second_is_void(
        self, registry, ledger, promote, monkeypatch, moment
    ):
        promote("1", "")
        self._at(monkeypatch, *moment, lambda: promote("2", "1"))

        with pytest.raises(StateError, match="is void"):
            promote("3", "1")

        assert _pin(registry, ledger) == "2"
        assert [version for version, *_ in _promotions(ledger)] == ["1", "2"]

    def test_a_late_writer_does_not_take_the_alias_back(self, registry, ledger, promote, monkeypatch):
        """Ours is recorded, theirs follows and is done, and only then do we move the alias."""
        promote("1", "")
        self._at(monkeypatch, Ledger, "record_promotion", lambda: promote("3", "2"))

        promote("2", "1")

        assert _alias(registry) == "3"
        assert _pin(registry, ledger) == "3"
        assert [kind for _, _, kind, _ in _promotions(ledger)] == ["promotion"] * 3

    def test_an_alias_that_never_rests_is_named(self, registry, ledger, promote, client, monkeypatch):
        promote("1", "")
        alias = Registry.alias

        def restless(self, name, which):
            number = "2" if ledger.champion(MODEL).version == "3" else "3"
            client.set_registered_model_alias(name, which, number)
            return alias(self, name, which)

        monkeypatch.setattr(Registry, "alias", restless)
        with pytest.raises(StateError, match="champion of churn keeps changing"):
            _pin(registry, ledger)


def _promote_elsewhere(connections, version):
    try:
        make_champion(
            Registry(connections),
            open_ledger(connections.ledger_url),
            MODEL,
            version,
            expected="1",
            run_id=f"run-{version}",
        )
    except StateError as error:
        return str(error)
    return version


@pytest.mark.slow
def test_of_two_processes_that_promote_at_once_one_wins(connections, registry, ledger, promote):
    promote("1", "")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        answers = list(pool.map(_promote_elsewhere, [connections] * 2, ["2", "3"]))

    winner = _pin(registry, ledger)
    assert winner in answers
    assert sum("is void" in answer for answer in answers) == 1
    assert [version for version, *_ in _promotions(ledger)] == ["1", winner]
