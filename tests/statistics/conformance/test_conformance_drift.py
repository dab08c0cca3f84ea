"""Known mistakes about drift: each is made, and fails; this project is asked the same, and does not."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from known_mistakes import measured
from scipy import stats

from ct_components.statistics.drift.bins import Bins, categorical_bins, numeric_bins, quantile_edges
from ct_components.statistics.drift.detect import detect, detect_in_scores
from ct_components.statistics.drift.divergence import psi
from ct_components.statistics.drift.evidence import Feature
from ct_components.statistics.drift.kolmogorov_smirnov import ks_of_bins
from ct_components.statistics.drift.looks import Look
from ct_components.statistics.drift.multiple import adjusted_p_values
from ct_components.statistics.drift.settings import Drift, Reason, Verdict, Windows

ALARM = 0.2
"""PSI above which a window is usually called drifted."""


def numeric(reference, current, name="x"):
    """Returns a feature as this project counts it."""
    edges = quantile_edges(reference)
    return Feature(name, numeric_bins(reference, current, edges), edges)


def drift_of(reference, current, settings=None, **arguments):
    """Returns what this project decides, and what it says of the only feature."""
    detection = detect([numeric(reference, current)], settings or Drift(), **arguments)
    return detection, detection.features[0] if detection.features else None


def divergence(p, q):
    """Returns the textbook's PSI of two sets of shares."""
    return float(np.sum((q - p) * np.log(q / p)))


class TestPsiFromMeanAndDeviation:
    """A profile that keeps a mean and a deviation knows no shape, and one row moves both."""

    def psi_from_mean_and_deviation(self, reference, current, bins=10, floor=1e-4):
        edges = stats.norm.ppf(np.linspace(0, 1, bins + 1), reference.mean(), reference.std())
        p, q = (
            np.maximum(np.diff(stats.norm.cdf(edges, side.mean(), side.std())), floor)
            for side in (reference, current)
        )
        return divergence(p, q)

    def test_one_placeholder_among_ten_thousand_rows_is_no_drift(self):
        rng = np.random.default_rng(1)
        reference, current = rng.normal(size=10_000), rng.normal(size=10_000)
        reference[0] = 9999

        naive = self.psi_from_mean_and_deviation(reference, current)
        detection, feature = drift_of(reference, current)

        assert naive > 35 * ALARM
        assert detection.verdict is Verdict.NO_DRIFT
        assert abs(feature.psi_corrected) < 0.01
        measured("psi_from_mean_and_deviation", naive=naive, here=feature.psi_corrected, within=0.1)

    def test_two_heaps_instead_of_one_are_drift(self):
        """The same mean, the same deviation, and no row where nearly all were."""
        rng = np.random.default_rng(2)
        reference = rng.normal(size=10_000)
        current = rng.choice([-1.0, 1.0], 10_000)

        assert self.psi_from_mean_and_deviation(reference, current) < 0.01
        assert drift_of(reference, current)[0].verdict is Verdict.DRIFT


class TestValuesFarOutside:
    """5 % of the rows hold a number that the reference never came near."""

    def rows(self):
        rng = np.random.default_rng(3)
        reference, current = rng.normal(size=(2, 100_000))
        current[:5000] = 1e6
        return reference, current

    def psi_of_rows_within_the_range(self, reference, current, bins=32):
        """A histogram function drops what lies beyond its edges, without a word."""
        edges = np.quantile(reference, np.linspace(0, 1, bins + 1))
        return divergence(*(np.histogram(side, edges)[0] / side.size for side in (reference, current)))

    def psi_clipped_into_the_end_bins(self, reference, current, bins=32):
        """Edges from minus to plus infinity: the outermost quantile's bin swallows everything beyond."""
        edges = np.quantile(reference, np.linspace(0, 1, bins + 1))
        edges[[0, -1]] = -np.inf, np.inf
        return divergence(*(np.histogram(side, edges)[0] / side.size for side in (reference, current)))

    def test_rows_outside_are_not_dropped(self):
        reference, current = self.rows()

        naive = self.psi_of_rows_within_the_range(reference, current)
        detection, feature = drift_of(reference, current)

        assert naive < ALARM / 50
        assert detection.verdict is Verdict.DRIFT
        measured(
            "psi_of_rows_within_the_range", naive=naive, here=feature.psi, within=0.001, within_here=0.01
        )

    def test_rows_outside_are_not_swallowed_by_the_end_bins(self):
        reference, current = self.rows()

        naive = self.psi_clipped_into_the_end_bins(reference, current)
        detection, feature = drift_of(reference, current)

        assert naive < ALARM / 3
        assert detection.verdict is Verdict.DRIFT
        measured(
            "psi_clipped_into_the_end_bins", naive=naive, here=feature.psi, within=0.005, within_here=0.01
        )


