"""The gate's verdicts, each with its reason, and that nothing but the rows decides them."""

import json
import math

import numpy as np
import pytest

from ct_components.errors import DataError, SpecError
from ct_components.statistics.checks import CHECKS, Decision, decide
from ct_components.statistics.evidence import gather
from ct_components.statistics.gate import Gate, Judgement, Reason, Verdict, judge

DAYS = np.repeat(np.arange(14), 100)
RNG = np.random.default_rng(20130401)
Y = RNG.random(DAYS.size) < 0.25
NOISE = RNG.normal(size=(2, DAYS.size))

GOOD = 2.0 * Y + NOISE[0]
FAIR = 1.0 * Y + NOISE[1]
SIMILAR = 0.95 * Y + NOISE[0]
USELESS = NOISE[1]


def verdict_and_reason(judgement):
    return judgement.verdict, judgement.reason


def test_a_first_model_that_beats_the_baseline_is_promoted():
    judgement = judge(Y, FAIR, None, DAYS, Gate())

    assert verdict_and_reason(judgement) == (Verdict.PROMOTE, Reason.FIRST)
    assert judgement.baseline_lower > 0
    assert judgement.champion_score is judgement.gain is judgement.lower is judgement.p_value is None


def test_a_first_model_that_ranks_nothing_is_rejected():
    judgement = judge(Y, USELESS, None, DAYS, Gate())

    assert verdict_and_reason(judgement) == (Verdict.REJECT, Reason.BASELINE)
    assert judgement.baseline_lower < 0
    assert "baseline predictor" in judgement.explanation


def test_a_constant_challenger_is_rejected_by_the_baseline_though_it_stands_on_the_floor():
    judgement = judge(Y, np.zeros(Y.size), FAIR, DAYS, Gate())

    assert verdict_and_reason(judgement) == (Verdict.REJECT, Reason.BASELINE)
    assert judgement.challenger_score == judgement.baseline_score == 0.5
    assert "roc_auc 0.5000, +0.0000 without any variation" in judgement.explanation


@pytest.mark.parametrize("champion", [None, USELESS])
def test_a_challenger_below_a_floor_is_rejected_with_and_without_champion(champion):
    judgement = judge(Y, FAIR, champion, DAYS, Gate(floors={"roc_auc": 0.875}))

    assert verdict_and_reason(judgement) == (Verdict.REJECT, Reason.FLOOR)
    assert "below the floor 0.8750" in judgement.explanation


def test_a_much_better_challenger_is_promoted():
    judgement = judge(Y, GOOD, FAIR, DAYS, Gate())

    assert verdict_and_reason(judgement) == (Verdict.PROMOTE, Reason.SUPERIOR)
    assert judgement.gain == judgement.challenger_score - judgement.champion_score
    assert 0 < judgement.lower < judgement.gain < judgement.upper
    assert judgement.p_value < judgement.alpha


def test_exchanging_champion_and_challenger_turns_the_verdict_round():
    judgement, swapped = judge(Y, GOOD, FAIR, DAYS, Gate()), judge(Y, FAIR, GOOD, DAYS, Gate())

    assert verdict_and_reason(swapped) == (Verdict.REJECT, Reason.WORSE)
    assert swapped.gain == -judgement.gain
    assert (swapped.lower, swapped.upper) == (-judgement.upper, -judgement.lower)
    assert (swapped.champion_score, swapped.challenger_score) == (
        judgement.challenger_score,
        judgement.champion_score,
    )


def test_an_unproven_gain_is_held_and_says_what_could_have_been_proven():
    judgement = judge(Y, SIMILAR, FAIR, DAYS, Gate())

    assert verdict_and_reason(judgement) == (Verdict.HOLD, Reason.NOT_PROVEN)
    assert judgement.lower <= 0 < judgement.gain < judgement.smallest_provable_gain
    assert f"above {judgement.smallest_provable_gain:.4f}" in judgement.explanation


def test_the_smallest_provable_gain_parts_hold_from_promote():
    """Along a path from equal to far better, the verdict turns where the gain passes what is provable."""
    for strength in np.linspace(0, 1, 21):
        judgement = judge(Y, FAIR + strength * Y, FAIR, DAYS, Gate(min_improvement=0.0))
        if strength > 0:
            proven = judgement.gain > judgement.smallest_provable_gain
            assert proven == (judgement.verdict is Verdict.PROMOTE)


def test_a_proven_gain_that_is_too_small_is_held():
    judgement = judge(Y, GOOD, FAIR, DAYS, Gate(min_improvement=0.5))

    assert verdict_and_reason(judgement) == (Verdict.HOLD, Reason.BELOW_MIN_IMPROVEMENT)
    assert judgement.lower > 0


