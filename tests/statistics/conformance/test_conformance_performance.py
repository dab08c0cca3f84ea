"""Known mistakes about measured performance: each is made, and fails; this project is asked the same."""

import math

import numpy as np
import pytest
from known_mistakes import measured
from scipy import stats
from sklearn.metrics import roc_auc_score

from ct_components.errors import DataError
from ct_components.statistics.metrics import Predicted, metric_named
from ct_components.statistics.performance.maturing import in_charge, matured
from ct_components.statistics.performance.monitor import judge
from ct_components.statistics.performance.samples import sample_days, sample_rows
from ct_components.statistics.performance.settings import Performance, Reason, Verdict, Watched

ACCURACY = metric_named("accuracy")


def watching(metric, threshold, **settings):
    """Returns settings under which the threshold alone decides, at one look."""
    watched = {metric: Watched(threshold=threshold, critical_degradation=None)}
    return Performance(watched, **{"looks": "once", **settings})


def verdict_on_rows(settings, metric, truth, predicted, days):
    """Returns what this project decides about rows."""
    sample = sample_rows(settings.metric_named(metric), truth, predicted, days, clustered=settings.clustered)
    return judge(settings, metric, window=sample)


class TestZeroIsAValue:
    """0.0 is false, so that "if there is a metric" drops the worst there is."""

    def if_metric(self, value, threshold):
        return bool(value and value < threshold)

    def if_threshold(self, value, threshold):
        return bool(threshold and value < threshold)

    def test_a_recall_of_0_fires(self):
        truth = np.arange(2000) % 10 == 0
        silent = Predicted.binary(np.full(2000, 0.1))
        days = np.arange(2000) // 100

        judgement = verdict_on_rows(watching("recall", 0.3, cluster="none"), "recall", truth, silent, days)
        naive = self.if_metric(judgement.value, 0.3)

        assert judgement.value == 0.0
        assert not naive
        assert (judgement.verdict, judgement.reason) == (Verdict.FIRE, Reason.THRESHOLD)
        measured("if_metric", naive=naive, here=judgement.verdict is Verdict.FIRE, within=0)

    def test_stored_days_of_0_fire_too(self):
        settings = watching("f1", 0.3, looks="daily")
        stored = sample_days(metric_named("f1"), [0.0] * 14, [100] * 14)

        assert judge(settings, "f1", window=stored).verdict is Verdict.FIRE

    def test_a_threshold_of_0_is_a_threshold(self):
        """R² below 0 is worse than saying the mean."""
        rng = np.random.default_rng(1)
        truth = rng.normal(size=2000)
        useless = Predicted.regression(rng.normal(size=2000))
        settings = watching("r2", 0.0, task="regression")

        judgement = verdict_on_rows(settings, "r2", truth, useless, np.arange(2000) // 100)
        naive = self.if_threshold(judgement.value, 0.0)

        assert judgement.value < -0.5
        assert not naive
        assert judgement.verdict is Verdict.FIRE
        measured("if_threshold", naive=naive, here=judgement.verdict is Verdict.FIRE, within=0)


class TestLowerIsBetter:
    """A loss above its threshold is too bad, and one below it is not."""

    def below_the_threshold_is_too_bad(self, value, threshold):
        return value < threshold

    @pytest.mark.parametrize("metric", ["mae", "rmse"])
    def test_a_good_loss_is_fine_and_a_bad_one_fires(self, metric):
        rng = np.random.default_rng(2)
        truth, noise = rng.normal(size=(2, 2000))
        days = np.arange(2000) // 100
        settings = watching(metric, 5.0, task="regression")

        good, bad = (
            verdict_on_rows(settings, metric, truth, Predicted.regression(truth + size * noise), days)
            for size in (3.0, 9.0)
        )
        naive = [self.below_the_threshold_is_too_bad(each.value, 5.0) for each in (good, bad)]

        assert naive == [True, False]
        assert [each.verdict for each in (good, bad)] == [Verdict.FINE, Verdict.FIRE]
        right = np.mean([good.verdict is Verdict.FINE, bad.verdict is Verdict.FIRE])
        measured(
            "below_the_threshold_is_too_bad", naive=np.mean([not naive[0], naive[1]]), here=right, within=0
        )


class TestFiringOnWhatIsNotProven:
    """A healthy champion: it is right in 90 % of rows, and may be in 88 %."""

    TRUE, THRESHOLD = 0.90, 0.88

    def on_the_pessimistic_limit(self, share, n):
        error = math.sqrt(share * (1 - share) / n)
        return share - 1.645 * error < self.THRESHOLD

    def on_the_measured_value(self, share, _n):
        return share < self.THRESHOLD

    def on_the_optimistic_limit(self, share, n):
        settings = watching("accuracy", self.THRESHOLD, cluster="none")
        stored = sample_days(ACCURACY, [share], [n], clustered=False)
        return judge(settings, "accuracy", window=stored).verdict is Verdict.FIRE

    def how_often(self, fires, n):
        """Returns the exact probability over all numbers of right rows."""
        right = np.arange(n + 1)
        weights = stats.binom.pmf(right, n, self.TRUE)
        return float(sum(w for k, w in zip(right, weights, strict=True) if w > 1e-9 and fires(k / n, n)))

    def test_the_pessimistic_limit_fires_every_other_time(self):
        naive = self.how_often(self.on_the_pessimistic_limit, 500)
        here = self.how_often(self.on_the_optimistic_limit, 500)

        assert naive > 0.5
        assert here < 0.002
        measured("on_the_pessimistic_limit", naive=naive, here=here, within=0.005, within_here=0.0005)

    def test_few_rows_are_insufficient_and_not_fired_on(self):
        naive = self.how_often(self.on_the_measured_value, 50)
        here = self.how_often(self.on_the_optimistic_limit, 50)

        assert naive > 0.2
        assert here == 0
        measured("on_the_measured_value", naive=naive, here=here, within=0.005)

    def test_a_bad_champion_is_fired_on(self):
        assert self.on_the_optimistic_limit(0.84, 500)


class TestDailyLooks:
    """A limit made for one look is wrong at one of many far more often than it says."""

    def looks_without_spending(self, window):
        settings = watching("accuracy", 0.88)
        return judge(settings, "accuracy", window=window).verdict is Verdict.FIRE

    def a_confidence_sequence(self, window, since):
        settings = watching("accuracy", 0.88, looks="daily")
        return judge(settings, "accuracy", window=window, since=since).verdict is Verdict.FIRE

    @pytest.mark.slow
    def test_a_champion_that_is_just_good_enough_is_left_alone(self):
        rng = np.random.default_rng(3)
        champions = rng.binomial(100, 0.88, size=(60, 60)) / 100

        def windows(days):
            for day in range(14, days.size + 1):
                yield tuple(
                    sample_days(ACCURACY, part, [100] * part.size)
                    for part in (days[day - 14 : day], days[:day])
                )

        naive = np.mean([any(self.looks_without_spending(w) for w, _ in windows(days)) for days in champions])
        here = np.mean([any(self.a_confidence_sequence(*w) for w in windows(days)) for days in champions])

        assert naive > 0.25
        assert here <= 0.08
        measured("looks_without_spending", naive=naive, here=here, within=0.2, within_here=0.05)

    def test_a_champion_that_is_too_bad_is_found(self):
        rng = np.random.default_rng(3)
        days = rng.binomial(100, 0.78, 60) / 100

        since = sample_days(ACCURACY, days, [100] * 60)

        assert self.a_confidence_sequence(sample_days(ACCURACY, days[-14:], [100] * 14), since)


class TestRowsOfOneDayResembleEachOther:
    """A champion that is just good enough, on days that are now easier and now harder."""

    def rows_as_independent(self, right, alpha=0.05):
        error = math.sqrt(right.mean() * (1 - right.mean()) / right.size)
        return right.mean() + stats.norm.isf(alpha) * error < 0.85

    def test_hard_days_are_not_a_bad_champion(self):
        rng = np.random.default_rng(4)
        settings, days = watching("accuracy", 0.85), np.repeat(np.arange(14), 100)
        truth = np.ones(days.size, dtype=bool)
        windows = [rng.random(days.size) < rng.beta(17, 3, 14)[days] for _ in range(200)]

        naive = np.mean([self.rows_as_independent(right) for right in windows])
        stored = [sample_days(ACCURACY, right.reshape(14, 100).mean(axis=1), [100] * 14) for right in windows]
        here = np.mean([judge(settings, "accuracy", window=each).verdict is Verdict.FIRE for each in stored])

        assert naive > 0.2
        assert here < 0.1
        measured("rows_as_independent", naive=naive, here=here, within=0.1, within_here=0.05)
        assert sample_rows(ACCURACY, truth, Predicted.binary(windows[0]), days).limits.standard_error == (
            pytest.approx(stored[0].limits.standard_error)
        )


class TestLabelsThatArriveLate:
    """Frauds are reported in ten days on average, and what is not reported is no fraud."""

    def days_and_reports(self):
        rng = np.random.default_rng(5)
        days = np.repeat(np.arange("2013-01-01", "2013-04-01", dtype="datetime64[D]"), 200)
        fraud = rng.random(days.size) < 0.2
        scores = rng.normal(size=days.size) + 2 * fraud
        reported = days + np.timedelta64(1, "D") + rng.exponential(10, days.size).astype("timedelta64[D]")
        return days, fraud, Predicted.binary(scores, threshold=1.5), reported

    def test_a_good_champion_is_not_fired_on_before_its_labels_are_there(self):
        days, fraud, predicted, reported = self.days_and_reports()
        as_of = np.datetime64("2013-04-01")
        known = fraud & (reported <= as_of)
        settings = watching("precision", 0.5)

        def judged(chosen):
            return verdict_on_rows(settings, "precision", known[chosen], predicted.rows(chosen), days[chosen])

        unmatured_labels = days >= as_of - np.timedelta64(14, "D")
        ripe = matured(days, as_of=as_of, label_delay=np.timedelta64(45, "D"))
        naive, here = (
            judged(unmatured_labels),
            judged(ripe & (days >= days[ripe].max() - np.timedelta64(13, "D"))),
        )

        truth = metric_named("precision").value(fraud, predicted)
        assert naive.verdict is Verdict.FIRE
        assert here.verdict is Verdict.FINE
        assert here.value == pytest.approx(truth, abs=0.05)
        measured("unmatured_labels", naive=naive.value, here=here.value, within=0.08, within_here=0.05)


class TestAveragesOfDays:
    """A mean of daily numbers is not the number of all rows."""

    def mean_of_daily_aucs(self, truth, scores, days):
        return np.mean([roc_auc_score(truth[days == day], scores[days == day]) for day in np.unique(days)])

    def mean_of_unequal_days(self, values):
        return np.mean(values)

    def test_scores_that_cannot_be_compared_across_days_are_no_good_ranking(self):
        """The rows to act on are chosen by one threshold for all days."""
        rng = np.random.default_rng(6)
        days = np.repeat(np.arange(20), 200)
        truth = rng.random(days.size) < 0.3
        scores = rng.normal(size=days.size) + 1.5 * truth + 2.5 * rng.normal(size=20)[days]

        naive = self.mean_of_daily_aucs(truth, scores, days)
        judgement = verdict_on_rows(
            watching("roc_auc", 0.8), "roc_auc", truth, Predicted.binary(scores), days
        )

        assert naive > 0.8
        assert judgement.value == pytest.approx(roc_auc_score(truth, scores))
        assert judgement.verdict is Verdict.FIRE
        measured("mean_of_daily_aucs", naive=naive, here=judgement.value, within=0.02, within_here=0.06)

    def test_sundays_with_ten_rows_do_not_count_as_much_as_weekdays(self):
        values, rows = [0.9] * 10 + [0.6] * 4, [1000] * 10 + [10] * 4

        naive = self.mean_of_unequal_days(values)
        here = sample_days(ACCURACY, values, rows).value

        assert here == pytest.approx(np.average(values, weights=rows))
        measured("mean_of_unequal_days", naive=naive, here=here, within=0.001)


class TestRowsOfThePreviousChampion:
    """A window reaches back beyond the promotion, to the rows for which the old champion was replaced."""

    def rows_of_the_previous_champion(self, right):
        return right.mean()

    def test_a_promotion_resets_the_window(self):
        rng = np.random.default_rng(7)
        days = np.repeat(np.arange("2013-03-01", "2013-03-15", dtype="datetime64[D]"), 200)
        versions = np.where(days < np.datetime64("2013-03-08"), 3, 4)
        right = rng.random(days.size) < np.where(versions == 3, 0.7, 0.93)
        own = in_charge(days, versions, champion=4, promoted=np.datetime64("2013-03-08T00:00"))
        settings = watching("accuracy", 0.85)

        naive = self.rows_of_the_previous_champion(right)
        truth = np.ones(own.sum(), dtype=bool)
        here = verdict_on_rows(settings, "accuracy", truth, Predicted.binary(right[own]), days[own])

        assert naive < 0.85
        assert here.reason is not Reason.THRESHOLD
        assert here.value == pytest.approx(0.93, abs=0.02)
        measured("rows_of_the_previous_champion", naive=naive, here=here.value, within=0.02)


class TestNotANumber:
    """NaN is not below any threshold, so a metric that could not be computed passes."""

    def not_below_is_fine(self, value, threshold):
        return not value < threshold

    def test_rows_of_one_class_are_insufficient(self):
        rng = np.random.default_rng(8)
        truth, days = np.zeros(2000, dtype=bool), np.arange(2000) // 100
        predicted = Predicted.binary(rng.random(2000))

        naive = self.not_below_is_fine(math.nan, 0.7)
        judgement = verdict_on_rows(watching("roc_auc", 0.7), "roc_auc", truth, predicted, days)

        assert naive
        assert judgement.verdict is Verdict.INSUFFICIENT
        assert judgement.value is None
        measured("not_below_is_fine", naive=naive, here=judgement.verdict is Verdict.FINE, within=0)

    def test_a_stored_nan_and_a_nan_for_a_baseline_are_refused(self):
        stored = sample_days(ACCURACY, [0.9] * 14, [100] * 14)

        with pytest.raises(DataError, match="1 NaN or infinite"):
            sample_days(ACCURACY, [0.9, math.nan], [100, 100])
        with pytest.raises(DataError, match="baseline of accuracy is nan"):
            judge(watching("accuracy", 0.8), "accuracy", window=stored, baseline=math.nan)
