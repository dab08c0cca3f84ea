"""What the gate asks beside the one limit, for each task: floors, baseline, margins, guardrails, slices."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ct_components.errors import DataError, SpecError
from ct_components.statistics.comparison.generic import UserMetric
from ct_components.statistics.gate import Claim, Gate, Reason, Verdict, judge
from ct_components.statistics.metrics import Predicted, Task, metrics_of

DAYS = np.repeat(np.arange(20), 60)
N = DAYS.size


def holdout(task, seed=0, *, better=1.0, day_effect=0.0):
    """Returns truth, and answers of a challenger and a champion; `better` than 1 is a better challenger."""
    rng = np.random.default_rng(seed)
    effect = 1 + day_effect * rng.normal(size=(2, 20))[:, DAYS]
    if task == Task.REGRESSION:
        truth = rng.normal(size=N)
        noise = 0.5 * rng.normal(size=(2, N)) * effect
        return truth, truth + noise[0] / better, truth + noise[1]
    if task == Task.BINARY:
        truth = rng.random(N) < 0.3
        odds = np.array([[better], [1.0]]) * 2 * (truth - 0.5) * effect + rng.normal(size=(2, N))
        return truth, *(1 / (1 + np.exp(-odds)))
    truth = rng.integers(0, 3, N)
    shapes = 1 + np.array([better, 1.0])[:, None, None] * 2 * (truth[:, None] == np.arange(3))
    raw = rng.gamma(shapes)
    return truth, *(raw / raw.sum(axis=2, keepdims=True))


def correlated(truth, predicted):
    """Returns Pearson's correlation, which no constant has."""
    if not np.ptp(predicted):
        return float("nan")
    return float(np.corrcoef(truth, predicted)[0, 1])


def verdict_and_reason(judgement):
    return judgement.verdict, judgement.reason


@pytest.mark.parametrize("cluster", ["day", "none"])
@pytest.mark.parametrize(("task", "metric"), [(task, name) for task in Task for name in metrics_of(task)])
class TestEveryMetric:
    def judge(self, task, metric, cluster, y, new, old, days=DAYS):
        gate = Gate(task=task, metric=metric, cluster=cluster)
        return judge(y, new, old, days if cluster == "day" else None, gate)

    def test_a_clearly_better_challenger_is_promoted_and_its_mirror_image_rejected(
        self, task, metric, cluster
    ):
        y, new, old = holdout(task, better=2.0)

        forward = self.judge(task, metric, cluster, y, new, old)
        backward = self.judge(task, metric, cluster, y, old, new)

        assert verdict_and_reason(forward) == (Verdict.PROMOTE, Reason.SUPERIOR)
        assert verdict_and_reason(backward) == (Verdict.REJECT, Reason.WORSE)
        assert forward.champion_score == backward.challenger_score
        assert forward.gain > 0 > backward.gain
        assert forward.relative == (not metrics_of(task)[metric].higher_is_better)

    def test_a_twin_is_held(self, task, metric, cluster):
        y, new, _ = holdout(task)

        judgement = self.judge(task, metric, cluster, y, new, new)

        assert verdict_and_reason(judgement) == (Verdict.HOLD, Reason.NO_VARIANCE)
        assert judgement.lower is judgement.upper is judgement.smallest_provable_gain is None

    def test_no_rows_are_insufficient(self, task, metric, cluster):
        y, new, old = (each[:0] for each in holdout(task))

        judgement = self.judge(task, metric, cluster, y, new, old, days=[])

        assert judgement.verdict is Verdict.INSUFFICIENT
        assert judgement.challenger_score is judgement.gain is judgement.lower is None

    def test_a_constant_does_not_beat_the_baseline(self, task, metric, cluster):
        y, new, old = holdout(task)
        constant = np.broadcast_to(new.mean(axis=0), new.shape)

        judgement = self.judge(task, metric, cluster, y, constant, old)

        assert verdict_and_reason(judgement) == (Verdict.REJECT, Reason.BASELINE)

    def test_the_judgement_is_json(self, task, metric, cluster):
        y, new, old = holdout(task, seed=3)

        judgement = self.judge(task, metric, cluster, y, new, old).to_dict()

        assert json.loads(json.dumps(judgement, allow_nan=False)) == judgement
        assert (judgement["mcnemar"] is None) == (task == Task.REGRESSION)