class TestKolmogorovSmirnovAgainstASimulatedNormal:
    """Where only mean and deviation were kept, a normal is drawn from them and taken for the reference."""

    def ks_against_a_simulated_normal(self, reference, current, rng):
        simulated = rng.normal(reference.mean(), reference.std(), reference.size)
        return stats.ks_2samp(simulated, current).pvalue < 0.05

    def ks_against_the_reference(self, reference, current):
        bins, edges = numeric_bins(reference, current), quantile_edges(reference)
        return ks_of_bins(bins.reference[:-1], bins.current[:-1], edges).p_value < 0.05

    def test_undrifted_lognormal_rows_are_no_drift(self):
        rng = np.random.default_rng(4)
        windows = [rng.lognormal(size=(2, 1000)) for _ in range(200)]

        naive = np.mean([self.ks_against_a_simulated_normal(*window, rng) for window in windows])
        here = np.mean([self.ks_against_the_reference(*window) for window in windows])

        assert naive == 1
        assert here < 0.1
        measured("ks_against_a_simulated_normal", naive=naive, here=here, within=0.03)

    def test_the_setting_that_lets_it_decide_has_the_same_rule(self):
        rng = np.random.default_rng(5)
        reference, current = rng.lognormal(size=(2, 1000))
        settings = Drift(ks_alpha=0.01, ks_distance=0)

        assert self.ks_against_a_simulated_normal(reference, current, rng)
        assert drift_of(reference, current, settings)[0].verdict is Verdict.NO_DRIFT
        assert drift_of(reference, current * 1.5, settings)[0].verdict is Verdict.DRIFT


class TestManyFeatures:
    """Fifty features, none of which drifts, tested each day."""

    def each_feature_at_alpha(self, p_values, alpha=0.05):
        return np.any(p_values < alpha)

    def adjusted_for_all_of_them(self, p_values, alpha=0.05):
        return np.any(adjusted_p_values(p_values) <= alpha)

    def test_nine_days_of_ten_have_a_small_p_value_and_one_of_twenty_an_adjusted_one(self):
        rng = np.random.default_rng(6)
        t = stats.ttest_ind(rng.normal(size=(1000, 50, 100)), rng.normal(size=(1000, 50, 100)), axis=2)

        naive = np.mean([self.each_feature_at_alpha(day) for day in t.pvalue])
        here = np.mean([self.adjusted_for_all_of_them(day) for day in t.pvalue])

        assert naive == pytest.approx(1 - 0.95**50, abs=0.03)
        assert here < 0.08
        measured("each_feature_at_alpha", naive=naive, here=here, within=0.03)

    @pytest.mark.slow
    def test_the_detector_raises_no_alarm_in_any_of_them(self):
        rng = np.random.default_rng(7)
        settings = Drift(drift_share=0)
        days = [
            detect(
                [numeric(*rng.normal(size=(2, 1000)), name=f"x{i}") for i in range(50)], settings, seed=day
            )
            for day in range(15)
        ]
        smallest = [min(feature.p_value for feature in day.features) for day in days]

        assert np.mean(np.array(smallest) < 0.05) > 0.7
        assert {day.verdict for day in days} == {Verdict.NO_DRIFT}


