"""PSI, Jensen-Shannon and Kolmogorov-Smirnov: laws, references and known mistakes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import distance
from scipy.stats import ks_2samp

from ct_components.errors import DataError
from ct_components.statistics.drift.bins import numeric_bins, quantile_edges
from ct_components.statistics.drift.divergence import jensen_shannon, psi, smoothed
from ct_components.statistics.drift.kolmogorov_smirnov import ks_of_bins, ks_of_rows, ks_p_value

COUNTS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=2, max_size=20).filter(
    lambda pairs: all(any(side) for side in zip(*pairs, strict=True))
)
ROWS = st.lists(st.integers(-50, 50), min_size=1, max_size=60)


@given(COUNTS)
def test_psi_and_jensen_shannon_are_symmetric_and_keep_their_bounds(pairs):
    old, new = zip(*pairs, strict=True)

    assert psi(old, new) == pytest.approx(psi(new, old), rel=1e-12)
    assert 0 <= psi(old, new) < np.inf
    assert jensen_shannon(old, new) == pytest.approx(jensen_shannon(new, old), abs=1e-12)
    assert 0 <= jensen_shannon(old, new) <= 1
    assert psi(old, old) == jensen_shannon(old, old) == 0


@given(COUNTS)
def test_jensen_shannon_is_scipys(pairs):
    old, new = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))

    assert jensen_shannon(old, new) == pytest.approx(distance.jensenshannon(old, new, base=2), abs=1e-7)


def test_psi_of_full_bins_is_the_textbooks():
    p, q = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    textbook = np.sum((q - p) * np.log(q / p))

    assert psi((1e7 * p).astype(int), (1e7 * q).astype(int)) == pytest.approx(textbook, rel=1e-3)


def test_smoothing_is_half_a_row_and_then_a_ten_thousandth():
    assert smoothed(np.array([0, 100])).tolist() == [0.5 / 101, 100.5 / 101]
    assert smoothed(np.array([0, 1_000_000]))[0] == pytest.approx(1e-4, rel=1e-3)


@pytest.mark.parametrize("rows", [10_000, 100_000, 1_000_000])
def test_a_far_out_shift_of_5_percent_shows_in_explicit_bins_and_not_in_clipped_ones(rows):
    """Bins that swallow what lies outside see a sixth of it, and those that drop it nothing."""
    reference = np.linspace(0, 1, rows)
    current = np.where(np.arange(rows) % 20 == 0, 50.0, reference)
    bins = numeric_bins(reference, current)

    clipped = [np.append(counts[1:-3], counts[-3] + counts[-2]) for counts in (bins.reference, bins.current)]

    assert psi(bins.reference, bins.current) == pytest.approx(0.31, abs=0.01)
    assert psi(*clipped) == pytest.approx(0.05, abs=0.02)
    assert psi(bins.reference[1:-2], bins.current[1:-2]) < 0.003


def test_one_outlier_does_not_make_drift():
    """Bins laid by mean and standard deviation would put all but the outlier into one."""
    rng = np.random.default_rng(0)
    reference, current = rng.normal(size=10_000), rng.normal(size=10_000)
    current[0] = 1e12

    bins = numeric_bins(reference, current)

    assert psi(bins.reference, bins.current) < 0.02


@given(ROWS, ROWS)
def test_distances_do_not_change_under_a_rising_map(reference, current):
    old, new = np.array(reference, dtype=float), np.array(current, dtype=float)
    mapped_old, mapped_new = np.exp(old / 10), np.exp(new / 10)
    bins, mapped = numeric_bins(old, new), numeric_bins(mapped_old, mapped_new)

    assert psi(mapped.reference, mapped.current) == psi(bins.reference, bins.current)
    assert ks_of_rows(mapped_old, mapped_new) == ks_of_rows(old, new)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # scipy's p-value of a handful of rows
@given(ROWS, ROWS)
def test_ks_is_scipys_and_symmetric(reference, current):
    found = ks_of_rows(reference, current)

    assert found.lower == pytest.approx(ks_2samp(reference, current, method="asymp").statistic, abs=1e-12)
    assert found == ks_of_rows(current, reference)


@given(ROWS, ROWS, st.integers(1, 12))
def test_the_interval_from_bins_holds_the_distance_of_the_rows(reference, current, bins):
    edges = quantile_edges(reference, bins)
    counted = numeric_bins(reference, current, edges)

    found = ks_of_bins(counted.reference[:-1], counted.current[:-1], edges)
    true = ks_of_rows(reference, current)

    assert found.lower <= true.lower + 1e-12
    assert found.upper >= true.lower - 1e-12
    assert found.p_value >= true.p_value - 1e-12
    swapped = ks_of_bins(counted.current[:-1], counted.reference[:-1], edges)
    assert (swapped.lower, swapped.upper) == (found.lower, found.upper)


def test_bins_of_single_values_leave_no_width():
    """As for a column of few different numbers, each an atom."""
    values = np.repeat([1.0, 2.0, 3.0], [300, 400, 300])
    edges = np.sort(np.concatenate([[1.0, 2.0, 3.0], np.nextafter([1.0, 2.0, 3.0], np.inf)]))
    current = np.repeat([1.0, 2.0, 3.0], [200, 400, 400])
    bins = numeric_bins(values, current, edges)

    found = ks_of_bins(bins.reference[:-1], bins.current[:-1], edges)

    assert found.lower == found.upper == pytest.approx(0.1)


def test_a_thousand_bins_bound_the_distance_tightly():
    rng = np.random.default_rng(1)
    reference, current = rng.lognormal(size=50_000), rng.lognormal(0.1, size=50_000)
    edges = quantile_edges(reference, 1022)
    bins = numeric_bins(reference, current, edges)

    found = ks_of_bins(bins.reference[:-1], bins.current[:-1], edges)

    assert found.upper - found.lower < 0.0025
    assert ks_of_rows(reference, current).lower - found.lower < 5e-4


@pytest.mark.parametrize(("n", "m"), [(500, 500), (1000, 5000)])
@pytest.mark.parametrize("scaled", [0.9, 1.36, 1.9])
def test_the_p_value_is_near_the_exact_one(n, m, scaled):
    steps = round(scaled / np.sqrt(n * m / (n + m)) * n)
    reference = np.arange(n) / n
    current = np.arange(m) / m + steps / n + 0.1 / (n * m)

    exact = ks_2samp(reference, current, method="exact")

    assert ks_p_value(exact.statistic, n, m) == pytest.approx(exact.pvalue, rel=0.12)


def test_a_tiny_shift_of_a_million_rows_is_sure_and_small():
    shifted = 0.01 * 0.3989423  # largest distance of two normals 0.01 standard deviations apart

    assert 1e-7 < ks_p_value(shifted, 10**6, 10**6) < 1e-6
    assert ks_p_value(0.0054, 10**6, 10**6) == pytest.approx(9e-13, rel=0.2)


def test_a_lognormal_does_not_differ_from_itself():
    """A normal with its mean and deviation, which some compare with instead, differs by more than 0.2."""
    rng = np.random.default_rng(2)
    reference, current = rng.lognormal(0, 1.5, 5000), rng.lognormal(0, 1.5, 5000)

    assert ks_of_rows(reference, current).p_value > 0.05
    assert ks_of_rows(rng.normal(reference.mean(), reference.std(), 5000), current).lower > 0.2


def test_missing_numbers_are_left_out_and_infinite_ones_are_numbers():
    assert ks_of_rows([1.0, None, 2.0], [1.0, 2.0]).lower == 0
    assert ks_of_rows([1.0, np.inf], [1.0, 2.0]).lower == 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: psi([0, 0], [1, 1]), "the reference has 0 rows"),
        (lambda: psi([1, 1], [0, 0]), "the current window has 0 rows"),
        (lambda: jensen_shannon([1, 1], [0, 0]), "the current window has 0 rows"),
        (lambda: psi([1, 1], [1, 1, 1]), r"shape \(3,\); allowed: \(2,\)"),
        (lambda: ks_of_rows([np.nan], [1.0]), "the reference has 0 numbers"),
        (lambda: ks_of_rows([1.0], []), "the current window has 0 numbers"),
        (lambda: ks_of_rows(["a"], [1.0]), "holds no numbers"),
        (lambda: ks_of_bins([1, 1], [0, 0], [0.0]), "the current window has 0 numbers"),
        (lambda: ks_of_bins([1, 1], [1, 1], [0.0, 1.0]), r"allowed: \(3,\)"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()
