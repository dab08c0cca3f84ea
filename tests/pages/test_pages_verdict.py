import json
from dataclasses import asdict, replace

import numpy as np
import page_samples as samples
import pytest
from html_tree import Node, parse

from ct_components.pages import ConfusionCounts, DayScore, Judged, verdict_page
from ct_components.pages.charts import day_chart, gain_chart, roc_chart, timeline
from ct_components.pages.formats import DASH, MINUS
from ct_components.pages.words import REASONS, SYMBOLS, tone
from ct_components.statistics.gate import Gate, Reason, Verdict, judge


def tiles(page: Node) -> dict[str, str]:
    """Returns name to value of the figures at the top, with what is said below a value after a space."""
    return {tile.one("dt").text: tile.one("dd").text for tile in page.one("header").one("dl").all("div")}


def table(page: Node, title: str) -> list[list[str]]:
    (card,) = [card for card in page.all("section") if card.one("h2").text == title]
    return card.one("table").rows()


def test_the_headline_is_the_verdict_with_its_reason():
    page = parse(verdict_page(samples.VERDICT))

    assert page.one("head").one("title").text == "Promote · flight-delay · 2013-05-01"
    assert page.one("h1").text == "▲ Promote the challenger is proven better"
    assert page.one(class_="banner").one("p").text == "The gain is proven."


def test_the_figures_that_decide_stand_at_the_top():
    shown = tiles(parse(verdict_page(samples.VERDICT)))

    assert shown["Champion's ROC AUC"] == "0.6250"
    assert shown["Challenger's ROC AUC"] == "0.6875"
    assert shown["Gain"].startswith("+0.0625")
    assert "lower limit +0.0312" in shown["Gain"]
    assert shown["Baseline's ROC AUC"].startswith("0.5000")
    assert shown["Smallest provable gain"] == "+0.0312"
    assert shown["Holdout"].startswith("13,240 rows")
    assert "14 days, 2,871 positive" in shown["Holdout"]
    assert shown["\u03b1 spent on this challenge"].startswith("0.0304")
    assert shown["\u03b1 left"].startswith("0.0196")


def test_a_score_of_zero_is_a_number_and_a_missing_one_a_dash():
    judged = replace(samples.SUPERIOR, champion_score=0.0, gain=0.0, lower=None, smallest_provable_gain=None)

    shown = tiles(parse(verdict_page(replace(samples.VERDICT, judged=judged))))

    assert shown["Champion's ROC AUC"] == "0.0000"
    assert shown["Gain"] == "0.0000"
    assert shown["Smallest provable gain"] == DASH


def test_windows_are_shown_on_the_clock_of_their_time_zone():
    rows = table(parse(verdict_page(samples.VERDICT)), "Windows")

    assert rows == [
        ["Training", "2013-01-17", "2013-04-17", "79,845"],
        ["Holdout", "2013-04-17", "2013-05-01", "13,240"],
    ]


def test_a_partial_window_says_so():
    page = parse(verdict_page(replace(samples.VERDICT, training=replace(samples.TRAINING, partial=True))))

    assert table(page, "Windows")[0][-1].endswith("partial")
    assert "the source starts later than the window does" in page.text


def test_identities_hold_what_is_needed_to_see_the_same_again():
    rows = dict(table(parse(verdict_page(samples.VERDICT)), "Identities"))

    assert rows == {
        "Model": "flight-delay",
        "Run": "flight-delay-1",
        "As-of": "2013-05-01T04:00:00+00:00",
        "Trigger reason": "schedule",
        "MLflow run": "8c1f4a5b",
        "Champion version": "1",
        "Challenger version": "2",
        "Training rows": "sha256:aaaa",
        "Holdout rows": "sha256:bbbb",
    }


def test_a_first_model_has_no_champion_and_shows_its_gain_over_the_baseline():
    page = parse(verdict_page(samples.FIRST_VERDICT))

    assert tiles(page)["Champion's ROC AUC"] == f"{DASH}no champion yet"
    assert "Gain over the baseline predictor" in [h2.text for h2 in page.all("h2")]
    assert "challenge 1 of this champion" not in page.text
    assert page.all("polyline", class_="champion") == []


def test_insufficient_evidence_shows_no_empty_drawings():
    page = parse(verdict_page(samples.INSUFFICIENT_VERDICT))

    assert page.one("h1").text == "■ Insufficient too few clusters in the holdout"
    assert "Nothing to draw" in page.text
    assert [svg.one("title").text for svg in page.all("svg", role="img")] == ["Windows in time"]


