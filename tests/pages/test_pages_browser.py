"""The pages in a real browser, as the KFP UI shows them: the source of a frame."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import drift_samples
import page_samples as samples
import pytest

from ct_components.pages import drift_page, index_page, run_page, validation_page, verdict_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
MEASURE = """<!doctype html><title>waiting</title><iframe id="page" style="width:400px;height:800px;border:0"
srcdoc="{page}"></iframe><script>
onload = () => {{
  const shown = document.getElementById("page").contentDocument, root = shown.documentElement;
  document.title = JSON.stringify({{
    width: root.scrollWidth, room: root.clientWidth, title: shown.title,
    scripts: shown.scripts.length,
    background: getComputedStyle(shown.body).backgroundColor,
    empty: [...shown.querySelectorAll("svg[role=img]")]
      .filter((svg) => svg.getBoundingClientRect().height < 5).length,
  }});
}};
</script>"""
PAGES = {
    "verdict": verdict_page(samples.VERDICT),
    "validation": validation_page(samples.VALIDATION),
    "run": run_page(samples.RUN),
    "index": index_page(samples.runs(40)),
    "drift": drift_page(drift_samples.many(40)),
    "hostile-drift": drift_page(drift_samples.HOSTILE_DRIFT),
    "hostile-verdict": verdict_page(samples.HOSTILE_VERDICT),
    "hostile-validation": validation_page(samples.HOSTILE_VALIDATION),
    "hostile-run": run_page(samples.HOSTILE_RUN),
    "hostile-index": index_page(samples.HOSTILE_RUNS),
}

pytestmark = [pytest.mark.service, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]


@pytest.mark.parametrize("name", PAGES)
def test_on_a_telephone_nothing_sticks_out_and_nothing_runs(name, tmp_path: Path):
    frame = tmp_path / "frame.html"
    frame.write_text(MEASURE.format(page=html.escape(PAGES[name])), encoding="utf-8")

    dom = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    seen = json.loads(html.unescape(re.search(r"<title>(.*?)</title>", dom, re.DOTALL)[1]))

    assert seen["width"] <= seen["room"]
    assert seen["title"] != "owned"
    assert seen["scripts"] == 0
    assert seen["empty"] == 0
    assert seen["background"] == "rgb(245, 246, 248)"
