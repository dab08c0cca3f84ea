"""`kfp-ct champion`."""

import json
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ct_pipelines.cli.printed import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ct_components.ledger import Promotion
    from ct_pipelines.promotion.reigns import InCharge

_EPILOG = """\b
Examples:
  kfp-ct champion flight-delay
  kfp-ct champion flight-delay --at 2026-06-01               as that day began, on the model's own clock
  kfp-ct champion flight-delay --at 2026-06-01T17:30+02:00
"""
_HOW = {
    "promotion": "promoted by a run",
    "manual": "promoted by a person",
    "rollback": "rolled back to by a person",
    "external": "its alias was moved by hand, which was seen then",
}


@click.command(epilog=_EPILOG)
@click.argument("model")
@click.option("--at", default="", help="A date or an ISO time; by default, now.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON; version is null without a champion.")
def command(model: str, at: str, as_json: bool) -> None:
    """Show who is champion, or was at an instant: since when, by which run, and why.

    The ledger says it: KFP_CT_LEDGER_URL, else the one in the state folder. Without one, the tags that are
    left in MLflow do. Without --at, an alias that was moved by hand in MLflow is adopted first.
    """
    from ct_pipelines.promotion.reigns import champion_at

    found = champion_at(model, at)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        click.echo("\n".join(_lines(found, now=not at)))


def _lines(found: "InCharge", *, now: bool) -> "Iterator[str]":
    promotion = found.promotion
    if promotion is None:
        first = f"; the first was promoted at {_instant(found.until)}" if found.until else ""
        yield f"{found.model} had no champion at {_instant(found.at)}{first}"
        return
    until = f" until {_instant(found.until)}" if found.until else ""
    verb = "is champion" if now else f"was champion at {_instant(found.at)},"
    yield f"{found.model}: version {promotion.version} {verb} since {_instant(promotion.created_at)}{until}"
    yield from _why(promotion)


def _why(promotion: "Promotion") -> "Iterator[str]":
    after = f", after version {promotion.previous_version}" if promotion.previous_version else ""
    yield f"  {_HOW.get(promotion.kind, promotion.kind)}{after}"
    for name, text in (("run", promotion.run_id), ("reason", promotion.reason), ("note", promotion.note)):
        if text:
            yield f"  {name}: {one_line(text)}"
    for name in ("training", "holdout"):
        window = (promotion.windows or {}).get(name)
        if window:
            yield f"  {name}: {window['start']} to {window['end']}"
    if promotion.serving_state:
        yield f"  serving: {promotion.serving_state}"


def _instant(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if value else "–"
