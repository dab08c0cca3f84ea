"""`kfp-ct run`."""

import signal
import sys
from pathlib import Path

import click

from ct_components.vocabulary import REASONS

_EPILOG = """\b
Examples:
  kfp-ct run model.yaml                                        as of now
  kfp-ct run model.yaml --as-of 2013-04-01 --as-of 2013-05-01  replay two instants, one after the other
"""


@click.command(epilog=_EPILOG)
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--as-of", "instants", multiple=True, default=[""], help="The instant to pretend is now. Repeatable."
)
@click.option(
    "--reason", type=click.Choice(REASONS), default="manual", show_default=True, help="Why it runs."
)
@click.option("--key", default="", help="The trigger's key; a second run with it ends as a duplicate.")
@click.option("--hyperparameters", default="", help="A JSON object that overrides training.parameters.")
@click.option("--pipeline", type=click.Path(path_type=Path), help="Another compiled pipeline to run.")
@click.option("--cold", is_flag=True, help="Start each stage in a fresh interpreter, as a pod does; slower.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a run, on standard output.")
def command(
    spec: Path,
    instants: tuple[str, ...],
    reason: str,
    key: str,
    hyperparameters: str,
    pipeline: Path | None,
    as_json: bool,
    cold: bool,
) -> None:
    """Run the compiled pipeline here, each stage in a process of its own.

    MLflow, ledger, logs and pages are kept in the state folder: KFP_CT_HOME, else .kfp-ct here.
    """
    from ct_pipelines.local import warm

    if key and len(instants) > 1:
        raise click.UsageError("--key names one trigger; with several --as-of each run needs its own")
    if warm.available() and not cold:
        warm.prepare()  # before anything else, since it takes longest
    from ct_components.spec import load_spec
    from ct_pipelines.local.session import Session

    end_like_an_interrupt()
    session = Session(load_spec(spec), pipeline=pipeline, as_json=as_json, cold=cold)
    session.check(instants)
    for instant in instants:
        session.run({"as_of": instant, "reason": reason, "key": key, "hyperparameters": hyperparameters})
    session.close()


def end_like_an_interrupt(*, on_kfp: bool = False) -> None:
    """A stage has a session of its own: what ends us must not pass it by. Under nohup, nothing ends us.

    Args:
        on_kfp: Whether the run is KFP's, and outlives us.
    """
    after = "; a run that was started on KFP goes on" if on_kfp else ", and so is a run on this machine"

    def break_off(number: int, _frame: object) -> None:
        click.echo(f"ended by {signal.Signals(number).name}{after}", err=True)
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, break_off)