def test_each_task_has_its_default_metric():
    assert [Gate(task=task).decides.name for task in Task] == ["roc_auc", "log_loss", "mae"]


def test_the_first_model_of_a_regression_has_the_training_median_to_beat():
    y, new, _ = holdout(Task.REGRESSION)

    judgement = judge(y, new, None, DAYS, Gate(task="regression"), centre=[5.0, 3.0])

    assert judgement.baseline_score == pytest.approx(np.abs(y - 3.0).mean())
    assert verdict_and_reason(judgement) == (Verdict.PROMOTE, Reason.FIRST)


def test_a_floor_of_a_loss_is_the_largest_that_passes():
    y, new, _ = holdout(Task.REGRESSION, better=2.0)
    loss = float(np.abs(new - y).mean())

    passed = judge(y, new, None, DAYS, Gate(task="regression", floors={"mae": loss + 0.001}))
    failed = judge(y, new, None, DAYS, Gate(task="regression", floors={"mae": loss - 0.001}))

    assert passed.verdict is Verdict.PROMOTE
    assert verdict_and_reason(failed) == (Verdict.REJECT, Reason.FLOOR)
    assert f"mae {loss:.4f} is above the floor" in failed.explanation


def test_a_score_of_0_is_a_score_and_not_missing():
    """A challenger that decides nothing positive has recall 0.0, which is below its floor."""
    y, new, old = holdout(Task.BINARY, better=2.0)
    silent = Predicted.binary(new, threshold=2.0)

    judgement = judge(y, silent, old, DAYS, Gate(floors={"recall": 0.1}))

    assert verdict_and_reason(judgement) == (Verdict.REJECT, Reason.FLOOR)
    assert "recall 0.0000 is below the floor 0.1000" in judgement.explanation


def test_floors_hold_for_metrics_beside_the_one_that_decides():
    y, new, old = holdout(Task.BINARY, better=2.0)

    judgement = judge(y, new, old, DAYS, Gate(floors={"roc_auc": 0.5, "precision": 0.999}))

    assert verdict_and_reason(judgement) == (Verdict.REJECT, Reason.FLOOR)
    assert "precision" in judgement.explanation


class TestNonInferiority:
    GATE = Gate(claim=Claim.NON_INFERIOR, margin=0.05)

    def test_an_equal_model_is_promoted_within_the_margin_only_when_asked_for(self):
        y, new, old = holdout(Task.BINARY, seed=1)

        asked = judge(y, new, old, DAYS, self.GATE)
        not_asked = judge(y, new, old, DAYS, Gate())

        assert verdict_and_reason(asked) == (Verdict.PROMOTE, Reason.NON_INFERIOR)
        assert not_asked.verdict is Verdict.HOLD
        assert asked.lower == not_asked.lower > -0.05
        assert "Proven as good, within 0.0500" in asked.explanation

    def test_what_may_be_worse_by_the_margin_is_held(self):
        y, new, old = holdout(Task.BINARY, seed=1)

        judgement = judge(y, new, old, DAYS, Gate(claim=Claim.NON_INFERIOR, margin=0.01))

        assert verdict_and_reason(judgement) == (Verdict.HOLD, Reason.NOT_NON_INFERIOR)
        assert "a limit above -0.0100 is needed" in judgement.explanation

    def test_the_margin_is_half_the_improvement_unless_given(self):
        assert Gate(min_improvement=0.03).delta == 0.015
        assert Gate(margin=0.0).delta == 0.0

    def test_a_better_model_is_still_called_superior(self):
        y, new, old = holdout(Task.BINARY, better=2.0)

        assert judge(y, new, old, DAYS, self.GATE).reason is Reason.SUPERIOR

    def test_small_losses_do_not_add_up(self):
        """No worse than the champion, but the champion is itself no worse than an anchor that is better."""
        y, new, old = holdout(Task.BINARY, seed=1)
        anchor = holdout(Task.BINARY, seed=1, better=2.0)[1]

        judgement = judge(y, new, old, DAYS, self.GATE, anchor=anchor)

        assert verdict_and_reason(judgement) == (Verdict.HOLD, Reason.BEHIND_ANCHOR)
        assert judgement.anchor_lower < -0.05 < judgement.lower

    def test_an_anchor_that_is_as_good_does_not_stand_in_the_way(self):
        y, new, old = holdout(Task.BINARY, seed=1)

        assert judge(y, new, old, DAYS, self.GATE, anchor=old).reason is Reason.NON_INFERIOR

    def test_the_anchor_does_not_matter_to_what_is_proven_better(self):
        y, new, old = holdout(Task.BINARY, better=2.0)

        assert judge(y, new, old, DAYS, self.GATE, anchor=y.astype(float)).reason is Reason.SUPERIOR


