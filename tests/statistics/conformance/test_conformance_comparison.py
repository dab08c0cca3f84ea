"""Known mistakes in comparing two models: each is made, and fails; this project is asked the same."""

import math
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from known_mistakes import measured
from scipy import stats
from sklearn.metrics import log_loss, recall_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from ct_components.errors import DataError
from ct_components.spec.durations import Duration
from ct_components.statistics.comparison.compare import compare
from ct_components.statistics.gate import Claim, Gate, Reason, Verdict, judge
from ct_components.statistics.metrics import Predicted, Task, metric_named, metrics_of
from ct_components.statistics.sequential import spend
from ct_components.windows import plan_windows

ACCURACY = metric_named("accuracy")
ALPHA = 0.05
DAYS = np.repeat(np.arange(14), 40)
LABELS = np.arange(DAYS.size) % 2 == 0


def decisions(right, labels=LABELS):
    """Returns the answers of a classifier that is right in these rows."""
    return Predicted.binary(np.where(right, labels, ~labels).astype(float))


def equally_good(rng, days=DAYS):
    """Returns in which rows two models are right: each better on some days, and none on average."""
    share = 0.75 + 0.06 * rng.normal(size=(2, int(days.max()) + 1))
    return rng.random((2, days.size)) < share[:, days]


def scores_of(rng, labels, *strengths):
    """Returns the scores of models on the same rows; the larger its strength, the better a model."""
    return [rng.normal(size=labels.size) + strength * labels for strength in strengths]


def promotes(judgement):
    return judgement.verdict is Verdict.PROMOTE


class Reigns:
    """1,000 champions, each challenged 30 times by models as good: every promotion is a false one."""

    CHAMPIONS, CHALLENGES, RESAMPLES = 1000, 30, 1000

    def __init__(self):
        rng = np.random.default_rng(1)
        self.right = [[equally_good(rng) for _ in range(self.CHALLENGES)] for _ in range(self.CHAMPIONS)]
        self.resamples = rng.multinomial(14, np.full(14, 1 / 14), size=self.RESAMPLES)
        self.alphas = np.array([spend(ALPHA, challenge) for challenge in range(1, self.CHALLENGES + 1)])
        self.p_by_day = self._of_each(lambda new, old: self._compare(new, old, DAYS).p_value())

    @property
    def p_by_row(self):
        return self._of_each(lambda new, old: self._compare(new, old, None).p_value())

    @property
    def p_by_percentiles(self):
        return self._of_each(self._percentile_bootstrap)

    @staticmethod
    def displaced(p_values, alphas):
        """Returns the share of champions that any challenger displaced."""
        return np.mean((p_values < alphas).any(axis=1))

    def _of_each(self, p_value):
        return np.array([[p_value(*right) for right in reign] for reign in self.right])

    def _compare(self, new, old, index):
        return compare(ACCURACY, LABELS, decisions(new), decisions(old), index=index)

    def _percentile_bootstrap(self, new, old):
        by_day = (new.astype(float) - old).reshape(14, 40).sum(axis=1)
        return np.mean(self.resamples @ by_day <= 0)


@cache
def reigns():
    """Returns them, made once."""
    return Reigns()


