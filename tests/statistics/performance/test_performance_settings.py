"""Settings of the performance trigger: what is refused, and where a metric becomes too bad."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_components.errors import SpecError
from ct_components.statistics.metrics import metric_named
from ct_components.statistics.performance import Performance, Watched

AUC = metric_named("roc_auc")
MAE, R2 = metric_named("mae", "regression"), metric_named("r2", "regression")


def test_defaults_are_the_documented_ones():
    performance = Performance({"roc_auc": Watched(threshold=0.65)})

    assert (performance.alpha, performance.min_samples, performance.min_per_class) == (0.05, 500, 50)
    assert (performance.cluster, performance.looks) == ("day", "daily")
    assert Watched().critical_degradation == 0.10


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": {}}, r"metrics is \[\]; allowed: one or more of roc_auc"),
        ({"metrics": {"mae": Watched()}}, r"metrics is \['mae'\]; allowed: one or more of roc_auc"),
        ({"task": "clustering"}, "task is 'clustering'; allowed: one of binary"),
        ({"alpha": 0}, "alpha is 0; allowed: above 0 and below 0.5"),
        ({"alpha": 0.5}, "alpha is 0.5"),
        ({"alpha": math.nan}, "alpha is nan"),
        ({"min_samples": 1}, "min_samples is 1; allowed: 2 or more"),
        ({"min_per_class": 0}, "min_per_class is 0"),
        ({"min_clusters": 1}, "min_clusters is 1"),
        ({"cluster": ""}, "cluster is ''"),
        ({"looks": "hourly"}, "looks is 'hourly'; allowed: one of daily, once"),
    ],
)
def test_settings_outside_their_range_are_refused_by_name(settings, message):
    with pytest.raises(SpecError, match=rf"^triggers\.performance\.{message}"):
        Performance(**{"metrics": {"roc_auc": Watched(0.65)}, **settings})


@pytest.mark.parametrize(
    ("watched", "message"),
    [
        (Watched(threshold=1.5), "threshold is 1.5; allowed: a finite number, 0.0 to 1.0"),
        (Watched(threshold=math.nan), "threshold is nan"),
        (Watched(threshold=1.0), "threshold is 1.0; allowed: worse than the best, 1"),
        (Watched(baseline=-0.5), "baseline is -0.5"),
        (Watched(critical_degradation=0), "critical_degradation is 0; allowed: above 0 and below 1"),
        (Watched(critical_degradation=1), "critical_degradation is 1"),
        (Watched(critical_degradation=None), "threshold is None; allowed: a number, as critical"),
        (Watched(low=0.9, high=0.5), "low is 0.9; allowed: below high, which is 0.5"),
        (Watched(high=math.inf), "high is inf; allowed: a finite number"),
        (Watched(threshold=0.85, high=0.8), "threshold is 0.85; allowed: a finite number, 0.0 to 0.8"),
    ],
)
def test_a_metrics_settings_are_refused_by_its_name(watched, message):
    with pytest.raises(SpecError, match=rf"triggers\.performance\.metrics\.roc_auc\.{message}"):
        Performance({"roc_auc": watched})


def test_a_threshold_of_0_is_a_threshold():
    assert Performance({"r2": Watched(threshold=0.0)}, task="regression").metrics["r2"].threshold == 0.0
    with pytest.raises(SpecError, match=r"metrics\.mae\.threshold is 0.0; allowed: worse than the best, 0"):
        Performance({"mae": Watched(threshold=0.0)}, task="regression")


def test_a_loss_may_be_allowed_to_double():
    watched = Watched(critical_degradation=1.0)

    Performance({"mae": watched}, task="regression")

    assert watched.critical(MAE, 8.0) == 16.0


@pytest.mark.parametrize(
    ("metric", "baseline", "critical"),
    [
        (AUC, 0.75, 0.675),
        (MAE, 8.0, 8.8),
        (R2, 0.5, 0.45),
        (R2, -0.5, -0.55),
        (R2, 0.0, None),
        (MAE, 0.0, None),
        (AUC, None, None),
    ],
)
def test_critical_is_worse_than_the_baseline_by_a_share_of_its_size(metric, baseline, critical):
    assert Watched().critical(metric, baseline) == (None if critical is None else pytest.approx(critical))


@given(st.floats(-100, 100), st.floats(0.001, 0.999))
def test_critical_is_never_better_than_the_baseline(baseline, share):
    watched = Watched(critical_degradation=share)
    for metric in (R2, MAE):
        critical = watched.critical(metric, baseline)
        if critical is not None:
            assert metric.gain(critical, baseline) * (1 if metric is R2 else baseline) <= 0


def test_a_baseline_of_the_spec_replaces_the_measured_one():
    assert Watched(baseline=0.5).critical(AUC, 0.75) == pytest.approx(0.45)


def test_metrics_share_alpha_since_any_of_them_may_fire():
    both = Performance({"roc_auc": Watched(0.65), "accuracy": Watched(0.7)}, alpha=0.05)

    assert both.alpha_each == 0.025


def test_bounds_are_those_of_scores_and_losses_unless_given():
    regression = Performance(
        {"r2": Watched(0.25), "mae": Watched(10.0), "rmse": Watched(10.0, low=2.0, high=60.0)},
        task="regression",
    )

    assert Performance({"roc_auc": Watched(0.65)}).bounds("roc_auc") == (0.0, 1.0)
    assert regression.bounds("r2") == (-math.inf, 1.0)
    assert regression.bounds("mae") == (0.0, math.inf)
    assert regression.bounds("rmse") == (2.0, 60.0)
