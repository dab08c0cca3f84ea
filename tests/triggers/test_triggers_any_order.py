"""Whatever comes in whatever order, with crashes and outages between: one run for each reason."""

import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from fake_engine import Crash, FakeEngine
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)
from trigger_samples import MODEL, Clock, asked, claim, finish, request

from ct_components.errors import Duplicate, Unreachable
from ct_components.keys import run_name
from ct_components.ledger import open_ledger
from ct_pipelines.triggers.door import LEASE, Door
from ct_pipelines.triggers.engine import RunState
from ct_pipelines.triggers.reconcile import reconcile

pytestmark = pytest.mark.slow

KEYS = ["drift-2026-11-27", "drift-2026-11-28", "performance-2026-11-28", "schedule-2026-11-29T03:00Z"]
FAULTS = ["", "", "crash before", "crash after", "answer lost"]


class CrashingLedger:
    """A ledger whose caller's process ends before, or after, its next write of some kind."""

    def __init__(self, ledger) -> None:
        self.ledger = ledger
        self.dies = ("", "")

    def __getattr__(self, name):
        method = getattr(self.ledger, name)
        when, where = self.dies
        if where != name:
            return method

        def call(*arguments, **options):
            self.dies = ("", "")
            if when == "before":
                raise Crash
            method(*arguments, **options)
            raise Crash

        return call


class AnyOrder(RuleBasedStateMachine):
    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock, self.engine = Clock(), FakeEngine()
        self.ledger = CrashingLedger(open_ledger(f"sqlite:///{Path(self.folder.name)}/ledger.db"))
        self.door = Door(self.ledger, self.engine, patience=timedelta(0), clock=self.clock)
        self.trained: Counter[str] = Counter()
        self.slept: Counter[str] = Counter()

    def teardown(self) -> None:
        self.folder.cleanup()

    def attempt(self, step) -> None:
        """Does something that a crash or an outage may break off."""
        try:
            step()
        except (Crash, Unreachable):
            pass
        finally:
            self.engine.next_creation, self.ledger.dies = "", ("", "")

    @rule(
        target=runs,
        key=st.sampled_from(KEYS),
        fault=st.sampled_from(FAULTS),
        dies=st.sampled_from(
            [("", ""), ("", ""), *((when, where) for when in ("before", "after") for where in
             ("open_trigger", "record_submitted", "release_lease", "end_trigger"))]
        ),
        force=st.booleans(),
        cooldown=st.sampled_from(["0m", "6h"]),
    )  # fmt: skip
    def submit(self, key, fault, dies, force, cooldown):
        known = set(self.engine.runs)
        self.engine.next_creation, self.ledger.dies = fault, dies
        wanted = request(key, force=force, note="why")
        self.attempt(lambda: self.door.submit(wanted, asked(cooldown=cooldown, force=force)))
        return multiple(*(set(self.engine.runs) - known))

    @rule(target=runs, fault=st.sampled_from(FAULTS))
    def reconcile(self, fault):
        known = set(self.engine.runs)
        self.engine.next_creation = fault
        self.attempt(lambda: reconcile(self.door, None, None))
        return multiple(*(set(self.engine.runs) - known))

    @rule(minutes=st.sampled_from([1, 5, 60, 60 * 24]))
    def time_passes(self, minutes):
        self.clock.advance(minutes=minutes)

    @rule()
    def the_engine_comes_or_goes(self):
        self.engine.away = not self.engine.away

    @rule(target=runs, run=runs)
    @precondition(lambda self: not self.engine.away)
    def a_sleeper_makes_the_run_again(self, run):
        if run not in self.engine.runs:
            return multiple()
        again = self.engine.runs[run]
        self.slept[again.name] += 1
        return self.engine.create(again.name, again.arguments)

    @rule(run=runs)
    def a_run_begins(self, run):
        known = self.engine.runs.get(run)
        if known is None or known.state is not RunState.LIVE:
            return
        fresh = self.ledger.run(run) is None
        try:
            claim(self.ledger, self.engine, run, self.clock)
        except Duplicate:
            known.state = RunState.FAILED
            return
        if fresh:
            self.trained[known.arguments["key"]] += 1

    @rule(run=consumes(runs), outcome=st.sampled_from(["promoted", "retained", "failed"]))
    def a_run_ends(self, run, outcome):
        recorded = self.ledger.run(run)
        if run in self.engine.runs and recorded and recorded["outcome"] is None:
            finish(self.ledger, self.engine, run, outcome)

    @rule(run=consumes(runs), forgotten=st.booleans())
    def a_run_dies_or_is_forgotten(self, run, forgotten):
        if run not in self.engine.runs:
            return
        if forgotten:
            self.engine.forget(run)
        else:
            self.engine.runs[run].state = RunState.FAILED

    @invariant()
    def no_reason_trains_twice(self):
        assert max(self.trained.values(), default=0) <= 1

    @invariant()
    def the_ledger_agrees_with_itself(self):
        history = self.ledger.history(MODEL)
        holders = {run["key"]: run["run_id"] for run in history["runs"]}
        for trigger in history["triggers"]:
            assert (trigger["run_id"] is not None) == (trigger["state"] == "submitted")
            assert (trigger["lease_until"] is not None) == (trigger["state"] == "submitting")
            if trigger["run_key"] in holders:
                assert trigger["run_id"] == holders[trigger["run_key"]]

    @invariant()
    def each_trigger_has_at_most_one_run_unless_somebody_slept(self):
        names = Counter(run.name for run in self.engine.runs.values())
        known = {run_name(MODEL, each["run_key"]) for each in self.ledger.history(MODEL)["triggers"]}
        assert set(names) <= known
        assert all(made <= 1 + self.slept[name] for name, made in names.items())

    def settle(self) -> None:
        self.engine.away = False
        self.clock.now += LEASE
        assert not reconcile(self.door, None, None).errors

    @rule()
    def once_all_is_well_nothing_waits(self):
        self.settle()
        assert not self.ledger.waiting_triggers(None, self.clock.now + LEASE)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
