"""The performance trigger's verdicts: what fires, what is fine, and what is too little to say either."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ct_components.errors import DataError, SpecError
from ct_components.statistics.metrics import Predicted, metric_named
from ct_components.statistics.metrics.regression import MeanError
from ct_components.statistics.performance import (
    Baseline,
    Performance,
    Reason,
    Sample,
    Verdict,
    Watched,
    judge,
    overall,
    sample_days,
    sample_rows,
)
from ct_components.statistics.performance.checks import CHECKS, decide
from ct_components.statistics.performance.evidence import Evidence

ACCURACY, AUC = metric_named("accuracy"), metric_named("roc_auc")
MAE, R2 = metric_named("mae", "regression"), metric_named("r2", "regression")


def once(name, task="binary", *, cluster="none", watched=None, **settings):
    """Returns settings for a single look at one metric."""
    return Performance({name: watched}, task=task, looks="once", cluster=cluster, **settings)


def accuracy_verdict(share, n, threshold=0.88, **settings):
    """Returns the judgement on one stored accuracy of independent rows."""
    performance = once("accuracy", watched=Watched(threshold), **settings)
    window = sample_days(ACCURACY, [share], [n], clustered=False)
    return judge(performance, "accuracy", window=window)


@pytest.mark.parametrize(
    ("share", "verdict", "reason"),
    [
        (0.84, Verdict.FIRE, Reason.THRESHOLD),
        (0.87, Verdict.UNCERTAIN, Reason.NOT_PROVEN),
        (0.90, Verdict.UNCERTAIN, Reason.NOT_PROVEN),
        (0.92, Verdict.FINE, Reason.GOOD_ENOUGH),
        (0.0, Verdict.FIRE, Reason.THRESHOLD),
    ],
)
def test_both_limits_must_agree_before_anything_is_said(share, verdict, reason):
    judged = accuracy_verdict(share, 500)

    assert (judged.verdict, judged.reason) == (verdict, reason)


def test_a_healthy_champion_fires_half_of_the_time_on_the_pessimistic_limit_and_never_on_the_optimistic():
    """An accuracy of 0.90 against 0.88 on 500 rows, exactly: all 501 counts with their probabilities."""
    probability = stats.binom.pmf(np.arange(501), 500, 0.9)
    judged = [accuracy_verdict(count / 500, 500) for count in range(501)]

    optimistic = sum(p for p, each in zip(probability, judged, strict=True) if each.verdict == Verdict.FIRE)
    pessimistic = sum(p for p, each in zip(probability, judged, strict=True) if each.lower < 0.88)

    assert pessimistic == pytest.approx(0.5810, abs=1e-4)
    assert optimistic == pytest.approx(0.0011, abs=1e-4)


@pytest.mark.parametrize("true", [0.88, 0.885])
def test_a_champion_on_the_threshold_fires_at_most_alpha_of_the_time(true):
    probability = stats.binom.pmf(np.arange(2001), 2000, true)
    fires = [accuracy_verdict(count / 2000, 2000).verdict == Verdict.FIRE for count in range(2001)]

    assert probability[fires].sum() < 0.055


@pytest.mark.parametrize(("n", "verdict"), [(499, Verdict.INSUFFICIENT), (500, Verdict.FIRE)])
def test_fewer_rows_than_wanted_are_insufficient_however_bad(n, verdict):
    assert accuracy_verdict(0.5, n).verdict == verdict


def test_fewer_rows_than_wanted_are_never_fine():
    judged = accuracy_verdict(1.0, 499)

    assert (judged.verdict, judged.reason) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_ROWS)
    assert judged.explanation == "Too little evidence: 499 matured rows; at least 500 are needed."


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_fewer_than_50_of_either_class_are_insufficient(score):
    truth = np.arange(1000) < 49
    answers = Predicted.binary(np.where(truth, score, 1 - score))
    sample = sample_rows(AUC, truth, answers, np.arange(1000) % 20, clustered=False)

    judged = judge(once("roc_auc", watched=Watched(0.65)), "roc_auc", window=sample)

    assert (judged.verdict, judged.reason) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_ROWS_OF_A_CLASS)
    assert "49 are positive and 951 negative; at least 50 of each" in judged.explanation


def test_a_single_class_of_several_is_insufficient():
    answers = Predicted.multiclass(np.tile([0.5, 0.25, 0.25], (600, 1)))
    metric = metric_named("accuracy", "multiclass")
    sample = sample_rows(metric, np.zeros(600, dtype=int), answers, np.arange(600) % 10)

    judged = judge(once("accuracy", "multiclass", watched=Watched(0.5)), "accuracy", window=sample)

    assert judged.reason == Reason.TOO_FEW_ROWS_OF_A_CLASS


def test_one_stored_area_tells_no_error_and_says_so():
    stored = sample_days(AUC, [0.5], [10_000], clustered=False)

    judged = judge(once("roc_auc", watched=Watched(0.65)), "roc_auc", window=stored)

    assert (judged.verdict, judged.reason) == (Verdict.INSUFFICIENT, Reason.NO_ERROR)
    assert "roc_auc 0.5000 on 1 day with 10000 rows, which tells no error of it" in judged.explanation


def test_too_few_days_are_insufficient_and_show_no_limits():
    stored = sample_days(AUC, [0.5, 0.51, 0.49, 0.5], [1000] * 4)

    judged = judge(once("roc_auc", cluster="day", watched=Watched(0.65)), "roc_auc", window=stored)

    assert (judged.verdict, judged.reason) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_CLUSTERS)
    assert (judged.value, judged.lower, judged.upper) == (0.5, None, None)
    assert "4 daily values that tell of roc_auc; at least 5 are needed" in judged.explanation


def test_days_without_any_variation_are_uncertain_while_chance_could_explain_them():
    """Seven days at 0.5 with a mean of 0.65 are the others at 1.0: (0.35 / 0.5) ** 7 is 0.08."""
    stored = sample_days(AUC, [0.5] * 7, [1000] * 7)

    judged = judge(once("roc_auc", cluster="day", watched=Watched(0.65)), "roc_auc", window=stored)

    assert (judged.verdict, judged.reason) == (Verdict.UNCERTAIN, Reason.NO_VARIANCE)
    assert json.loads(json.dumps(judged.to_dict()))["upper"] is None


def test_good_days_without_any_variation_are_never_dead():
    stored = sample_days(AUC, [0.75] * 30, [1000] * 30)

    judged = judge(once("roc_auc", cluster="day", watched=Watched(0.65)), "roc_auc", window=stored)

    assert (judged.verdict, judged.reason) == (Verdict.UNCERTAIN, Reason.NO_VARIANCE)


@pytest.mark.parametrize("looks", ["once", "daily"])
@pytest.mark.parametrize("clustered", [True, False])
def test_a_champion_that_answers_the_same_for_every_row_fires(looks, clustered):
    truth = np.random.default_rng(0).random(1400) < 0.4
    performance = Performance({"roc_auc": Watched(0.65)}, looks=looks, cluster="day" if clustered else "none")
    sample = sample_rows(
        AUC, truth, Predicted.binary(np.full(1400, 0.3)), np.arange(1400) // 100, clustered=clustered
    )

    judged = judge(performance, "roc_auc", window=sample)

    assert judged.verdict == Verdict.FIRE
    assert judged.reason == (Reason.DEAD if looks == "once" else Reason.THRESHOLD)
    assert judged.explanation.startswith("Dead") == (looks == "once")


def test_a_champion_that_is_always_wrong_fires_at_one_look():
    truth = np.random.default_rng(0).random(1400) < 0.4
    sample = sample_rows(ACCURACY, truth, Predicted.binary(1.0 - truth), np.arange(1400) // 100)

    judged = judge(once("accuracy", cluster="day", watched=Watched(0.65)), "accuracy", window=sample)

    assert (judged.verdict, judged.reason, judged.value) == (Verdict.FIRE, Reason.DEAD, 0.0)
    assert "good enough would look so with probability 4.1e-07 at most" in judged.explanation


@pytest.mark.parametrize(("days", "verdict"), [(8, Verdict.UNCERTAIN), (9, Verdict.FIRE)])
def test_stored_days_without_any_variation_fire_once_chance_does_not_explain_them(days, verdict):
    stored = sample_days(AUC, [0.5] * days, [100] * days)

    assert (
        judge(once("roc_auc", cluster="day", watched=Watched(0.65)), "roc_auc", window=stored).verdict
        == verdict
    )


def test_a_dead_champion_needs_enough_clusters_like_any_other():
    truth, days = np.arange(1400) % 2 == 0, np.arange(1400) // 350
    sample = sample_rows(AUC, truth, Predicted.binary(np.full(1400, 0.3)), days)

    judged = judge(once("roc_auc", cluster="day", watched=Watched(0.65)), "roc_auc", window=sample)

    assert judged.reason == Reason.TOO_FEW_CLUSTERS


def test_without_threshold_and_baseline_there_is_nothing_to_judge_by():
    stored = sample_days(ACCURACY, [0.5], [500], clustered=False)
    performance = once("accuracy", watched=Watched())

    assert judge(performance, "accuracy", window=stored).reason == Reason.NO_LEVEL
    zero = judge(performance, "accuracy", window=stored, baseline=0.0)
    assert zero.reason == Reason.NO_LEVEL
    assert "of a baseline of 0 no share can be lost" in zero.explanation


@pytest.mark.parametrize(
    ("task", "metric", "baseline", "fine", "fires"),
    [
        ("binary", AUC, 0.8, 0.75, 0.7),
        ("regression", MAE, 8.0, 8.4, 9.2),
        ("regression", R2, 0.5, 0.48, 0.4),
        ("regression", R2, -0.5, -0.52, -0.6),
    ],
)
def test_critical_degradation_is_relative_to_the_baseline_in_the_metrics_direction(
    task, metric, baseline, fine, fires
):
    performance = once(metric.name, task, cluster="day", watched=Watched())
    wobble = np.linspace(-0.01, 0.01, 10)

    def verdict(value):
        stored = sample_days(metric, value + wobble, [100] * 10)
        return judge(performance, metric.name, window=stored, baseline=Baseline(of_days=baseline))

    assert verdict(fine).verdict == Verdict.FINE
    assert (verdict(fires).verdict, verdict(fires).reason) == (Verdict.FIRE, Reason.CRITICAL_DEGRADATION)


def test_critical_degradation_obeys_the_same_limits():
    """0.71 is worse than 0.9 * 0.8 = 0.72, but not so surely."""
    wide = sample_days(AUC, 0.71 + np.linspace(-0.1, 0.1, 10), [100] * 10)

    judged = judge(
        once("roc_auc", cluster="day", watched=Watched()),
        "roc_auc",
        window=wide,
        baseline=Baseline(of_days=0.8),
    )

    assert judged.value < judged.critical < judged.upper
    assert judged.verdict == Verdict.UNCERTAIN


def test_the_critical_level_of_a_bad_baseline_can_lie_beyond_the_threshold():
    stored = sample_days(AUC, 0.60 + np.linspace(-0.01, 0.01, 10), [100] * 10)
    performance = once("roc_auc", cluster="day", watched=Watched(0.65))

    by_threshold, by_baseline = (
        judge(performance, "roc_auc", window=stored, baseline=Baseline(of_days=baseline))
        for baseline in (0.6, 0.8)
    )

    assert by_threshold.reason == Reason.THRESHOLD
    assert by_baseline.reason == Reason.CRITICAL_DEGRADATION


@pytest.mark.parametrize(("threshold", "baseline"), [(0.75, 0.6), (0.5, 0.8)])
def test_fine_is_better_than_threshold_and_critical_level(threshold, baseline):
    """0.7 lies beyond one of the two, and not beyond the other."""
    stored = sample_days(AUC, 0.7 + np.linspace(-0.01, 0.01, 10), [100] * 10)
    performance = once("roc_auc", cluster="day", watched=Watched(threshold))

    def verdict(performance, baseline):
        return judge(performance, "roc_auc", window=stored, baseline=Baseline(of_days=baseline)).verdict

    eased = once("roc_auc", cluster="day", watched=Watched(min(threshold, 0.69)))

    assert verdict(performance, baseline) == Verdict.FIRE
    assert verdict(eased, 0.6) == Verdict.FINE


@pytest.mark.parametrize(("threshold", "baseline", "level"), [(0.695, 0.6, 0.695), (0.5, 0.772, 0.6948)])
def test_the_stricter_of_threshold_and_critical_level_is_what_fine_must_pass(threshold, baseline, level):
    stored = sample_days(AUC, 0.7 + np.linspace(-0.02, 0.02, 10), [100] * 10)
    performance = once("roc_auc", cluster="day", watched=Watched(threshold))

    judged = judge(performance, "roc_auc", window=stored, baseline=Baseline(of_days=baseline))

    assert judged.lower < level < judged.value
    assert judged.verdict == Verdict.UNCERTAIN


VALUES = st.lists(st.integers(0, 64).map(lambda x: x / 64), min_size=5, max_size=20)


@given(VALUES, st.integers(1, 63).map(lambda x: x / 64), st.sampled_from(["once", "daily"]))
def test_a_loss_is_judged_as_the_score_upside_down(values, threshold, looks):
    """The score 1 - loss, bounded by 1, is as much too low as the loss is too high."""
    loss = MeanError("own_loss", error=np.abs, back=np.asarray)

    def judged(name, level, days, own):
        performance = Performance(
            {name: Watched(level, critical_degradation=None)},
            looks=looks,
            own=own,
        )
        return judge(
            performance, name, window=sample_days(performance.metric_named(name), days, [100] * len(days))
        )

    score = judged("roc_auc", threshold, values, {})
    mirrored = judged("own_loss", 1 - threshold, [1 - value for value in values], {"own_loss": loss})

    assert (mirrored.verdict, mirrored.reason) == (score.verdict, score.reason)


@given(VALUES, st.floats(0.01, 0.98), st.floats(0.01, 0.98))
def test_a_stricter_threshold_never_stops_a_look_from_firing(values, one, other):
    def fires(threshold):
        performance = once("roc_auc", cluster="day", watched=Watched(threshold))
        return judge(performance, "roc_auc", window=sample_days(AUC, values, [100] * len(values))).verdict

    milder, stricter = (fires(threshold) for threshold in sorted((one, other)))

    assert milder != Verdict.FIRE or stricter == Verdict.FIRE
    assert stricter != Verdict.FINE or milder == Verdict.FINE


def daily(values, *, recent=7, threshold=0.65, **settings):
    """Returns the judgement of daily looks at an area whose last week is the current window."""
    performance = Performance({"roc_auc": Watched(threshold)}, **settings)
    since, window = (sample_days(AUC, days, [200] * len(days)) for days in (values, values[-recent:]))
    return judge(performance, "roc_auc", window=window, since=since)


def noisy(mean, days, seed=0):
    return list(mean + np.random.default_rng(seed).normal(0, 0.02, days))


def test_daily_looks_fire_by_the_sequence_and_not_by_one_looks_limit():
    three_bad_weeks, four_bad_days = noisy(0.58, 21), noisy(0.58, 7)

    assert daily(three_bad_weeks).verdict == Verdict.FIRE
    judged = daily(four_bad_days)
    assert judged.upper < 0.65
    assert (judged.verdict, judged.reason) == (Verdict.UNCERTAIN, Reason.NOT_PROVEN)
    assert 1 < judged.capital < 20
    assert "the evidence of daily looks stands at" in judged.explanation


def test_fine_is_about_the_current_window_and_not_about_good_old_days():
    assert daily(noisy(0.75, 60)).verdict == Verdict.FINE
    assert daily([*noisy(0.75, 60), *noisy(0.6, 7)]).verdict == Verdict.UNCERTAIN


def test_a_champion_that_has_recovered_does_not_fire():
    """What the sequence has proven stays proven, but there is no reason to train any more."""
    bad = noisy(0.58, 30)
    recovered = daily([*bad, *noisy(0.75, 7)])

    assert daily(bad).verdict == Verdict.FIRE
    assert recovered.capital > 20
    assert recovered.verdict == Verdict.FINE


def test_daily_looks_report_their_days_limit_and_capital():
    judged = daily(noisy(0.58, 30))

    assert judged.days == 30
    assert 0.58 < judged.sequence_limit < 0.65
    assert judged.capital > 1 / judged.alpha
    assert judged.explanation.startswith("Too bad: even the optimistic limit 0.6")
    assert "from 6000 rows and 30 daily values at α 0.05" in judged.explanation


def test_one_look_reports_no_sequence():
    judged = accuracy_verdict(0.84, 500)

    assert (judged.days, judged.sequence_limit, judged.capital) == (None, None, None)


def test_label_coverage_is_reported_and_decides_nothing():
    stored = sample_days(ACCURACY, [0.84], [500], clustered=False)
    performance = once("accuracy", watched=Watched(0.88))

    some, none = (judge(performance, "accuracy", window=stored, coverage=share) for share in (0.25, None))

    assert (some.coverage, none.coverage) == (0.25, None)
    assert some.verdict == none.verdict == Verdict.FIRE


def test_a_judgement_is_plain_json():
    shown = daily(noisy(0.58, 30)).to_dict()

    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert (shown["verdict"], shown["reason"], shown["looks"]) == ("fire", "threshold", "daily")


def test_several_metrics_speak_by_the_gravest():
    fires, unsure, few, fine = (
        accuracy_verdict(*each) for each in ((0.5, 500), (0.88, 500), (1, 9), (1, 500))
    )

    assert overall([fine, few, unsure, fires]) is fires
    assert overall([fine, few, unsure]) is unsure
    assert overall([fine, few]) is few
    assert overall([fine]) is fine
    with pytest.raises(DataError, match="no judgement"):
        overall([])


@pytest.mark.parametrize("baseline", [math.nan, math.inf, 1.5, -0.1])
def test_a_baseline_out_of_bounds_is_refused(baseline):
    with pytest.raises(
        DataError, match=r"baseline of accuracy is .*; allowed: a finite number, 0\.0 to 1\.0"
    ):
        judge(
            once("accuracy", watched=Watched(0.65)),
            "accuracy",
            window=Sample(0.5, None, 500),
            baseline=baseline,
        )


def test_a_metric_that_is_not_watched_is_refused():
    with pytest.raises(SpecError, match="metric is 'f1'; allowed: accuracy"):
        judge(once("accuracy", watched=Watched(0.65)), "f1", window=Sample(0.5, None, 500))


@pytest.mark.parametrize(
    ("task", "metric", "watched", "days", "beyond"),
    [
        ("binary", AUC, Watched(0.65, high=0.85), [0.8] * 10, 0.86),
        ("regression", MAE, Watched(10.0, low=2.0), [8.0] * 10, 1.0),
    ],
)
def test_a_day_that_is_better_than_the_setting_says_refutes_it_and_is_no_error(
    task, metric, watched, days, beyond
):
    performance = Performance({metric.name: watched}, task=task)
    unbounded = Performance({metric.name: Watched(watched.threshold)}, task=task)
    as_set, refuted = (sample_days(metric, each, [100] * len(each)) for each in (days, [*days, beyond]))

    judged = judge(performance, metric.name, window=refuted)

    assert judge(performance, metric.name, window=as_set).warnings == ()
    assert f"{metric.name} of a day, or its baseline, is {beyond:g}" in judged.warnings[0]
    assert judged.capital == judge(unbounded, metric.name, window=refuted).capital
    assert judged.to_dict()["warnings"] == list(judged.warnings)


def test_a_baseline_that_is_better_than_the_setting_says_refutes_it_too():
    performance = Performance({"roc_auc": Watched(high=0.7)})
    stored = sample_days(AUC, [0.6] * 10, [100] * 10)

    judged = judge(performance, "roc_auc", window=stored, baseline=Baseline(of_days=0.9))

    assert judged.critical == pytest.approx(0.81)
    assert judged.capital > 1
    assert "1 counts in its place" in judged.warnings[0]


def test_of_an_own_metric_the_best_day_replaces_a_refuted_setting():
    profit = MeanError("profit", higher_is_better=True, error=np.abs, back=np.asarray)
    performance = Performance({"profit": Watched(50.0, high=100.0)}, "regression", own={"profit": profit})

    judged = judge(performance, "profit", window=sample_days(profit, [60.0, 120.0] * 5, [100] * 10))

    assert "120 counts in its place" in judged.warnings[0]


@pytest.mark.parametrize("looks", ["once", "daily"])
def test_a_day_that_no_metric_can_have_is_refused(looks):
    with pytest.raises(DataError, match=r"value of day 2 is 86\.0; allowed: at most 1"):
        judge(
            Performance({"accuracy": Watched(0.65)}, looks=looks),
            "accuracy",
            window=sample_days(ACCURACY, [0.8, 86.0], [500, 500]),
        )


@pytest.mark.parametrize("looks", ["once", "daily"])
@pytest.mark.parametrize("largest", [1e308, 1.7e308])
def test_a_verdict_holds_no_infinite_number_however_large_the_days(looks, largest):
    performance = Performance({"mae": Watched(0.5)}, task="regression", looks=looks)
    stored = sample_days(MAE, [largest, 1.0, 2.0] * 5, [100] * 15)

    judged = judge(performance, "mae", window=stored)

    assert judged.value == pytest.approx(largest / 3)
    assert len(judged.explanation) < 200
    assert json.loads(json.dumps(judged.to_dict(), allow_nan=False))["metric"] == "mae"


def test_rows_whose_error_is_no_number_are_insufficient():
    truth, days = np.zeros(1400), np.arange(1400) // 100
    with np.errstate(over="ignore"):
        sample = sample_rows(MAE, truth, Predicted.regression(np.full(1400, 1e308)), days)

    judged = judge(once("mae", "regression", cluster="day", watched=Watched(1.0)), "mae", window=sample)

    assert (judged.verdict, judged.reason) == (Verdict.INSUFFICIENT, Reason.NO_ERROR)


def test_a_target_that_varies_on_one_day_only_tells_no_error_of_r2():
    day = np.arange(1400) // 100
    truth = np.where(day == 0, np.arange(1400) % 4, 4.0) - 4.0
    sample = sample_rows(R2, truth, Predicted.regression(np.where(day == 0, -4.0, 0.0)), day)

    judged = judge(once("r2", "regression", cluster="day", watched=Watched(0.9)), "r2", window=sample)

    assert (judged.verdict, judged.reason) == (Verdict.INSUFFICIENT, Reason.NO_ERROR)
    assert sample.value is not None


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e-12, 1e-15, 1e12])
@pytest.mark.parametrize("stored", [True, False])
def test_a_verdict_does_not_depend_on_the_unit(unit, stored):
    rng, days = np.random.default_rng(0), np.arange(1400) // 100
    truth, noise = rng.normal(size=(2, 1400)) * unit
    sample = sample_rows(MAE, truth, Predicted.regression(truth + noise), days)
    if stored:
        sample = sample_days(MAE, sample.daily, [100] * 14)

    watched = Watched(0.5 * unit, critical_degradation=None)
    judged = judge(once("mae", "regression", cluster="day", watched=watched), "mae", window=sample)

    assert (judged.verdict, judged.reason) == (Verdict.FIRE, Reason.THRESHOLD)


def test_a_policy_that_does_not_end_is_a_bug():
    few = Sample(value=0.9, limits=None, n=20)
    evidence = Evidence(once("accuracy", watched=Watched(0.65)), "accuracy", few, few, None)

    assert decide(evidence).reason == Reason.TOO_FEW_ROWS
    with pytest.raises(LookupError, match="the last one always must"):
        decide(evidence, CHECKS[:1])
