"""The page of a performance look, with a day, a month and more than a year of values."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from ct_components import pages
from ct_components.monitoring.performance import _limits
from ct_components.monitoring.performance_rows import Measured
from ct_components.statistics.performance import (
    Baseline,
    DailyValue,
    Performance,
    Watched,
    judge,
    overall,
    sample_days,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
FIRST = date(2013, 3, 1)
HOSTILE = '<script>document.title="owned"</script>{{ 7 * 7 }}'
METRICS = ("roc_auc", "accuracy", "f1", "precision", "recall", "average_precision", "balanced_accuracy")


def page_of(days, metrics=("roc_auc",), looks="daily"):
    """A page of values that fall from 0.75 to 0.6 for the last fifth of the days."""
    performance = Performance({name: Watched(threshold=0.65) for name in metrics}, looks=looks)
    rng = np.random.default_rng(1)
    shown = []
    for name in metrics:
        metric = performance.metric_named(name)
        numbers = np.clip(np.where(np.arange(days) < 0.8 * days, 0.75, 0.6) + rng.normal(0, 0.03, days), 0, 1)
        names = [str(FIRST + timedelta(days=number)) for number in range(days)]
        values = tuple(
            DailyValue(day, day, 900, float(value)) for day, value in zip(names, numbers, strict=True)
        )
        window, since = (sample_days(metric, each, [900] * len(each)) for each in (numbers[-7:], numbers))
        baseline = Baseline(of_days=0.74)
        judged = judge(performance, name, window=window, since=since, baseline=baseline, coverage=0.9)
        limits = _limits(performance, name, Measured(window, since, values), baseline)
        shown.append(pages.PerformanceMetric(judged, values, limits))
    gravest = overall([each.judged for each in shown])
    end = f"{FIRST + timedelta(days=days)}T00:00:00+00:00"
    return pages.PerformancePage(
        model="flight-delay",
        as_of=end,
        verdict=gravest.verdict.value,
        reason=gravest.reason.value,
        explanation=gravest.explanation,
        version="3",
        promoted=f"{FIRST}T00:00:00+00:00",
        label_delay="2d",
        window=pages.PerformanceSpan("Current window", f"{FIRST}T00:00:00+00:00", end, 900, 810),
        since=pages.PerformanceSpan(
            "Since promotion", f"{FIRST}T00:00:00+00:00", end, 900 * days, 810 * days
        ),
        baseline="Baseline: its promotion holdout, 12,000 rows on 14 days.",
        metrics=tuple(shown),
    )


DATA = {
    "no champion": pages.PerformancePage(
        "shop", "2013-03-01T00:00:00+00:00", "insufficient", "no_champion", "There is none."
    ),
    "a day": page_of(1),
    "a month": page_of(30),
    "one look": page_of(30, looks="once"),
    "400 days": page_of(400),
    "400 days of seven metrics": page_of(400, METRICS),
    "hostile": replace(page_of(3), model=HOSTILE, explanation=HOSTILE, version=HOSTILE, baseline=HOSTILE),
}
EVERY = [pytest.param(pages.performance_page(data), id=name) for name, data in DATA.items()]


class Nesting(HTMLParser):
    """Follows the tags of a document, which must close in order."""

    def __init__(self, document):
        super().__init__()
        self.open, self.seen, self.text = [], [], []
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


@pytest.mark.parametrize("document", EVERY)
def test_a_page_is_one_small_document_that_runs_nothing(document):
    page = Nesting(document)

    assert document.startswith("<!doctype html>")
    assert page.open == []
    assert len(document.encode()) < 150_000
    assert not {tag for tag, _ in page.seen} & {"script", "img", "link", "iframe", "form", "use"}
    ids = [attributes["id"] for _, attributes in page.seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "None" not in "".join(page.text)
    assert not re.search(r"\d\.\d{7,}", "".join(page.text))


def test_a_page_says_verdict_levels_limits_coverage_and_version():
    text = re.sub(r"\s+", " ", "".join(Nesting(pages.performance_page(DATA["400 days"])).text))

    for part in (
        "Fire",
        "proven critically worse than on its promotion holdout",
        "version 3",
        "in charge since 2013-03-01",
        "threshold 0.6500",
        "critical level 0.6660",
        "baseline 0.7400",
        "90.0 %",
        "labels may take 2d",
        "400 values",
        "12,000 rows on 14 days",
    ):
        assert part in text


def test_a_limit_is_drawn_once_it_proves_something():
    month, year = (pages.performance_page(DATA[name]) for name in ("a day", "400 days"))

    assert "nothing proven yet" in month
    assert "limit of daily looks</span>" not in month
    assert '<polyline class="champion"' in year


def test_hostile_text_is_shown_as_text():
    page = Nesting(pages.performance_page(DATA["hostile"]))

    assert HOSTILE in "".join(page.text)


@pytest.mark.service
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("name", DATA)
def test_on_a_telephone_nothing_sticks_out(name, tmp_path):
    frame = tmp_path / "frame.html"
    frame.write_text(
        '<!doctype html><title>waiting</title><iframe id="page" style="width:400px;height:800px;border:0" '
        f'srcdoc="{html.escape(pages.performance_page(DATA[name]))}"></iframe><script>onload = () => {{'
        'const shown = document.getElementById("page").contentDocument, root = shown.documentElement;'
        "document.title = JSON.stringify({width: root.scrollWidth, room: root.clientWidth,"
        'empty: [...shown.querySelectorAll("svg[role=img]")]'
        ".filter((svg) => svg.getBoundingClientRect().height < 5).length});};</script>",
        encoding="utf-8",
    )

    dom = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    seen = json.loads(html.unescape(re.search(r"<title>(.*?)</title>", dom, re.DOTALL)[1]))

    assert seen["width"] <= seen["room"]
    assert seen["empty"] == 0
