"""Runs commands of promotion in processes that die at a named point.

    killed_promotion.py < jobs

Reads a job a line, as JSON: {"point": POINT, "command": [stage|pin|kfp-ct, ARGUMENTS...], "environment": {},
"output": FILE}. It forks a process for each, which dies by SIGKILL at the point, and answers with its return
code. Points are the ledger's writes, named after its methods, and the registry's, each before and after it
takes effect; an alias has points of its own. `record` dies nowhere, and prints each point as it passes.
"""

import json
import os
import signal
import sys
from contextlib import contextmanager

from ct_components import champion, journal  # noqa: F401  (imported once, for all who are forked)
from ct_components.ledger import Ledger
from ct_components.ledger.database import Database
from ct_components.registry import Registry
from ct_components.stages.promote_challenger import promote

wanted = ""


def reach(point: str) -> None:
    if wanted == "record":
        sys.stdout.write(f"point {point}\n")
        sys.stdout.flush()
    elif wanted == point:
        os.kill(os.getpid(), signal.SIGKILL)


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


def around(method, name_of):
    def call(self, *arguments):
        name = name_of(*arguments)
        reach(f"{name} before")
        answer = method(self, *arguments)
        reach(f"{name} after")
        return answer

    return call


def prepare() -> None:
    Database.writing = with_points(Database.writing)
    Registry.set_alias = around(Registry.set_alias, lambda _model, alias, _number: f"set_alias {alias}")
    Registry.tag_version = around(Registry.tag_version, lambda *_: "tag_version")
    # The check takes seconds, writes nothing that anybody decides by, and is tested elsewhere.
    promote.check = lambda *_: None


def stage(context: str, challenger: str, settings: str) -> None:
    from ct_components.stages.promote_challenger.component import promote_challenger

    sys.stdout.write(f"answer {promote_challenger.python_func(challenger, context, settings)!r}\n")


def pin(model: str) -> None:
    """What the next run does first."""
    from ct_components import connections
    from ct_components.ledger import open_ledger

    found = connections.from_environment()
    champion.pin_champion(Registry(found), open_ledger(found.ledger_url), model)


def kfp_ct(*arguments: str) -> None:
    from ct_pipelines.cli import main
    from ct_pipelines.promotion import deciding

    deciding.check = promote.check
    sys.argv = ["kfp-ct", *arguments]
    main()


COMMANDS = {"stage": stage, "pin": pin, "kfp-ct": kfp_ct}


def run(job: dict) -> None:
    global wanted  # noqa: PLW0603
    wanted = job["point"]
    os.environ.update(job["environment"])
    output = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    name, *arguments = job["command"]
    COMMANDS[name](*arguments)


def forked(job: dict) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        run(job)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:  # noqa: BLE001
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    import mlflow.store.model_registry.sqlalchemy_store
    import mlflow.tracking  # noqa: F401
    import psycopg  # noqa: F401

    assert Ledger
    prepare()
    for line in sys.stdin:
        code = forked(json.loads(line))
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
