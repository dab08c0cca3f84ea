"""The calibration: fixed cells, drawn anew from their seeds, are what the page says, and keep their level.

All of it is `python scripts/calibrate.py`; how the cells are drawn is in `scripts/calibration`.
"""

import importlib
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from ct_components.statistics.metrics import metric_named
from ct_components.statistics.performance.monitor import judge
from ct_components.statistics.performance.samples import sample_days
from ct_components.statistics.performance.settings import Performance, Verdict, Watched

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))  # the scripts are no package

calibrate = importlib.import_module("calibrate")
drawn_cells = importlib.import_module("calibration.cell")
pages = importlib.import_module("calibration.page")
performances = importlib.import_module("calibration.performances")
sections = importlib.import_module("calibration.sections")

CELLS = sections.all_cells()
SHOWN = sections.sections()

FLIPPED = 2
"""Replications that another numpy may round to the other side."""

QUICK = (
    "gate/roc_auc/unequal/100",
    "gate/regression-mae/unequal/100",
    "drift/normal/100",
    "performance/accuracy/unrelated/1000",
    "year/exact/50",
    "year/varying/200",
)
LONG = (
    "gate/roc_auc/unrelated/1000",
    "gate/roc_auc/alike/1000",
    "gate/roc_auc/unequal/1000",
    "gate/roc_auc/stormy/10000",
    "gate/binary-log_loss/unequal/10000",
    "reign/roc_auc/unequal/1400",
    "verdict/equal/unequal/2800",
    "verdict/useless/unequal/2800",
    "drift/normal/1000",
    "drift/skewed/10000",
    "drift/normal/100000",
    "drift/days-30-0.05-0.5/10000",
    "performance/roc_auc/alike/1000",
)
NAIVE = (
    # cell, what, method, and the least rate that it is known for
    ("gate/roc_auc/unequal/1000", "α 0.05", "t", 0.055),
    ("gate/roc_auc/unequal/1000", "α 0.05", "obuchowski", 0.08),
    ("gate/roc_auc/unequal/1000", "α 0.05", "rows", 0.25),
    ("gate/regression-mae/unequal/100", "α 0.05", "percentiles", 0.07),
    ("reign/roc_auc/unequal/1400", "30 challenges, quadratic", "t", 0.07),
    ("reign/roc_auc/unequal/1400", "30 challenges, quadratic", "obuchowski", 0.15),
    ("reign/roc_auc/unequal/1400", "30 challenges, each at α", "limit", 0.6),
    ("drift/days-30-0.05-0.5/10000", "nothing changes", "rows", 0.5),
    ("drift/days-30-0.05-0.5/10000", "nothing changes", "ks", 0.5),
    ("drift/categories/1000", "nothing changes", "psi_0.2", 0.9),
    ("drift/window/1000", "nothing changes", "ks", 0.2),
    ("performance/accuracy/unrelated/1000", "exactly at the threshold", "pessimistic", 0.9),
    ("year/exact/50", "exactly at the threshold 0.88", "daily", 0.9),
)


@pytest.fixture(scope="module")
def printed():
    """The page, read back."""
    return pages.read(calibrate.PAGE.read_text(), SHOWN)


@pytest.fixture(scope="module")
def drawn():
    """Each cell's lines, drawn once however many tests ask."""
    known = {}

    def draw(name):
        if name not in known:
            known[name] = CELLS[name].lines()
        return known[name]

    return draw


def assert_as_printed(line, shown):
    for method, rate in line.rates.items():
        if math.isnan(shown.rates.get(method, math.nan)):
            assert not rate.trials or method not in shown.rates
            continue
        rounded = 0.5e-4 * rate.trials
        assert abs(rate.events - shown.rates[method] * rate.trials) <= FLIPPED + rounded, method
    assert abs(next(iter(line.rates.values())).trials - shown.trials) <= 2 * FLIPPED


def assert_level_kept(cell, line):
    rate = next(iter(line.rates.values()))
    if line.nominal is not None and rate.trials:
        noise = 3 * math.sqrt(line.nominal * (1 - line.nominal) / rate.trials)
        assert rate.value <= line.nominal * (1 + cell.excess) + noise


