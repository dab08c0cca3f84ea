"""The page of known mistakes: every one that it names is made by a test, and none is made in secret."""

import re
from pathlib import Path

import pytest
from known_mistakes import measured, on_the_page

FILES = sorted(set(Path(__file__).parent.glob("test_*.py")) - {Path(__file__)})
TESTS = "".join(path.read_text(encoding="utf-8") for path in FILES)
MEASURED = re.findall(r"measured\(\s*\"(\w+)\",\s*naive", TESTS)


def test_the_page_names_what_the_tests_measure():
    assert sorted(on_the_page()) == sorted(MEASURED)


@pytest.mark.parametrize("mistake", MEASURED)
def test_each_is_written_out_under_its_name(mistake):
    assert re.search(rf"def {mistake}\(|\b{mistake} = ", TESTS)


def test_a_figure_that_is_not_on_the_page_is_noticed():
    stated = on_the_page()["psi_of_rows_within_the_range"]

    measured("psi_of_rows_within_the_range", naive=stated.naive, here=stated.here, within=0.001)
    with pytest.raises(AssertionError):
        measured("psi_of_rows_within_the_range", naive=stated.naive, here=stated.here + 0.01, within=0.001)
    with pytest.raises(AssertionError):
        measured("psi_of_rows_within_the_range", naive=stated.naive + 0.01, here=stated.here, within=0.001)
