"""Drift's verdicts, each with its reason, and what is told apart from drift."""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest

from ct_components.errors import DataError, SpecError
from ct_components.statistics.drift.bins import categorical_bins, numeric_bins, quantile_edges
from ct_components.statistics.drift.checks import CHECKS, Decision, decide
from ct_components.statistics.drift.detect import detect, detect_in_scores
from ct_components.statistics.drift.diagnosis import Moments
from ct_components.statistics.drift.evidence import Evidence, Feature, gather
from ct_components.statistics.drift.looks import (
    Look,
    Windows,
    disjoint,
    drifted_windows,
    episode_probability,
    episodes,
    false_alarms_per_month,
)
from ct_components.statistics.drift.settings import Drift, Reason, Verdict

RNG = np.random.default_rng(20130401)
REFERENCE = RNG.normal(10, 2, 10_000)
CURRENT = RNG.normal(10, 2, 2_000)
APRIL = datetime(2013, 4, 1)
DAY = timedelta(days=1)


def feature(name, current, reference=REFERENCE):
    """Returns a numeric feature of rows that may be missing."""
    edges = quantile_edges(reference)
    moments = [
        Moments(*(float(of(values)) for of in (np.nanmean, np.nanstd, np.nanmin, np.nanmax)))
        if np.isfinite(values).any()
        else None
        for values in (reference, current)
    ]
    return Feature(name, numeric_bins(reference, current, edges), edges, *moments)


SAME = feature("same", CURRENT)
SHIFTED = feature("shifted", CURRENT + 2)
HALF_MISSING = feature("half", np.where(np.arange(CURRENT.size) % 2, np.nan, CURRENT))
OTHER_UNIT = feature("unit", CURRENT * 1000)


def verdict_and_reason(detection):
    return detection.verdict, detection.reason


def test_no_change_is_no_drift():
    detection = detect([SAME], Drift())

    assert verdict_and_reason(detection) == (Verdict.NO_DRIFT, Reason.NOTHING_DRIFTED)
    assert (detection.share, detection.window_drifted, detection.windows_drifted) == (0.0, False, 0)
    assert "nearest is same with PSI" in detection.explanation


def test_a_shift_is_drift_and_asks_for_training():
    detection = detect([SHIFTED], Drift())

    assert verdict_and_reason(detection) == (Verdict.DRIFT, Reason.DRIFTED_SHARE)
    assert detection.retrain
    assert not detection.quarantine
    assert detection.share == 1.0
    assert "1 of 1 features drifted, a share of 1.00, above 0.2: shifted with PSI" in detection.explanation


def test_reference_and_current_window_exchanged_drift_alike():
    swapped = Feature("shifted", SHIFTED.bins.swapped(), SHIFTED.edges)

    one, other = (detect([each], Drift()).features[0] for each in (SHIFTED, swapped))

    assert other.psi == pytest.approx(one.psi, rel=1e-12)
    assert (other.ks_lower, other.jensen_shannon) == pytest.approx((one.ks_lower, one.jensen_shannon))
    assert other.drifted


@pytest.mark.parametrize(("reference", "current"), [(10_000, 499), (499, 10_000), (0, 10_000), (10_000, 0)])
def test_fewer_than_500_rows_are_insufficient_and_never_fine(reference, current):
    few = feature("x", RNG.normal(30, 2, current), RNG.normal(10, 2, reference))

    detection = detect([few], Drift())

    assert verdict_and_reason(detection) == (Verdict.INSUFFICIENT, Reason.TOO_FEW_ROWS)
    assert detection.share is detection.window_drifted is None
    assert detection.features == ()


def test_a_sure_but_small_shift_is_no_drift():
    reference = RNG.normal(size=400_000)
    detection = detect([feature("x", reference + 0.02, reference)], Drift())

    assert detection.verdict is Verdict.NO_DRIFT
    assert detection.features[0].ks_p_value < 1e-9
    assert detection.features[0].p_value < 0.005


