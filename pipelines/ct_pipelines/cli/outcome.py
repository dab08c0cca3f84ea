"""What `kfp-ct promote` and `kfp-ct rollback` do and say at their end."""

import json
from typing import TYPE_CHECKING

import click

from ct_components.errors import CTError

if TYPE_CHECKING:
    from ct_pipelines.promotion.deciding import Outcome
    from ct_pipelines.promotion.services import Services


def finish(services: "Services", outcome: "Outcome", *, serving: bool, as_json: bool) -> None:
    """Serves the champion, tells people, and prints what came of it.

    Raises:
        CTError: If it is not served. People are told who is champion all the same.
    """
    from ct_pipelines.promotion.following import serve, tell_people

    unserved = None
    try:
        if serving:
            outcome = serve(services, outcome)
    except CTError as error:
        unserved = error
    outcome = tell_people(services, outcome)
    if as_json:
        click.echo(json.dumps(outcome.to_dict()))
    else:
        _print(outcome)
    if unserved:
        raise unserved


def _print(outcome: "Outcome") -> None:
    click.echo(outcome.text)
    for line in ((outcome.serving or {}).get("message"), outcome.told):
        if line:
            click.echo(f"  {line}")
