"""`kfp-ct history`."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

_EPILOG = """\b
Examples:
  kfp-ct history flight-delay
  kfp-ct history --json | jq '.promotions[-1]'
"""


@click.command(epilog=_EPILOG)
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Triggers, runs and promotions as JSON.")
def command(model: str | None, as_json: bool) -> None:
    """Show what ran, why, and who became champion.

    The ledger is KFP_CT_LEDGER_URL, else the one in the state folder: KFP_CT_HOME, else .kfp-ct here.
    """
    from ct_pipelines.history import read_history

    found = read_history(model)
    if as_json:
        click.echo(json.dumps(found, indent=2, default=datetime.isoformat))
    else:
        _print(found)


def _print(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True)
    runs = Table(
        "created",
        "model",
        "as-of",
        "reason",
        "run",
        "verdict",
        "gain",
        "outcome",
        box=box.SIMPLE,
        title="Runs",
    )
    for run in found["runs"]:
        verdict = run["verdict"] or {}
        gain = verdict.get("gain")
        runs.add_row(
            f"{run['created_at']:%Y-%m-%d %H:%M}",
            run["model"],
            f"{run['as_of']:%Y-%m-%d %H:%M}",
            run["reason"],
            run["run_id"][:8],
            verdict.get("verdict", "–"),
            "–" if gain is None else f"{gain:+.4f}",
            run["outcome"] or run["state"],
        )
    console.print(runs)
    promotions = Table(
        "since", "model", "champion", "before", "by run", "kind", box=box.SIMPLE, title="Champions"
    )
    for promotion in found["promotions"]:
        promotions.add_row(
            f"{promotion['created_at']:%Y-%m-%d %H:%M}",
            promotion["model"],
            f"version {promotion['version']}",
            promotion["previous_version"] or "–",
            (promotion["run_id"] or "–")[:8],
            promotion["kind"],
        )
    console.print(promotions)
