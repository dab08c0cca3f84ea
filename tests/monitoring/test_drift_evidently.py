"""Evidently's report: beside the look, never part of the decision."""

import importlib.util
import re
import sys
import warnings

import numpy as np
import pyarrow as pa
import pytest
from drift_world import SPRING

from ct_components.monitoring import evidently_report
from ct_components.monitoring.evidently_report import sample_rows

needs_evidently = pytest.mark.skipif(
    importlib.util.find_spec("evidently") is None, reason="Evidently is not installed"
)


def batches(count, size=1000):
    return [
        pa.record_batch({"row": np.arange(start, min(start + size, count))})
        for start in range(0, count, size)
    ]


def test_a_sample_is_the_same_for_a_seed_however_rows_are_batched():
    whole, parts = sample_rows(batches(5000, 5000), 100, 1), sample_rows(batches(5000, 700), 100, 1)

    assert whole["row"].to_pylist() == parts["row"].to_pylist()
    assert whole["row"].to_pylist() != sample_rows(batches(5000), 100, 2)["row"].to_pylist()


def test_a_sample_is_drawn_from_all_rows_alike():
    rows = np.array(sample_rows(batches(100_000), 10_000, 0)["row"])

    assert len(set(rows.tolist())) == 10_000
    assert np.histogram(rows, 10, (0, 100_000))[0] == pytest.approx(np.full(10, 1000), abs=150)


def test_few_rows_are_all_taken_and_none_are_none():
    assert sample_rows(batches(50), 100, 0).num_rows == 50
    assert sample_rows([], 100, 0) is None


def test_without_the_package_the_look_says_how_to_get_it(world, monkeypatch):
    world.supply(SPRING)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    look = world.look(SPRING, evidently=True)

    assert look.attachments == {}
    assert "pip install" in look.page
    assert "evidently" in look.report["notes"][0]


def test_a_failure_of_evidently_changes_no_verdict(world, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    world.supply(SPRING)
    without = world.look(SPRING)
    monkeypatch.setattr(evidently_report, "_html", fail)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())

    look = world.look(SPRING, evidently=True)

    assert (look.verdict, look.share, look.attachments) == (without.verdict, without.share, {})


@needs_evidently
@pytest.mark.slow
class TestReport:
    @pytest.fixture
    def spring(self, world, flights):
        world.supply(SPRING)
        for day in flights.glob("flights/dt=2013-0[12]-*"):
            (world.root / "flights" / day.name).symlink_to(day)
        return world

    def test_it_is_whole_fetches_nothing_and_is_no_part_of_the_look_otherwise(self, spring):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            look = spring.look(SPRING, evidently=True)

        html = look.attachments["evidently.html"]
        assert "scheduled_minutes" in html
        assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=[\"']?(https?:)?//", html)
        assert look.report["notes"] == []
        assert {**vars(look), "attachments": {}} == {**vars(spring.look(SPRING)), "attachments": {}}

    def test_nothing_is_sent_to_anybody(self, spring, monkeypatch):
        import socket

        def refuse(_self, address):
            raise AssertionError(address)

        monkeypatch.setattr(socket.socket, "connect", refuse)

        assert "evidently.html" in spring.look(SPRING, evidently=True).attachments


@needs_evidently
@pytest.mark.slow
def test_without_the_training_rows_the_report_is_left_out(world):
    world.supply(SPRING)

    look = world.look(SPRING, evidently=True)

    assert look.attachments == {}
    assert look.report["notes"] == [
        "Evidently's report is left out: the champion's training rows are not in the source any more."
    ]


def test_a_look_without_it_does_not_import_it(world):
    imported = "evidently" in sys.modules
    world.supply(SPRING)

    world.look(SPRING)

    assert ("evidently" in sys.modules) == imported