class TestGuardrails:
    def test_a_better_ranking_with_worse_probabilities_is_rejected(self):
        y, new, old = holdout(Task.BINARY, better=2.0)
        sure = np.clip(new**8, 1e-12, 1)

        free = judge(y, sure, old, DAYS, Gate())
        judgement = judge(y, sure, old, DAYS, Gate(guardrails={"log_loss": 0.02}))

        assert free.verdict is Verdict.PROMOTE
        assert verdict_and_reason(judgement) == (Verdict.REJECT, Reason.GUARDRAIL)
        assert "Guardrail log_loss does not hold: gain -" in judgement.explanation
        assert judgement.guardrails[0].lower < -0.02

    def test_a_guardrail_within_its_margin_lets_pass(self):
        y, new, old = holdout(Task.BINARY, better=2.0)

        judgement = judge(y, new, old, DAYS, Gate(guardrails={"log_loss": 0.02, "accuracy": 0.01}))

        assert judgement.verdict is Verdict.PROMOTE
        assert [each.name for each in judgement.guardrails] == ["log_loss", "accuracy"]
        assert [each.relative for each in judgement.guardrails] == [True, False]

    def test_a_guardrail_that_cannot_be_estimated_does_not_hold(self):
        """Scores that are no probabilities have no log loss."""
        y, new, old = holdout(Task.BINARY, better=2.0)

        judgement = judge(y, 5 * new, old, DAYS, Gate(guardrails={"log_loss": 0.02}))

        assert verdict_and_reason(judgement) == (Verdict.REJECT, Reason.GUARDRAIL)
        assert "cannot be estimated" in judgement.explanation


class TestSlices:
    def test_proven_harm_on_a_slice_rejects(self):
        y, new, old = holdout(Task.BINARY, better=2.5)
        north = np.arange(N) % 4 == 0
        new = np.where(north, holdout(Task.BINARY, better=0.2)[1], new)
        slices = {"region north": north, "region south": ~north}

        judgement = judge(y, new, old, DAYS, Gate(min_slice_rows=300), slices=slices)

        assert verdict_and_reason(judgement) == (Verdict.REJECT, Reason.SLICE)
        assert "Proven worse on region north" in judgement.explanation
        assert [each.n for each in judgement.slices] == [N // 4, 3 * N // 4]

    def test_a_slice_that_is_merely_not_proven_harmless_lets_pass(self):
        y, new, old = holdout(Task.BINARY, better=2.0)
        slices = {f"shop {k}": np.arange(N) % 2 == k for k in (0, 1)}

        judgement = judge(y, new, old, DAYS, Gate(), slices=slices)

        assert judgement.verdict is Verdict.PROMOTE
        assert judgement.slices[0].alpha == 0.025

    def test_a_small_slice_is_shown_and_not_judged(self):
        y, new, old = holdout(Task.BINARY, better=2.0)

        judgement = judge(y, new, old, DAYS, Gate(), slices={"tiny": np.arange(N) < 100})

        assert judgement.verdict is Verdict.PROMOTE
        assert (judgement.slices[0].n, judgement.slices[0].gain) == (100, None)

    def test_twenty_slices_without_harm_rarely_stop_a_better_model(self):
        """Proofs of harmlessness would stop nearly all; proofs of harm stop few, whatever their number."""
        stopped = 0
        for seed in range(20):
            y, new, old = holdout(Task.BINARY, seed=seed, better=1.5, day_effect=0.1)
            slices = {f"shop {k}": np.arange(N) % 2 == k % 2 for k in range(20)}
            stopped += (
                judge(y, new, old, DAYS, Gate(min_improvement=0.0), slices=slices).reason is Reason.SLICE
            )
        assert stopped <= 1


def test_a_champion_that_is_no_better_than_the_baseline_is_an_alert_and_no_veto():
    y, new, old = holdout(Task.BINARY, better=2.0)
    useless = np.random.default_rng(3).random(N)

    judgement = judge(y, new, useless, DAYS, Gate())

    assert judgement.verdict is Verdict.PROMOTE
    assert "champion itself is not proven better than the baseline" in judgement.alerts[0]
    assert judge(y, new, old, DAYS, Gate()).alerts == ()


def test_a_class_of_several_that_has_few_rows_is_no_obstacle_but_one_class_is():
    y, new, old = holdout(Task.MULTICLASS, better=2.0)
    rare = np.where((y == 2) & (np.arange(N) > 5), 1, y)

    assert judge(rare, new, old, DAYS, Gate(task="multiclass")).verdict is not Verdict.INSUFFICIENT
    one = judge(np.zeros(N, dtype=int), new, old, DAYS, Gate(task="multiclass"))
    assert verdict_and_reason(one) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_ROWS)


