"""Runs the check in a process of its own, and ends it when its time or its memory is over.

Memory is watched from outside: what counts is what is in use, as in a container's limit. Limits on a
process's addresses (RLIMIT_AS, RLIMIT_DATA) count what is reserved: pyarrow's allocator alone reserves a GiB
of which it uses little, and every thread of OpenMP and BLAS its stack, so they would measure the machine's
cores rather than the model. One far above the budget stands behind, for what would fill a machine between
two looks.
"""

import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import IO, Any

from ct_components.connections import redact
from ct_components.errors import ModelError, StageTimeout
from ct_components.spec import Check
from ct_components.staging.report import Finding

_PROGRAM = Path(__file__).with_name("check_process.py")
_STEP_SECONDS = 60.0
# MLflow's import, on a disk that is cold.
_START_SECONDS = 300.0
# So many rows are timed, at most, before the median is known.
_LATENCY_ROWS = 25
_LOOK_SECONDS = 0.02
# Asking ps is dearer than reading a file.
_LOOK_SECONDS_BY_PS = 0.2
_RESERVED_MIB = 8192
_LAST_SECONDS = 5.0
_WORDS = 400
_MIB = 1024 * 1024
# A container sees its own limit here.
_CGROUP = Path("/sys/fs/cgroup")
_LIMITS = (
    ("memory.max", "memory.stat", "anon "),
    ("memory/memory.limit_in_bytes", "memory/memory.stat", "total_rss "),
)
_SHARE_OF_CONTAINER = 0.95
_UNITS = {
    "requirements": "packages",
    "start": "s",
    "load": "s",
    "signature": "columns",
    "sample": "",
    "one_row": "rows",
    "empty_frame": "rows",
    "missing_values": "rows",
    "unseen_category": "rows",
    "latency": "ms",
    "memory": "MiB",
}
_START, _LAST = "start", "memory"


def run(job: Mapping[str, Any], check: Check) -> list[Finding]:
    """Runs the check of one model, and returns what it did.

    Args:
        job: The model's `folder`, the recorded `sample` and the recorded `signature`.
        check: The limits.

    Raises:
        ModelError: With the first check that failed, its figure and its limit.
        StageTimeout: If MLflow itself takes minutes to import.
    """
    full = {
        **job,
        "latency_ms": check.latency_ms,
        "supervisor": os.getpid(),
        "memory_limit_mib": check.memory_mb + _RESERVED_MIB,
    }
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        with _started(full, Path(folder), said) as process:
            watch = _Watch(process, check)
            watch.follow()
            if watch.complete:
                # What MLflow does on its way out takes seconds at times, and says nothing about the model.
                return watch.findings
            code = _code(process)
        raise ModelError(f"{watch.step}: {_end(code)}{_last_words(said)}")


@contextlib.contextmanager
def _started(job: Mapping[str, Any], folder: Path, said: IO[bytes]) -> "Iterator[subprocess.Popen[bytes]]":
    """Starts the process in an empty folder, and ends it when we are done with it, however that is."""
    with tempfile.TemporaryFile() as given:
        given.write(json.dumps(job).encode())
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", str(_PROGRAM)],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=said,
            cwd=folder,
            env=dict(_environment()),
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