class TestPsiOfFewRows:
    """PSI is positive without any drift, and large where rows are few."""

    def psi_against_a_fixed_limit(self, reference, current, limit=0.1, bins=10):
        edges = np.quantile(reference, np.linspace(0, 1, bins + 1))
        edges[[0, -1]] = -np.inf, np.inf
        p, q = (np.maximum(np.histogram(side, edges)[0] / side.size, 1e-4) for side in (reference, current))
        return divergence(p, q) > limit

    def test_a_hundred_rows_exceed_the_usual_limit_by_chance(self):
        rng = np.random.default_rng(8)
        windows = [rng.normal(size=(2, 100)) for _ in range(300)]
        small = Drift(psi_threshold=0.1, min_rows=100)

        naive = np.mean([self.psi_against_a_fixed_limit(*window) for window in windows])
        here = np.mean([drift_of(*window, small)[0].verdict is Verdict.DRIFT for window in windows])

        assert naive > 0.75
        assert here < 0.1
        measured("psi_against_a_fixed_limit", naive=naive, here=here, within=0.08, within_here=0.04)

    def test_by_default_they_say_nothing_and_not_that_all_is_well(self):
        rng = np.random.default_rng(9)

        detection, _ = drift_of(*rng.normal(size=(2, 100)))

        assert (detection.verdict, detection.reason) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_ROWS)
        assert detection.window_drifted is None


class TestEmptyBins:
    """A share of 0 would make PSI infinite, so something is put in its place: how much, matters."""

    def psi_floored_at_1e300(self, reference, current, bins=30):
        edges = np.linspace(reference.min(), reference.max(), bins + 1)
        p, q = (
            np.maximum(np.histogram(np.clip(side, edges[0], edges[-1]), edges)[0] / side.size, 1e-300)
            for side in (reference, current)
        )
        return divergence(p, q)

    def psi_smoothed(self, reference, current, bins=30):
        edges = np.linspace(reference.min(), np.nextafter(reference.max(), np.inf), bins + 1)
        counted = numeric_bins(reference, current, edges)
        return psi(counted.reference, counted.current)

    def test_undrifted_rows_are_no_drift_in_bins_of_equal_width(self):
        rng = np.random.default_rng(10)
        windows = [rng.normal(size=(2, 1000)) for _ in range(300)]

        naive = np.mean([self.psi_floored_at_1e300(*window) > ALARM for window in windows])
        here = np.mean([self.psi_smoothed(*window) > ALARM for window in windows])

        assert naive > 0.7
        assert here == 0
        measured("psi_floored_at_1e300", naive=naive, here=here, within=0.07, within_here=0.01)


class TestEdgesOfTheCurrentWindow:
    """Each window's profile keeps deciles of its own, and their shares are compared."""

    def edges_of_the_current_window(self, reference, current, bins=10):
        shares = []
        for side in (reference, current):
            edges = np.quantile(side, np.linspace(0, 1, bins + 1))
            shares.append(np.histogram(side, edges)[0] / side.size)
        return divergence(*shares)

    def test_a_shift_by_a_standard_deviation_is_drift(self):
        rng = np.random.default_rng(11)
        reference, current = rng.normal(size=10_000), rng.normal(1, 1, 10_000)

        naive = self.edges_of_the_current_window(reference, current)
        detection, feature = drift_of(reference, current)

        assert naive < 0.01
        assert detection.verdict is Verdict.DRIFT
        measured(
            "edges_of_the_current_window",
            naive=naive,
            here=feature.psi_corrected,
            within=0.01,
            within_here=0.12,
        )


