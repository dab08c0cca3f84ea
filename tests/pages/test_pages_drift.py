"""The page of a look at drift."""

from dataclasses import replace

import drift_samples as samples
from html_tree import parse

from ct_components.pages import drift_page
from ct_components.pages.drift import category_bars, number_chart, share_chart


def rows_of(page):
    table = next(t for t in page.all("table") if "corrected PSI" in t.one("caption").text)
    return [row.all("th")[0].text for row in table.one("tbody").all("tr")]


def test_the_verdict_its_sentence_and_the_key_come_first():
    header = parse(drift_page(samples.DRIFTED)).one("header").text

    assert "Drift" in header
    assert samples.DRIFTED.explanation in header
    assert "drift-2013-06-01" in header
    assert "champion version 1" in header


def test_features_are_in_order_of_corrected_psi_and_what_is_broken_comes_first():
    assert rows_of(parse(drift_page(samples.DRIFTED))) == ["temp", "origin", "hour"]
    broken = replace(
        samples.DRIFTED,
        features=(*samples.DRIFTED.features, replace(samples.CALM, name="x", broken="stands still")),
    )
    assert rows_of(parse(drift_page(broken))) == ["x", "temp", "origin", "hour"]


def test_each_drifted_feature_is_drawn_and_no_other():
    titles = [node.text for node in parse(drift_page(samples.DRIFTED)).all("h2")]

    assert titles == ["Share of drifted features", "Features", "temp", "origin", "Windows"]


def test_broken_data_say_that_nothing_is_retrained_and_list_what_cannot_be_compared():
    text = parse(drift_page(samples.BROKEN)).one("body").text

    assert "Nothing is retrained" in text
    assert "distance is gone" in text
    assert "carrier was categorical and is int64" in text
    assert "missing far more often" in text


def test_a_look_without_daily_profiles_says_what_that_means():
    assert "76 days" in parse(drift_page(samples.DRIFTED)).one("main").text
    assert "no daily profiles" in parse(drift_page(samples.ONE_CALM)).one("main").text


def test_what_is_not_drawn_is_counted():
    page = parse(drift_page(samples.many(200)))

    assert len([node for node in page.all("h2") if node.text.startswith("feature")]) == 12
    assert "55 more features are not drawn" in page.one("main").text  # 67 of 200 drifted


def test_the_share_lies_on_its_axis_and_none_is_drawn_when_it_was_not_judged():
    chart = share_chart(0.5, 0.2)

    assert (chart.share, chart.limit) == (230.0, 100.4)
    assert share_chart(None, 0.2) is None
    assert share_chart(0.0, 0.0).share == 14.0


def test_both_histograms_are_drawn_over_the_extremes_of_both():
    chart = number_chart(samples.TEMPERATURE.reference, samples.TEMPERATURE.current)

    assert [tick.label for tick in chart.ticks] == ["10.9", "51.95", "93"]
    # Where the reference has no rows there is no bar of it, and the current window's line lies on the axis.
    assert chart.current.startswith("M14.0 112V112.0H32.0")
    assert "H446.0" not in chart.reference


def test_a_window_without_numbers_has_no_drawing():
    gone = replace(samples.TEMPERATURE.current, minimum=None, maximum=None, counts=(0, 0, 0, 0))

    assert number_chart(samples.TEMPERATURE.reference, gone) is None


def test_categories_are_ordered_by_their_largest_share_and_the_rest_are_one():
    before = samples.categories("dest", **{f"D{i}": 100 - i for i in range(20)})
    now = samples.categories("dest", NEW=1000)

    bars = category_bars(before, now)

    assert [bar.name for bar in bars] == ["NEW", *(f"D{i}" for i in range(7)), "13 others"]
    assert bars[0].reference == 0.0
    assert bars[0].label == "NEW: 0 % before, 100 % now"