class TestWhatOneModelCannotSay:
    """A metric may have no value for one of the models; then nothing is proven, and the reason is told."""

    def test_scores_that_are_no_probabilities_have_no_log_loss(self):
        y, new, old = holdout(Task.BINARY, better=2.0)

        judgement = judge(y, 5 * new, old, DAYS, Gate(metric="log_loss"))

        assert verdict_and_reason(judgement) == (Verdict.INSUFFICIENT, Reason.UNDEFINED)
        assert "log_loss needs probabilities" in judgement.explanation

    def test_a_champion_without_probabilities_is_not_comparable(self):
        y, new, old = holdout(Task.BINARY, better=2.0)

        judgement = judge(y, new, 5 * old, DAYS, Gate(metric="log_loss"))

        assert verdict_and_reason(judgement) == (Verdict.HOLD, Reason.NOT_COMPARABLE)
        assert "not defined for the champion" in judgement.explanation
        guarded = judge(y, new, 5 * old, DAYS, Gate(guardrails={"log_loss": 0.1}))
        assert guarded.reason is Reason.GUARDRAIL

    def test_a_class_that_a_model_never_saw_has_the_probability_0(self):
        y, new, old = holdout(Task.MULTICLASS, better=2.0)
        two = old[:, :2] / old[:, :2].sum(axis=1, keepdims=True)

        judgement = judge(y, new, two, DAYS, Gate(task="multiclass"))

        assert verdict_and_reason(judgement) == (Verdict.PROMOTE, Reason.SUPERIOR)
        assert judgement.champion_score > judgement.challenger_score

    @pytest.mark.parametrize("cluster", ["day", "none"])
    @pytest.mark.parametrize("metric", ["roc_auc_ovr", "f1_macro", "balanced_accuracy"])
    @pytest.mark.parametrize("rows", [1, 2, 9])
    def test_a_class_of_a_few_rows_is_insufficient_where_the_metric_looks_at_it(self, metric, cluster, rows):
        y, new, old = holdout(Task.MULTICLASS, better=2.0)
        rare = np.where((y == 2) & (np.cumsum(y == 2) > rows), 1, y)
        gate = Gate(task="multiclass", metric=metric, cluster=cluster)

        judgement = judge(rare, new, old, DAYS if cluster == "day" else None, gate)

        assert verdict_and_reason(judgement) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_CLUSTERS)
        assert "each class must occur on at least 10" in judgement.explanation

    def test_rows_without_a_class_that_both_models_know_are_compared(self):
        y, new, old = holdout(Task.MULTICLASS, better=2.0)
        kept = y != 2

        judgement = judge(
            y[kept], new[kept], old[kept], None, Gate(task="multiclass", metric="f1_macro", cluster="none")
        )

        assert judgement.verdict is Verdict.PROMOTE

    @pytest.mark.parametrize("cluster", ["day", "none"])
    def test_a_metric_that_no_constant_has_is_insufficient_and_says_why(self, cluster):
        y, new, old = holdout(Task.REGRESSION, better=2.0)
        correlation = UserMetric("correlation", function=correlated, workers=1)
        gate = Gate(
            task="regression", metric="correlation", cluster=cluster, metrics={"correlation": correlation}
        )

        judgement = judge(y, new, old, DAYS if cluster == "day" else None, gate)

        assert verdict_and_reason(judgement) == (Verdict.INSUFFICIENT, Reason.UNDEFINED)
        assert "not defined for the baseline predictor" in judgement.explanation

    def test_a_target_that_varies_on_one_day_only_tells_no_error_of_r2(self):
        y, new, old = np.where(DAYS == 0, np.arange(N) % 4, 0.0), np.zeros(N), np.zeros(N)

        judgement = judge(y, new + 0.5 * y, old, DAYS, Gate(task="regression", metric="r2"))

        assert verdict_and_reason(judgement) == (Verdict.INSUFFICIENT, Reason.UNDEFINED)
        assert "the error of r2 cannot be estimated" in judgement.explanation

    def test_a_champion_without_any_error_is_held_against_in_words_that_say_how_much(self):
        y, new, _ = holdout(Task.REGRESSION, better=2.0)

        judgement = judge(y, new, y, DAYS, Gate(task="regression"))

        assert verdict_and_reason(judgement) == (Verdict.HOLD, Reason.NO_VARIANCE)
        assert judgement.gain == -1.0
        assert "a gain of -100.00 % without any variation" in judgement.explanation

    def test_answers_of_another_task_are_refused(self):
        y, new, old = holdout(Task.BINARY)

        for wrong in (Predicted.regression(new), Predicted.multiclass(np.column_stack([1 - new, new]))):
            with pytest.raises(
                DataError, match="challenger answers are of another task; allowed: those of a"
            ):
                judge(y, wrong, old, DAYS, Gate())

    @pytest.mark.parametrize("absent", [0, 1, 2])
    @pytest.mark.parametrize("metric", ["roc_auc_ovr", "f1_macro", "balanced_accuracy"])
    def test_a_class_that_no_row_has_is_left_out_whichever_code_it_has(self, metric, absent):
        y, new, old = holdout(Task.MULTICLASS, better=2.0)
        kept = y != absent

        judgement = judge(y[kept], new[kept], old[kept], DAYS[kept], Gate(task="multiclass", metric=metric))

        assert judgement.verdict is Verdict.PROMOTE

    def test_one_prediction_out_of_all_bounds_is_rejected_without_a_number_that_is_none(self):
        y, new, old = holdout(Task.REGRESSION, better=2.0)
        new[7] = 1e308

        judgement = judge(y, new, old, DAYS, Gate(task="regression"))

        assert judgement.verdict in {Verdict.REJECT, Verdict.INSUFFICIENT}
        assert len(judgement.explanation) < 250
        json.dumps(judgement.to_dict(), allow_nan=False)


