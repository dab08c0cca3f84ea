"""`kfp-ct schema`."""

import json

import click


@click.command(epilog="Example: kfp-ct schema > model-spec.schema.json")
def command() -> None:
    """Print the JSON schema of the model spec, for editors that complete it."""
    from ct_components.spec.schema import schema

    click.echo(json.dumps(schema(), indent=2))
