"""`kfp-ct reconcile`."""

import json
import os
from collections.abc import Callable, Sequence

import click

_EPILOG = """\b
Examples:
  kfp-ct reconcile                 all models of the ledger
  kfp-ct reconcile flight-delay    one of them
"""


@click.command(epilog=_EPILOG)
@click.argument("model", required=False)
@click.option("--aliases/--no-aliases", default=True, help="Whether MLflow's champion aliases are looked at.")
@click.option("--json", "as_json", is_flag=True, help="What was mended, as JSON.")
def command(model: str | None, aliases: bool, as_json: bool) -> None:
    """Mend what crashes and outages left.

    Triggers that were left waiting get their run, runs that ended without saying so are closed, and an alias
    that a crash left behind follows the ledger again.
    """
    from ct_pipelines.cli.run import end_like_an_interrupt
    from ct_pipelines.triggers.opening import leads_to_kfp, open_door
    from ct_pipelines.triggers.reconcile import reconcile

    end_like_an_interrupt(on_kfp=leads_to_kfp())
    door = open_door()
    if model:
        _warn_of_unknown(model, door.ledger.models())
    report = reconcile(door, model, _pin() if aliases else None)
    if as_json:
        click.echo(json.dumps(report.to_dict()))
    else:
        for each in report.mended:
            click.echo(f"{each.model}: {each.what}: {each.text}")
        if not report.mended and not report.errors:
            click.echo("nothing to mend")
    report.raise_for_errors()


def _warn_of_unknown(model: str, known: Sequence[str]) -> None:
    """A name may be misspelt; or a schedule reconciles a model that has had no trigger yet."""
    if model not in known:
        text = f"warning: the ledger knows no model {model!r}; it knows: {', '.join(known) or 'none'}"
        click.echo(text, err=True)


def _pin() -> Callable[[str], list[str]] | None:
    """Returns what mends a model's alias; None where MLflow is not installed, or none is named."""
    from importlib.util import find_spec

    from ct_components import connections
    from ct_pipelines.ledgers import open_ledger_here

    home = connections.state_home()
    environment = os.environ | connections.embedded(home)
    there = os.environ.get(connections.TRACKING_URI) or (home / "mlflow.db").exists()
    if not there or find_spec("mlflow") is None:
        click.echo("aliases were not looked at: there is no MLflow here", err=True)
        return None

    def pin(model: str) -> list[str]:
        from ct_components.champion import pin_champion
        from ct_components.registry import CHAMPION, Registry

        registry = Registry(connections.from_environment(environment))
        before = registry.alias(model, CHAMPION)
        after = pin_champion(registry, open_ledger_here(), model)
        if before == after:
            return []
        named = [f"version {each.number}" if each else "nothing" for each in (before, after)]
        return [f"champion named {named[0]}, and names {named[1]} again, as the ledger says"]

    return pin
