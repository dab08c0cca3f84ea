"""`kfp-ct compile`."""

from pathlib import Path

import click

_EPILOG = """\b
Examples:
  kfp-ct compile                       the pipeline for any model, to the installation's own place
  kfp-ct compile model.yaml -o p.yaml  the same, with this model's spec as the default
  kfp-ct compile --image my/image:1 -o p.yaml  the same, every stage in this image
  kfp-ct compile --monitoring -o m.yaml        the pipeline of both monitors
"""


@click.command(epilog=_EPILOG)
@click.argument("spec", type=click.Path(path_type=Path), required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The YAML file to write."
)
@click.option("--image", default="", help="The image of every stage, such as one built in your registry.")
@click.option("--caching", is_flag=True, help="Let KFP answer stages from its cache.")
@click.option("--monitoring", is_flag=True, help="The pipeline of both monitors instead of the training one.")
def command(spec: Path | None, output: Path | None, image: str, caching: bool, monitoring: bool) -> None:
    """Write the pipeline as YAML for Kubeflow Pipelines.

    With SPEC, the model spec becomes the default of the pipeline's parameter.
    """
    from ct_components.spec import dump_spec, load_spec
    from ct_pipelines.compile import GENERIC, MONITORING, compile_pipeline, compiled_path

    if (spec or image or caching) and not output:
        raise click.UsageError(
            "SPEC, --image and --caching need --output: "
            "the installation's own pipeline stays the one for any model, as it was tested"
        )
    name = MONITORING if monitoring else GENERIC
    target = output or compiled_path(name)
    text = dump_spec(load_spec(spec)) if spec else None
    compile_pipeline(target, spec=text, caching=caching, image=image, name=name)
    click.echo(target)
