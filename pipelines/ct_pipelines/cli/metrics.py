"""`kfp-ct metrics`."""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ct_components.errors import SourceError, SpecError

if TYPE_CHECKING:
    from ct_components.ledger import MetricRecord

_EPILOG = """\b
Examples:
  kfp-ct metrics add flight-delay --version 3 --metric roc_auc --value 0.71 --rows 912 --day 2013-06-01
  kfp-ct metrics import daily.csv
"""
_COLUMNS = ("model", "version", "metric", "day", "value", "n")
# More would hide the first ones.
_SHOWN = 20

# Column → what is allowed, and how it is written. Numbers of JSON are looked at as JSON writes them.
_ALLOWED: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "model": (
        "a model's name: up to 50 of a-z, 0-9 and -, from a letter on",
        re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?"),
    ),
    "version": ("the number of a version, such as 3", re.compile(r"[1-9][0-9]{0,17}")),
    "metric": (
        "a metric's name: 1 to 100 letters, digits and . _ : / @ -",
        re.compile(r"[A-Za-z0-9_.:/@-]{1,100}"),
    ),
    "day": ("a day such as 2013-06-01", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
    "value": (
        "a finite number, or nothing where the metric is not defined on that day",
        re.compile(r"([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)?"),
    ),
    "n": ("a whole number of rows, 0 or more", re.compile(r"[0-9]{1,18}")),
    "source": ("1 to 100 letters, digits and . _ : / @ -", re.compile(r"[A-Za-z0-9_.:/@-]{1,100}")),
}
# What the ledger takes for finite.
_LARGEST = 1e308

# Takes a column and what is wrong with it.
Refuse = Callable[[str, str], None]


@click.group(epilog=_EPILOG)
def command() -> None:
    """Record how good a model version was on a day, where a scoring service measured it.

    The performance monitor looks at these values. Of several for one day, the one written last counts. The
    ledger is KFP_CT_LEDGER_URL, else the one in the state folder: KFP_CT_HOME, else .kfp-ct here.
    """


@command.command("add")
@click.argument("model")
@click.option("--version", required=True, help="The model version that was measured.")
@click.option("--metric", required=True, help="The metric's name, as the model spec names it.")
@click.option("--value", required=True, help="The metric; '' where it is not defined on that day.")
@click.option("--rows", required=True, help="Labelled rows that it was measured on.")
@click.option("--day", required=True, help="The day of these rows, on the model's own clock.")
@click.option("--source", default="kfp-ct", show_default=True, help="Who measured it.")
def add(model: str, version: str, metric: str, value: str, rows: str, day: str, source: str) -> None:
    """Record one value."""
    given = {"model": model, "version": version, "metric": metric, "day": day, "value": value, "n": rows}
    given["source"] = source
    names = {"model": "MODEL", "n": "--rows"}
    problems: list[str] = []
    refuse = partial(_note, problems)
    record = _record(given, lambda column, text: refuse(names.get(column, f"--{column}"), text))
    if record is None:
        raise SpecError("; ".join(problems))
    _add([record])
    click.echo(f"recorded {metric} of {model} version {version} on {day}")


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", default="kfp-ct", show_default=True, help="Who measured them.")
def import_(file: Path, source: str) -> None:
    """Record the values of a file, or none of them if a line is wrong.

    FILE has the columns model, version, metric, day, value and n, as CSV with a header or as JSON lines. An
    empty value, or null, says that the metric is not defined on that day.
    """
    problems: list[str] = []
    if _field("source", source, lambda _, text: problems.append(text)) is _WRONG:
        raise SpecError(f"--source: {problems[0]}")
    records = _read(file, source)
    _add(records)
    click.echo(f"recorded {len(records)} value{'s' * (len(records) != 1)} from {file}")


def _add(records: "Sequence[MetricRecord]") -> None:
    """Records values, and warns of those that nobody will look at: a service may be ahead of the ledger."""
    from ct_components.spec.fields import Metric
    from ct_pipelines.ledgers import open_ledger_here

    ledger = open_ledger_here()
    ledger.add_metrics(records)
    for kind, given, known in (
        ("metric", {each.metric for each in records}, get_args(Metric)),
        ("model", {each.model for each in records}, ledger.models()),
    ):
        for name in sorted(given - set(known)):
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            text = (
                f"warning: no monitor looks at the {kind} {name!r}; {hint}known: {', '.join(known) or 'none'}"
            )
            click.echo(text, err=True)


