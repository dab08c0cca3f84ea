"""Another unit is broken data; growth, however much it looks like one, is drift."""

import logging

import numpy as np
import pytest

from ct_components.errors import DataError
from ct_components.statistics.drift.bins import numeric_bins, quantile_edges
from ct_components.statistics.drift.detect import detect
from ct_components.statistics.drift.diagnosis import Moments, frozen
from ct_components.statistics.drift.divergence import psi
from ct_components.statistics.drift.evidence import Feature
from ct_components.statistics.drift.settings import Drift, Reason, Verdict
from ct_components.statistics.drift.units import CONVERSIONS, EXACT_CONVERSIONS, unit_change

log = logging.getLogger(__name__)


def moments(values):
    return Moments(values.mean(), values.std(ddof=1), values.min(), values.max())


def feature(reference, current, days=None):
    edges = quantile_edges(reference)
    bins = numeric_bins(reference, current, edges)
    return Feature("x", bins, edges, moments(reference), moments(current), days)


def found(each):
    return unit_change(each.reference, each.current, each.bins, each.edges)


def verdict(reference, current):
    return detect([feature(reference, current)], Drift()).verdict


FAMILIES = {
    "normal": lambda rng, rows: rng.normal(size=rows),
    "exponential": lambda rng, rows: rng.exponential(size=rows),
    "gamma": lambda rng, rows: rng.gamma(0.5, size=rows),
    "lognormal": lambda rng, rows: rng.lognormal(size=rows),
    "integers": lambda rng, rows: rng.poisson(30, rows).astype(np.float64),
    "half zeros": lambda rng, rows: np.where(rng.random(rows) < 0.5, 0.0, rng.exponential(size=rows)),
    "coin": lambda rng, rows: (rng.random(rows) < 0.4) * 1.0,
}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ((0, 1), (0, 2)),
        ((0, 1), (0, 2.5)),
        ((0, 200), (0, 360)),
        ((2000, 900), (2450, 900)),
        ((2000, 1000), (2500, 1000)),
        ((800, 400), (1150, 400)),
        ((800, 400), (450, 400)),
        ((15, 8), (25, 14)),
        ((-40, 5), (-40, 9)),
    ],
)
def test_normal_features_that_move_or_spread_are_drift(before, now):
    rng = np.random.default_rng(0)

    assert verdict(rng.normal(*before, 50_000), rng.normal(*now, 5000)) is Verdict.DRIFT


@pytest.mark.parametrize("factor", [1.609, 1.8, 2, 2.54, 3, 5, 8, 20])
@pytest.mark.parametrize("family", ["exponential", "gamma", "lognormal"])
def test_growth_is_drift(family, factor):
    rng = np.random.default_rng(1)
    draw = FAMILIES[family]

    assert found(feature(draw(rng, 50_000), factor * draw(rng, 5000))) is None
    assert found(feature(draw(rng, 50_000), draw(rng, 5000) / factor)) is None


@pytest.mark.parametrize("conversion", CONVERSIONS[:-4])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_factor_is_recognised(family, conversion):
    rng = np.random.default_rng(2)
    draw = FAMILIES[family]

    change = found(feature(draw(rng, 10_000), conversion.factor * draw(rng, 5000)))

    assert change is not None
    assert change.factor == pytest.approx(conversion.factor, rel=0.07)  # 24 may read as 25.4


@pytest.mark.parametrize(("mean", "deviation"), [(15, 8), (5, 10), (25, 3)])
@pytest.mark.parametrize("conversion", CONVERSIONS[-4:])
def test_temperatures_of_the_weather_are_recognised(conversion, mean, deviation):
    rng = np.random.default_rng(3)
    celsius = rng.normal(mean, deviation, 10_000), rng.normal(mean, deviation, 2000)
    unit = {-130.0: (1.8, 32.0), 183.15: (1.0, 273.15)}.get(conversion.lowest, (1.0, 0.0))
    reference, current = (unit[0] * values + unit[1] for values in celsius)

    assert found(feature(reference, conversion.factor * current + conversion.offset)) == conversion


def test_what_is_no_temperature_of_the_weather_is_not_converted():
    rng = np.random.default_rng(4)
    prices = rng.normal(500, 20, 10_000)

    assert verdict(prices, rng.normal(773.15, 20, 2000)) is Verdict.DRIFT
    assert verdict(prices, rng.normal(932, 36, 2000)) is Verdict.DRIFT


def test_each_piece_of_evidence_is_needed():
    rng = np.random.default_rng(5)
    reference, current = rng.normal(50, 5, 10_000), 1000 * rng.normal(50, 5, 2000)
    half = np.where(np.arange(2000) % 2, current, current / 1000)
    outlier = np.append(current, current.min() - 50 * 5000)
    two_values = np.where(np.arange(2000) % 2, 45_000.0, 55_000.0)
    spread = (current - 50_000) * 1.5 + 50_000

    assert found(feature(reference, current)) is not None
    assert found(feature(reference, current * 1.1)) is not None  # a season may do so
    for other in (half, outlier, two_values, spread, current / 2, current / 100 * 1.2):
        assert found(feature(reference, other)) is None
    other_shape = 10 * (
        rng.exponential(size=2000) - 1
    )  # mean, deviation and extremes of the reference, times 10
    assert found(feature(rng.normal(0, 1, 10_000), other_shape)) is None


def test_without_extremes_or_where_a_side_does_not_vary_nothing_is_recognised():
    whole = feature(FAMILIES["coin"](np.random.default_rng(6), 1000), np.full(1000, 10.0))
    unknown = Moments(10.0, 1.0)

    assert found(whole) is None
    assert unit_change(unknown, whole.reference, whole.bins, whole.edges) is None
    with pytest.raises(DataError, match="minimum and maximum are 2"):
        Moments(0.0, 1.0, 2.0, 1.0)


