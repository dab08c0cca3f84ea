"""`kfp-ct upload`."""

import json
from pathlib import Path

import click

_EPILOG = """\b
Examples:
  kfp-ct upload                                 the installation's own pipeline
  kfp-ct upload --pipeline p.yaml --name churn  one that kfp-ct compile wrote, under another name
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--pipeline", type=click.Path(path_type=Path), help="Compiled pipeline; default the installation's own."
)
@click.option("--name", help="Its name on KFP; default the one in the file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(pipeline: Path | None, name: str | None, as_json: bool) -> None:
    """Upload a compiled pipeline to Kubeflow Pipelines, if it is not there.

    A version is named by its content's hash, so the same content is uploaded once. KFP is reached by
    KFP_CT_KFP_HOST, with KFP_CT_KFP_NAMESPACE, KFP_CT_KFP_TOKEN_FILE and KFP_CT_KFP_CA_FILE.
    """
    from ct_pipelines.kfp_api.client import KfpClient
    from ct_pipelines.kfp_api.pipelines import ensure_version, read_package
    from ct_pipelines.kfp_api.settings import KfpSettings

    read_package(pipeline, name)  # a file that is none is told before KFP is asked for
    found = ensure_version(KfpClient(KfpSettings.from_environment()), pipeline, name)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "pipeline": found.name,
                    "pipeline_id": found.pipeline_id,
                    "version": found.version,
                    "version_id": found.version_id,
                    "uploaded": found.uploaded,
                }
            )
        )
    else:
        done = "uploaded" if found.uploaded else "there already"
        click.echo(f"{found.name} {found.version}: {done} (version {found.version_id})")