def _read(file: Path, source: str) -> "list[MetricRecord]":
    """Reads all lines before it complains, so that they can be mended at once."""
    problems: list[str] = []
    records = []
    for line, row in _rows(_text(file), problems):
        refuse = partial(_note, problems, f"line {line}")
        record = _record({**row, "source": source}, refuse) if _has_columns(row, refuse) else None
        records += [record] if record else []
    if problems:
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise SourceError(
            f"{file} cannot be imported, and nothing of it was:\n  " + "\n  ".join(problems[:_SHOWN]) + more
        )
    if not records:
        raise SourceError(f"{file} has no values; allowed: CSV with a header, or JSON lines")
    return records


def _note(problems: list[str], *words: str) -> None:
    problems.append(": ".join(word for word in words if word))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise SourceError(f"{str(file)!r} cannot be read: {error}; allowed: a file in UTF-8") from error


def _rows(text: str, problems: list[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    is_json = text.lstrip().startswith("{")
    return _json_lines(text, problems) if is_json else _csv_lines(text, problems)


def _json_lines(text: str, problems: list[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, each in enumerate(text.split("\n"), 1):
        if not each.strip():
            continue
        try:
            # Numbers stay as they are written, and are looked at like those of a CSV file.
            row = json.loads(each, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
        except (ValueError, RecursionError) as error:
            problems.append(f"line {line}: is no JSON: {error}")
            continue
        if isinstance(row, dict):
            yield line, row
        else:
            problems.append(f"line {line}: got {_shown(row)}; allowed: a JSON object")


class _Number(str):
    """A number of JSON as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _csv_lines(text: str, problems: list[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    import csv
    import io

    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if sorted(header) != sorted(_COLUMNS):
            problems.append(f"line 1: got {_shown(','.join(header))}; allowed: {','.join(_COLUMNS)}")
            return
        for cells in reader:
            if not cells:
                continue
            if len(cells) == len(header):
                yield reader.line_num, dict(zip(header, cells, strict=True))
            else:
                problems.append(
                    f"line {reader.line_num}: got {len(cells)} columns; allowed: {len(header)}, as the header"
                )
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: is no CSV: {error}")


def _has_columns(row: Mapping[str, Any], refuse: Refuse) -> bool:
    if sorted(row) == sorted(_COLUMNS):
        return True
    refuse("", f"got the columns {_shown(', '.join(row))}; allowed: {', '.join(_COLUMNS)}")
    return False


def _record(row: Mapping[str, Any], refuse: Refuse) -> "MetricRecord | None":
    """Returns what a row says, or None after refusing what is wrong with it."""
    from ct_components.ledger import MetricRecord

    fields = {column: _field(column, row[column], refuse) for column in row}
    if _WRONG in fields.values():
        return None
    return MetricRecord(**fields, written_at=datetime.now(UTC))


_WRONG = object()


def _field(column: str, given: Any, refuse: Refuse) -> Any:
    allowed, pattern = _ALLOWED[column]
    text = "" if given is None and column == "value" else given
    if isinstance(text, str) and _has_type(column, text) and pattern.fullmatch(text.strip()):
        value = _parsed(column, text.strip())
        if value is not _WRONG:
            return value
    refuse(column, f"got {_shown(given)}; allowed: {allowed}")
    return _WRONG


def _has_type(column: str, text: str) -> bool:
    """JSON says which of its values are numbers; a version may be one, too."""
    return not isinstance(text, _Number) or column in {"version", "value", "n"}


def _parsed(column: str, text: str) -> Any:
    if column == "day":
        try:
            return date.fromisoformat(text)
        except ValueError:
            return _WRONG
    if column == "n":
        return int(text)
    if column != "value":
        return str(text)
    if not text:
        return None
    value = float(text)
    return value if abs(value) <= _LARGEST else _WRONG


def _shown(value: Any) -> str:
    """A value as it was given, and no more of it than a person wants to see."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004
