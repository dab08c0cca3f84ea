"""`kfp-ct rollback`."""

from pathlib import Path

import click

from ct_pipelines.cli.outcome import finish

_EPILOG = """\b
Examples:
  kfp-ct rollback flight-delay --note "too many alarms"          the champion before this one
  kfp-ct rollback flight-delay --to 3 --note "the last good one"
"""


@click.command(epilog=_EPILOG)
@click.argument("model")
@click.option("--to", help="The version; by default, the champion before this one.")
@click.option("--note", required=True, help="Why, kept with the promotion.")
@click.option("--force", is_flag=True, help="Leave out the check in staging, and take any version.")
@click.option("--spec", type=click.Path(path_type=Path), help="The model spec; by default, the latest run's.")
@click.option("--serving/--no-serving", default=True, help="Whether it is served, as the spec says.")
@click.option("--json", "as_json", is_flag=True, help="What came of it as one JSON object.")
def command(
    model: str, to: str | None, note: str, force: bool, spec: Path | None, serving: bool, as_json: bool
) -> None:
    """Make an earlier version the champion again.

    It needs MLflow and the ledger, and neither KFP nor the pipeline. A version that does not load and predict
    any more is refused. What was rolled back is not taken again by another rollback.
    """
    from ct_pipelines.promotion.deciding import rollback
    from ct_pipelines.promotion.services import open_services

    if not note.strip():
        raise click.UsageError("--note is empty; whoever reads the history wants to know why")
    services = open_services(spec, model)
    outcome = rollback(services, model, to, note, force=force)
    finish(services, outcome, serving=serving, as_json=as_json)