class TestWithoutVariation:
    """What every day says alike has no error to estimate; it proves nothing good, and hides nothing bad."""

    def test_a_constant_score_on_a_slice_rejects(self):
        y, new, old = holdout(Task.BINARY, better=4.0)
        north = np.arange(N) % 10 == 0
        old = np.where(north, y * 1.0, old)

        judgement = judge(
            y, np.where(north, 0.5, new), old, DAYS, Gate(min_slice_rows=100, min_improvement=0.0),
            slices={"north": north},
        )  # fmt: skip

        assert verdict_and_reason(judgement) == (Verdict.REJECT, Reason.SLICE)

    def test_a_guardrail_on_which_both_do_the_same_holds(self):
        y, new, old = holdout(Task.BINARY, better=2.0)
        challenger, champion = (Predicted.binary(each, threshold=0.0) for each in (new, old))

        judgement = judge(y, challenger, champion, DAYS, Gate(guardrails={"recall": 0.0}))

        assert verdict_and_reason(judgement) == (Verdict.PROMOTE, Reason.SUPERIOR)

    def test_a_dead_champion_is_an_alert(self):
        y, new, _ = holdout(Task.BINARY, better=2.0)

        assert judge(y, new, np.zeros(N), DAYS, Gate()).alerts


def test_classes_that_vary_unlike_do_not_make_the_limit_too_sure():
    """Positives on three days, negatives on all; only positives vary: the positives' days must decide."""
    rng = np.random.default_rng(3)
    counts = np.array([100, 100, 80] + [3] * 17)
    days = np.concatenate([np.repeat(np.arange(20), counts), np.repeat(np.arange(20), 300)])
    y = np.arange(days.size) < counts.sum()
    wrong = 0
    for _ in range(300):
        new, old = y * (1 + 0.6 * rng.normal(size=(2, 20)))[:, days] + rng.normal(size=(2, y.size))
        gain = judge(y, new, old, days, Gate(min_improvement=0.0), challenge=1)
        wrong += (gain.lower > 0) + (gain.upper < 0)
    assert wrong / 600 < 0.0304 + 3 * np.sqrt(0.0304 / 600)


