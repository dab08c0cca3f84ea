"""`kfp-ct schedule`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ct_pipelines.kfp_api.recurring import Schedule

_EPILOG = """\b
Examples:
  kfp-ct schedule model.yaml                                  make or replace the model's recurring run
  kfp-ct schedule model.yaml --server-timezone Europe/Berlin  where KFP reads cron on that clock
  kfp-ct schedule model.yaml --remove                         disable it; its runs stay
"""


@click.command(epilog=_EPILOG)
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--pipeline", type=click.Path(path_type=Path), help="Compiled pipeline; default the installation's own."
)
@click.option("--name", help="The pipeline's name on KFP; default the one in the file.")
@click.option(
    "--server-timezone",
    default="UTC",
    show_default=True,
    help="The zone in which KFP reads cron: CRON_SCHEDULE_TIMEZONE of its controller.",
)
@click.option("--remove", is_flag=True, help="Disable the model's recurring runs instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    spec: Path, pipeline: Path | None, name: str | None, server_timezone: str, remove: bool, as_json: bool
) -> None:
    """Make or replace the model's recurring run on Kubeflow Pipelines.

    When it runs is triggers.schedule of the model spec. It never catches up on what was missed, and never
    runs twice at once. KFP is reached as by kfp-ct upload.
    """
    from ct_components.spec import load_spec
    from ct_components.spec.zones import load_zone
    from ct_pipelines.kfp_api import cronjobs, recurring
    from ct_pipelines.kfp_api.client import KfpClient
    from ct_pipelines.kfp_api.settings import KfpSettings

    loaded = load_spec(spec)
    if remove:
        done = recurring.remove_schedule(KfpClient(KfpSettings.from_environment()), loaded.model)
    else:
        load_zone(server_timezone)
        recurring.kfp_cron(loaded, server_timezone)  # a mistake is told before anybody is asked
        settings = KfpSettings.from_environment()
        beside = cronjobs.find_cronjobs(loaded.model, settings.namespace)
        if beside.unchecked:
            click.echo(f"warning: CronJobs of {loaded.model} were not checked: {beside.unchecked}", err=True)
        done = recurring.ensure_schedule(
            KfpClient(settings),
            loaded,
            beside,
            package=pipeline,
            name=name,
            server_timezone=server_timezone,
        )
    _print(loaded.model, done, as_json=as_json)


def _print(model: str, done: "Schedule", *, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "model": model,
                    "action": done.action,
                    "recurring_run_id": done.recurring_run_id,
                    "cron": done.cron or None,
                    "disabled": list(done.disabled),
                }
            )
        )
        return
    where = f" as recurring run {done.recurring_run_id}, cron {done.cron}" if done.recurring_run_id else ""
    click.echo(f"schedule of {model}: {done.action}{where}")
    for each in done.disabled:
        click.echo(f"disabled: recurring run {each}")
