"""What a day's value is, and that a healthy champion is compared with values that were made the same way."""

import logging
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ct_components.errors import DataError
from ct_components.statistics.metrics import Predicted, metric_named, metrics_of
from ct_components.statistics.performance import (
    Baseline,
    Performance,
    Reason,
    Verdict,
    Watched,
    daily_values,
    judge,
    sample_days,
    sample_rows,
)
from ct_components.statistics.performance.daily import values_of
from ct_components.statistics.performance.sequence import bets

log = logging.getLogger(__name__)

AUC, ACCURACY, RECALL = metric_named("roc_auc"), metric_named("accuracy"), metric_named("recall")
PRECISION, F1 = metric_named("precision"), metric_named("f1")


def easy_and_hard_days(rng, days, rows=400):
    """Returns calibrated scores of days that differ: pooled, they rank far better than within a day."""
    day = np.repeat(np.arange(days), rows)
    odds = -1.5 + rng.normal(0, 1.5, days)[day] + 0.8 * rng.normal(size=day.size)
    score = 1 / (1 + np.exp(-odds))
    return rng.random(day.size) < score, Predicted.binary(score), day


def rare_positives(rng, days, rows=100, recall=0.85):
    """Returns answers of which all positive ones are right, and 1 % of rows that are positive."""
    day = np.repeat(np.arange(days), rows)
    truth = rng.random(day.size) < 0.01
    return truth, Predicted.binary(np.where(truth & (rng.random(day.size) < recall), 0.9, 0.1)), day


def noisy_numbers(rng, days, rows=40):
    """Returns predictions of days whose targets and errors differ."""
    day = np.repeat(np.arange(days), rows)
    truth = rng.normal(0, 3, day.size) + rng.normal(0, 3, days)[day]
    error = rng.normal(0, 2, day.size) * np.exp(rng.normal(0, 0.5, days))[day]
    return truth, Predicted.regression(truth + error), day


def capital(days, level, best):
    distances = (best - days) / (best - level)
    return np.cumsum(np.log1p(bets(distances) * (distances - 1)))


@pytest.mark.parametrize("metric", [RECALL, F1, PRECISION])
def test_days_without_anything_to_count_have_no_value_and_not_0(metric):
    truth, nothing = np.zeros(4000, dtype=bool), Predicted.binary(np.full(4000, 0.1))

    runs = daily_values(metric, truth, nothing, np.arange(4000) // 100)

    assert [run.value for run in runs] == [None]
    assert sample_rows(metric, truth, nothing, np.arange(4000) // 100).value is None


@pytest.mark.parametrize(("metric", "needed"), [(RECALL, 10), (F1, 10), (PRECISION, 10)])
def test_days_with_few_rows_of_a_kind_are_joined(metric, needed):
    truth, predicted, day = rare_positives(np.random.default_rng(0), 60, recall=1.0)

    runs = daily_values(metric, truth, predicted, day)

    for run in runs:
        rows = (day >= int(run.first)) & (day <= int(run.last))
        without_last = rows & (day < int(run.last))
        assert truth[rows].sum() >= needed > truth[without_last].sum()
        assert (run.n, run.value) == (rows.sum(), 1.0)
    assert [int(run.first) for run in runs[1:]] == [int(run.last) + 1 for run in runs[:-1]]


def test_a_class_that_hardly_occurs_delays_a_value_by_four_weeks_at_most():
    day = np.repeat(np.arange(60), 20)
    truth = (day % 28 == 3) & (np.arange(day.size) % 20 == 0)

    runs = daily_values(AUC, truth, Predicted.binary(np.where(truth, 0.9, 0.1)), day)

    assert [(run.first, run.last, run.value) for run in runs] == [("0", "27", 1.0), ("28", "55", 1.0)]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_mean_over_rows_has_a_value_each_day_and_every_metric_one_of_large_days(task):
    rng, day = np.random.default_rng(1), np.repeat(np.arange(10), 90)
    truth = rng.integers(0, {"binary": 2, "multiclass": 3, "regression": 50}[task], day.size)
    answers = {
        "binary": lambda: Predicted.binary(rng.random(day.size)),
        "multiclass": lambda: Predicted.multiclass(rng.dirichlet([1, 1, 1], day.size)),
        "regression": lambda: Predicted.regression(rng.normal(25, 10, day.size)),
    }[task]()
    truth = truth.astype(bool) if task == "binary" else truth
    for metric in metrics_of(task).values():
        for run, known in zip(daily_values(metric, truth, answers, day), range(10), strict=True):
            assert run.value == metric.value(truth[day == known], answers.rows(day == known))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 39), st.sampled_from([AUC, RECALL, PRECISION, F1, ACCURACY]))