def test_unequal_days_widen_the_limit():
    """The same rows: on days of equal size, and gathered into two large days and ten small ones."""
    y, new, old = holdout(Task.REGRESSION, better=1.05)
    large = np.concatenate([np.repeat([0, 1], 550), np.repeat(np.arange(2, 12), 10)])

    equal, unequal = (judge(y, new, old, days, Gate(task="regression")) for days in (DAYS, large))

    assert equal.gain == unequal.gain
    assert equal.effective_clusters == pytest.approx(20)
    assert unequal.effective_clusters < 3
    assert unequal.smallest_provable_gain / unequal.standard_error > 2 * (
        equal.smallest_provable_gain / equal.standard_error
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(list(Task)), st.floats(0.7, 1.4))
def test_verdicts_of_exchanged_models_exclude_each_other(seed, task, better):
    y, new, old = holdout(task, seed, better=better, day_effect=0.2)
    gate = Gate(task=task, min_improvement=0.0)

    verdicts = {judge(y, *pair, DAYS, gate).verdict for pair in ((new, old), (old, new))}

    assert verdicts in ({Verdict.HOLD}, {Verdict.PROMOTE, Verdict.REJECT}, {Verdict.REJECT, Verdict.HOLD})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"challenger": np.ones((N, 2))}, "challenger probabilities of row 0"),
        ({"champion": np.ones((N, 3))}, "champion probabilities of row 0"),
        ({"challenger": np.full((N - 1, 2), 0.5)}, "1199 challenger scores for 1200 labels"),
        (
            {"slices": {"north": np.ones(5, dtype=bool)}},
            "slice 'north' has type bool and shape .5,. for 1200",
        ),
        ({"slices": {"north": np.full(N, np.nan)}}, "slice 'north' has type float64"),
        ({"ids": np.arange(5)}, "ids have the shape .5,. for 1200 labels"),
        ({"y": np.full(N, 1e300)}, "class codes hold 1e"),
        ({"centre": [np.nan, 0.5]}, "what the baseline predictor knows hold 1 NaN"),
        ({"clusters": None}, "no clusters; allowed: the day of each row, or gates.cluster none"),
    ],
)
def test_faulty_calls_are_errors_not_verdicts(arguments, message):
    y, new, old = holdout(Task.MULTICLASS)
    call = {"y": y, "challenger": new, "champion": old, "clusters": DAYS, "gate": Gate(task="multiclass")}

    with pytest.raises(DataError, match=message):
        judge(**(call | arguments))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"task": "ranking"}, "gates.task is 'ranking'; allowed: one of binary, multiclass, regression"),
        ({"task": "regression", "metric": "roc_auc"}, "gates.metric is 'roc_auc'; allowed: one of mae"),
        ({"claim": "equal"}, "gates.claim is 'equal'; allowed: one of superior, non_inferior"),
        ({"margin": -0.1}, "gates.margin is -0.1; allowed: 0 or more and below 1"),
        ({"guardrails": {"mae": 0.1}}, "gates.guardrails is .*; allowed: by metric, of roc_auc"),
        ({"guardrails": {"f1": -0.1}}, "gates.guardrails is .*; allowed: 0 or more, below 1"),
        (
            {"floors": {"log_loss": float("inf")}},
            "gates.floors is .*; allowed: .* 0 or more for a loss, finite",
        ),
        ({"floors": {"log_loss": -1}}, "gates.floors is .*; allowed: at most 1 for a score, 0 or more"),
        ({"min_rows": 1}, "gates.min_rows is 1; allowed: 2 or more"),
        ({"min_slice_rows": 1}, "gates.min_slice_rows is 1; allowed: 2 or more"),
    ],
)
def test_settings_outside_their_range_are_refused(wrong, message):
    with pytest.raises(SpecError, match=message):
        Gate(**wrong)


def test_independent_rows_are_judged_alike_in_whatever_order_the_file_has_them():
    y, new, old = holdout(Task.REGRESSION, better=1.1)
    order = np.random.default_rng(1).permutation(N)
    gate = Gate(task="regression", cluster="none")

    judgement = judge(y, new, old, None, gate, ids=np.arange(N))
    shuffled = judge(y[order], new[order], old[order], None, gate, ids=np.arange(N)[order])

    assert shuffled.lower == pytest.approx(judgement.lower, rel=1e-9)
    assert judgement.effective_clusters is None
    assert f"over {N} rows" in judgement.explanation