def assert_reproduced(name, drawn, printed):
    lines = drawn(name)
    assert {line.what for line in lines} == set(printed[name])
    for line in lines:
        assert_as_printed(line, printed[name][line.what])
        assert_level_kept(CELLS[name], line)


@pytest.mark.parametrize("name", QUICK)
def test_cell_is_as_printed_and_keeps_its_level(name, drawn, printed):
    assert_reproduced(name, drawn, printed)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_long_cell_is_as_printed_and_keeps_its_level(name, drawn, printed):
    assert_reproduced(name, drawn, printed)


@pytest.mark.parametrize(("name", "what", "method", "least"), NAIVE)
def test_what_others_do_errs(name, what, method, least, printed):
    """The laws are hard enough to tell methods apart."""
    assert printed[name][what].rates[method] > least


def test_too_few_rows_are_insufficient_and_never_fine(printed):
    small = [name for name in CELLS if name.endswith("/100") and name.startswith(("drift/", "gate/roc_auc/"))]

    assert len(small) > 5
    assert all(line.rates["insufficient"] == 1 for name in small for line in printed[name].values())


def test_the_page_holds_every_cell_once_and_nothing_else(printed):
    rows = {name: [line.row for line in lines.values()] for name, lines in printed.items()}

    assert set(printed) == set(CELLS)
    assert calibrate.page(SHOWN, rows) == calibrate.PAGE.read_text()


def test_cells_have_a_thousand_replications_and_seeds_of_their_own():
    assert min(cell.replications for cell in CELLS.values()) >= 1000
    assert len({cell.seed for cell in CELLS.values()}) == len(CELLS)


def test_a_figure_that_is_off_is_noticed(drawn, printed):
    name = "year/varying/200"
    (line,) = drawn(name)
    shown = printed[name][line.what]
    other = replace(shown, rates=shown.rates | {"sequence": shown.rates["sequence"] + 0.002})
    tripled = replace(line, rates={"sequence": drawn_cells.Rate(600, 4000)})

    with pytest.raises(AssertionError, match="sequence"):
        assert_as_printed(line, other)
    with pytest.raises(AssertionError):
        assert_level_kept(CELLS[name], tripled)


def test_figures_surely_above_their_level_are_listed_on_the_page(printed):
    name = "year/varying/200"
    (what,) = printed[name]
    off = replace(printed[name][what], rates={"sequence": 0.08})

    found = pages.departures(SHOWN, printed | {name: {what: off}})

    assert "accuracy, 200 rows a day, 73,000 rows, at the threshold" in found
    assert "8.00 % instead of 5.00 %" in found


@pytest.mark.parametrize(("events", "trials"), [(0, 1000), (51, 1000), (999, 1000)])
def test_intervals_are_wilsons(events, trials):
    expected = proportion_confint(events, trials, alpha=0.05, method="wilson")

    assert drawn_cells.Rate(events, trials).interval() == pytest.approx(expected, abs=1e-7)


def test_a_year_of_looks_is_what_the_rule_says_day_by_day():
    """The year is drawn for all champions at once; the rule looks at one champion."""
    rows, threshold, champions = 50, 0.88, 12
    looks = performances.Looks(rows, 0.86, threshold)
    right = np.random.default_rng(0).binomial(rows, 0.86, size=(champions, performances.YEAR))
    rule = Performance(
        {"accuracy": Watched(threshold, critical_degradation=None)}, min_samples=rows, min_clusters=2
    )

    fires = looks.by_sequence(right / rows)

    for champion, day in zip(range(champions), range(20, 360, 28), strict=False):
        since = sample_days(metric_named("accuracy"), right[champion, : day + 1] / rows, [rows] * (day + 1))
        judged = judge(rule, "accuracy", window=since)
        assert (judged.verdict is Verdict.FIRE) == (fires[champion, day] and judged.value < threshold)
    assert fires[:, -1].any()
