"""Whatever happens in whatever order, the ledger replayed gives exactly the registry's aliases."""

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from promotion_world import Model, Services

from ct_components.champion import make_candidate
from ct_components.errors import StateError
from ct_components.journal import in_charge_at
from ct_components.ledger.database import Database
from ct_components.registry import Registry
from ct_pipelines.promotion import deciding
from ct_pipelines.promotion import services as people
from ct_pipelines.promotion.reigns import champion_at

pytestmark = pytest.mark.slow

VERSIONS = st.sampled_from(["1", "2", "3"])
# After how many effects on ledger and registry the process dies; 99 is never.
DIES = st.sampled_from([99, 99, 99, *range(8)])


class Crash(BaseException):
    """The end of a process, which no code of it survives."""


class AnyOrder(RuleBasedStateMachine):
    """One model, and everybody who changes its champion."""

    services: Services
    lives = 99

    @initialize()
    def a_new_model(self) -> None:
        self.model = Model(self.services)
        self.people = people.Services(self.services.registry, self.services.ledger, {})
        self.seen: list[tuple[datetime, str | None]] = []
        self.runs = 0
        self.moved: Counter[str] = Counter()

    def attempt(self, dies: int, step) -> None:
        """Does something that a crash may break off, or that is refused."""
        type(self).lives = dies
        try:
            step()
        except (Crash, StateError):
            pass
        finally:
            type(self).lives = 99

    def run_id(self) -> str:
        self.runs += 1
        return f"{self.model.name}-{self.runs}"

    def champion(self) -> str:
        """As a run finds it when it begins."""
        return self.model.pin() or ""

    @rule(version=VERSIONS, dies=DIES, stale=st.booleans())
    def a_run_promotes(self, version, dies, stale):
        from ct_components.champion import make_champion

        expected = "1" if stale else self.champion()
        run_id, model = self.run_id(), self.model
        self.attempt(
            dies,
            lambda: make_champion(
                model.registry, model.ledger, model.name, version, expected=expected, run_id=run_id
            ),
        )

    @rule(version=VERSIONS, dies=DIES)
    def a_run_lets_its_version_wait(self, version, dies):
        model, expected = self.model, self.champion()
        found = model.registry.version(model.name, version)
        self.attempt(
            dies,
            lambda: make_candidate(
                model.registry, model.ledger, found, expected=expected, run_id=self.run_id()
            ),
        )

    @rule(dies=DIES, version=st.none() | VERSIONS, force=st.booleans())
    def a_person_promotes(self, dies, version, force):
        self.attempt(
            dies,
            lambda: deciding.promote(
                self.people, self.model.name, version, "why", force=force and version is not None
            ),
        )

    @rule(dies=DIES, to=st.none() | VERSIONS)
    def a_person_rolls_back(self, dies, to):
        self.attempt(dies, lambda: deciding.rollback(self.people, self.model.name, to, "alarms", force=True))

    @rule(dies=DIES)
    def a_person_rejects(self, dies):
        self.attempt(dies, lambda: deciding.reject(self.people, self.model.name, None, "no"))

    @rule(version=VERSIONS)
    def a_hand_moves_the_alias(self, version):
        latest = self.model.ledger.champion(self.model.name)
        self.model.move_alias(version)
        if latest is None or latest.version != version:
            self.moved[version] += 1
        if latest is None or latest.projected_at:
            assert self.champion() == version, "adopted"

    @rule()
    def a_hand_removes_the_alias(self):
        if self.model.alias():
            self.model.remove_alias()

    @rule(dies=DIES)
    def somebody_looks(self, dies):
        self.attempt(dies, self.model.pin)

    @rule()
    def time_is_noted(self):
        champion = self.model.pin()
        self.seen.append((datetime.now(UTC), champion))

    @invariant()
    def the_ledger_is_one_chain_and_takes_no_crash_for_a_hand(self):
        external = Counter(version for version, kind in self.model.steps() if kind == "external")
        assert external <= self.moved

    @invariant()
    def the_ledger_replayed_gives_the_alias(self):
        before = len(self.model.steps())
        if self.runs % 3:
            # Mending right away would hide what two faults in a row do.
            return
        champion = self.model.pin()

        steps = self.model.steps()
        assert champion == self.model.alias() == (steps[-1][0] if steps else None)
        assert [kind for _, kind in steps[before:]] in ([], ["external"])
        assert all(each.projected_at for each in self.model.ledger.promotions(self.model.name)[-1:])

    @invariant()
    def what_waits_was_judged_against_the_champion_or_is_void_when_asked_for(self):
        for each in self.model.ledger.waiting(self.model.name):
            assert each.decision is None
            assert each.version != (self.model.steps() or [("", "")])[-1][0]

    def teardown(self) -> None:
        """At any instant that somebody looked, the ledger knows today who was champion then."""
        if not hasattr(self, "model"):
            return
        champion = self.model.pin()
        promotions = self.model.ledger.promotions(self.model.name)
        assert champion == self.model.alias() == (promotions[-1].version if promotions else None)
        for instant, version in self.seen:
            found = in_charge_at(promotions, instant)
            assert (found.version if found else None) == version


@contextmanager
def _dying(monkeypatch):
    """Every effect on ledger and registry may be the last of its process."""

    def effect() -> None:
        AnyOrder.lives -= 1
        if AnyOrder.lives < 0:
            raise Crash

    writing, set_alias, tag_version = Database.writing, Registry.set_alias, Registry.tag_version

    @contextmanager
    def writes(self):
        with writing(self) as connection:
            yield connection
        effect()

    def after(method):
        def call(*arguments):
            method(*arguments)
            effect()

        return call

    with monkeypatch.context() as patch:
        patch.setattr(Database, "writing", writes)
        patch.setattr(Registry, "set_alias", after(set_alias))
        patch.setattr(Registry, "tag_version", after(tag_version))
        patch.setattr(deciding, "check", lambda *_: None)
        yield


def test_the_ledger_replayed_gives_the_aliases(on_sqlite, monkeypatch):
    AnyOrder.services = on_sqlite
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    profile = settings(max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=checks)

    with _dying(monkeypatch):
        run_state_machine_as_test(AnyOrder, settings=profile)


def test_history_is_told_by_the_command_line_as_by_the_ledger(on_sqlite, monkeypatch):
    model = Model(on_sqlite)
    model.promote("1", "")
    between = datetime.now(UTC)
    model.promote("2", "1")
    environment = {**on_sqlite.environment}

    now, then = (champion_at(model.name, at, environment) for at in ("", between.isoformat()))

    assert now.promotion.version == "2"
    assert (then.promotion.version, then.until) == ("1", now.promotion.created_at)