def test_a_strict_gate_wants_the_lower_limit_to_reach_the_improvement():
    gain = judge(Y, GOOD, FAIR, DAYS, Gate())
    between = (gain.lower + gain.gain) / 2

    assert judge(Y, GOOD, FAIR, DAYS, Gate(min_improvement=between)).verdict is Verdict.PROMOTE
    strict = judge(Y, GOOD, FAIR, DAYS, Gate(min_improvement=between, strict=True))
    assert verdict_and_reason(strict) == (Verdict.HOLD, Reason.BELOW_MIN_IMPROVEMENT)
    assert judge(Y, GOOD, FAIR, DAYS, Gate(min_improvement=0.0, strict=True)).verdict is Verdict.PROMOTE


def test_rows_that_agree_on_one_day_prove_less_than_independent_ones():
    """The same rows and the same gain: by row a promotion, by day a hold."""
    rng = np.random.default_rng(4)
    y, day = rng.random(2800) < 0.25, np.repeat(np.arange(14), 200)
    champion = y + rng.normal(size=2800)
    challenger = y * (1.3 + rng.normal(0, 0.8, 14))[day] + rng.normal(size=2800)

    by_row = judge(y, challenger, champion, np.arange(2800), Gate(cluster="row"))
    by_day = judge(y, challenger, champion, day, Gate())

    assert by_row.gain == by_day.gain
    assert by_day.standard_error > 2 * by_row.standard_error
    assert (by_row.verdict, by_day.verdict) == (Verdict.PROMOTE, Verdict.HOLD)


def test_the_champions_own_twin_is_held():
    judgement = judge(Y, FAIR, np.exp(FAIR), DAYS, Gate())

    assert verdict_and_reason(judgement) == (Verdict.HOLD, Reason.NO_VARIANCE)
    assert (judgement.gain, judgement.standard_error, judgement.p_value) == (0.0, 0.0, 1.0)
    assert judgement.lower is judgement.upper is judgement.smallest_provable_gain is None


@pytest.mark.parametrize("champion", [None, FAIR])
def test_a_perfect_challenger_is_held_since_its_error_cannot_be_estimated(champion):
    judgement = judge(Y, Y.astype(float), champion, DAYS, Gate())

    assert verdict_and_reason(judgement) == (Verdict.HOLD, Reason.NO_VARIANCE)
    assert judgement.challenger_score == 1.0


def test_too_few_days_are_insufficient():
    few = DAYS < 9

    judgement = judge(Y[few], GOOD[few], FAIR[few], DAYS[few], Gate())

    assert verdict_and_reason(judgement) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_CLUSTERS)
    assert "at least 10 days; one occurs on 9 of 9" in judgement.explanation
    assert judgement.gain is not None
    assert judgement.lower is judgement.upper is judgement.p_value is judgement.standard_error is None


def test_days_without_a_positive_row_do_not_count_as_evidence():
    judgement = judge(Y & (DAYS < 4), GOOD, FAIR, DAYS, Gate())

    assert verdict_and_reason(judgement) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_CLUSTERS)
    assert "one occurs on 4 of 14" in judgement.explanation


@pytest.mark.parametrize("labels", [np.zeros(Y.size, bool), np.ones(Y.size, bool), np.arange(Y.size) < 49])
def test_too_few_rows_of_a_class_are_insufficient(labels):
    judgement = judge(labels, GOOD, FAIR, DAYS, Gate())

    assert verdict_and_reason(judgement) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_ROWS_OF_A_CLASS)
    assert "at least 50 of each are needed" in judgement.explanation


@pytest.mark.parametrize("champion", [None, []])
def test_no_rows_are_insufficient(champion):
    judgement = judge([], [], champion, [], Gate())

    assert verdict_and_reason(judgement) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_ROWS_OF_A_CLASS)
    assert (judgement.n, judgement.positives, judgement.clusters) == (0, 0, 0)
    assert judgement.challenger_score is None


def test_one_day_with_too_lenient_settings_is_still_insufficient():
    judgement = judge(
        [0, 1], [1, 2], [2, 1], ["mon", "mon"], Gate(min_rows=2, min_clusters=2, min_per_class=1)
    )

    assert verdict_and_reason(judgement) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_CLUSTERS)


def test_each_challenge_spends_its_share_of_alpha():
    first, second = (judge(Y, GOOD, FAIR, DAYS, Gate(), challenge=k) for k in (1, 2))

    assert first.alpha == first.alpha_spent == pytest.approx(0.05 * 6 / math.pi**2)
    assert first.alpha_left == pytest.approx(0.05 - first.alpha)
    assert second.alpha == pytest.approx(first.alpha / 4)
    assert second.alpha_left == pytest.approx(first.alpha_left - second.alpha)
    assert second.lower < first.lower


def test_insufficient_verdicts_spend_nothing():
    insufficient = judge([], [], [], [], Gate(), challenge=3)

    assert insufficient.alpha_spent == 0.0
    assert insufficient.alpha_left == judge(Y, GOOD, FAIR, DAYS, Gate(), challenge=2).alpha_left


