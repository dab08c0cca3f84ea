"""Several runs of one model, one after the other, with what came of each."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from rich.console import Console

from ct_components import connections
from ct_components.errors import EXIT_CODES, CTError
from ct_components.ledger import open_ledger
from ct_components.spec import dump_spec, load_spec, resolve_references
from ct_components.windows import parse_as_of
from ct_pipelines.compile import compiled_path
from ct_pipelines.local.files import publish_pages
from ct_pipelines.local.progress import Progress
from ct_pipelines.local.runner import LocalRun, run_pipeline
from ct_pipelines.local.summary import Result, closing_lines, run_lines


class Session:
    """Runs a model's pipeline for several instants on one state folder."""

    def __init__(
        self, spec_path: Path, *, pipeline: Path | None = None, as_json: bool = False, cold: bool = False
    ) -> None:
        self._spec = load_spec(spec_path)
        self._home = connections.state_home()
        self._environment = connections.embedded(self._home)
        self._compiled = pipeline or compiled_path()
        self._as_json = as_json
        self._warm_start = False if cold else None
        self._console = Console(stderr=True)
        self._results: list[Result] = []

    def check(self, instants: Sequence[str]) -> None:
        """Refuses what can be refused before anything has run.

        Raises:
            SpecError: If a reference or an instant is wrong.
        """
        resolve_references(self._spec, os.environ)
        for instant in instants:
            parse_as_of(instant, self._spec.source.timezone, datetime.now(UTC))

    def run(self, parameters: Mapping[str, str]) -> None:
        """Runs the pipeline once, and prints what came of it.

        Raises:
            CTError: If a stage failed: of the kind that its exit code names.
        """
        self._say(f"\n{self._spec.model} as of {parameters['as_of'] or 'now'}")
        begun = monotonic()
        arguments = {"spec": dump_spec(self._spec), **parameters}
        ended = run_pipeline(
            self._compiled,
            arguments,
            self._home,
            self._environment,
            Progress(self._console),
            warm_start=self._warm_start,
        )
        result = self._result(ended, monotonic() - begun)
        self._results.append(result)
        if ended.exit_code:
            raise self._failure(ended, result)
        if self._as_json:
            print(json.dumps(result.to_dict()), flush=True)  # noqa: T201
        else:
            for line in run_lines(result):
                self._print(line)

    def close(self) -> None:
        """Prints all runs in one table, and where to look further."""
        if not self._as_json:
            for line in closing_lines(self._results, self._home, self._environment):
                self._print(line)

    def _result(self, ended: LocalRun, seconds: float) -> Result:
        ledger = open_ledger(self._environment[connections.LEDGER_URL])
        assert ledger is not None
        run, verdict = ledger.run(ended.run_id), ledger.verdict(ended.run_id)
        published = publish_pages(ended, ledger, self._home)
        return Result(
            run_id=ended.run_id,
            run=dict(run) if run else {},
            verdict=dict(verdict) if verdict else {},
            seconds=seconds,
            pages=published,
            failed_stage=ended.failed_task.replace("-", "_") if ended.failed_task else None,
        )

    def _failure(self, ended: LocalRun, result: Result) -> CTError:
        """The stage already said in its log what is wrong; the error repeats it, with where to look."""
        kind = EXIT_CODES.get(ended.exit_code, CTError)
        message = result.run.get("message") or f"exit code {ended.exit_code}"
        log = ended.folder / "logs" / f"{ended.failed_task}.log"
        return kind(f"{result.failed_stage} failed: {message}\nlog: {log}")

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def _print(self, text: str) -> None:
        print(text, flush=True)  # noqa: T201
