"""Tango's score limits against published intervals, the score equation and a root finder of scipy's."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from ct_components.errors import DataError
from ct_components.statistics.comparison.mcnemar import PairedCounts, mcnemar
from ct_components.statistics.comparison.tango import TangoEstimate

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""

tables = st.builds(PairedCounts, *[st.integers(0, 40)] * 4).filter(lambda counts: counts.n > 0)
varying = tables.filter(lambda counts: counts.varies)
alphas = st.floats(-20, math.log(0.49)).map(math.exp)


def statistic(counts, gain):
    """Returns Tango's statistic with the nuisance share found by maximising the likelihood numerically."""
    b, c, n = counts.challenger, counts.champion, counts.n

    def minus_log_likelihood(share):
        rest = 1 - 2 * share - gain
        cells = ((b, share + gain), (c, share), (n - b - c, rest))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

    least, most = max(0.0, -gain), (1 - gain) / 2
    share = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(least, most), method="bounded", options={"xatol": 1e-12}
    ).x
    return (b - c - n * gain) / math.sqrt(n * (2 * share + gain * (1 - gain)))


@pytest.mark.parametrize(
    ("b", "c", "n", "alpha", "lower", "upper", "digits"),
    [
        # Tango (1998): two ways to disinfect contact lenses, tried by the same 44 people; 90 % limits.
        (0, 1, 44, 0.05, -0.096, 0.037, 3),
        # Tango (1998), 95 % limits of a second table of 32 pairs.
        (9, 3, 32, 0.025, -0.027, 0.390, 3),
        # Fagerland, Lydersen & Laake (2014): airway hyper-responsiveness, after less before.
        (1, 7, 21, 0.025, -0.517, -0.026, 3),
        # Fagerland, Lydersen & Laake (2017), chapter 8: complete response before and after consolidation.
        (6, 16, 161, 0.025, -0.1240, -0.0054, 4),
        # R's PropCIs 0.3, scoreci.mp(25, 28, 618, 0.90).
        (28, 25, 618, 0.05, -0.0148, 0.0247, 4),
    ],
)
def test_limits_are_the_published_ones(b, c, n, alpha, lower, upper, digits):
    gain = TangoEstimate(PairedCounts(both=n - b - c, challenger=b, champion=c, neither=0))

    assert (round(gain.lower(alpha), digits), round(gain.upper(alpha), digits)) == (lower, upper)


@unhurried
@given(varying, alphas)
def test_limits_solve_the_score_equation(counts, alpha):
    gain, z = TangoEstimate(counts), stats.norm.isf(alpha)

    lower, upper = gain.lower(alpha), gain.upper(alpha)

    assert -1 <= lower < gain.value < upper <= 1
    if lower > -0.999:
        assert statistic(counts, lower) == pytest.approx(z, rel=2e-3, abs=2e-3)
    if upper < 0.999:
        assert statistic(counts, upper) == pytest.approx(-z, rel=2e-3, abs=2e-3)


@unhurried
@given(tables, alphas)
def test_the_limit_is_above_zero_exactly_when_p_is_below_alpha(counts, alpha):
    gain = TangoEstimate(counts)

    assert (gain.lower(alpha) > 0) == (gain.p_value() < alpha)


@unhurried
@given(varying, alphas)
def test_the_margin_is_the_smallest_gain_that_is_proven(counts, alpha):
    gain = TangoEstimate(counts)

    if abs(gain.value - gain.margin(alpha)) > 1e-12:
        assert (gain.value > gain.margin(alpha)) == (gain.lower(alpha) > 0)


@unhurried
@given(varying)
def test_the_limit_turns_positive_at_the_p_value_itself(counts):
    gain = TangoEstimate(counts)
    p = gain.p_value()

    if p < 0.49:
        assert gain.lower(p * 1.0001) > 0 >= gain.lower(p)


@unhurried
@given(varying)
def test_its_test_is_mcnemars_asymptotic_one(counts):
    assert TangoEstimate(counts).p_value() == pytest.approx(mcnemar(counts).asymptotic, rel=1e-12)


@unhurried
@given(tables, alphas)
def test_exchanging_the_models_mirrors_the_limits_exactly(counts, alpha):
    gain = TangoEstimate(counts)
    swapped = TangoEstimate(PairedCounts(counts.both, counts.champion, counts.challenger, counts.neither))

    assert swapped.value == -gain.value
    assert swapped.standard_error == gain.standard_error
    assert (swapped.lower(alpha), swapped.upper(alpha)) == (-gain.upper(alpha), -gain.lower(alpha))


@unhurried
@given(varying, alphas, alphas)
def test_a_smaller_alpha_never_gives_a_narrower_interval(counts, one, other):
    gain, (small, large) = TangoEstimate(counts), sorted((one, other))

    assert gain.lower(small) <= gain.lower(large)
    assert gain.upper(small) >= gain.upper(large)


def test_limits_hold_far_out_in_the_tail():
    """With many rows the limits are nearly normal, also at one in a thousand million."""
    gain = TangoEstimate(PairedCounts(800_000, 60_000, 60_000, 80_000))

    z = stats.norm.isf(1e-9)
    assert gain.upper(1e-9) == pytest.approx(z * gain.standard_error, rel=1e-3)


def test_standard_error_is_that_of_the_rows_differences():
    counts = PairedCounts(59, 16, 6, 80)
    differences = np.repeat([1, -1, 0], [16, 6, 139])

    gain = TangoEstimate(counts)

    assert gain.value == pytest.approx(differences.mean())
    assert gain.standard_error == pytest.approx(differences.std() / math.sqrt(161))
    assert (gain.n, gain.clusters, gain.degrees_of_freedom) == (161, 161, 160.0)


@pytest.mark.parametrize(
    "counts", [PairedCounts(9, 0, 0, 1), PairedCounts(0, 5, 0, 0), PairedCounts(0, 0, 5, 0)]
)
def test_rows_that_all_say_the_same_prove_nothing(counts):
    gain = TangoEstimate(counts)

    assert (gain.lower(0.4), gain.upper(0.4)) == (-math.inf, math.inf)
    assert (gain.standard_error, gain.p_value(), gain.margin(0.4)) == (0.0, 1.0, math.inf)


def test_discordant_rows_on_one_side_alone_have_finite_limits():
    better, worse = TangoEstimate(PairedCounts(90, 10, 0, 0)), TangoEstimate(PairedCounts(90, 0, 10, 0))

    assert 0 < better.lower(0.025) < better.value < better.upper(0.025) < 0.2
    assert worse.lower(0.025) == -better.upper(0.025)


def test_no_alpha_proves_nothing():
    assert TangoEstimate(PairedCounts(59, 16, 6, 80)).lower(0) == -math.inf


@pytest.mark.parametrize("alpha", [-0.01, 0.5, math.nan])
def test_an_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(DataError, match=r"alpha is .*; allowed: 0 to 0.5, 0.5 excluded"):
        TangoEstimate(PairedCounts(59, 16, 6, 80)).lower(alpha)


def test_no_rows_are_refused():
    with pytest.raises(DataError, match="no rows to compare accuracies on; allowed: 1 or more"):
        TangoEstimate(PairedCounts(0, 0, 0, 0))


def test_a_model_that_is_no_better_is_found_better_as_rarely_as_alpha_says():
    """300 rows, 10 % of them discordant, equal accuracies."""
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(300, [0.8, 0.05, 0.05, 0.1], size=4000)

    found = [TangoEstimate(PairedCounts(*map(int, table))).p_value() < 0.05 for table in drawn]

    assert 0.035 < np.mean(found) < 0.065