@pytest.mark.slow
class TestThirtyChallenges:
    """A champion meets a challenger every week, and each is no better."""

    def here(self):
        return reigns().displaced(reigns().p_by_day, reigns().alphas)

    def test_the_whole_alpha_each_time_displaces_most_champions(self):
        each_challenge_at_the_whole_alpha = reigns().displaced(reigns().p_by_day, np.full(30, ALPHA))

        assert each_challenge_at_the_whole_alpha > 0.65
        assert self.here() < 0.08
        measured(
            "each_challenge_at_the_whole_alpha",
            naive=each_challenge_at_the_whole_alpha,
            here=self.here(),
            within=0.06,
            within_here=0.03,
        )

    def test_rows_taken_as_independent_displace_many_even_with_spending(self):
        rows_taken_as_independent = reigns().displaced(reigns().p_by_row, reigns().alphas)

        assert rows_taken_as_independent > 0.15
        assert self.here() < 0.08
        measured(
            "rows_taken_as_independent",
            naive=rows_taken_as_independent,
            here=self.here(),
            within=0.06,
            within_here=0.03,
        )

    def test_percentiles_of_fourteen_days_displace_many_even_with_spending(self):
        """Of 1,000 resamples none shows a p-value of 0.00003, and those of few days vary too little."""
        percentile_bootstrap_of_days = reigns().displaced(reigns().p_by_percentiles, reigns().alphas)

        assert percentile_bootstrap_of_days > 0.12
        assert self.here() < 0.08
        measured(
            "percentile_bootstrap_of_days",
            naive=percentile_bootstrap_of_days,
            here=self.here(),
            within=0.06,
            within_here=0.03,
        )

    def test_the_gate_decides_as_these_p_values_do(self):
        """So that what is measured here is what the gate does."""
        gate = Gate(metric="accuracy", min_improvement=0)
        tempting = np.argwhere(reigns().p_by_day < 0.03)[:150]

        for champion, challenge in tempting:
            new, old = (decisions(right) for right in reigns().right[champion][challenge])
            judgement = judge(LABELS, new, old, DAYS, gate, challenge=int(challenge) + 1)
            assert promotes(judgement) == (
                reigns().p_by_day[champion, challenge] < reigns().alphas[challenge]
            )


class TestASingleChallenge:
    """One challenger, as good as the champion."""

    def holdouts(self, seed, n=300):
        rng = np.random.default_rng(seed)
        return [equally_good(rng) for _ in range(n)]

    def the_larger_number_wins(self, new, old, min_improvement=0.01):
        return new.mean() - old.mean() >= min_improvement

    def test_a_point_gain_proves_nothing(self):
        gate = Gate(metric="accuracy")
        holdouts = self.holdouts(2)

        naive = np.mean([self.the_larger_number_wins(*right) for right in holdouts])
        here = np.mean([promotes(judge(LABELS, *map(decisions, right), DAYS, gate)) for right in holdouts])

        assert naive > 0.25
        assert here < 0.08
        measured("the_larger_number_wins", naive=naive, here=here, within=0.08, within_here=0.03)

    def test_of_nine_metrics_one_is_always_a_little_better(self):
        rng = np.random.default_rng(3)
        labels = rng.random(DAYS.size) < 0.3
        metrics = metrics_of(Task.BINARY).values()
        decides = metric_named("log_loss")

        def any_metric_that_wins(gains):
            return any(gain.lower(ALPHA) > 0 for gain in gains.values())

        found = []
        for _ in range(300):
            effect = 1 + 0.3 * rng.normal(size=(2, 14))[:, DAYS]
            odds = effect * 2 * (labels - 0.5) + rng.normal(size=(2, DAYS.size))
            new, old = (Predicted.binary(1 / (1 + np.exp(-each))) for each in odds)
            found.append({m.name: compare(m, labels, new, old, index=DAYS) for m in metrics})
        naive = np.mean([any_metric_that_wins(gains) for gains in found])
        here = np.mean([gains[decides.name].lower(ALPHA) > 0 for gains in found])

        assert naive > 0.09
        assert here < 0.09
        measured("any_metric_that_wins", naive=naive, here=here, within=0.08, within_here=0.05)

    def test_few_days_that_hold_most_rows_are_few_days(self):
        """Both directions count, since either model may be called the challenger."""
        rng = np.random.default_rng(4)

        def days_less_one(new, old, days):
            difference = new.astype(float) - old
            sums = np.bincount(days, weights=difference - difference.mean()) / days.size
            t = difference.mean() / math.sqrt(14 / 13 * (sums @ sums))
            return abs(t) > stats.t.isf(0.01, 13)

        def the_law_of_these_days(new, old, days, labels):
            gain = compare(ACCURACY, labels, decisions(new, labels), decisions(old, labels), index=days)
            return gain.lower(0.01) > 0 or gain.upper(0.01) < 0

        naive, here = [], []
        for _ in range(500):
            weights = np.exp(1.5 * rng.normal(size=14))
            rows = np.maximum(rng.multinomial(1400, weights / weights.sum()), 1)
            days = np.repeat(np.arange(14), rows)
            new, old = equally_good(rng, days)
            naive.append(days_less_one(new, old, days))
            here.append(the_law_of_these_days(new, old, days, np.arange(days.size) % 2 == 0))

        assert np.mean(naive) / 2 > 0.03
        assert np.mean(here) / 2 < 0.02
        measured(
            "days_less_one", naive=np.mean(naive) / 2, here=np.mean(here) / 2, within=0.02, within_here=0.012
        )