@pytest.mark.parametrize("factor", [1000.0, 2.0, 1.0])
def test_the_unit_of_the_reference_says_nothing(factor):
    """The same verdict for values of 1 and of 2**-40, about 1e-12, to the last digit."""
    rng = np.random.default_rng(7)
    reference, current = rng.normal(5, 1, 10_000), factor * rng.normal(5, 1, 2000)

    one, small = (detect([feature(scale * reference, scale * current)], Drift()) for scale in (1.0, 2.0**-40))

    assert one.to_dict() == small.to_dict()
    assert one.verdict is {1000.0: Verdict.BROKEN, 2.0: Verdict.DRIFT, 1.0: Verdict.NO_DRIFT}[factor]


def daily(reference_days, rows=200):
    """Returns counts by day, as a feature's days, of arrays of rows."""
    edges = quantile_edges(np.concatenate(reference_days))
    return np.stack([numeric_bins(day, day, edges).reference for day in reference_days])


def test_a_sensor_that_stands_still_is_broken_where_its_days_never_did():
    rng = np.random.default_rng(8)
    moving = list(rng.normal(5, 1, (40, 200)))
    still = feature(np.concatenate(moving), np.full(1400, 5.0), daily(moving))

    detection = detect([still], Drift(), current_days=7)

    assert (detection.verdict, detection.reason) == (Verdict.BROKEN, Reason.FROZEN)
    assert "x stands still, and moved on each day of the reference" in detection.explanation
    assert detect([still], Drift()).verdict is Verdict.DRIFT  # without days, nobody knows


def test_what_stood_still_on_some_day_before_or_for_an_hour_is_not_broken():
    rng = np.random.default_rng(9)
    moving = list(rng.normal(5, 1, (40, 1000)))
    one_still = [*moving[:-1], np.full(1000, 5.0)]
    calendar = [np.full(1000, float(day)) for day in range(40)]

    for days, value, rows in ((one_still, 5.0, 1000), (calendar, 40.0, 1000), (moving, 5.0, 499)):
        stopped = feature(np.concatenate(days), np.full(rows, value), daily(days))
        assert not frozen(stopped.current, stopped.bins, stopped.days, 1)
    moved = feature(np.concatenate(moving), moving[0], daily(moving))
    assert not frozen(moved.current, moved.bins, moved.days, 1)


def drifts(name, rng, windows, rows):
    """Yields features whose PSI is above 0.25, moved and stretched at random."""
    draw = FAMILIES[name]
    for _ in range(windows):
        scale, factor = 10 ** rng.uniform(0, 3), np.exp(rng.normal(0, 0.5))
        mean, shift = rng.uniform([-1000, -1.5], [1000, 1.5]) * [1, scale] * (name == "normal")
        each = feature(mean + scale * draw(rng, 5000), mean + shift + scale * factor * draw(rng, rows))
        if psi(each.bins.reference, each.bins.current) > 0.25:
            yield each


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normal", "exponential", "gamma", "lognormal"])
def test_drift_is_hardly_ever_called_broken(name):
    changes = [found(each) for each in drifts(name, np.random.default_rng(10), 4000, 1000)]
    broken = sum(change is not None for change in changes)
    log.info("%s: %d drifts, %d called broken", name, len(changes), broken)

    assert len(changes) > 500
    assert broken <= len(changes) / 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("rows", [1000, 5000])
def test_changes_of_unit_are_found(name, rows):
    rng, draw = np.random.default_rng(11), FAMILIES[name]
    recognised = [
        found(feature(draw(rng, 10_000), conversion.factor * draw(rng, rows))) is not None
        for conversion in CONVERSIONS[:-4]
        for _ in range(30)
    ]
    log.info("%s, %d rows: %.3f of changes found", name, rows, np.mean(recognised))

    assert np.mean(recognised) > 0.95


class TestSmallFactors:
    """Those that growth reaches, too: they count only where a bound was converted exactly."""

    PRICES = np.sort(np.random.default_rng(7).lognormal(6.5, 0.7, 200)).round()

    def draw(self, rows, seed):
        rng = np.random.default_rng(seed)
        return np.append(rng.choice(self.PRICES, rows), self.PRICES[[0, -1]])

    def found(self, current, bounds=(PRICES[-1],)):
        each = feature(self.draw(10_000, 0), current)
        return unit_change(each.reference, each.current, each.bins, each.edges, bounds)

    @pytest.mark.parametrize("conversion", EXACT_CONVERSIONS)
    def test_are_recognised_by_a_bound_that_most_days_reach(self, conversion):
        assert self.found(conversion.factor * self.draw(2000, 1)) == conversion

    def test_are_recognised_when_numbers_were_rounded(self):
        assert (
            self.found((1.609344 * self.draw(2000, 1)).round()).words
            == "multiplied by 1.609, miles to kilometres"
        )

    def test_are_growth_without_a_bound_or_when_it_grew_a_little_otherwise(self):
        current = self.draw(2000, 1)

        assert self.found(1.609344 * current, bounds=()) is None
        assert self.found(1.609344 * current, bounds=(0.0,)) is None
        assert self.found(1.605 * current) is None
        assert self.found(np.where(current == self.PRICES[-1], 1.7, 1.609344) * current) is None

    @pytest.mark.slow
    def test_random_growth_of_a_bounded_feature_is_hardly_ever_called_broken(self):
        factors = np.random.default_rng(8).lognormal(0, 0.5, 1000)

        broken = [self.found(factor * self.draw(2000, seed)) for seed, factor in enumerate(factors)]

        log.info("random growth of a bounded feature: %d of 1,000 called broken", sum(map(bool, broken)))
        assert sum(map(bool, broken)) <= 15  # 0.6 % expected
