"""`kfp-ct monitor`."""

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ct_components.monitoring.look import Look, Watching
    from ct_components.spec import ModelSpec

_FEATURES_SHOWN = 5

_EPILOG = """\b
Examples:
  kfp-ct monitor drift model.yaml                       look, record, and ask for a run if it has drifted
  kfp-ct monitor performance model.yaml --dry-run       look, and let nothing follow from it
  kfp-ct monitor drift model.yaml --as-of 2013-06-01 --dry-run    at the week before that day
"""
_DRIFT = """\b
Examples:
  kfp-ct monitor drift model.yaml
  kfp-ct monitor drift model.yaml --as-of 2013-06-01 --dry-run --json

A look at broken data ends with exit code 11, and asks for nothing.
"""
_PERFORMANCE = """\b
Examples:
  kfp-ct monitor performance model.yaml
  kfp-ct monitor performance model.yaml --as-of 2013-06-01 --dry-run --json

A look at broken data ends with exit code 11, and asks for nothing.
"""


@dataclass(frozen=True)
class Asked:
    """What somebody typed.

    Attributes:
        spec: The model spec's file.
        as_of: The instant that the look pretends is now; "" is now.
        dry_run: Whether nothing is to follow.
        as_json: Whether the look is printed as JSON.
    """

    spec: Path
    as_of: str
    dry_run: bool
    as_json: bool


@click.group(epilog=_EPILOG)
def command() -> None:
    """Look at a champion: have its rows drifted, does it still perform?

    A look that fires asks for a run: by an event to the webhook that KFP_CT_WEBHOOK_URL names, else through
    the same door as kfp-ct submit. Looks of one day ask once. Pages go to KFP_CT_REPORT_ROOT, else to the
    state folder.
    """


def _options(verb: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="The look as one JSON object a line; a run that it starts is another.",
        ),
        click.option("--dry-run", is_flag=True, help="Look; write, record and send nothing."),
        click.option("--as-of", default="", help="The instant that the look pretends is now."),
        click.argument("spec", type=click.Path(path_type=Path)),
    ):
        verb = option(verb)
    return verb


@command.command(epilog=_DRIFT)
@_options
@click.option("--no-evidently", is_flag=True, help="Leave out Evidently's report, which takes some seconds.")
def drift(no_evidently: bool, **options: Any) -> None:
    """Compare the current window with the rows that the champion was trained on."""
    from ct_components.monitoring.drift import look_at_drift

    asked = Asked(**options)
    evidently = not (no_evidently or asked.dry_run)
    _monitor(asked, lambda watching: look_at_drift(watching, evidently=evidently))


@command.command(epilog=_PERFORMANCE)
@_options
def performance(**options: Any) -> None:
    """Judge what the champion has been worth since its promotion."""
    from ct_components.monitoring.performance import look_at_performance

    asked = Asked(**options)
    _monitor(asked, lambda watching: look_at_performance(watching, keep=not asked.dry_run))


def _monitor(asked: Asked, look_at: Callable[["Watching"], "Look"]) -> None:
    """Looks, says what was seen, and lets everything follow from it."""
    from ct_components.monitoring.look import begin_watching, raise_if_broken
    from ct_components.spec import load_spec

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s")
    spec = load_spec(asked.spec)
    watching = begin_watching(spec, asked.as_of, environment=_environment())
    look = look_at(watching)
    folder = None if asked.dry_run else _keep(look, watching)
    _say(look, folder, asked)
    if look.fires and not asked.dry_run:
        _ask_for_a_run(look, spec, asked)
    raise_if_broken(look)


def _environment() -> dict[str, str]:
    """A laptop has embedded services; a pod has what it was given, as they would vanish with it."""
    from ct_components import connections

    own = {} if connections.in_a_pod() else connections.embedded(connections.state_home())
    return {**os.environ, **own}


def _keep(look: "Look", watching: "Watching") -> Path:
    from ct_components import connections
    from ct_components.monitoring.look import PAGE, publish, record

    folder = publish(look, connections.report_root())
    if watching.ledger:
        record(look, watching.ledger, (folder / PAGE).as_uri())
    return folder