def test_share_must_be_exceeded_and_not_only_reached():
    one_in_five = [SHIFTED, *(Feature(f"x{i}", SAME.bins, SAME.edges) for i in range(4))]

    assert verdict_and_reason(detect(one_in_five, Drift())) == (Verdict.NO_DRIFT, Reason.BELOW_SHARE)
    assert detect(one_in_five[:-1], Drift()).verdict is Verdict.DRIFT
    assert detect(one_in_five, Drift(drift_share=0.19)).verdict is Verdict.DRIFT


def test_weights_decide_whose_drift_counts():
    features = [SHIFTED, SAME]

    assert detect(features, Drift(weights={"same": 1.0})).verdict is Verdict.NO_DRIFT
    weighted = detect(features, Drift(weights={"shifted": 0.25, "same": 0.75}))
    assert weighted.share == 0.25
    assert "a weighted share of 0.25" in weighted.explanation
    with pytest.raises(DataError, match="weights of all features compared are 0"):
        detect(features, Drift(weights={"unknown": 1.0}))


def test_values_that_went_missing_are_broken_data_and_not_drift():
    detection = detect([HALF_MISSING, SHIFTED], Drift())

    assert verdict_and_reason(detection) == (Verdict.BROKEN, Reason.MISSING_VALUES)
    assert detection.quarantine
    assert not detection.retrain
    assert "half is missing in 50.0% of rows, before in 0.0%" in detection.explanation
    assert detect([HALF_MISSING], Drift(missing_jump=1.0)).verdict is Verdict.DRIFT


def test_a_column_that_is_all_missing_is_broken():
    detection = detect([feature("x", np.full(1000, np.nan))], Drift())

    assert verdict_and_reason(detection) == (Verdict.BROKEN, Reason.MISSING_VALUES)
    assert detection.features[0].ks_lower is None


def test_another_unit_is_broken_data_and_not_drift():
    detection = detect([OTHER_UNIT], Drift())

    assert verdict_and_reason(detection) == (Verdict.BROKEN, Reason.UNIT_CHANGE)
    assert "unit looks multiplied by 1,000" in detection.explanation


def test_a_wrong_schema_is_broken_with_however_few_rows():
    detection = detect([], Drift(), schema=["distance is gone"])

    assert verdict_and_reason(detection) == (Verdict.BROKEN, Reason.SCHEMA)
    assert "distance is gone" in detection.explanation


def test_with_ks_alpha_the_distance_decides_about_numbers_and_psi_about_categories():
    categories = Feature("carrier", categorical_bins({"UA": 900, "AA": 100}, {"UA": 500, "AA": 500}))

    detection = detect([SHIFTED, SAME, categories], Drift(ks_alpha=0.05))

    assert [f.decided_by for f in detection.features] == ["ks", "ks", "psi"]
    assert [f.drifted for f in detection.features] == [True, False, True]
    assert "shifted with KS distance" in detection.explanation


def test_a_small_distance_is_no_drift_however_sure():
    reference = RNG.normal(size=100_000)
    small = feature("x", reference + 0.05, reference)

    assert detect([small], Drift(ks_alpha=0.05)).verdict is Verdict.NO_DRIFT
    assert detect([small], Drift(ks_alpha=0.05, ks_distance=0.0)).verdict is Verdict.DRIFT


def test_psi_says_the_same_whether_or_not_ks_decides():
    """KS does not see what is missing; PSI is shown beside it."""
    a_few_missing = feature("x", np.where(np.arange(2000) % 11 == 0, np.nan, CURRENT))

    by_ks = detect([a_few_missing], Drift(ks_alpha=0.05)).features[0]
    by_psi = detect([a_few_missing], Drift()).features[0]

    assert (by_ks.drifted, by_psi.drifted) == (False, True)
    assert by_ks.psi == by_psi.psi


