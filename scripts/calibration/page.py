"""The page: its sections as Markdown tables, and reading them back."""

import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from calibration.cell import Cell, Line, Rate

_SURE = 3.29
"""Standard errors: one of two thousand cells that keep their level is said not to."""

_WIDTH = 118

_RATE = re.compile(r"([0-9.]+) %")


@dataclass(frozen=True)
class Section:
    """A table with what it says.

    Attributes:
        title: Its heading.
        text: Before the table.
        columns: Headings by method, the one that is calibrated first.
        cells: Its lines.
    """

    title: str
    text: str
    columns: Mapping[str, str]
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Printed:
    """A line as the page shows it; rates are rounded to a hundredth of a percent.

    Attributes:
        row: The line.
        nominal: The rate that is promised.
        trials: Of the method that is calibrated.
        rates: By method; NaN where it does not apply.
    """

    row: str
    nominal: float | None
    trials: int
    rates: Mapping[str, float]


def row(cell: Cell, line: Line, columns: Mapping[str, str]) -> str:
    """Returns one line of a table."""
    first, *others = columns
    calibrated = line.rates[first]
    cells = [
        cell.law,
        f"{cell.n:,}",
        line.what,
        "" if line.nominal is None else _percent(line.nominal),
        _with_interval(calibrated),
        *(_percent(line.rates[name].value) if name in line.rates else "" for name in others),
        f"{calibrated.trials:,}",
        str(cell.seed),
        f"`{cell.name}`",
    ]
    return f"| {' | '.join(cells)} |"


def read(page: str, sections: Sequence[Section]) -> dict[str, dict[str, Printed]]:
    """Returns the lines of a page, by cell and by what is done; none that has changed since."""
    known = {cell.name: (cell, section) for section in sections for cell in section.cells}
    found: dict[str, dict[str, Printed]] = {}
    for text in page.splitlines():
        parts = text.removeprefix("| ").removesuffix(" |").split(" | ")
        cell, section = known.get(parts[-1].strip("`"), (None, None))
        if cell and section and len(parts) == len(_headings(section.columns)):
            law, n, what, nominal, *shown, trials, _, name = parts
            if (law, n) != (cell.law, f"{cell.n:,}"):
                continue
            found.setdefault(name.strip("`"), {})[what] = Printed(
                text,
                _share(nominal) if nominal.strip() else None,
                int(trials.replace(",", "")),
                dict(zip(section.columns, map(_share, shown), strict=True)),
            )
    return found


def tables(sections: Sequence[Section], rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yields the parts of the page that hold figures, as paragraphs."""
    for section in sections:
        yield f"## {section.title}"
        yield textwrap.fill(" ".join(section.text.split()), _WIDTH, break_on_hyphens=False)
        headings = _headings(section.columns)
        rule = ["---"] * 2 + ["---"] + ["---:"] * (len(headings) - 4) + ["---"]
        lines = [f"| {' | '.join(headings)} |", f"| {' | '.join(rule)} |"]
        yield "\n".join([*lines, *(text for cell in section.cells for text in rows.get(cell.name, []))])


def departures(sections: Sequence[Section], printed: Mapping[str, Mapping[str, Printed]]) -> str:
    """Returns, as Markdown, which figures are surely above what is promised."""
    found = []
    for section in sections:
        for cell in section.cells:
            for what, line in printed.get(cell.name, {}).items():
                rate = next(iter(line.rates.values()))
                if line.nominal is None or math.isnan(rate) or not line.trials:
                    continue
                low, _ = Rate(round(rate * line.trials), line.trials).interval(_SURE)
                if low > line.nominal:
                    found.append(
                        f"- {section.title}, {cell.law}, {cell.n:,} rows, {what}: {_percent(rate)} instead "
                        f"of {_percent(line.nominal)}"
                    )
    if not found:
        return "Nowhere by more than chance explains (99.9 %)."
    return "\n".join(["These are above what is promised, by more than chance explains (99.9 %):", "", *found])


def _headings(columns: Mapping[str, str]) -> list[str]:
    first, *others = columns.values()
    return ["law", "rows", "what", "nominal", f"**{first}**", *others, "trials", "seed", "cell"]


def _with_interval(rate: Rate) -> str:
    if not rate.trials:
        return "–"
    low, high = rate.interval()
    return f"**{_percent(rate.value)}** ({100 * low:.2f} to {100 * high:.2f})"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.2f} %"


def _share(text: str) -> float:
    match = _RATE.search(text)
    return float(match[1]) / 100 if match else math.nan
