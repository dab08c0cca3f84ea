"""Several runs of one model, one after the other, with what came of each."""

import contextlib
import json
import os
import signal
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from rich.console import Console

from ct_components import connections, keys
from ct_components.errors import EXIT_CODES, CTError, SpecError, StateError, Unreachable
from ct_components.ledger import Ledger, open_ledger
from ct_components.spec import ModelSpec, dump_spec, resolve_references
from ct_components.vocabulary import FAILED
from ct_components.windows import parse_as_of
from ct_pipelines.compile import compiled_path
from ct_pipelines.local.files import publish_pages
from ct_pipelines.local.progress import Progress
from ct_pipelines.local.runner import LocalRun, run_pipeline
from ct_pipelines.local.summary import Result, closing_lines, run_lines

_ANSWER_SECONDS = 5.0


class Session:
    """Runs a model's pipeline for several instants on one state folder."""

    def __init__(
        self, spec: ModelSpec, *, pipeline: Path | None = None, as_json: bool = False, cold: bool = False
    ) -> None:
        self._spec = spec
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
            SpecError: If a reference or an instant is wrong, or the compiled pipeline is not there.
            StateError: If ledger or state folder cannot be used.
            Unreachable: If MLflow's server or the ledger does not answer.
        """
        if not self._compiled.is_file():
            raise SpecError(
                f"compiled pipeline {str(self._compiled)!r}: no such file; kfp-ct compile writes one"
            )
        resolved = dump_spec(resolve_references(self._spec, os.environ))
        if "{{$" in resolved:
            raise SpecError("source.uri: the environment puts '{{$' into it, which KFP would expand")
        for instant in instants:
            parse_as_of(instant, self._spec.source.timezone, datetime.now(UTC))
        check_answers(self._environment[connections.TRACKING_URI])
        self._ledger()

    def run(
        self, parameters: Mapping[str, str], *, run_id: str | None = None, run_name: str | None = None
    ) -> None:
        """Runs the pipeline once, and prints what came of it.

        Args:
            parameters: The pipeline's, but for `spec`, which is this session's unless given.
            run_id: The run's id; None makes one.
            run_name: What the run is called; None gives it the name of its key, if it has one.

        Raises:
            CTError: If a stage failed: of the kind that its exit code names.
        """
        self._say(f"\n{self._spec.model} as of {parameters['as_of'] or 'now'}")
        begun = monotonic()
        arguments = {"spec": dump_spec(self._spec), **parameters}
        run_id = run_id or str(uuid.uuid4())
        key = parameters.get("key")
        with self._closing(run_id):
            ended = run_pipeline(
                self._compiled,
                arguments,
                self._home,
                self._environment,
                Progress(self._console),
                run_id=run_id,
                run_name=run_name or (keys.run_name(self._spec.model, key) if key else None),
                warm_start=self._warm_start,
            )
        result = self._result(ended, monotonic() - begun)
        self._results.append(result)
        if self._as_json:
            self._print(json.dumps(result.to_dict()))
        if ended.exit_code:
            raise self._failure(ended, result)
        if not self._as_json:
            for line in run_lines(result):
                self._print(line)

    def close(self) -> None:
        """Prints all runs in one table, and where to look further."""
        if not self._as_json:
            for line in closing_lines(self._results, self._home, self._environment):
                self._print(line)

    @contextlib.contextmanager
    def _closing(self, run_id: str) -> Iterator[None]:
        """Closes a run in the ledger that is broken off, since its exit task will not."""
        try:
            yield
        except BaseException as error:
            message = "broken off by a signal" if not isinstance(error, Exception) else str(error)
            with contextlib.suppress(CTError):
                self._ledger().finish_run(run_id, state="failed", outcome=FAILED, message=message)
            raise

    def _ledger(self) -> Ledger:
        ledger = open_ledger(self._environment[connections.LEDGER_URL])
        assert ledger is not None
        return ledger

    def _result(self, ended: LocalRun, seconds: float) -> Result:
        ledger = self._ledger()
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
        log = ended.folder / "logs" / f"{ended.failed_task}.log"
        page = result.pages.get("validation" if result.failed_stage == "validate_data" else "run")
        places = "".join(f"\n{name}: {path}" for name, path in (("log", log), ("page", page)) if path)
        return kind(f"{result.failed_stage} failed: {self._reason(ended, result)}{places}")

    def _reason(self, ended: LocalRun, result: Result) -> str:
        if ended.signal:
            hint = ", perhaps for lack of memory" if ended.signal == signal.SIGKILL else ""
            return f"it was ended by {signal.Signals(ended.signal).name}{hint}"
        outcome = self._ledger().stage_outcome(ended.run_id, result.failed_stage or "")
        return (outcome and outcome.message) or f"exit code {ended.exit_code}; its log says why"

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def _print(self, text: str) -> None:
        print(text, flush=True)  # noqa: T201


def check_answers(tracking_uri: str) -> None:
    """Says at once that MLflow's server is not there; the stages would try it again for minutes.

    Raises:
        Unreachable: If nothing listens there, or not in time.
    """
    if not tracking_uri.startswith(("http://", "https://")):
        return
    import requests

    try:
        requests.get(f"{tracking_uri.rstrip('/')}/health", timeout=_ANSWER_SECONDS)
    except requests.exceptions.SSLError:
        return  # MLflow has settings of its own for certificates
    except ValueError as error:
        raise StateError(
            f"{connections.TRACKING_URI}: {connections.redact(tracking_uri)!r} is no address; "
            "allowed: one such as http://mlflow:5000"
        ) from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Unreachable(
            f"MLflow at {connections.redact(tracking_uri)} does not answer; start it, or unset "
            f"{connections.TRACKING_URI} to use the one in the state folder"
        ) from error