def test_attempts_to_become_the_first_model_share_alpha():
    """Whoever may try every week at the whole alpha is promoted by luck before long."""
    first, tenth = (judge(Y, FAIR, None, DAYS, Gate(), challenge=k) for k in (1, 10))

    assert first.alpha_spent == pytest.approx(0.05 * 6 / math.pi**2)
    assert tenth.alpha == pytest.approx(first.alpha / 100)
    assert tenth.baseline_lower < first.baseline_lower


def test_without_alpha_left_even_the_best_challenger_is_held():
    judgement = judge(Y, GOOD, FAIR, DAYS, Gate(spending="even:2"), challenge=3)

    assert verdict_and_reason(judgement) == (Verdict.HOLD, Reason.NO_ALPHA_LEFT)
    assert judgement.alpha == judgement.alpha_left == 0.0
    assert judgement.lower is judgement.smallest_provable_gain is None


@pytest.mark.parametrize(
    "judgement",
    [
        judge([], [], None, [], Gate()),
        judge([0, 1], [1, 2], [1, 2], [0, 0], Gate()),
        judge(Y, FAIR, FAIR, DAYS, Gate()),
        judge(Y, np.zeros(Y.size), FAIR, DAYS, Gate()),
        judge(Y, Y.astype(float), ~Y, DAYS, Gate()),
        judge(Y, FAIR, None, DAYS, Gate()),
        judge(Y, GOOD, FAIR, DAYS, Gate(spending="even:1"), challenge=9),
        judge(Y, GOOD, FAIR, DAYS, Gate()),
    ],
    ids=lambda judgement: judgement.reason.value,
)
def test_every_judgement_is_plain_json_without_nan(judgement):
    document = judgement.to_dict()

    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["verdict"] == judgement.verdict.value
    assert list(document) == list(Judgement.__dataclass_fields__)
    assert judgement.explanation.endswith(".")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"challenger": GOOD[:-1]}, "1399 challenger scores for 1400 labels"),
        ({"champion": FAIR[:-1]}, "1399 champion scores for 1400 labels"),
        ({"clusters": DAYS[:-1]}, "1399 clusters for 1400 labels"),
        ({"challenger": np.where(DAYS == 3, np.nan, GOOD)}, "challenger scores hold 100 NaN .* in row 300"),
        ({"champion": np.where(DAYS == 3, np.inf, FAIR)}, "champion scores hold 100 NaN .* the first is inf"),
        ({"y": DAYS}, "labels hold the values 10, 11, 12, 13, 2, ...; allowed: 0, 1, False, True"),
        ({"challenge": 0}, "challenge is number 0"),
    ],
)
def test_faulty_calls_are_errors_not_verdicts(arguments, message):
    call = {"y": Y, "challenger": GOOD, "champion": FAIR, "clusters": DAYS, "gate": Gate()}

    with pytest.raises(DataError, match=message):
        judge(**(call | arguments))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metric": "mae"}, "gates.metric is 'mae'; allowed: one of roc_auc, average_precision, log_loss"),
        ({"min_improvement": -0.01}, "gates.min_improvement is -0.01"),
        ({"min_improvement": math.nan}, "gates.min_improvement is nan"),
        ({"alpha": 0.0}, "gates.alpha is 0.0; allowed: above 0 and below 0.5"),
        ({"spending": "even:0"}, "gates.spending: spending rule is 'even:0'"),
        ({"floors": {"mae": 0.5}}, "gates.floors is .*; allowed: by metric, of roc_auc"),
        ({"floors": {"roc_auc": 50}}, "gates.floors is .*; allowed: at most 1 for a score"),
        ({"min_clusters": 1}, "gates.min_clusters is 1; allowed: 2 or more"),
        ({"min_per_class": 0}, "gates.min_per_class is 0; allowed: 1 or more"),
    ],
)
def test_settings_outside_their_range_are_refused(settings, message):
    with pytest.raises(SpecError, match=message):
        Gate(**settings)


def test_a_check_of_ones_own_joins_the_policy():
    """A guardrail is one more callable in the list."""

    def harmed(evidence):
        return Decision(Verdict.REJECT, Reason.FLOOR, f"Harm in {evidence.n} rows.")

    judgement = judge(Y, GOOD, FAIR, DAYS, Gate(), checks=(*CHECKS[:4], harmed, *CHECKS[4:]))

    assert judgement.explanation == "Harm in 1400 rows."


def test_a_policy_that_never_decides_is_a_bug():
    evidence = gather(Y, GOOD, FAIR, DAYS, gate=Gate(), challenge=1)

    with pytest.raises(LookupError, match="the last one always must"):
        decide(evidence, checks=[lambda _: None])
