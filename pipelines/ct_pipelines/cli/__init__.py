"""The command line `kfp-ct`.

Each verb is a module of its own, imported when it is used: help must not wait for libraries.
"""

import difflib
import importlib
import sys
from collections.abc import Sequence

import click

from ct_components import __version__
from ct_components.errors import CTError, StateError

# Verb → its line in the help. The module of the same name holds the command.
VERBS = {
    "run": "Run the pipeline on this machine.",
    "submit": "Ask for a run: the one door that every trigger goes through.",
    "monitor": "Look for drift, or for a performance drop, and submit what fires.",
    "reconcile": "Mend what crashes and outages left.",
    "history": "Show what ran, when, why, and what came of it.",
    "champion": "Show who is champion, or was at any time, and why.",
    "promote": "Make champion what won and waits in staging for you.",
    "rollback": "Make an earlier version the champion again.",
    "metrics": "Record how good a model is in production.",
    "compile": "Write the pipeline as YAML for Kubeflow Pipelines.",
    "upload": "Upload the compiled pipeline to KFP.",
    "schedule": "Make, replace or end a model's recurring run on KFP.",
    "schema": "Print the JSON schema of the model spec.",
}

# What the extras bring; the core alone gives help, history and schema.
_EXTRAS = frozenset(
    {"evidently", "kfp", "kfp_server_api", "kubernetes", "mlflow", "pandas", "requests", "sklearn", "skops"}
)

_EPILOG = """\b
Exit codes:
   0  done                                 13  an estimator or a stored model
   1  a bug                                14  ledger, registry or state folder
   2  a misuse of the command line         15  another run holds the same key
  10  the model spec or an option          20  a stage took too long
  11  rows that a model must not learn     75  a service does not answer: try again
  12  data that cannot be read
"""


class _Verbs(click.Group):
    """Lists verbs from their names alone, and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"ct_pipelines.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], VERBS, 1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=_Verbs, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kfp-ct")
def cli() -> None:
    """Retrain a model when it is needed, and promote it only when it is proven better."""


def _check_arguments(arguments: Sequence[str]) -> None:
    """Half a character would be refused by MLflow or a database later, after something was written."""
    for each in arguments:
        if any("\ud800" <= sign <= "\udfff" for sign in each):
            raise click.UsageError(f"{each.encode('utf-8', 'replace').decode()!r} is no text in UTF-8")


def main() -> None:
    """Runs the command line; an error that a user can act on is one message and an exit code."""
    try:
        _check_arguments(sys.argv[1:])
        code = cli.main(prog_name="kfp-ct", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("aborted", err=True)
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in _EXTRAS:
            raise
        click.echo(f"error: this needs {error.name}: pip install 'kfp-continuous-training[all]'", err=True)
        sys.exit(StateError.exit_code)
    except CTError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
