"""How the challenges of one champion share alpha."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ct_components.errors import DataError
from ct_components.statistics.sequential import left, spend, spent

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""
RULES = st.one_of(st.just("quadratic"), st.integers(1, 60).map(lambda n: f"even:{n}"))
ALPHAS = st.floats(1e-6, 0.499)


@unhurried
@given(ALPHAS, st.integers(0, 300), RULES)
def test_all_challenges_together_never_spend_more_than_alpha(alpha, challenges, rule):
    assert 0 <= spent(alpha, challenges, rule) <= alpha
    assert left(alpha, challenges, rule) == pytest.approx(alpha - spent(alpha, challenges, rule))


@unhurried
@given(ALPHAS, st.integers(1, 300), RULES)
def test_later_challenges_never_get_more(alpha, challenge, rule):
    assert spend(alpha, challenge + 1, rule) <= spend(alpha, challenge, rule)


def test_quadratic_spending_converges_to_alpha():
    assert spent(0.05, 10**5) == pytest.approx(0.05, rel=1e-5)
    assert spend(0.05, 1) == pytest.approx(0.05 * 6 / math.pi**2)


def test_even_spending_is_used_up_after_its_number_of_challenges():
    assert [spend(0.0625, k, "even:4") for k in (1, 4, 5)] == [0.015625, 0.015625, 0.0]
    assert left(0.0625, 4, "even:4") == 0.0


@pytest.mark.parametrize(
    "rule", ["", "even", "even:", "even:0", "even:-3", "even:2.5", "even:4 ", "Quadratic"]
)
def test_an_unknown_rule_is_refused(rule):
    with pytest.raises(DataError, match="allowed: 'quadratic', or 'even:n' with n from 1"):
        spend(0.05, 1, rule)


@pytest.mark.parametrize("alpha", [0, -0.05, 0.5, 1, math.nan])
def test_an_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(DataError, match=r"allowed: above 0 and below 0\.5"):
        spent(alpha, 0)


def test_challenges_count_from_one():
    for none in (0, 1.5, math.nan):
        with pytest.raises(DataError, match=rf"challenge is number {none}; allowed: 1, 2 and so on"):
            spend(0.05, none)
    with pytest.raises(DataError, match="number of challenges is -1; allowed: 0 or more"):
        spent(0.05, -1)
