"""`kfp-ct submit`."""

import contextlib
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ct_components.vocabulary import REASONS

if TYPE_CHECKING:
    from ct_components.ledger.records import Decision, Opened, TriggerRequest
    from ct_components.spec import ModelSpec
    from ct_pipelines.triggers.requests import Flags

_EPILOG = """\b
Examples:
  kfp-ct submit model.yaml --reason manual --note "prices changed"   one run, unless one is in flight
  kfp-ct submit model.yaml --reason schedule                         as the CronJob does: once an instant
  kfp-ct submit model.yaml --event-file event.json                   a CloudEvent, or what Alertmanager sent
  kfp-ct submit model.yaml --reason manual --dry-run                 what would be decided, and why
"""


@click.command(epilog=_EPILOG)
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--reason", type=click.Choice(REASONS), help="Why; an event says it itself.")
@click.option("--event-file", type=click.Path(path_type=Path), help="An event's file; - is standard input.")
@click.option("--as-of", default="", help="The instant that the run pretends is now.")
@click.option("--key", default="", help="The trigger's key; by default reason and window give it.")
@click.option("--note", default="", help="Free text, kept with the trigger.")
@click.option("--hyperparameters", default="", help="A JSON object that overrides training.parameters.")
@click.option(
    "--job-name",
    default="",
    envvar="KFP_CT_JOB_NAME",
    help="Name of a CronJob's Job, which ends in the scheduled instant. [env: KFP_CT_JOB_NAME]",
)
@click.option(
    "--force", is_flag=True, help="Overrule cooldown, budget, breaker and an earlier run of the key."
)
@click.option("--wait", is_flag=True, help="Wait until the run has ended, and end as it did.")
@click.option("--pipeline", type=click.Path(path_type=Path), help="Another compiled pipeline to run.")
@click.option("--dry-run", is_flag=True, help="Say what would be decided, and change nothing.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="The decision as one JSON object; a run on this machine is another, before it.",
)
def command(
    spec: Path,
    reason: str | None,
    event_file: Path | None,
    pipeline: Path | None,
    wait: bool,
    dry_run: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    """Ask for a run: the one door that every trigger goes through.

    One reason has one run, however often it is submitted. A run that is in flight, a cooldown, a budget, or
    failures in a row suppress it, which is recorded with its reason, and is no error.
    """
    from ct_components.spec import load_spec
    from ct_pipelines.triggers.policy import Asked
    from ct_pipelines.triggers.requests import Flags

    if (reason is None) == (event_file is None):
        raise click.UsageError("give either --reason or --event-file")
    model = load_spec(spec)
    asked = Flags(reason or "", **flags)
    request = _from_event(model, event_file, asked) if event_file else _from_flags(model, asked)
    if request is None:
        click.echo("the alert is resolved: nothing to do")
        return 0
    return _submit(request, Asked.of(model, force=asked.force), pipeline, wait, dry_run, as_json)


def _from_flags(spec: "ModelSpec", flags: "Flags") -> "TriggerRequest":
    from ct_pipelines.triggers.requests import from_flags

    return from_flags(spec, flags, datetime.now(UTC))


def _from_event(spec: "ModelSpec", path: Path, flags: "Flags") -> "TriggerRequest | None":
    from ct_components.events import parse_event
    from ct_pipelines.triggers.requests import from_event

    for name in ("as_of", "key", "hyperparameters"):
        if getattr(flags, name):
            raise click.UsageError(
                f"--{name.replace('_', '-')} goes with --reason; an event says all there is"
            )
    event = parse_event(_bytes(path), timezone=spec.source.timezone)
    if event is None:
        return None
    return from_event(spec, event, note=flags.note, force=flags.force)


def _bytes(path: Path) -> bytes:
    """Reads no more than shows that it is too long."""
    from ct_components.errors import SpecError
    from ct_components.events.reader import LARGEST

    try:
        with contextlib.nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise SpecError(f"event file {str(path)!r} cannot be read: {error.strerror}") from error


def _submit(
    request: "TriggerRequest", asked: Any, pipeline: Path | None, wait: bool, dry_run: bool, as_json: bool
) -> int:
    from ct_pipelines.cli.run import end_like_an_interrupt
    from ct_pipelines.triggers.opening import leads_to_kfp, open_door
    from ct_pipelines.triggers.waiting import failure_of, wait_for

    end_like_an_interrupt(on_kfp=leads_to_kfp())
    door = open_door(as_json=as_json, package=pipeline)
    if dry_run:
        _print(_previewed(request, door.preview(request, asked)), as_json=as_json)
        return 0
    opened = door.submit(request, asked)
    _print(decided(opened), as_json=as_json)
    trigger = opened.trigger
    if wait and opened.decision.action != "suppress":
        trigger = wait_for(door, trigger, _progress)
    if (wait or opened.decision.action == "run") and (error := failure_of(door, trigger)):
        raise error
    return 0


def decided(opened: "Opened") -> dict[str, Any]:
    """Returns what was decided, for people and programs."""
    trigger = opened.trigger
    names = ("model", "key", "attempt", "reason", "state", "run_id", "run_name")
    return {**{name: getattr(trigger, name) for name in names}, **_why(opened.decision)}


def _previewed(request: "TriggerRequest", decision: "Decision") -> dict[str, Any]:
    return {"model": request.model, "key": request.key, "reason": request.reason, **_why(decision)}


def _why(decision: "Decision") -> dict[str, str]:
    return {"decision": decision.action, "why": decision.reason, "explanation": decision.explanation}


def _print(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(in_words(found))


def in_words(found: Mapping[str, Any]) -> str:
    """Says in a line what was decided, and what could be done about it."""
    from ct_pipelines.triggers.policy import OVERRULABLE

    run = f"run {found['run_id']}" if found.get("run_id") else "would have a run"
    words = {"run": run, "answer": "nothing new to run", "suppress": f"suppressed ({found['why']})"}
    overruled = "; --force --note WHY overrules it" if found["why"] in OVERRULABLE else ""
    return f"{found['model']} {found['key']}: {words[found['decision']]}: {found['explanation']}{overruled}"


def _progress(text: str) -> None:
    click.echo(f"  {text}", err=True)
