"""How often chance is called drift, and how often drift is found: measured.

The figures show with

    pytest tests/statistics/drift/test_drift_calibration.py -m slow --log-cli-level=INFO
"""

import logging

import numpy as np
import pytest

from ct_components.statistics.drift.bins import Bins, categorical_bins, numeric_bins, quantile_edges
from ct_components.statistics.drift.detect import detect
from ct_components.statistics.drift.evidence import Feature
from ct_components.statistics.drift.settings import Drift, Verdict

pytestmark = pytest.mark.slow
log = logging.getLogger(__name__)


def detections(make, windows, settings=None, **arguments):
    """Returns what is decided about windows made one by one."""
    rng = np.random.default_rng(7)
    settings = settings or Drift()
    return [detect(make(rng), settings, seed=number, **arguments) for number in range(windows)]


def small_p_values(found):
    return float(np.mean([feature.p_value <= 0.05 for each in found for feature in each.features]))


def drifted(found):
    return float(np.mean([each.verdict is Verdict.DRIFT for each in found]))


def numeric(rng, reference, current, draw, changed=None, name="x"):
    values = draw(rng, reference)
    edges = quantile_edges(values)
    return Feature(name, numeric_bins(values, (changed or draw)(rng, current), edges), edges)


def normal(rng, rows):
    return rng.normal(size=rows)


def lognormal(rng, rows):
    return rng.lognormal(0, 2, rows)


def half_zeros(rng, rows):
    return np.where(rng.random(rows) < 0.5, 0.0, rng.exponential(size=rows))


@pytest.mark.parametrize("draw", [normal, lognormal, half_zeros])
@pytest.mark.parametrize("rows", [1000, 10_000])
def test_independent_rows_keep_the_level(draw, rows):
    found = detections(lambda rng: [numeric(rng, 10_000, rows, draw)], 600)
    log.info("%s, %d rows: %.3f", draw.__name__, rows, small_p_values(found))

    assert 0.02 <= small_p_values(found) <= 0.08
    assert drifted(found) == 0


def test_a_long_tail_of_categories_keeps_the_level():
    def tail(rng):
        shares = 1 / np.arange(1, 501) ** 1.2
        sides = rng.multinomial([20_000, 5000], shares / shares.sum())
        return [
            Feature("c", categorical_bins(*({str(i): int(n) for i, n in enumerate(s) if n} for s in sides)))
        ]

    found = detections(tail, 300)
    log.info("500 categories: %.3f", small_p_values(found))

    assert small_p_values(found) <= 0.09
    assert drifted(found) == 0


def test_fifty_features_raise_no_alarm():
    """Each tested at 0.05 without adjustment, nine windows of ten have at least one small p-value."""
    found = detections(lambda rng: [numeric(rng, 5000, 1000, normal, name=f"x{i}") for i in range(50)], 40)
    any_small = np.mean([any(f.p_value <= 0.05 for f in each.features) for each in found])
    any_adjusted = np.mean([any(f.p_adjusted <= 0.05 for f in each.features) for each in found])
    log.info("50 features: some p-value small in %.2f of windows, adjusted in %.2f", any_small, any_adjusted)

    assert any_small > 0.8
    assert any_adjusted < 0.2
    assert drifted(found) == 0


def clustered(rng, days, icc=0.05, rows=500, shift=0.0, memory=0.0):
    """Returns a feature whose level changes from day to day, in a reference of days and a week after it."""
    effect = rng.normal(size=days + 7)
    for day in range(1, effect.size):
        effect[day] = memory * effect[day - 1] + np.sqrt(1 - memory**2) * effect[day]
    level = np.sqrt(icc) * effect
    level[days:] += shift
    values = level[:, None] + np.sqrt(1 - icc) * rng.normal(size=(days + 7, rows))
    edges = quantile_edges(values[:days].ravel())
    counts = [numeric_bins(day, day[:1], edges).reference for day in values]
    outer = numeric_bins([0.0], [0.0], edges).outer
    daily = np.stack(counts[:days])
    return [Feature("x", Bins(daily.sum(0), np.sum(counts[days:], axis=0), outer), edges, days=daily)]


@pytest.mark.parametrize(("days", "memory"), [(30, 0.0), (90, 0.0), (90, 0.5)])
def test_days_keep_the_level_and_rows_do_not(days, memory):
    by_days = detections(lambda rng: clustered(rng, days, memory=memory), 200, current_days=7)
    by_rows = detections(lambda rng: clustered(rng, days, memory=memory), 200)
    log.info(
        "%d days, memory %g: %.3f by days, %.3f by rows",
        days,
        memory,
        small_p_values(by_days),
        small_p_values(by_rows),
    )

    assert small_p_values(by_days) <= 0.09
    assert small_p_values(by_rows) > 0.4
    assert drifted(by_days) <= 0.01


@pytest.mark.parametrize(("shift", "least"), [(0.7, 0.9), (1.0, 0.99)])
def test_a_shift_beyond_what_days_differ_is_found(shift, least):
    found = detections(lambda rng: clustered(rng, 60, shift=shift), 100, current_days=7)
    log.info("shift %g: drift in %.2f", shift, drifted(found))

    assert drifted(found) >= least


def test_5_percent_far_out_and_half_a_deviation_are_found():
    def far_out(rng, rows):
        return np.where(rng.random(rows) < 0.05, 20.0, rng.normal(size=rows))

    def shifted(rng, rows):
        return rng.normal(0.5, 1, rows)

    for changed in (far_out, shifted):
        found = detections(lambda rng, by=changed: [numeric(rng, 10_000, 10_000, normal, by)], 60)
        log.info("%s: drift in %.2f", changed.__name__, drifted(found))
        assert drifted(found) >= 0.98