def _ask_for_a_run(look: "Look", spec: "ModelSpec", asked: Asked) -> None:
    """Sends the look's event to the webhook, or else goes through the door here.

    Raises:
        StateError: If the webhook or the door refuses.
        Unreachable: If it does not answer: the next look asks again, with the same key on the same day.
    """
    from ct_components.monitoring.look import send

    if place := send(look):
        click.echo(f"sent {look.key} to {place}", err=asked.as_json)
    else:
        _submit_here(look, spec, asked)


def _submit_here(look: "Look", spec: "ModelSpec", asked: Asked) -> None:
    """Goes through the same door as `kfp-ct submit`; without KFP the run is over when this returns."""
    from ct_pipelines.cli.run import end_like_an_interrupt
    from ct_pipelines.cli.submit import decided, in_words
    from ct_pipelines.triggers.opening import leads_to_kfp, open_door
    from ct_pipelines.triggers.policy import Asked as Settings
    from ct_pipelines.triggers.requests import from_monitor
    from ct_pipelines.triggers.waiting import failure_of

    end_like_an_interrupt(on_kfp=leads_to_kfp())
    as_of = look.as_of if asked.as_of.strip() else None
    request = from_monitor(spec, look.monitor, (look.window.start, look.window.end), as_of=as_of)
    door = open_door(as_json=asked.as_json)
    # Before the run: here, it is over when the door has answered.
    click.echo(f"asks for a run as {request.key}", err=asked.as_json)
    opened = door.submit(request, Settings.of(spec))
    click.echo(in_words(decided(opened)), err=asked.as_json)
    if opened.decision.action == "run" and (error := failure_of(door, opened.trigger)):
        raise error


def _say(look: "Look", folder: Path | None, asked: Asked) -> None:
    if asked.as_json:
        click.echo(json.dumps(_as_dict(look, folder), ensure_ascii=False))
        return
    click.echo(f"{look.model} {look.monitor} as of {look.as_of:%Y-%m-%d %H:%M} UTC: {look.verdict}")
    click.echo(f"  {look.explanation}")
    for line in (*_features(look), *_metrics(look)):
        click.echo(f"  {line}")
    for note in look.report.get("notes", []):
        click.echo(f"  note: {note}")
    if folder:
        click.echo(f"  page: {folder / 'page.html'}")
    elif look.fires:
        click.echo(f"  dry run: {look.key} was not sent")


def _features(look: "Look") -> list[str]:
    """Describes all that drifted, and else those that moved most; the page has the others."""
    found = sorted(
        look.report.get("features", []), key=lambda each: (not each["drifted"], -each["psi_corrected"])
    )
    shown = max(_FEATURES_SHOWN, sum(each["drifted"] for each in found))
    return [
        f"{each['name']}: PSI {each['psi']:.3f}, corrected {each['psi_corrected']:.3f}, "
        f"adjusted p {each['p_adjusted']:.2g}{', drifted' if each['drifted'] else ''}"
        for each in found[:shown]
    ]


def _metrics(look: "Look") -> list[str]:
    """Describes each metric that is watched, where the verdict's sentence is about one of several."""
    found = look.report.get("metrics", [])
    return [each["metric"] + ": " + _measured(each) for each in found if len(found) > 1]


def _measured(metric: Mapping[str, Any]) -> str:
    names = {"value": "now", "baseline": "baseline", "critical": "critical level", "threshold": "threshold"}
    numbers = [f"{word} {metric[name]:.4g}" for name, word in names.items() if metric[name] is not None]
    return ", ".join([metric["verdict"], *numbers])


def _as_dict(look: "Look", folder: Path | None) -> dict[str, Any]:
    decided = {
        name: getattr(look, name) for name in ("verdict", "reason", "explanation", "fires", "broken", "key")
    }
    return {**look.report, **decided, "page": str(folder / "page.html") if folder else None}