class TestSmallPValuesOfManyRows:
    """A million rows find a shift by a hundredth of a standard deviation, about which nobody need care."""

    def p_value_without_effect_size(self, reference, current, alpha=0.05):
        return stats.ttest_ind(reference, current).pvalue < alpha

    def test_a_hundredth_of_a_standard_deviation_is_no_drift(self):
        rng = np.random.default_rng(12)
        reference, current = rng.normal(size=1_000_000), rng.normal(0.01, 1, 1_000_000)

        naive = self.p_value_without_effect_size(reference, current)
        detection, feature = drift_of(reference, current)

        assert feature.ks_p_value < 1e-4
        assert detection.verdict is Verdict.NO_DRIFT
        assert stats.ttest_ind(reference, current).pvalue < 1e-5
        measured("p_value_without_effect_size", naive=naive, here=detection.retrain, within=0)

    def test_nor_does_kolmogorov_smirnov_find_it_when_it_decides(self):
        rng = np.random.default_rng(12)
        reference, current = rng.normal(size=1_000_000), rng.normal(0.01, 1, 1_000_000)

        assert drift_of(reference, current, Drift(ks_alpha=0.05))[0].verdict is Verdict.NO_DRIFT
        assert drift_of(reference, current, Drift(ks_alpha=0.05, ks_distance=0))[0].verdict is Verdict.DRIFT


class TestManyCategories:
    """A column of thousands of categories, most of them rare, such as tail numbers or postcodes."""

    def rows(self, rng):
        shares = 1 / np.arange(1, 20_001)
        sides = rng.multinomial([10_000, 2000], shares / shares.sum())
        return [{f"c{place}": int(n) for place, n in enumerate(side) if n} for side in sides]

    def psi_on_a_high_cardinality_column(self, reference, current, floor=1e-4):
        names = sorted({*reference, *current})
        p, q = (
            np.maximum(np.array([side.get(name, 0) for name in names]) / sum(side.values()), floor)
            for side in (reference, current)
        )
        return divergence(p, q)

    def test_a_long_tail_does_not_drift_by_itself(self):
        reference, current = self.rows(np.random.default_rng(13))

        naive = self.psi_on_a_high_cardinality_column(reference, current)
        detection = detect([Feature("c", categorical_bins(reference, current))], Drift(), seed=13)

        assert naive > 3 * ALARM
        assert detection.verdict is Verdict.NO_DRIFT
        here = detection.features[0].psi_corrected
        measured("psi_on_a_high_cardinality_column", naive=naive, here=here, within=0.2, within_here=0.15)

    def test_a_tail_that_does_drift_is_found(self):
        reference, current = self.rows(np.random.default_rng(14))
        renamed = {f"new-{name}" if place % 2 else name: n for place, (name, n) in enumerate(current.items())}

        detection = detect([Feature("c", categorical_bins(reference, renamed))], Drift(), seed=14)

        assert detection.verdict is Verdict.DRIFT


class TestRowsOfClusteredDays:
    """5 % of a feature's variance lies between days, as weather and campaigns make it; nothing drifts."""

    def days(self, rng, days=30, rows=1000, within=0.05):
        level = np.sqrt(within) * rng.normal(size=(days + 7, 1))
        values = level + np.sqrt(1 - within) * rng.normal(size=(days + 7, rows))
        edges = quantile_edges(values[:days].ravel())
        counts = np.stack([numeric_bins(day, day[:1], edges).reference for day in values])
        outer = numeric_bins([0.0], [0.0], edges).outer
        return Feature(
            "x", Bins(counts[:days].sum(0), counts[days:].sum(0), outer), edges, days=counts[:days]
        )

    def rows_of_clustered_days(self, bins, alpha=0.05):
        table = np.stack([bins.reference, bins.current])
        return stats.chi2_contingency(table[:, table.any(axis=0)]).pvalue < alpha

    @pytest.mark.slow
    def test_ordinary_weeks_are_ordinary(self):
        rng = np.random.default_rng(15)
        weeks = [self.days(rng) for _ in range(200)]

        naive = np.mean([self.rows_of_clustered_days(week.bins) for week in weeks])
        detections = [detect([week], Drift(), current_days=7, seed=0) for week in weeks]
        here = np.mean([each.features[0].p_value <= 0.05 for each in detections])

        assert naive > 0.6
        assert here < 0.1
        assert {each.verdict for each in detections} == {Verdict.NO_DRIFT}
        measured("rows_of_clustered_days", naive=naive, here=here, within=0.09, within_here=0.04)


