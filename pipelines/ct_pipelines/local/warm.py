"""Stages in processes that are forked from one which has imported their libraries already.

A stage's libraries take longer to import than a stage of a small model takes to run, and a local run has
eight stages. So one process, Python's own fork server, imports them once, and each stage is a fork of it: a
process of its own still, with its own environment, log and exit code. What a pod would do is done where this
cannot be: for commands that are not plain lightweight components, and on macOS, whose frameworks do not
survive a fork.
"""

import contextlib
import ctypes
import multiprocessing
import os
import re
import runpy
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from unittest.mock import patch

from ct_components.vocabulary import THREADS

EXECUTOR = "kfp.dsl.executor_main"

# What takes long to import, and any stage may use.
_PRELOADED = (
    "jinja2",
    "kfp.dsl.executor",
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "pandas",
    "pyarrow.parquet",
    "skops.io",
    "sklearn.ensemble",
    "ct_components.ledger",
    "ct_components.spec",
)

# Settings that libraries read when they are imported, which is in the server.
_READ_AT_IMPORT = {"_KFP_RUNTIME": "true", "MLFLOW_DISABLE_TELEMETRY": "true", **THREADS}

_PR_SET_PDEATHSIG = 1

_SHELL = ("sh", "-ec")
# The shell script around a lightweight component that installs no packages.
_SCRIPT = re.compile(
    rf"""\s*program_path=\$\(mktemp\ -d\)
    \s+printf\ "%s"\ "\$0"\ >\ "\$program_path/ephemeral_component\.py"
    \s+_KFP_RUNTIME=true\ {re.escape(sys.executable)}\ -m\ {re.escape(EXECUTOR)}
    [\s\\]+--component_module_path[\s\\]+"\$program_path/ephemeral_component\.py"[\s\\]+"\$@"\s*""",
    re.VERBOSE,
)


class Component(NamedTuple):
    """A lightweight component, as its command carries it."""

    source: str
    arguments: tuple[str, ...]


def component_of(command: Sequence[str]) -> Component | None:
    """Returns the component that a command runs, or None if it does anything beside."""
    if len(command) < 4 or tuple(command[:2]) != _SHELL or not _SCRIPT.fullmatch(command[2]):  # noqa: PLR2004
        return None
    return Component(command[3], tuple(command[4:]))


def quoted(command: Sequence[str]) -> list[str]:
    """Quotes our interpreter's path in a script; kfp.local writes it there as it is, spaces and all."""
    if tuple(command[:2]) != _SHELL:
        return list(command)
    script = command[2].replace(f"{sys.executable} -m", f"{shlex.quote(sys.executable)} -m")
    return [*command[:2], script, *command[3:]]


def available() -> bool:
    """Tells whether stages can be forked on this system."""
    return sys.platform == "linux"


def prepare() -> None:
    """Starts the server if it does not run yet. It imports on its own; the first stage waits for it."""
    with patch.dict(os.environ, _READ_AT_IMPORT), _ignored_interrupt():
        forkserver.set_forkserver_preload(list(_PRELOADED))
        forkserver.ensure_running()


def start(component: Component, environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """Starts a component in a fork, with exactly this environment; its output is appended to `log`."""
    context = multiprocessing.get_context("forkserver")
    prepare()
    with _no_main_module():
        process = context.Process(target=_execute, args=(component, dict(environment), str(log)))
        process.start()
    return process


@contextlib.contextmanager
def _ignored_interrupt() -> Iterator[None]:
    """Ctrl-C is for us to act on; the server, which shares our terminal, would only print a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """The fork would import our caller's main module again, and a script may have no guard."""
    with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
        yield


def _execute(component: Component, environment: Mapping[str, str], log: str) -> None:
    """The stage's process, from its first line."""
    os.setsid()
    _end_with_parent()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.environ.clear()
    os.environ.update(environment)
    _draw_own_random_numbers()
    tempfile.tempdir = None
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "ephemeral_component.py"
        source.write_text(component.source, encoding="utf-8")
        sys.argv = [EXECUTOR, "--component_module_path", str(source), *component.arguments]
        runpy.run_module(EXECUTOR, run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    """A `kfp-ct` that is killed takes the server with it; no stage may go on and promote after that.

    The server ends when nobody holds its lifeline any more, of which each fork is handed an end.
    """
    os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]  # noqa: SLF001
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _draw_own_random_numbers() -> None:
    """Numpy's global generator is copied by a fork; two stages must not draw the same numbers."""
    import numpy as np

    np.random.seed()  # noqa: NPY002