METRICS = [(task, name) for task in Task for name in metrics_of(task)]


def answers(task, seed=5):
    """Returns truth, and what a better and a worse model say of the same rows."""
    rng = np.random.default_rng(seed)
    n, strengths = 700, np.array([1.6, 1.0])
    if task == Task.REGRESSION:
        truth = rng.normal(size=n)
        noise = rng.normal(size=(2, n)) / (2 * strengths[:, None])
        return truth, *map(Predicted.regression, truth + noise)
    if task == Task.BINARY:
        truth = rng.random(n) < 0.4
        odds = 2 * strengths[:, None] * (truth - 0.5) + rng.normal(size=(2, n))
        return truth, *map(Predicted.binary, 1 / (1 + np.exp(-odds)))
    truth = rng.integers(0, 3, n)
    raw = rng.gamma(1 + 2 * strengths[:, None, None] * (truth[:, None] == np.arange(3)))
    return truth, *map(Predicted.multiclass, raw / raw.sum(axis=2, keepdims=True))


class TestExchangedModels:
    """Whoever calls the champion the challenger must hear the opposite."""

    def champion_metrics_read_from_the_challenger(self, metric, truth, challenger, _champion):
        new, old = metric.value(truth, challenger), metric.value(truth, challenger)
        return float(metric.gain(new, old))

    @pytest.mark.parametrize("clustered", [True, False], ids=["days", "rows"])
    @pytest.mark.parametrize(("task", "name"), METRICS)
    def test_limits_are_exchanged_and_never_are_both_promoted(self, task, name, clustered):
        metric, (truth, better, worse) = metric_named(name, task), answers(task)
        index = np.arange(truth.size) % 14 if clustered else None
        gate = Gate(task=task, metric=name, cluster="day" if clustered else "none")

        forward, backward = (
            compare(metric, truth, *models, index=index) for models in ((better, worse), (worse, better))
        )
        judged = [judge(truth, *m, index, gate) for m in ((better, worse), (worse, better))]

        for alpha in (0.05, 0.001):
            if metric.higher_is_better:
                assert forward.lower(alpha) == pytest.approx(-backward.upper(alpha), abs=1e-9)
                assert forward.upper(alpha) == pytest.approx(-backward.lower(alpha), abs=1e-9)
            else:
                assert (1 - forward.lower(alpha)) * (1 - backward.upper(alpha)) == pytest.approx(1)
                assert (1 - forward.upper(alpha)) * (1 - backward.lower(alpha)) == pytest.approx(1)
        assert forward.lower(0.05) > 0 > backward.upper(0.05)
        assert [each.verdict for each in judged] == [Verdict.PROMOTE, Verdict.REJECT]

    def test_a_champion_judged_by_the_challengers_numbers_is_found_out(self):
        truth, better, worse = answers(Task.BINARY)
        metrics = metrics_of(Task.BINARY).values()

        def told_apart(gain_of):
            return np.mean([gain_of(m, better, worse) > 0 > gain_of(m, worse, better) for m in metrics])

        naive = told_apart(
            lambda m, *models: self.champion_metrics_read_from_the_challenger(m, truth, *models)
        )
        here = told_apart(
            lambda m, *models: compare(m, truth, *models, index=np.arange(truth.size) % 14).value
        )

        measured("champion_metrics_read_from_the_challenger", naive=naive, here=here, within=0)

    @pytest.mark.parametrize("clustered", [True, False], ids=["days", "rows"])
    @pytest.mark.parametrize(("task", "name"), METRICS)
    def test_a_twin_displaces_nobody(self, task, name, clustered):
        truth, model, _ = answers(task)
        index = np.arange(truth.size) % 14 if clustered else None
        gate = Gate(task=task, metric=name, cluster="day" if clustered else "none", min_improvement=0)

        judgement = judge(truth, model, model, index, gate)

        assert (judgement.verdict, judgement.reason) == (Verdict.HOLD, Reason.NO_VARIANCE)

    def test_a_limit_of_0_is_not_above_0(self):
        """Two models that answer alike have a gain of exactly 0, with no error at all."""
        truth, model, _ = answers(Task.BINARY)
        row_gains = np.zeros(truth.size)

        def not_worse_is_better(gains):
            return gains.mean() - 1.645 * gains.std() / math.sqrt(gains.size) >= 0

        naive = not_worse_is_better(row_gains)
        here = promotes(judge(truth, model, model, None, Gate(cluster="none", min_improvement=0)))

        measured("not_worse_is_better", naive=naive, here=here, within=0)