class TestMissingNumbers:
    """NaN is larger than no limit, so whatever is compared with one passes."""

    def mean_shift_beyond_a_limit(self, reference, current, limit=0.2):
        return abs(current.mean() - reference.mean()) / reference.std() > limit

    def test_a_column_that_went_missing_is_broken_and_not_fine(self):
        rng = np.random.default_rng(16)
        reference, current = rng.normal(size=(2, 5000))
        current[:2500] = np.nan

        naive = self.mean_shift_beyond_a_limit(reference, current)
        detection, _ = drift_of(reference, current)

        assert (detection.verdict, detection.reason) == (Verdict.BROKEN, Reason.MISSING_VALUES)
        assert not detection.retrain
        measured("mean_shift_beyond_a_limit", naive=naive, here=detection.quarantine, within=0)


class TestScoresOnTrainingRows:
    """A model is surer of the rows that it was trained on than of any others."""

    def score_drift_against_training_rows(self, training_scores, current_scores, settings):
        return detect_in_scores(training_scores, current_scores, settings).features[0].psi_corrected

    def test_scores_that_do_not_drift_are_compared_with_those_on_the_holdout(self):
        from sklearn.ensemble import RandomForestClassifier

        rng = np.random.default_rng(17)
        x = rng.normal(size=(3000, 5))
        y = x[:, 0] + 2 * rng.normal(size=3000) > 0
        forest = RandomForestClassifier(50, random_state=0).fit(x[:1000], y[:1000])
        training, holdout, current = np.split(forest.predict_proba(x)[:, 1], 3)

        naive = self.score_drift_against_training_rows(training, current, Drift())
        detection = detect_in_scores(holdout, current, Drift())

        assert naive > 5 * ALARM
        assert detection.verdict is Verdict.NO_DRIFT
        here = detection.features[0].psi_corrected
        measured("score_drift_against_training_rows", naive=naive, here=here, within=1.0, within_here=0.05)


class TestOverlappingWindows:
    """Whoever looks every day at the last seven days sees most rows six times more."""

    MONDAY = datetime(2013, 4, 1)

    def overlapping_windows_as_evidence(self, looks, windows):
        return sum(look.drifted for look in looks[-windows.last :]) >= windows.needed

    def test_one_strange_day_in_three_windows_is_one_window(self):
        week, day = timedelta(days=7), timedelta(days=1)
        looks = [Look(self.MONDAY + i * day, self.MONDAY + i * day + week, drifted=True) for i in range(3)]
        rng = np.random.default_rng(18)
        reference, current = rng.normal(size=5000), rng.normal(1, 1, 5000)
        settings = Drift(windows="3 of 3")
        window = looks[-1].start, looks[-1].end

        naive = self.overlapping_windows_as_evidence(looks, Windows(3, 3))
        detection, _ = drift_of(reference, current, settings, window=window, looks=looks[:-1])

        assert (detection.verdict, detection.reason) == (Verdict.NO_DRIFT, Reason.NOT_YET)
        assert detection.windows_drifted == 1
        assert naive
        measured("overlapping_windows_as_evidence", naive=naive * len(looks), here=1, within=0)

    def test_three_disjoint_windows_are_three(self):
        rng = np.random.default_rng(18)
        reference, current = rng.normal(size=5000), rng.normal(1, 1, 5000)
        weeks = [self.MONDAY + timedelta(days=7 * week) for week in range(4)]
        looks = [Look(weeks[0], weeks[1], drifted=True), Look(weeks[1], weeks[2], drifted=True)]

        detection, _ = drift_of(
            reference, current, Drift(windows="3 of 3"), window=(weeks[2], weeks[3]), looks=looks
        )

        assert detection.verdict is Verdict.DRIFT
