"""How often a champion that is good enough is called too bad, in a year of daily looks.

From rows of days to the verdict, but without a source and a model: scores are drawn, and a look of each day
is read off the limits after each daily value, which later days do not change.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from ct_components.monitoring.performance import _limits
from ct_components.monitoring.performance_baseline import measure_holdout
from ct_components.monitoring.performance_rows import Day, Scorer, joined, measure_rows
from ct_components.statistics.performance import Baseline, Performance, Watched

pytestmark = pytest.mark.slow

SEEDS, DAYS, ROWS = 200, 365, 60
FIRST = np.datetime64("2024-01-01")
SCORER = Scorer(SimpleNamespace(predict_proba=None), [], [], "bought", 1)
MEAN_ACCURACY, SPREAD = 0.75, 0.06


def days_of_accuracy(rng, count):
    """Days on which a share of rows is decided right that varies about its mean."""
    for number in range(count):
        right = rng.random(ROWS) < np.clip(rng.normal(MEAN_ACCURACY, SPREAD), 0.5, 1.0)
        positive = rng.random(ROWS) < 0.5
        yield Day(FIRST + number, ROWS, positive, np.where(right == positive, 0.9, 0.1))


def days_of_ranking(rng, count):
    """Days that are hard or easy, and rank their rows alike well."""
    for number in range(count):
        positive = rng.random(ROWS) < 0.3
        scores = rng.normal(size=ROWS) + 1.2 * positive + rng.normal(scale=1.5)
        yield Day(FIRST + number, ROWS, positive, norm.cdf(scores))


def ever_fires(performance, name, days, baseline):
    """Whether any day's limit is worse than the level, without which none fires."""
    measured = measure_rows(days, SCORER, performance, FIRST + DAYS - 7).metrics[name]
    watched = performance.metrics[name]
    critical = watched.critical(performance.metric_named(name), baseline.of_days)
    level = max(each for each in (watched.threshold, critical) if each is not None)
    limits = _limits(performance, name, measured, baseline)
    return any(limit is not None and limit < level for limit in limits)


def test_a_champion_exactly_on_its_threshold_fires_in_alpha_of_the_years_at_most():
    performance = Performance({"accuracy": Watched(threshold=MEAN_ACCURACY, critical_degradation=None)})
    fired = sum(
        ever_fires(performance, "accuracy", days_of_accuracy(np.random.default_rng(seed), DAYS), Baseline())
        for seed in range(SEEDS)
    )

    assert fired <= 0.05 * SEEDS


def test_a_champion_as_good_as_on_its_holdout_hardly_ever_fires():
    performance = Performance({"roc_auc": Watched()})

    def year(seed):
        rng = np.random.default_rng(seed)
        holdout = measure_holdout(*joined(list(days_of_ranking(rng, 14)), SCORER)).metrics["roc_auc"]
        return ever_fires(
            performance, "roc_auc", days_of_ranking(rng, DAYS), Baseline(of_days=holdout.of_days)
        )

    assert sum(map(year, range(SEEDS))) <= 0.05 * SEEDS


def test_one_that_is_as_much_too_bad_fires_in_every_year():
    performance = Performance({"accuracy": Watched(threshold=MEAN_ACCURACY + 0.06)})

    assert all(
        ever_fires(performance, "accuracy", days_of_accuracy(np.random.default_rng(seed), DAYS), Baseline())
        for seed in range(20)
    )