class TestDirection:
    """Less is better of a loss."""

    def the_larger_loss_wins(self, new, old):
        return new > old

    def test_the_smaller_loss_wins(self):
        truth, better, worse = answers(Task.BINARY)
        losses = [log_loss(truth, model.values) for model in (better, worse)]
        gate = Gate(metric="log_loss", cluster="none")

        naive = self.the_larger_loss_wins(losses[1], losses[0])
        here = judge(truth, worse, better, None, gate)

        assert losses[0] < losses[1]
        assert here.verdict is Verdict.REJECT
        assert promotes(judge(truth, better, worse, None, gate))
        measured("the_larger_loss_wins", naive=naive, here=promotes(here), within=0)


class TestNumbersThatAreNone:
    """0.0 is false, and NaN is larger and smaller than nothing."""

    def if_champion_score(self, new, old):
        return new > old if old else True

    def hold_if_below(self, new, old):
        return not new < old

    def test_a_champion_whose_score_is_0_is_a_champion(self):
        """A first model has nobody to beat; a champion with a recall of 0.0 is no missing one."""
        rng = np.random.default_rng(6)
        silent = Predicted.binary(rng.random(DAYS.size), threshold=2.0)
        gate = Gate(metric="recall")
        recall = recall_score(LABELS, silent.decided)

        naive = self.if_champion_score(recall, recall)
        here = judge(LABELS, silent, silent, DAYS, gate)

        assert here.champion_score == 0.0
        assert here.gain == 0.0
        assert here.reason is not Reason.FIRST
        measured("if_champion_score", naive=naive, here=promotes(here), within=0)

    def test_a_model_that_answers_nan_is_refused_and_not_promoted(self):
        rng = np.random.default_rng(7)
        broken, champion = np.full(DAYS.size, np.nan), rng.random(DAYS.size)
        naive = self.hold_if_below(broken.mean(), champion.mean())

        with pytest.raises(DataError, match="challenger scores hold 560 NaN or infinite"):
            judge(LABELS, broken, champion, DAYS, Gate())
        with pytest.raises(DataError, match="champion scores hold 560 NaN or infinite"):
            judge(LABELS, champion, broken, DAYS, Gate())

        assert naive
        measured("hold_if_below", naive=naive, here=0, within=0)


