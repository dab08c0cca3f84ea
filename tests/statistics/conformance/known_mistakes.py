"""Each known mistake's two figures: shown, and held against the page that states them.

The figures show with

    pytest tests/statistics/conformance --log-cli-level=INFO -m "slow or not slow"
"""

import logging
import re
from pathlib import Path
from typing import NamedTuple

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "known-mistakes.md"

_ROW = re.compile(r"\| `(?P<mistake>\w+)` \|(?:[^|]*\|)(?P<naive>[^|]*)\|(?:[^|]*\|)(?P<here>[^|]*)\|")
_NUMBER = re.compile(r"(?P<sign>−?)(?P<number>\d[\d,]*(?:\.\d+)?)(?P<percent> %)?")

log = logging.getLogger("known mistakes")


class Figures(NamedTuple):
    """What the naive way shows, and what this project does on the same data."""

    naive: float
    here: float


def on_the_page() -> dict[str, Figures]:
    """Returns the figures that the page states, by mistake; a figure in percent is a share."""
    rows = _ROW.finditer(PAGE.read_text(encoding="utf-8"))
    return {row["mistake"]: Figures(_number(row["naive"]), _number(row["here"])) for row in rows}


def measured(mistake: str, *, naive: float, here: float, within: float, within_here: float | None = None):
    """Shows the figures of a mistake, and fails if the page states others.

    Args:
        mistake: Its name on the page.
        naive: What the naive way shows.
        here: What this project shows.
        within: How far other random numbers would move them; a rounded figure on the page is as good.
        within_here: The same of this project's alone.
    """
    log.info("%s: %.4g the naive way, %.4g here", mistake, naive, here)
    stated = on_the_page()[mistake]
    assert stated.naive == pytest.approx(float(naive), abs=within)
    assert stated.here == pytest.approx(float(here), abs=within if within_here is None else within_here)


def _number(cell: str) -> float:
    found = _NUMBER.search(cell)
    assert found, f"no figure in {cell!r}"
    number = float(found["number"].replace(",", "")) * (-1 if found["sign"] else 1)
    return number / 100 if found["percent"] else number
