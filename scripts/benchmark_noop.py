"""Seven steps that do nothing, through the runner of `kfp-ct run`; prints the seconds of each run as JSON.

A file of its own, because KFP reads a component's source, and so that nothing else is imported beside it.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from kfp import compiler, dsl

from ct_components.component import component
from ct_pipelines.local.runner import run_pipeline

STEPS = 7


@component()
def do_nothing(spec: str) -> str:
    """Hands on what it was given."""
    return spec


@dsl.pipeline(name="seven-steps")
def seven_steps(spec: str) -> None:
    """Seven steps, one after the other."""
    for _ in range(STEPS):
        spec = do_nothing(spec=spec).output


class _Nobody:
    def started(self, task: str) -> None:
        pass

    def retried(self, task: str, exit_code: int) -> None:
        pass

    def ended(self, task: str, exit_code: int, seconds: float, log: Path) -> None:  # noqa: ARG002
        if exit_code:
            sys.exit(f"{task} failed: {log.read_text()}")


def main() -> None:
    """Runs the pipeline once to warm up, then `sys.argv[1]` times; `sys.argv[2]` is warm or cold."""
    runs, warm_start = int(sys.argv[1]), sys.argv[2] == "warm"
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "seven.yaml"
        compiler.Compiler().compile(seven_steps, str(compiled))
        seconds = []
        for _ in range(runs + 1):
            begun = time.perf_counter()
            run_pipeline(compiled, {"spec": "{}"}, Path(folder), {}, _Nobody(), warm_start=warm_start)
            seconds.append(time.perf_counter() - begun)
    print(json.dumps({"first": seconds[0], "others": seconds[1:]}))


if __name__ == "__main__":
    main()
