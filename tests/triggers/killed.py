"""Runs a command of the door in a process that dies at a named point.

    killed.py POINT submit|reconcile|begin ARGUMENTS...

Points are the ledger's writes and the engine's calls, each before and after it takes effect: every write of
the ledger has two without anybody naming it. POINT `record` dies nowhere and prints each point as it passes;
`stop:POINT` stops there (SIGSTOP) instead, until somebody continues it.
"""

import os
import signal
import sys
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from ct_components.ledger.database import Database
from ct_pipelines.triggers import door, opening

wanted = sys.argv[1] if len(sys.argv) > 1 else ""
# Longer than a process may take between two of its steps here, and short enough to wait for.
LEASE = PATIENCE = timedelta(seconds=0.5)


def reach(point: str) -> None:
    if wanted == "record":
        sys.stdout.write(f"point {point}\n")
        sys.stdout.flush()
    elif wanted == point:
        os.kill(os.getpid(), signal.SIGKILL)
    elif wanted == f"stop:{point}":
        sys.stdout.write("stopped\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGSTOP)


def writer() -> str:
    """Returns the ledger's method that writes: the outermost of its package on the stack."""
    frame, name = sys._getframe(2), "nobody"
    while frame:
        if frame.f_globals.get("__name__", "").startswith("ct_components.ledger"):
            name = frame.f_code.co_name
        frame = frame.f_back
    return name


def with_points(writing):
    @contextmanager
    def transaction(self):
        name = writer()
        with writing(self) as connection:
            yield connection
            reach(f"{name} before")
        reach(f"{name} after")

    return transaction


def around(method):
    def call(*arguments, **options):
        reach(f"{method.__name__} before")
        answer = method(*arguments, **options)
        reach(f"{method.__name__} after")
        return answer

    return call


def begin(arguments: list[str]) -> None:
    """Does what the stage begin_run does, for a run that an engine made."""
    import json

    from ct_components.stage import Context, stage
    from ct_components.stages.begin_run.begin import Request
    from ct_components.stages.begin_run.begin import begin as begin_run

    run_id, run_name, parameters, place = arguments
    given = json.loads(parameters)
    request = Request(
        given["spec"],
        run_id,
        given["as_of"],
        given["reason"],
        given["key"],
        given["hyperparameters"],
        run_name,
    )
    with stage("begin_run", Context(run_id=run_id)):
        begin_run(request, place)


def main() -> None:
    door.LEASE, opening.Door = LEASE, partial(door.Door, patience=PATIENCE)
    Database.writing = with_points(Database.writing)
    verb, *arguments = sys.argv[2:]
    if verb == "begin":
        begin(arguments)
        return
    from ct_pipelines.cli import main as kfp_ct
    from ct_pipelines.kfp_api.runs import KfpEngine

    for name in ("find", "create", "state"):
        setattr(KfpEngine, name, around(getattr(KfpEngine, name)))
    sys.argv = ["kfp-ct", verb, *arguments]
    kfp_ct()


if __name__ == "__main__":
    main()