def test_days_of_the_reference_say_what_is_usual():
    """The same shift of one week: sure by rows, usual among days that differ as much."""
    rng = np.random.default_rng(1)
    days = rng.normal(0, 0.6, 90)[:, None] + rng.normal(size=(90, 300))
    week = rng.normal(0.35, 1, 7 * 300)
    edges = quantile_edges(days.ravel())
    daily = np.stack([numeric_bins(day, week, edges).reference for day in days])
    bins = numeric_bins(days.ravel(), week, edges)

    by_days = detect([Feature("x", bins, edges, days=daily)], Drift(), current_days=7).features[0]
    by_rows = detect([Feature("x", bins, edges)], Drift(), current_days=7).features[0]

    assert (by_days.dependence, by_rows.dependence) == ("days", "rows")
    assert by_rows.p_value < 0.01 < by_days.p_value
    assert by_days.psi_corrected < by_rows.psi_corrected


def test_too_few_days_leave_the_null_to_the_rows():
    days = np.tile(SHIFTED.bins.reference // 29, (29, 1))
    few = Feature("x", SHIFTED.bins, SHIFTED.edges, days=days)

    assert detect([few], Drift(), current_days=7).features[0].dependence == "rows"


def test_2_of_3_windows_wait_for_the_second():
    two_of_three = Drift(windows="2 of 3")
    window = (APRIL, APRIL + 7 * DAY)
    before = Look(APRIL - 7 * DAY, APRIL, drifted=True)

    first = detect([SHIFTED], two_of_three, window=window)
    second = detect([SHIFTED], two_of_three, window=window, looks=[before])

    assert verdict_and_reason(first) == (Verdict.NO_DRIFT, Reason.NOT_YET)
    assert (first.window_drifted, first.windows_drifted) == (True, 1)
    assert "only in 1 of the last 3 windows; 2 are needed" in first.explanation
    assert verdict_and_reason(second) == (Verdict.DRIFT, Reason.DRIFTED_SHARE)
    assert second.windows_drifted == 2


def test_looks_at_overlapping_windows_are_one_look():
    hourly = [Look(APRIL - timedelta(hours=h), APRIL + 7 * DAY - timedelta(hours=h), True) for h in range(24)]

    detection = detect([SHIFTED], Drift(windows="2 of 3"), window=hourly[0][:2], looks=hourly)

    assert detection.reason is Reason.NOT_YET
    assert len(disjoint(hourly)) == 1


def test_a_window_without_drift_is_no_drift_whatever_was_before():
    before = [
        Look(APRIL - 7 * DAY, APRIL, drifted=True),
        Look(APRIL - 14 * DAY, APRIL - 7 * DAY, drifted=True),
    ]

    detection = detect([SAME], Drift(windows="2 of 3"), window=(APRIL, APRIL + 7 * DAY), looks=before)

    assert verdict_and_reason(detection) == (Verdict.NO_DRIFT, Reason.NOTHING_DRIFTED)


def test_the_last_look_at_a_window_counts_and_those_that_saw_too_little_do_not():
    week = [APRIL + 7 * DAY * n for n in range(5)]
    looks = [Look(*week[0:2], True), Look(*week[0:2], False), Look(*week[1:3], None), Look(*week[2:4], True)]

    assert [look.drifted for look in disjoint(looks)] == [True, False]
    assert drifted_windows(looks, Windows(1, 2)) == 1
    assert drifted_windows(looks, Windows(1, 1)) == 1


def test_counting_windows_wants_to_know_the_window():
    with pytest.raises(DataError, match="start and end of the current window"):
        detect([SAME], Drift(windows="2 of 3"))
    with pytest.raises(DataError, match="allowed: an end after the start"):
        disjoint([Look(APRIL, APRIL, True)])


def test_alarms_that_follow_one_another_are_one_episode():
    assert episodes([]) == 0
    assert episodes([True] * 24) == 1
    assert episodes([False, True, True, False, True]) == 2


@pytest.mark.parametrize("windows", [Windows(1, 1), Windows(2, 3), Windows(3, 3)])
def test_episodes_begin_as_often_as_calculated(windows):
    drifted = np.random.default_rng(0).random(200_000) < 0.3
    alarms = np.array(
        [
            drifted[i] and drifted[i - windows.last + 1 : i + 1].sum() >= windows.needed
            for i in range(3, drifted.size)
        ]
    )

    measured = episodes(alarms) / alarms.size

    assert episode_probability(0.3, windows) == pytest.approx(measured, abs=0.004)


def test_false_alarms_per_month_fall_with_windows_and_features():
    daily = false_alarms_per_month(Drift(), 10, 30.4)

    assert daily.independent < 0.1 < daily.at_most < 0.05 * 30.4
    assert false_alarms_per_month(Drift(windows="2 of 3"), 10, 30.4).at_most < 0.2
    assert false_alarms_per_month(Drift(), 10, 4.3).at_most < 0.25
    with pytest.raises(DataError, match="windows in a month are 0"):
        false_alarms_per_month(Drift(), 10, 0)
    with pytest.raises(DataError, match="up to 14"):
        false_alarms_per_month(Drift(windows="1 of 15"), 10, 4)


def test_scores_are_compared_with_those_on_the_holdout():
    holdout, same, other = RNG.beta(2, 5, 4000), RNG.beta(2, 5, 3000), RNG.beta(4, 4, 3000)

    assert detect_in_scores(holdout, same, Drift()).verdict is Verdict.NO_DRIFT
    moved = detect_in_scores(holdout, other, Drift(weights={"distance": 1.0}, windows="2 of 3"))
    assert (moved.verdict, moved.features[0].name) == (Verdict.DRIFT, "score")


def test_a_detection_is_json_and_the_same_every_time():
    detection = detect([SHIFTED, HALF_MISSING, SAME], Drift(missing_jump=1.0), seed=3)
    again = detect([SAME, HALF_MISSING, SHIFTED], Drift(missing_jump=1.0), seed=3)

    assert json.loads(json.dumps(detection.to_dict(), allow_nan=False))["verdict"] == "drift"
    assert {f.name: f for f in detection.features} == {f.name: f for f in again.features}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("psi_threshold", -0.1),
        ("psi_threshold", float("nan")),
        ("psi_threshold", float("inf")),
        ("alpha", 0.0),
        ("alpha", 0.5),
        ("drift_share", 1.0),
        ("drift_share", float("nan")),
        ("min_rows", 0),
        ("windows", "3 of 2"),
        ("windows", "often"),
        ("windows", "0 of 1"),
        ("ks_alpha", 0.0),
        ("ks_distance", 1.0),
        ("missing_jump", 0.0),
        ("weights", {}),
        ("weights", {"a": 0.0}),
        ("weights", {"a": -1.0, "b": 2.0}),
        ("weights", {"a": float("nan")}),
    ],
)
def test_settings_outside_their_range_are_refused_by_name(key, value):
    with pytest.raises(SpecError, match=rf"^triggers\.drift\.{key} is .*; allowed: "):
        Drift(**{key: value})


def test_features_that_cannot_be_compared_are_refused():
    with pytest.raises(DataError, match="0 features to compare"):
        detect([], Drift())
    with pytest.raises(DataError, match="each name once"):
        detect([SAME, SAME], Drift())
    for mean, deviation in [(float("nan"), 1.0), (0.0, -1.0), (0.0, float("inf"))]:
        with pytest.raises(DataError, match="mean and standard deviation"):
            Moments(mean, deviation)


def test_a_policy_can_be_extended_and_must_decide():
    def never_in_april(evidence):
        return Decision(Verdict.NO_DRIFT, Reason.NOT_YET, "Not in April.")

    assert detect([SHIFTED], Drift(), checks=(never_in_april, *CHECKS)).explanation == "Not in April."
    with pytest.raises(LookupError, match="none of the checks"):
        decide(gather([SHIFTED], Drift()), CHECKS[:-1])
    assert decide(Evidence(Drift(), 10, 10)).verdict is Verdict.INSUFFICIENT