def test_later_days_never_change_an_earlier_value(seed, until, metric):
    truth, predicted, day = rare_positives(np.random.default_rng(seed), 40, rows=60)
    early = day < until

    known = daily_values(metric, truth[early], predicted.rows(early), day[early])

    assert daily_values(metric, truth, predicted, day)[: len(known)] == known


def test_the_first_days_of_several_classes_do_not_depend_on_the_later_ones():
    """A class that no row has had yet is waited for all the same."""
    metric, day = metric_named("balanced_accuracy", "multiclass"), np.repeat(np.arange(20), 40)
    truth = np.where(day < 10, 0, np.arange(800) % 3)
    predicted = Predicted.multiclass(np.tile([0.5, 0.3, 0.2], (800, 1)))
    early = day < 5

    known = daily_values(metric, truth[early], predicted.rows(early), day[early])

    assert daily_values(metric, truth, predicted, day)[: len(known)] == known


def test_stored_days_without_a_value_are_left_out():
    sample = sample_days(RECALL, [0.5, None, 1.0], [100, 100, 300])

    assert (sample.value, sample.n, sample.daily.tolist()) == (0.75, 400, [0.5, 1.0])
    assert sample_days(RECALL, [None], [100]).value is None


def test_a_mean_of_days_lies_among_them_in_spite_of_rounding():
    """A perfect baseline of 1 + 2e-16 would be none that the metric can have."""
    for days in range(1, 60):
        assert sample_days(RECALL, [1.0] * days, [100] * days).value == 1.0


def test_of_rows_and_of_their_stored_days_daily_looks_say_the_same():
    truth, predicted, day = easy_and_hard_days(np.random.default_rng(2), 30)
    performance = Performance({"roc_auc": Watched(0.65)})
    runs = daily_values(AUC, truth, predicted, day)

    from_rows = judge(performance, "roc_auc", window=sample_rows(AUC, truth, predicted, day))
    stored = sample_days(AUC, [run.value for run in runs], [run.n for run in runs])
    from_days = judge(performance, "roc_auc", window=stored)

    assert from_rows.by_day
    assert (from_days.verdict, from_days.value, from_days.capital, from_days.lower) == (
        from_rows.verdict, from_rows.value, from_rows.capital, from_rows.lower,
    )  # fmt: skip


def test_a_baseline_of_all_rows_is_refused_where_days_are_watched():
    truth, predicted, day = easy_and_hard_days(np.random.default_rng(3), 14)
    window = sample_rows(AUC, truth, predicted, day)
    daily, once = (Performance({"roc_auc": Watched()}, looks=looks) for looks in ("daily", "once"))
    stored = sample_days(AUC, window.daily, [400] * window.daily.size)

    for performance, sample in ((daily, window), (daily, stored), (once, stored)):
        with pytest.raises(DataError, match=r"roc_auc is 0\.8.*but the mean of daily values is watched"):
            judge(performance, "roc_auc", window=sample, baseline=window.value)
        assert judge(performance, "roc_auc", window=sample, baseline=window.baseline).baseline < 0.75
    assert judge(once, "roc_auc", window=window, baseline=window.baseline).baseline == window.value
    with pytest.raises(DataError, match="but all rows at once is watched"):
        judge(once, "roc_auc", window=window, baseline=Baseline(of_days=0.7))


def test_a_baseline_of_all_rows_will_do_for_a_mean_over_rows():
    performance = Performance({"accuracy": Watched()})
    stored = sample_days(ACCURACY, [0.8] * 10, [100] * 10)

    assert judge(performance, "accuracy", window=stored, baseline=0.8).critical == pytest.approx(0.72)


def test_a_baseline_of_the_spec_is_taken_for_what_is_watched():
    performance = Performance({"roc_auc": Watched(baseline=0.7)})
    stored = sample_days(AUC, [0.7, 0.72, 0.68] * 5, [100] * 15)

    assert judge(performance, "roc_auc", window=stored, baseline=0.81).baseline == 0.7


