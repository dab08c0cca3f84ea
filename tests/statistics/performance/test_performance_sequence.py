"""The confidence sequence of daily looks, against its authors' own code, its laws, and its promise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ct_components.errors import DataError
from ct_components.statistics.performance.sequence import Wager, bets, sequence

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""
DAYS = [0.71, 0.64, 0.58, 0.61, 0.55, 0.62, 0.49, 0.6, 0.57, 0.63, 0.52, 0.59, 0.66, 0.54, 0.6]
SCORES = st.lists(st.floats(0, 1), max_size=40)
LEVELS = st.floats(0.05, 0.95)


@pytest.mark.parametrize(
    ("mean", "capital"),
    [(0.55, 0.42955932484242565), (0.65, 6.460622026161401), (0.7, 22.386451579599044)],
)
def test_capital_is_that_of_confseqs_betting_martingale(mean, capital):
    """Made by confseq.betting.betting_mart (github.com/gostevehoward/confseq at 70b1ef3) with the same bets.

    It was called with theta=0, trunc_scale=0.9 and the bets of the level 0.65 in units of the score.
    """
    days = sequence(DAYS, level=0.65, bound=1)

    assert math.exp(days._log_capital(1 - mean)) == pytest.approx(capital, rel=1e-12)


def test_limit_is_that_of_confseqs_confidence_sequence():
    """Made by its betting_lower_cs on the mirrored days, on a grid of 20,000 means."""
    assert sequence(DAYS, level=0.65, bound=1).limit(0.05) == pytest.approx(0.69525, abs=5e-5)


def test_capital_is_the_product_of_what_each_day_pays():
    days = sequence(DAYS, level=0.65, bound=1)

    paid = [1 + bet * ((1 - value) / 0.35 - 1) for bet, value in zip(days.bets, DAYS, strict=True)]

    assert days.capital == pytest.approx(math.prod(paid), rel=1e-12)


@unhurried
@given(SCORES, LEVELS)
def test_a_bet_knows_only_earlier_days(days, level):
    known = sequence(days, level=level, bound=1).bets

    for last in (0.0, level, 1.0):
        assert sequence([*days, last], level=level, bound=1).bets[: len(days)].tolist() == known.tolist()


@unhurried
@given(SCORES, LEVELS)
def test_a_gambler_carried_on_is_one_made_anew(days, level):
    wager = Wager()
    for value in days:
        wager = wager.after((1 - value) / (1 - level))

    anew = sequence(days, level=level, bound=1)

    assert math.exp(float(wager.log_capital)) == pytest.approx(anew.capital)


@unhurried
@given(SCORES, LEVELS, st.floats(0, 1))
def test_a_good_day_never_makes_it_fire(days, level, better):
    good = level + better * (1 - level)

    before, after = (sequence(each, level=level, bound=1) for each in (days, [*days, good]))

    assert after.capital <= before.capital * (1 + 1e-12)


@unhurried
@given(SCORES, LEVELS, st.floats(0, 1), st.floats(0, 1))
def test_a_better_last_day_never_speaks_against_the_model(days, level, one, other):
    worse, better = sorted((one, other))

    assert (
        sequence([*days, worse], level=level, bound=1).capital
        >= sequence([*days, better], level=level, bound=1).capital * (1 - 1e-12)
    )  # fmt: skip


@unhurried
@given(SCORES, LEVELS, st.floats(0.001, 0.4))
def test_limit_passes_the_level_exactly_when_the_capital_is_enough(days, level, alpha):
    known = sequence(days, level=level, bound=1)
    if abs(math.log(known.capital * alpha)) > 1e-9:
        assert (known.limit(alpha) < level) == (known.capital > 1 / alpha)


@unhurried
@given(SCORES, LEVELS, st.floats(0.001, 0.4))
def test_limits_lie_within_the_bounds_and_widen_with_less_alpha(days, level, alpha):
    known = sequence(days, level=level, bound=1)

    assert 0 <= known.limit(alpha) <= known.limit(alpha / 2) <= 1


@unhurried
@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=30), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_capital_falls_as_more_is_allowed(days, one, other):
    known = sequence(days, level=0.5, bound=1)
    nearer, farther = sorted((one, other))

    assert known._log_capital(nearer) >= known._log_capital(farther) - 1e-12


@unhurried
@given(SCORES, st.sampled_from([0.25, 0.5, 0.75]))
def test_a_loss_is_a_score_upside_down(days, level):
    days = np.round(np.array(days) * 1024) / 1024  # so that 1 - value is exact
    score = sequence(days, level=level, bound=1)

    loss = sequence(1 - days, level=1 - level, bound=0)

    assert loss.capital == score.capital
    assert loss.limit(0.05) == pytest.approx(1 - score.limit(0.05), abs=1e-15)


@unhurried
@given(SCORES, st.sampled_from([0.5, 4.0, 1024.0]))
def test_the_unit_does_not_matter(days, unit):
    loss, scaled = (sequence(np.array(days) * u, level=0.5 * u, bound=0) for u in (1.0, unit))

    assert scaled.capital == loss.capital
    assert scaled.limit(0.05) == loss.limit(0.05) * unit


def test_no_day_proves_nothing():
    known = sequence([], level=0.65, bound=1)

    assert (known.capital, known.limit(0.05)) == (1.0, 1.0)


@unhurried
@given(st.lists(st.floats(0, 3) | st.just(1e300), max_size=30), st.floats(0.001, 0.4))
def test_a_loss_needs_no_largest_value(days, alpha):
    known = sequence(days, level=1.0, bound=0)

    assert math.isfinite(known.capital)
    if abs(math.log(known.capital * alpha)) > 1e-9:
        assert (known.limit(alpha) > 1.0) == (known.capital > 1 / alpha)


def test_the_other_side_proves_a_model_good():
    """From the worst value, capital grows while the model is better than the level."""
    good = sequence([0.9] * 20, level=0.75, bound=0)

    assert good.capital > 20
    assert 0.75 < good.limit(0.05) < 0.9


def test_a_champion_that_was_good_for_long_is_found_out_as_fast_as_a_new_one():
    def fires_after(good_days):
        known = [sequence([0.75] * good_days + [0.55] * bad, level=0.65, bound=1) for bad in range(60)]
        return next(bad for bad, each in enumerate(known) if each.capital > 20)

    assert fires_after(300) - fires_after(0) <= 14


@pytest.mark.parametrize(
    ("values", "level", "bound", "message"),
    [
        ([0.5, 1.25], 0.65, 1.0, r"value of day 2 is 1\.25; allowed: at most 1"),
        ([-0.5], 10.0, 0.0, r"value of day 1 is -0\.5; allowed: at least 0"),
        ([math.nan], 0.65, 1.0, "daily values hold 1 NaN"),
        ([math.inf], 0.65, 0.0, "daily values hold 1 NaN or infinite"),
        ([[0.5]], 0.65, 1.0, "daily values have the shape"),
        ([0.5], 1.0, 1.0, "allowed: two different finite numbers"),
        ([0.5], 0.65, math.inf, "allowed: two different finite numbers"),
    ],
)
def test_what_cannot_be_bet_on_is_refused(values, level, bound, message):
    with pytest.raises(DataError, match=message):
        sequence(values, level=level, bound=bound)


@pytest.mark.parametrize("alpha", [0, 0.5, -1, math.nan])
def test_an_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(DataError, match=r"allowed: above 0 and below 0\.5"):
        sequence(DAYS, level=0.65, bound=1).limit(alpha)


def beta(rng, mean, spread, size):
    """Returns days of a Beta law with this mean and standard deviation."""
    both = mean * (1 - mean) / np.square(spread) - 1
    return rng.beta(mean * both, (1 - mean) * both, size)


NULLS = {
    "alike": lambda rng, size: beta(rng, 0.65, 0.1, size),
    "coins": lambda rng, size: (rng.random(size) < 0.65).astype(float),
    "rarely perfect": lambda rng, size: np.where(rng.random(size) < 1 / 36, 1.0, 0.64),
    "some days noisier": lambda rng, size: beta(rng, 0.65, rng.choice([0.02, 0.1, 0.3], size), size),
}


def ever_fires(days, level, alpha=0.05):
    """Returns which sequences, of shape (sequences, days), have ever had the capital to fire."""
    distances = (1 - days) / (1 - level)
    return (np.cumsum(np.log1p(bets(distances) * (distances - 1)), axis=1) > -math.log(alpha)).any(axis=1)


@pytest.mark.parametrize("law", NULLS)
def test_a_year_of_daily_looks_fires_at_most_alpha_of_the_time(law):
    """The mean lies exactly on the threshold: 2,000 years, three standard errors are 1.5 %."""
    days = NULLS[law](np.random.default_rng(7), (2000, 365))

    assert 0.005 < ever_fires(days, 0.65).mean() < 0.065


def test_naive_looks_at_the_same_days_fire_four_times_as_often_as_they_say():
    """Student's t on all days so far, each day from the tenth on, at the same alpha."""
    from scipy import stats

    days = NULLS["alike"](np.random.default_rng(7), (500, 365))
    count = np.arange(1, 366)
    mean = np.cumsum(days, axis=1) / count
    variance = (np.cumsum(days**2, axis=1) - count * mean**2) / np.maximum(count - 1, 1)
    ratio = (mean - 0.65)[:, 9:] / np.sqrt(variance / count)[:, 9:]

    fired = (ratio < -stats.t.ppf(0.95, count[9:] - 1)).any(axis=1).mean()

    assert fired > 0.2