def test_a_strict_gate_says_that_the_limit_itself_must_reach_the_improvement():
    page = verdict_page(replace(samples.VERDICT, gate=Gate(strict=True, min_improvement=0.25)))

    assert "Promoted when the lower limit is at least +0.2500 (strict)." in parse(page).text


def test_a_negative_gain_has_a_minus_sign():
    judged = replace(samples.SUPERIOR, verdict="reject", reason="worse", gain=-0.25, lower=-0.5, upper=-0.125)

    page = parse(verdict_page(replace(samples.VERDICT, judged=judged)))

    assert tiles(page)["Gain"].startswith(f"{MINUS}0.2500")
    assert page.one("h1").text == "▼ Reject the challenger is proven worse"


def test_the_confusion_matrix_shows_counts_shares_and_rates():
    page = parse(verdict_page(samples.VERDICT))

    matrix = page.one("table", class_="matrix").rows()
    assert matrix == [
        ["actually positive", "3030.0 %", "1010.0 %"],
        ["actually negative", "1010.0 %", "5050.0 %"],
    ]
    rates = {tile.one("dt").text: tile.one("dd").text for tile in page.one("dl", class_="three").all("div")}
    assert rates == {"Recall": "75.0 %", "Precision": "75.0 %", "Accuracy": "80.0 %"}


def test_a_confusion_matrix_without_predicted_positives_has_no_precision():
    page = parse(verdict_page(replace(samples.VERDICT, confusion=ConfusionCounts(0, 0, 0, 0))))

    assert [dd.text for dd in page.one("dl", class_="three").all("dd")] == [DASH, DASH, DASH]


def test_a_day_with_one_class_breaks_the_line_and_is_a_dash_in_the_table():
    page = parse(verdict_page(samples.VERDICT))

    (card,) = [card for card in page.all("section") if card.one("h2").text == "ROC AUC by day"]
    assert len(card.one("svg", role="img").all("polyline", class_="challenger")) == 2
    assert len(card.one("svg", role="img").all("polyline", class_="champion")) == 1
    assert card.one("table").rows()[5] == ["2013-04-22", "905", "0.6445", DASH]


def test_a_holdout_of_three_years_stays_small_and_says_what_is_left_out():
    days = tuple(DayScore(f"day {i}", 100, 0.5, 0.75) for i in range(1100))

    html = verdict_page(replace(samples.VERDICT, days=days))

    assert len(html) < 100_000
    assert "The first 120 of 1,100 days" in parse(html).text


def test_what_the_gate_returns_is_what_the_page_takes():
    y = np.tile([True, False, False, True], 200)
    better, clusters = y + np.tile([0.0, 0.5, -0.5, -0.75], 200), np.repeat(np.arange(20), 40)
    judgement = judge(y, better, np.tile([0.0, 0.25, 0.5, 0.75], 200), clusters, Gate(), 2).to_dict()

    page = verdict_page(replace(samples.VERDICT, judged=Judged.from_dict(judgement), gate=Gate()))

    assert judgement["explanation"] in parse(page).text
    shown = json.loads(json.dumps(asdict(Judged.from_dict(judgement))))
    assert shown == {name: judgement[name] for name in shown}


def test_every_verdict_and_reason_of_the_gate_has_words_a_symbol_and_a_tone():
    assert {reason.value for reason in Reason} == set(REASONS)
    assert {verdict.value for verdict in Verdict} <= set(SYMBOLS)
    assert [tone(verdict) for verdict in ("promote", "hold", "reject", "insufficient", "?")] == [
        "good",
        "wait",
        "bad",
        "quiet",
        "quiet",
    ]


def test_an_interval_lies_in_its_order_with_zero_and_the_improvement_marked():
    chart = gain_chart(0.5, -0.25, 0.75, needed=0.25, provable=0.625)

    assert chart is not None
    assert chart.lower < chart.zero < chart.needed < chart.gain < chart.provable < chart.upper
    assert chart.needed - chart.zero == pytest.approx(chart.zero - chart.lower)