def test_a_healthy_champion_on_easy_and_hard_days_is_left_alone():
    """Against 0.9 times the area of all rows, which is above that of a day, most fire within 90 days."""
    rng, performance, fired, naive = np.random.default_rng(4), Performance({"roc_auc": Watched()}), 0, 0
    for _ in range(12):
        holdout, since = (sample_rows(AUC, *easy_and_hard_days(rng, days)) for days in (14, 90))
        fired += judge(performance, "roc_auc", window=since, baseline=holdout.baseline).capital > 20
        naive += bool((capital(since.daily, 0.9 * holdout.value, 1) > math.log(20)).any())

    assert naive > 6
    assert fired == 0


@pytest.mark.parametrize("metric", [RECALL, F1, PRECISION])
def test_a_healthy_champion_of_rare_positives_is_left_alone(metric):
    """Counted as 0, days without anything to count make most fire within 120 days."""
    rng, performance, fired = np.random.default_rng(5), Performance({metric.name: Watched(0.7)}), 0
    for _ in range(20):
        since = sample_rows(metric, *rare_positives(rng, 120))
        fired += judge(performance, metric.name, window=since).capital > 20

    assert fired <= 1


def test_a_champion_whose_recall_has_fallen_is_found_though_positives_are_rare():
    since = sample_rows(RECALL, *rare_positives(np.random.default_rng(6), 150, recall=0.3))

    judged = judge(Performance({"recall": Watched(0.7)}), "recall", window=since)

    assert (judged.verdict, judged.reason) == (Verdict.FIRE, Reason.THRESHOLD)


def test_mean_of_small_runs_is_near_the_metric_of_all_rows():
    """Of days alike, so that only the size of a run makes a difference."""
    sample = sample_rows(F1, *rare_positives(np.random.default_rng(7), 6000))

    assert sample.by_day.value == pytest.approx(sample.value, abs=0.01)


def rare_on_days_that_differ(rng, days, rows=100):
    """Returns answers on days whose share of positives and whose recall vary, a few of them wrongly sure."""
    day = np.repeat(np.arange(days), rows)
    truth = rng.random(day.size) < np.clip(0.01 * np.exp(rng.normal(-0.125, 0.5, days)), 0, 0.2)[day]
    found = truth & (rng.random(day.size) < np.clip(rng.normal(0.85, 0.1, days), 0, 1)[day])
    return truth, Predicted.binary(np.where(found | (rng.random(day.size) < 0.0008), 0.9, 0.1)), day


WORLDS = {
    "roc_auc": easy_and_hard_days,
    "recall": rare_on_days_that_differ,
    "f1": rare_on_days_that_differ,
    "precision": rare_on_days_that_differ,
    "rmse": noisy_numbers,
    "r2": noisy_numbers,
}


def firing_years(name, years=100):
    """Returns how many of them fire: on the level, below a baseline of 28 days, and below one of all rows."""
    regression = name in metrics_of("regression")
    metric = metric_named(name, "regression" if regression else "binary")
    best = 1.0 if metric.higher_is_better else 0.0
    rng, watched, fired = np.random.default_rng(8), Watched(), np.zeros(3, dtype=int)

    def days(number):
        return values_of(daily_values(metric, *WORLDS[name](rng, number)))

    rows = WORLDS[name](rng, 3000)
    mean, pooled = values_of(daily_values(metric, *rows)).mean(), metric.value(*rows[:2])
    for _ in range(years):
        holdout, since = days(28), days(365)
        levels = mean, watched.critical(metric, holdout.mean()), watched.critical(metric, pooled)
        fired += [bool((capital(since, level, best) > math.log(20)).any()) for level in levels]
    log.info("%s: mean of days %.4f, of rows %.4f; fired %s", name, mean, pooled, fired.tolist())
    return fired


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in WORLDS if name != "r2"])
def test_a_year_of_daily_looks_at_a_healthy_champion_keeps_alpha(name):
    """Of 100 years, three standard errors are 6.5 %."""
    on_the_level, below_a_baseline, _ = firing_years(name)

    assert max(on_the_level, below_a_baseline) <= 11


@pytest.mark.slow
def test_a_baseline_that_its_days_do_not_tell_makes_healthy_champions_fire():
    """The critical level takes the baseline for exact; documented, not hidden."""
    on_the_level, below_a_baseline, _ = firing_years("r2")

    assert on_the_level <= 11 < below_a_baseline


def test_verdict_says_what_its_numbers_are_about():
    stored = sample_days(AUC, [0.7, 0.72] * 5, [100] * 10)

    judged = judge(Performance({"roc_auc": Watched(0.5)}), "roc_auc", window=stored, baseline=Baseline())

    assert judged.verdict == Verdict.FINE
    assert judged.to_dict()["by_day"] is True
