"""`kfp-ct history`."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from ct_pipelines.cli.printed import one_line
from ct_pipelines.gains import gain_text, is_relative

# A monitor looks every hour.
_LOOKS = 20

_EPILOG = """\b
Examples:
  kfp-ct history flight-delay
  kfp-ct history --json | jq '.promotions[-1]'
"""


@click.command(epilog=_EPILOG)
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Triggers, runs, promotions and looks as JSON.")
def command(model: str | None, as_json: bool) -> None:
    """Show what was asked for, what ran, when and why, what came of it, and who is champion since when.

    The ledger is KFP_CT_LEDGER_URL, else the one in the state folder: KFP_CT_HOME, else .kfp-ct here.
    """
    from ct_pipelines.history import read_history

    found = read_history(model)
    if as_json:
        click.echo(json.dumps(found, indent=2, default=datetime.isoformat))
    else:
        _print(found)


def _print(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    _print_table(
        "Triggers",
        ("decided", "model", "key", "reason", "from", "decision", "run", "why"),
        [_trigger_row(trigger) for trigger in found["triggers"]],
    )
    looks = found["looks"]
    _print_table(
        f"Looks, the last {_LOOKS} of {len(looks)}" if len(looks) > _LOOKS else "Looks",
        ("looked", "model", "monitor", "as-of", "champion", "verdict", "reason"),
        [_look_row(look) for look in looks[-_LOOKS:]],
    )
    _print_table(
        "Runs",
        (
            "created",
            "model",
            "as-of",
            "reason",
            "run",
            "champion",
            "challenger",
            "gain",
            "verdict",
            "outcome",
        ),
        [_run_row(run) for run in found["runs"]],
    )
    _print_table(
        "Candidates",
        ("won", "model", "version", "against", "by run", "decision", "why"),
        [_candidate_row(candidate) for candidate in found["candidates"]],
    )
    _print_table(
        "Champions",
        ("since", "model", "champion", "before", "by run", "kind", "why"),
        [_promotion_row(promotion) for promotion in found["promotions"]],
    )


def _trigger_row(trigger: Mapping[str, Any]) -> tuple[str, ...]:
    why = trigger["explanation"]
    return (
        _instant(trigger["decided_at"]),
        trigger["model"],
        trigger["run_key"],
        trigger["reason"],
        trigger["origin"],
        "waiting" if trigger["state"] == "submitting" else trigger["decision"],
        (trigger["run_id"] or "–")[:8],
        f"{why} ({trigger['note']})" if trigger["note"] else why,
    )


def _look_row(look: Mapping[str, Any]) -> tuple[str, ...]:
    champion = look["champion_version"]
    return (
        _instant(look["looked_at"]),
        look["model"],
        look["monitor"],
        _instant(look["as_of"]),
        f"v{champion}" if champion else "–",
        look["verdict"],
        look["reason"],
    )


def _run_row(run: Mapping[str, Any]) -> tuple[str, ...]:
    verdict = run["verdict"] or {}
    gain = verdict.get("gain")
    return (
        _instant(run["created_at"]),
        run["model"],
        _as_of(run),
        run["reason"],
        run["run_id"][:8],
        _scored(verdict, "champion"),
        _scored(verdict, "challenger"),
        gain_text(gain, relative=is_relative(verdict)),
        verdict.get("verdict", "–"),
        run["outcome"] or run["state"],
    )


def _promotion_row(promotion: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        _instant(promotion["created_at"]),
        promotion["model"],
        f"version {promotion['version']}",
        promotion["previous_version"] or "–",
        (promotion["run_id"] or "–")[:8],
        promotion["kind"],
        _joined(promotion["reason"], promotion["note"]),
    )


def _candidate_row(candidate: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        _instant(candidate["created_at"]),
        candidate["model"],
        f"version {candidate['version']}",
        candidate["expected"] or "–",
        (candidate["run_id"] or "–")[:8],
        candidate["decision"] or "waiting",
        _joined(candidate["note"]),
    )


def _joined(*words: str | None) -> str:
    return ": ".join(word for word in words if word) or "–"


def _scored(verdict: Mapping[str, Any], role: str) -> str:
    version, score = verdict.get(f"{role}_version"), verdict.get(f"{role}_score")
    return "–" if version is None else f"v{version}" + ("" if score is None else f" {score:.4f}")


def _as_of(run: Mapping[str, Any]) -> str:
    """Shows as-of on the model's own clock, as the terminal and the pages do."""
    timezone = run["windows"]["timezone"]
    return f"{run['as_of'].astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M} {timezone}"


def _instant(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"


def _print_table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Nothing is cut to a terminal's width: what is read here is copied, or goes through grep."""
    rows = [tuple(map(one_line, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    click.echo(f"\n{title}" if rows else f"\n{title}: none")
    for row in (head, *rows) if rows else ():
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  " + "  ".join(cells).rstrip())