class TestTheRatchet:
    """Sixty equally good models, one a week; each is compared with the score that the best one had."""

    STRENGTH = 0.74

    def week(self, rng):
        labels = rng.random(1400) < 0.3
        return labels, *scores_of(rng, labels, self.STRENGTH, self.STRENGTH)

    def champions_stored_score(self, scores):
        return max(scores)

    def test_the_best_of_sixty_equal_models_looks_better_than_any_is(self):
        rng = np.random.default_rng(8)
        truth = stats.norm.cdf(self.STRENGTH / math.sqrt(2))
        naive, here = [], []
        for _ in range(8):
            weeks = [self.week(rng) for _ in range(60)]
            stored = self.champions_stored_score([roc_auc_score(y, own) for y, own, _ in weeks])
            y, challenger, champion = self.week(rng)
            anew = judge(y, challenger, champion, np.arange(1400) // 100, Gate())
            naive.append(stored - truth)
            here.append(anew.champion_score - truth)

        assert np.mean(naive) > 0.025
        assert abs(np.mean(here)) < 0.01
        measured(
            "champions_stored_score",
            naive=np.mean(naive),
            here=np.mean(here),
            within=0.008,
            within_here=0.01,
        )


class TestDifferentRows:
    """The champion's number is from an easy month, the challenger's from a hard one."""

    def each_on_its_own_rows(self, challenger_score, champion_score):
        return challenger_score - champion_score

    def test_the_same_model_is_as_good_as_itself(self):
        rng = np.random.default_rng(9)
        labels = rng.random(DAYS.size * 4) < 0.3
        (hard,), (easy,) = scores_of(rng, labels, 0.8), scores_of(rng, labels, 1.2)

        naive = self.each_on_its_own_rows(roc_auc_score(labels, easy), roc_auc_score(labels, hard))
        here = judge(labels, hard, hard, DAYS.repeat(4), Gate())

        assert naive > 0.05
        assert not promotes(here)
        measured("each_on_its_own_rows", naive=naive, here=here.gain, within=0.03, within_here=0)

    def test_answers_to_other_rows_are_refused_where_their_number_shows_it(self):
        with pytest.raises(DataError, match="559 champion scores for 560 labels"):
            judge(LABELS, np.zeros(560), np.zeros(559), DAYS, Gate())


class TestWindows:
    """What a model is measured on, and what it learned from: days, 0 being the first of March 2013."""

    START = datetime(2013, 3, 1, tzinfo=UTC)

    def windows(self, as_of_day, *, train, holdout, delay=0, embargo=0):
        """Returns the days of training and of the holdout, as a run has them."""
        lengths = [Duration(days, "d") for days in (train, holdout, embargo, delay)]
        found = plan_windows(self.START + timedelta(as_of_day), "UTC", *lengths, champion_cutoff=None)
        return [
            range((window.start - self.START).days, (window.end - self.START).days)
            for window in (found.training, found.holdout)
        ]

    def test_a_tree_knows_its_training_rows_by_heart(self):
        rng = np.random.default_rng(10)
        day = np.repeat(np.arange(60), 40)
        x, noise = rng.normal(size=(day.size, 3)), rng.random(day.size) < 0.5
        training, holdout = (np.isin(day, days) for days in self.windows(60, train=46, holdout=14))
        tree = DecisionTreeClassifier(random_state=0).fit(x[training], noise[training])
        scores = tree.predict_proba(x)[:, 1]

        on_the_training_rows = roc_auc_score(noise[training], scores[training])
        here = judge(noise[holdout], scores[holdout], None, day[holdout], Gate())

        assert on_the_training_rows == 1
        assert not (training & holdout).any()
        assert (here.verdict, here.reason) == (Verdict.REJECT, Reason.BASELINE)
        measured(
            "on_the_training_rows",
            naive=on_the_training_rows,
            here=here.challenger_score,
            within=0.001,
            within_here=0.07,
        )

    def test_what_a_day_was_like_is_not_known_the_day_before(self):
        """A random split leaves rows of each day in training, and a model that knows the date knows them."""
        rng = np.random.default_rng(11)
        day = np.repeat(np.arange(90), 60)
        delayed = rng.random(day.size) < rng.beta(0.8, 0.8, 90)[day]

        def score(training, judged):
            tree = DecisionTreeClassifier(min_samples_leaf=10, random_state=0)
            tree.fit(day[training, None], delayed[training])
            return roc_auc_score(delayed[judged], tree.predict_proba(day[judged, None])[:, 1])

        known = day < 60
        shuffled = rng.random(day.size) < 0.75
        a_random_split = score(known & shuffled, known & ~shuffled)
        training, holdout = self.windows(60, train=46, holdout=14)
        here = score(np.isin(day, training), np.isin(day, holdout))
        truth = score(known, ~known)

        assert a_random_split - truth > 0.2
        assert here == pytest.approx(truth, abs=0.02)
        measured("a_random_split", naive=a_random_split, here=here, within=0.05, within_here=0.02)

    def test_labels_that_come_late_are_not_known_at_the_holdouts_beginning(self):
        """A level that wanders, labels after 14 days, and a model that says the last level it learned."""
        rng = np.random.default_rng(12)
        delay, holdout_days = 14, 7

        def error(level, last_learned, judged):
            return np.mean(np.abs(level[list(judged)] - level[last_learned]))

        naive, here, truth = [], [], []
        for _ in range(400):
            level = np.cumsum(rng.normal(size=120))
            training, holdout = self.windows(90, train=40, holdout=holdout_days, delay=delay)
            training_up_to_the_holdout = holdout.start - 1
            naive.append(error(level, training_up_to_the_holdout, holdout))
            here.append(error(level, training.stop - 1, holdout))
            truth.append(error(level, 90 - delay - 1, range(90, 90 + holdout_days)))

        assert holdout.stop == 90 - delay
        assert holdout.start - training.stop == delay
        assert np.mean(naive) < 0.6 * np.mean(truth)
        assert np.mean(here) == pytest.approx(np.mean(truth), rel=0.12)
        measured(
            "training_up_to_the_holdout",
            naive=np.mean(naive),
            here=np.mean(here),
            within=0.2,
            within_here=0.4,
        )

    def test_rows_that_the_champion_learned_from_do_not_judge_it(self):
        """A holdout that reaches back before the champion's cutoff is cut there."""
        lengths = [Duration(days, "d") for days in (40, 14, 1, 2)]
        cutoff = self.START + timedelta(80)

        found = plan_windows(self.START + timedelta(90), "UTC", *lengths, champion_cutoff=cutoff)

        assert found.holdout.start == cutoff + timedelta(3)
        assert found.training.end == self.START + timedelta(90 - 2 - 14 - 2 - 1)


@pytest.mark.slow
class TestSmallLossesEachWeek:
    """Half a year of challengers, each 0.003 worse than the champion, which no single holdout shows."""

    DAYS = np.repeat(np.arange(14), 1000)
    GATE = Gate(claim=Claim.NON_INFERIOR, margin=0.01, min_improvement=0.02, spending="even:26")
    LOSS = 0.0115
    """Of strength, in a week; 0.003 of AUC."""

    def lost_in_half_a_year(self, seed, promoted):
        """Returns by how much a champion's true AUC falls if challengers are promoted by such a rule."""
        rng, lost = np.random.default_rng(seed), 0.0
        for _ in range(26):
            y = rng.random(self.DAYS.size) < 0.3
            shared = rng.normal(size=y.size)
            own = 0.2 * rng.normal(size=(3, y.size))
            strengths = 1 - np.array([[lost + self.LOSS], [lost], [0]])
            if promoted(y, *(shared + own + strengths * y)):
                lost += self.LOSS
        deviation = math.sqrt(2 * (1 + 0.2**2))
        return stats.norm.cdf(1 / deviation) - stats.norm.cdf((1 - lost) / deviation)

    def no_worse_than_last_week(self, y, challenger, champion, _anchor):
        return promotes(judge(y, challenger, champion, self.DAYS, self.GATE))

    def no_worse_than_the_last_version_proven_better(self, y, challenger, champion, anchor):
        return promotes(judge(y, challenger, champion, self.DAYS, self.GATE, anchor=anchor))

    def test_the_last_version_that_was_proven_better_holds_them_up(self):
        naive, here = (
            np.mean([self.lost_in_half_a_year(seed, rule) for seed in (13, 14)])
            for rule in (self.no_worse_than_last_week, self.no_worse_than_the_last_version_proven_better)
        )

        assert naive > 0.03
        assert 0 < here < 0.012
        measured("no_worse_than_last_week", naive=naive, here=here, within=0.015, within_here=0.004)
