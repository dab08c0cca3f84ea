from dataclasses import replace

import page_samples as samples
from html_tree import Node, parse

from ct_components.pages import StageRow, index_page, run_page
from ct_components.pages.charts import trend
from ct_components.pages.formats import DASH, MINUS


def table(page: Node, caption_begins: str) -> list[list[str]]:
    (found,) = [t for t in page.all("table") if t.one("caption").text.startswith(caption_begins)]
    return found.rows()


def test_a_run_shows_its_stages_with_outcomes_and_durations():
    page = parse(run_page(samples.RUN))

    assert page.one("h1").text == "▲ Promoted the challenger is proven better"
    assert [row[:3] for row in table(page, "In the order they ran")] == [
        ["begin_run", "✓ succeeded", "1.0 s"],
        ["fetch_data", "✓ succeeded", "3.0 s"],
        ["promote_challenger", "… running", DASH],
    ]


def test_bars_follow_one_another_in_proportion_to_seconds():
    bars = parse(run_page(samples.RUN)).all("i")

    assert [bar.attrs["style"] for bar in bars] == ["left:0.0%;width:25.0%", "left:25.0%;width:75.0%"]


def test_links_are_relative_paths_or_web_addresses():
    (run,) = samples.runs(1)
    run = replace(run, href="stages/fetch data.html", verdict_href="http://127.0.0.1:5000/#/runs")

    links = {link.text: link.attrs["href"] for link in parse(index_page([run])).all("table")[-1].all("a")}

    assert links == {
        "2012-12-31 23:00": "stages/fetch%20data.html",
        "promote": "http://127.0.0.1:5000/#/runs",
    }


def test_a_failed_run_says_where_and_why_once():
    page = parse(run_page(samples.FAILED_RUN))

    assert page.one("h1").text == "✕ Failed in validate_data"
    assert page.one("pre").text == "1 check failed: min: column distance"
    assert "not reached" in page.one("dl").text


def test_a_stage_that_failed_beside_the_named_one_keeps_its_message():
    stages = (*samples.FAILED_RUN.stages, StageRow("notify", "failed", 0.5, "the ledger is away"))

    page = parse(run_page(replace(samples.FAILED_RUN, stages=stages)))

    assert [pre.text for pre in page.all("pre")][1:] == ["the ledger is away"]


def test_stages_of_zero_seconds_have_bars_too():
    assert len(parse(run_page(samples.FAILED_RUN)).all("i")) == 2


def test_the_index_lists_runs_in_the_order_given():
    page = parse(index_page(samples.runs(3)))

    assert table(page, "Gain with its one-sided lower limit") == [
        [
            "2013-01-02 23:00",
            "✕ failed",
            DASH,
            f"{DASH} → {DASH}",
            DASH,
            "schedule",
            "11.5 s",
        ],
        [
            "2013-01-01 23:00",
            "● retained",
            "hold: the challenger is not proven better",
            "0.6250 → 0.6875",
            f"+0.0625 [{MINUS}0.0312]",
            "schedule",
            "11.5 s",
        ],
        [
            "2012-12-31 23:00",
            "▲ promoted",
            "promote: the challenger is proven better",
            "0.6250 → 0.6875",
            f"+0.0625 [{MINUS}0.0312]",
            "schedule",
            "11.5 s",
        ],
    ]


def test_each_run_links_to_its_page_and_its_verdict():
    links = [link.attrs["href"] for link in parse(index_page(samples.runs(1))).all("table")[-1].all("a")]

    assert links == ["runs/flight-delay-0/run.html", "runs/flight-delay-0/verdict.html"]


def test_an_empty_index_says_so():
    text = parse(index_page([])).text

    assert "No run yet." in text
    assert "Nothing was promoted." in text


def test_of_a_thousand_runs_all_are_counted_and_the_newest_listed():
    page = parse(index_page(samples.runs(1000)))

    counted = {tile.one("dt").text: tile.one("dd").text for tile in page.one("dl").all("div")}
    assert counted == {"Runs": "1,0001 model", "Promoted": "250", "Retained": "500", "Failed": "250"}
    assert len(table(page, "Gain with its one-sided lower limit")) == 200
    assert "The first 200 of 1,000 runs; kfp-ct history lists all" in page.text
    assert len(table(page, "The first 8 of 250")) == 8


def test_the_model_is_named_only_among_several():
    def headers(runs):
        return [cell.text for cell in parse(index_page(runs)).all("table")[-1].one("thead").all("th")]

    other = replace(samples.runs(1)[0], model="taxi-tips")

    assert "Model" not in headers(samples.runs(2))
    assert "Model" in headers([*samples.runs(2), other])


def test_a_trend_needs_two_judged_runs():
    assert trend("flight-delay", samples.runs(1)) is None
    assert trend("flight-delay", [run for run in samples.runs(8) if run.verdict is None]) is None


def test_a_trend_goes_forward_in_as_of_whatever_the_order_of_the_runs():
    chart = trend("flight-delay", samples.runs(8))

    assert chart is not None
    places = [mark.x for mark in chart.challenger_marks]
    assert places == sorted(places)
    assert [mark.kind for mark in chart.challenger_marks] == ["promote", "hold", "reject"] * 2


def test_runs_with_the_same_as_of_have_a_trend():
    run = samples.runs(1)[0]

    chart = trend("flight-delay", [run, replace(run, champion_score=None)])

    assert chart is not None
    assert len(chart.champion_marks) == 1
