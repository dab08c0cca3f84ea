"""`kfp-ct promote`."""

from pathlib import Path

import click

from ct_pipelines.cli.outcome import finish

_EPILOG = """\b
Examples:
  kfp-ct promote flight-delay                                   what won and waits in staging
  kfp-ct promote flight-delay 7 --note "agreed with operations"
  kfp-ct promote flight-delay --reject --note "wrong weather"   it does not become champion
"""


@click.command(epilog=_EPILOG)
@click.argument("model")
@click.argument("version", required=False)
@click.option("--note", default="", help="Why, kept with the promotion.")
@click.option("--reject", "rejects", is_flag=True, help="Decide that it does not become champion.")
@click.option("--force", is_flag=True, help="Promote a version that does not wait in staging.")
@click.option("--spec", type=click.Path(path_type=Path), help="The model spec; by default, the latest run's.")
@click.option("--serving/--no-serving", default=True, help="Whether it is served, as the spec says.")
@click.option("--json", "as_json", is_flag=True, help="What came of it as one JSON object.")
def command(
    model: str,
    version: str | None,
    note: str,
    rejects: bool,
    force: bool,
    spec: Path | None,
    serving: bool,
    as_json: bool,
) -> None:
    """Make champion what won and waits in staging, where registry.promotion is manual.

    It is checked there again first. If another version became champion since the verdict, that is void, and
    nothing is promoted. Of several that wait, the latest is taken unless VERSION says which.
    """
    from ct_pipelines.promotion.deciding import promote, reject
    from ct_pipelines.promotion.services import open_services

    if force and (version is None or rejects):
        raise click.UsageError("--force goes with a VERSION, and not with --reject")
    services = open_services(spec, model)
    if rejects:
        outcome = reject(services, model, version, note)
    else:
        outcome = promote(services, model, version, note, force=force)
    finish(services, outcome, serving=serving and not rejects, as_json=as_json)