def test_exchanging_the_models_mirrors_the_interval():
    chart, swapped = gain_chart(0.25, -0.5, 0.75), gain_chart(-0.25, -0.75, 0.5)

    assert chart is not None
    assert swapped is not None
    width = chart.upper - chart.lower
    assert swapped.upper - swapped.lower == pytest.approx(width)
    assert chart.gain - chart.zero == pytest.approx(swapped.zero - swapped.gain)


@pytest.mark.parametrize(
    ("gain", "lower"), [(None, 0.5), (0.5, None), (float("nan"), 0.5), (0.5, float("-inf"))]
)
def test_without_a_finite_gain_and_limit_there_is_nothing_to_draw(gain, lower):
    assert gain_chart(gain, lower) is None


def test_a_gain_of_exactly_zero_everywhere_is_drawn():
    chart = gain_chart(0.0, 0.0, 0.0)

    assert chart is not None
    assert chart.gain == chart.lower == chart.zero == chart.upper


def test_the_threshold_is_marked_on_the_challengers_curve():
    chart = roc_chart((), samples.ROC, ConfusionCounts(tp=1, fp=1, fn=1, tn=3))

    assert chart is not None
    assert chart.challenger == "0,300 75,150 300,0"
    assert chart.at_threshold == (75.0, 150.0)


def test_no_threshold_is_marked_when_a_class_is_missing():
    chart = roc_chart((), samples.ROC, ConfusionCounts(tp=0, fp=1, fn=0, tn=3))

    assert chart is not None
    assert chart.at_threshold is None


def test_days_without_any_score_are_not_drawn():
    assert day_chart([]) is None
    assert day_chart([DayScore("2013-04-17", 3, None, float("nan"))]) is None


def test_an_empty_holdout_and_equal_instants_have_a_place_on_the_line():
    empty = replace(samples.HOLDOUT, start=samples.HOLDOUT.end)
    line = timeline(samples.TRAINING, empty, samples.IDENTITY)
    assert line.holdout[0] == line.holdout[1] == line.as_of == 452.0

    point = replace(empty, start=samples.IDENTITY.as_of, end=samples.IDENTITY.as_of)
    assert timeline(point, point, samples.IDENTITY).training == (8.0, 8.0)


def _judged_in_full(metric="log_loss"):
    """A judgement with everything that a gate can hold, and the gate."""
    rng = np.random.default_rng(0)
    y, day = rng.random(6000) < 0.3, np.minimum(rng.geometric(0.15, 6000), 14)
    better, good, fair = (1 / (1 + np.exp(-s * (y - 0.5) - rng.normal(size=6000))) for s in (3, 2, 1.9))
    gate = Gate(metric=metric, guardrails={"roc_auc": 0.01, "brier_score": 0.02}, claim="non_inferior")
    slices = {"origin <b>EWR</b>": day % 2 == 0, "dest HNL": np.arange(6000) < 60}
    return judge(y, better, good, day, gate, anchor=fair, slices=slices), gate


def test_guardrails_slices_anchor_and_right_decisions_have_their_tables():
    judgement, gate = _judged_in_full()

    page = parse(
        verdict_page(replace(samples.VERDICT, judged=Judged.from_dict(judgement.to_dict()), gate=gate))
    )

    assert "Brier score" in page.text
    assert "origin <b>EWR</b>" in page.text
    assert f"{judgement.mcnemar['counts']['both']:,}" in page.text
    assert "Gain over the anchor" in page.text
    assert f"as good as {judgement.effective_clusters:.1f} equal ones" in page.text


def test_gains_in_a_loss_are_percentages():
    judgement, gate = _judged_in_full()

    page = parse(
        verdict_page(replace(samples.VERDICT, judged=Judged.from_dict(judgement.to_dict()), gate=gate))
    )

    assert f"+{100 * judgement.gain:.2f} %" in page.text
    assert "Log loss by day, less is better" in page.text
    assert all(tick.label.endswith(" %") for tick in gain_chart(0.1, 0.05, 0.15, relative=True).ticks)


def test_an_alert_is_shown_above_the_numbers():
    judgement = judge(
        np.tile([True, False], 700), np.tile([2.0, 1.0], 700) + np.arange(1400) % 7, np.arange(1400) % 13,
        np.repeat(np.arange(14), 100), Gate(),
    )  # fmt: skip

    page = parse(verdict_page(replace(samples.VERDICT, judged=Judged.from_dict(judgement.to_dict()))))

    assert judgement.alerts
    assert judgement.alerts[0] in page.text
