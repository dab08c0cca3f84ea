"""What holds for every page, whatever it is given."""

import re
from dataclasses import replace
from pathlib import Path

import drift_samples
import page_samples as samples
import pytest
from html_tree import parse

from ct_components import pages
from ct_components.pages import drift_page, index_page, run_page, validation_page, verdict_page

PAGES = {
    "verdict": lambda: verdict_page(samples.VERDICT),
    "verdict-first": lambda: verdict_page(samples.FIRST_VERDICT),
    "verdict-insufficient": lambda: verdict_page(samples.INSUFFICIENT_VERDICT),
    "validation": lambda: validation_page(samples.VALIDATION),
    "validation-empty": lambda: validation_page(
        replace(samples.VALIDATION, checks=(), columns=(), classes=())
    ),
    "run": lambda: run_page(samples.RUN),
    "run-failed": lambda: run_page(samples.FAILED_RUN),
    "run-empty": lambda: run_page(pages.RunPage(samples.IDENTITY, "running")),
    "drift": lambda: drift_page(drift_samples.DRIFTED),
    "drift-calm": lambda: drift_page(drift_samples.ONE_CALM),
    "drift-broken": lambda: drift_page(drift_samples.BROKEN),
    "drift-200": lambda: drift_page(drift_samples.many(200)),
    "drift-no-champion": lambda: drift_page(drift_samples.NO_CHAMPION),
    "index-0": lambda: index_page([]),
    "index-1": lambda: index_page(samples.runs(1)),
    "index-1000": lambda: index_page(samples.runs(1000)),
}
HOSTILE = {
    "verdict": lambda: verdict_page(samples.HOSTILE_VERDICT),
    "validation": lambda: validation_page(samples.HOSTILE_VALIDATION),
    "run": lambda: run_page(samples.HOSTILE_RUN),
    "index": lambda: index_page(samples.HOSTILE_RUNS),
    "drift": lambda: drift_page(drift_samples.HOSTILE_DRIFT),
}
EVERY = [pytest.param(make, id=name) for name, make in PAGES.items()]
EVERY += [pytest.param(make, id=f"hostile-{name}") for name, make in HOSTILE.items()]


@pytest.mark.parametrize("make", EVERY)
def test_a_page_is_one_well_nested_document(make):
    html = make()
    page = parse(html)

    assert html.startswith("<!doctype html>")
    assert page.one("html").attrs["lang"] == "en"
    assert page.one("head").one("title").text
    assert len(page.all("h1")) == 1
    ids = [node.attrs["id"] for node in page.all() if "id" in node.attrs]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("make", EVERY)
def test_a_page_stands_alone_and_runs_nothing(make):
    html = make()
    page = parse(html)

    fetching = {"script", "img", "iframe", "object", "embed", "link", "form", "image", "use", "base"}
    assert {node.tag for node in page.all()}.isdisjoint(fetching)
    attributes = {name for node in page.all() for name in node.attrs}
    assert not {
        name for name in attributes if name.startswith("on") or name in {"src", "srcset", "xlink:href"}
    }
    style = page.one("style").text
    assert "url(" not in style
    assert "@import" not in style
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attrs["content"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


@pytest.mark.parametrize("make", EVERY)
def test_a_page_is_below_150_kb(make):
    assert len(make().encode()) < 150_000


@pytest.mark.parametrize("make", EVERY)
def test_a_screen_reader_finds_captions_header_cells_and_descriptions(make):
    page = parse(make())

    for table in page.all("table"):
        assert table.one("caption").text
        assert all(cell.attrs.get("scope") in {"col", "row"} for cell in table.all("th"))
    for drawing in page.all("svg"):
        if drawing.attrs.get("aria-hidden") == "true" or drawing.attrs.get("aria-label"):
            continue
        assert drawing.attrs["role"] == "img"
        named = [page.one(id=part).text for part in drawing.attrs["aria-labelledby"].split()]
        assert all(named)
    for region in page.all(class_="scroll"):
        assert region.attrs["aria-label"]
        assert region.attrs["tabindex"] == "0"


@pytest.mark.parametrize("make", EVERY)
def test_numbers_are_never_none_nor_unformatted(make):
    text = re.sub(r"x{20,}", "", parse(make()).one("body").text)

    assert "None" not in text
    assert not re.search(r"(?<!sha256:)\d\.\d{6,}", text)


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in HOSTILE.items()])
def test_hostile_text_is_shown_as_text(make):
    page = parse(make())

    assert '<script>document.title="owned"' in page.one("body").text
    assert "49" not in page.one("h1").text
    for link in page.all("a"):
        assert not re.match(r"\s*[a-z]+:", link.attrs["href"], re.IGNORECASE)
        assert not link.attrs["href"].startswith("//")


def test_a_file_name_that_is_no_utf_8_can_be_written(tmp_path: Path):
    page = tmp_path / "run.html"

    page.write_text(
        run_page(replace(samples.FAILED_RUN, message="no such file: \udcff.parquet")), encoding="utf-8"
    )

    assert "no such file: ?.parquet" in page.read_text(encoding="utf-8")


def test_a_message_of_a_megabyte_keeps_its_beginning_and_end():
    html = run_page(replace(samples.FAILED_RUN, message="begin " + "y" * 1_000_000 + " end"))

    message = parse(html).all("pre")[0].text
    assert message.startswith("begin ")
    assert message.endswith(" end")
    assert len(html) < 50_000


def test_the_same_data_give_the_same_page():
    assert verdict_page(samples.VERDICT) == verdict_page(samples.VERDICT)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_contrast_is_at_least_four_and_a_half(theme):
    """WCAG 2.2, success criterion 1.4.3."""
    style = Path(pages.__file__).with_name("templates").joinpath("style.css").read_text(encoding="utf-8")
    block = re.findall(r":root\{([^}]*)\}", style)[theme]
    colour = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]+)", block))

    pairs = [(ink, ground) for ink in ("ink", "muted", "challenger") for ground in ("page", "card")]
    pairs += [(tone, f"{tone}-soft") for tone in ("good", "wait", "bad", "quiet")]
    assert {
        pair: _contrast(*map(colour.get, pair)) for pair in pairs if _contrast(*map(colour.get, pair)) < 4.5
    } == {}