class _Watch:
    """Follows what the process says of itself, and its time and memory meanwhile."""

    def __init__(self, process: "subprocess.Popen[bytes]", check: Check) -> None:
        self._process = process
        self._check = check
        self._by_ps = not Path(f"/proc/{process.pid}/status").exists()
        self._begun = monotonic()
        self._memory_mib = min(check.memory_mb, _left_in_container())
        self.step = _START
        self.findings: list[Finding] = []

    @property
    def complete(self) -> bool:
        """Whether the last check was passed."""
        return bool(self.findings) and self.findings[-1].check == _LAST

    def follow(self) -> None:
        """Returns when the process says no more.

        Raises:
            ModelError: At the first check that fails, or when time or memory are over.
        """
        for message in self._messages():
            if "begin" in message:
                self.step, self._begun = message["begin"], monotonic()
            elif "failed" in message:
                self._raise_failed(message)
            else:
                self._take(message)

    def _messages(self) -> Iterator[dict[str, Any]]:
        output, rest = self._process.stdout, b""
        assert output
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while True:
                ready = selector.select(_LOOK_SECONDS_BY_PS if self._by_ps else _LOOK_SECONDS)
                read = os.read(output.fileno(), 65_536) if ready else b""
                *lines, rest = (rest + read).split(b"\n")
                yield from map(json.loads, lines)
                if ready and not read:
                    return
                self._look()

    def _take(self, message: Mapping[str, Any]) -> None:
        limits = {
            "load": self._check.load_seconds,
            "sample": self._check.tolerance,
            "latency": self._check.latency_ms,
            "memory": self._memory_mib,
        }
        name = message["end"]
        finding = Finding(name, message["figure"], limits.get(name), _UNITS[name], message["note"])
        if not finding.passed:
            raise ModelError(str(finding))
        self.findings.append(finding)

    def _raise_failed(self, message: Mapping[str, Any]) -> None:
        words = redact((message["failed"].strip().splitlines() or [""])[0])[:_WORDS]
        if message["memory"]:
            raise ModelError(f"memory: {words}, in {self.step}; {self._memory_limit}")
        hint = ""
        if "ModuleNotFoundError" in words:
            hint = "; only MLflow, the model's requirements and what these require can be imported"
        raise ModelError(f"{self.step}: {words}{hint}")

    def _look(self) -> None:
        used = _by_ps(self._process.pid) if self._by_ps else _by_proc(self._process.pid)
        if used > self._memory_mib:
            raise ModelError(f"memory: {used:.0f} MiB in {self.step}, {self._memory_limit}; it was ended")
        limit = self._seconds()
        if monotonic() - self._begun > limit:
            # What a slow machine does before the model is touched says nothing about the model.
            kind = StageTimeout if self.step == _START else ModelError
            raise kind(f"{self.step}: not done after {limit:g} s, its limit; it was ended")

    @property
    def _memory_limit(self) -> str:
        less = self._memory_mib < self._check.memory_mb
        why = f", which is what the container has left of {self._check.memory_mb} MiB" if less else ""
        return f"limit {self._memory_mib:.0f} MiB{why}"

    def _seconds(self) -> float:
        if self.step == _START:
            return _START_SECONDS
        if self.step == "load":
            return self._check.load_seconds
        more = _LATENCY_ROWS * self._check.latency_ms / 1000 if self.step == "latency" else 0
        return _STEP_SECONDS + more


def _left_in_container() -> float:
    """Returns the memory, in MiB, that our container may still take, a little less than all; else infinity.

    Over its limit the kernel would end the whole container, and nobody would learn that it was the model.
    """
    for limit_file, use_file, mark in _LIMITS:
        # "max" stands for no limit.
        with contextlib.suppress(OSError, ValueError, StopIteration):
            limit = int((_CGROUP / limit_file).read_text())
            lines = (_CGROUP / use_file).read_text().splitlines()
            used = next(int(line.split()[1]) for line in lines if line.startswith(mark))
            return (limit - used) * _SHARE_OF_CONTAINER / _MIB
    return math.inf


def _by_proc(pid: int) -> float:
    """Returns the most memory, in MiB, that a process has used so far; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    used = {line.split()[0]: int(line.split()[1]) for line in lines if line.startswith(("VmHWM:", "VmRSS:"))}
    return max(used.values(), default=0) / 1024


def _by_ps(pid: int) -> float:
    """Returns the memory, in MiB, that a process uses now, where there is no /proc; 0 if it has ended."""
    ended = subprocess.run(  # noqa: S603
        ["ps", "-o", "rss=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return int(ended.stdout.strip() or 0) / 1024


def _code(process: "subprocess.Popen[bytes]") -> int:
    """Returns how a process ended that says no more; one that only closed its output is ended."""
    try:
        return process.wait(_LAST_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _end(code: int) -> str:
    if code >= 0:
        return f"the process ended early, with exit code {code}"
    hint = ", as the kernel does where memory is short" if code == -signal.SIGKILL else ""
    return f"the process was ended by {signal.Signals(-code).name}{hint}"


def _last_words(said: IO[bytes]) -> str:
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - 4096))
    lines = said.read().decode(errors="replace").strip().splitlines()
    return f": {redact(lines[-1])[:_WORDS]}" if lines else ""


def _environment() -> "Mapping[str, str]":
    """What a serving process would have: no connection of ours."""
    kept = (
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "OMP_NUM_THREADS",
        "OMP_WAIT_POLICY",
        "LD_LIBRARY_PATH",
    )
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
