import json
from dataclasses import replace

import page_samples as samples
import pytest
from html_tree import Node, parse

from ct_components.pages import CheckRow, ColumnSummary, validation_page
from ct_components.pages.charts import spark_path
from ct_components.pages.formats import DASH, MINUS
from ct_components.profiles.model import CategoricalProfile, NumericProfile, OtherProfile, Profile, to_json


def table(page: Node, caption_begins: str) -> list[list[str]]:
    (found,) = [t for t in page.all("table") if t.one("caption").text.startswith(caption_begins)]
    return found.rows()


def test_what_failed_comes_first_then_warnings_then_what_passed():
    page = parse(validation_page(samples.VALIDATION))

    assert page.one("h1").text == "✕ Failed data of the training and holdout windows"
    assert "1 of 3 checks failed, 1 warned, 1 passed." in page.text
    assert table(page, "What failed comes first") == [
        ["✕ fail", "min", "distance", "training", f"{MINUS}12.5", "0"],
        ["! warn", "allowed", "origin", "holdout", "XXX", "EWR, JFK, LGA"],
        ["✓ pass", "nulls", "distance", "training", "0", "0.05"],
    ]


@pytest.mark.parametrize(
    ("checks", "headline"),
    [
        ((samples.PASSED, samples.WARNED), "! Passed with warnings"),
        ((samples.PASSED,), "✓ Passed"),
        ((replace(samples.PASSED, severity="warn"),), "✓ Passed"),
    ],
)
def test_a_warning_does_not_fail_the_data(checks, headline):
    page = parse(validation_page(replace(samples.VALIDATION, checks=checks)))

    assert page.one("h1").one(class_="badge").text == headline
    assert "the run stops here" not in page.text


def test_counts_of_rows_labels_and_classes_stand_at_the_top():
    page = parse(validation_page(samples.VALIDATION))

    shown = {tile.one("dt").text: tile.one("dd").text for tile in page.one("dl").all("div")}
    assert shown == {
        "Training rows": "79,845",
        "Holdout rows": "13,240",
        "Labelled training rows": "79,00198.9 % coverage",
        "Class 0": "6075.0 %",
        "Class 1": "2025.0 %",
    }


def test_a_column_shows_its_distribution_missing_share_and_moments():
    page = parse(validation_page(samples.VALIDATION))

    assert table(page, "Columns of the training window") == [
        ["distance", "", "4.0 %", "1,035", "0", "0", "24"],
        ["origin", "EWR 50.0 %, JFK 25.0 %, LGA 12.5 %, 1 more", "0 %", DASH, DASH, DASH, DASH],
    ]
    assert len(page.all("svg", class_="spark")) == 1


def test_a_check_without_column_value_or_limit_shows_dashes():
    bare = CheckRow("both_classes", None, "training", None, None, passed=True)

    page = parse(validation_page(replace(samples.VALIDATION, checks=(bare,))))

    assert table(page, "What failed")[0][2:] == [DASH, "training", DASH, DASH]


def test_a_thousand_checks_and_columns_stay_small_and_say_what_is_left_out():
    checks = tuple(replace(samples.PASSED, column=f"column_{i:04}") for i in range(1000))
    columns = tuple(replace(samples.DISTANCE, name=f"column_{i:04}") for i in range(1000))

    html = validation_page(replace(samples.VALIDATION, checks=(*checks, samples.FAILED), columns=columns))
    page = parse(html)

    assert len(html) < 150_000
    assert "851 more are not shown" in page.text
    assert "the first 80 of 1,000" in page.text
    assert table(page, "What failed")[0][0] == "✕ fail"


def test_the_columns_of_a_profiles_json_are_what_the_page_takes():
    numeric = NumericProfile(9, 1, 2, 1, 2.0, 16.0, 0.0, 4.0, (1.0, 2.0), (1, 2, 2))
    categorical = CategoricalProfile(5, 1, {"EWR": 3, "JFK": 1}, 0)
    profile = Profile(9, None, {"n": numeric, "c": categorical, "o": OtherProfile(9, 2, "string")})

    columns = [ColumnSummary.from_dict(n, c) for n, c in json.loads(to_json(profile))["columns"].items()]

    assert columns == [
        ColumnSummary("n", "numeric", 9, 3, 2.0, 2.0, 0.0, 4.0, (1.0, 2.0), (1, 2, 2)),
        ColumnSummary("c", "categorical", 5, 1, categories=(("EWR", 3), ("JFK", 1))),
        ColumnSummary("o", "other", 9, 2),
    ]


def heights(path: str) -> dict[float, float]:
    """Returns left edge to height of each bar."""
    bars = (bar.replace("v-", " ").replace("h", " ").split() for bar in path.split("M")[1:])
    return {float(bar[0]): float(bar[2]) for bar in bars}


def test_level_counts_over_level_bins_are_a_level_histogram():
    bars = heights(spark_path(samples.DISTANCE))

    assert len(bars) == 24
    assert set(bars.values()) == {29.0}


def test_equal_counts_in_a_wide_bin_are_lower_than_in_a_narrow_one():
    skewed = replace(samples.DISTANCE, edges=(6.0,), counts=(30, 30))

    bars = heights(spark_path(skewed))

    assert bars[0.0] == 29.0
    assert bars[115.0] == pytest.approx(29.0 / 3, abs=0.1)


def test_the_rows_at_the_maximum_are_part_of_the_histogram():
    """The last bin is "from the last edge up", so it has no width when the last edge is the maximum."""
    atom = replace(samples.DISTANCE, edges=(0.0, 24.0), counts=(0, 24, 24))

    bars = heights(spark_path(atom))

    assert bars[115.0] == 29.0
    assert bars[0.0] == pytest.approx(29.0 / 25, abs=0.1)


def test_a_column_with_one_value_is_one_bar():
    constant = replace(samples.DISTANCE, minimum=7.0, maximum=7.0, edges=(7.0,), counts=(0, 96))

    assert list(heights(spark_path(constant)).values()) == [29.0]


@pytest.mark.parametrize(
    "column",
    [
        samples.ORIGIN,
        replace(samples.DISTANCE, minimum=None, maximum=None, counts=(0, 0, 0)),
        replace(samples.DISTANCE, edges=(), counts=()),
    ],
)
def test_a_column_without_values_has_no_histogram(column):
    assert spark_path(column) == ""


def test_the_largest_floats_have_a_histogram():
    wide = replace(samples.DISTANCE, minimum=-1.7e308, maximum=1.7e308, edges=(0.0,), counts=(5, 5))

    assert "nan" not in spark_path(wide)
    assert heights(spark_path(wide))
