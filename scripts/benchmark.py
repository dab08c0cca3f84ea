"""Measures the main job on this machine, and prints each figure with the command line that gave it.

What the goals say: nine as-of dates in under 2 minutes and under 1.5 GiB on two cores; at most 0.2 s per step
outside the stages' own imports and work; `kfp-ct --help` under 0.15 s; no stage imports what it does not use.
"""

import argparse
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SPEC = ROOT / "manifests" / "models" / "flight-delay" / "model.yaml"
KFP_CT = Path(sys.executable).with_name("kfp-ct")
DATES = [f"2013-{month:02d}-01" for month in range(4, 13)]
MIB = 2**20

# What takes long to import, and who has a use for it: pandas and scikit-learn where rows meet a model.
WATCHED = (
    "evidently",
    "mlflow",
    "sklearn",
    "pandas",
    "scipy",
    "skops",
    "sqlalchemy",
    "pyarrow",
    "numpy",
    "kfp",
)
MODEL_STAGES = frozenset({"train-model", "evaluate-challenger"})
USERS = {
    "evidently": frozenset[str](),
    "mlflow": MODEL_STAGES | {"begin-run", "promote-challenger"},
    "sklearn": MODEL_STAGES | {"begin-run"},  # begin_run tries a new estimator's parameters
    "pandas": MODEL_STAGES | {"compute-features"},
}
_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)$", re.MULTILINE)


class Import(NamedTuple):
    """A module that was imported: with all it imported itself, and which watched module imported it."""

    seconds: float
    by: str | None


class Memory(NamedTuple):
    """Peaks in bytes: of the sum over the process tree, and of the largest single process."""

    tree: int
    kind: str
    largest: int


class Job(NamedTuple):
    """A finished `kfp-ct run`."""

    command: str
    seconds: float
    runs: list[dict[str, Any]]
    memory: Memory | None


class Sampler(threading.Thread):
    """Samples the memory of a process and all its descendants, as the kernel accounts for it.

    The proportional set size shares pages fairly between processes, so that its sum is what the tree takes.
    """

    def __init__(self, pid: int, interval: float = 0.1) -> None:
        super().__init__(daemon=True)
        self._pid, self._interval = pid, interval
        self._stop_asked = threading.Event()
        self._tree = self._largest = 0
        self._kind = "PSS"

    def run(self) -> None:
        """Samples until it is asked to stop."""
        while not self._stop_asked.wait(self._interval):
            processes = _descendants(self._pid)
            self._tree = max(self._tree, sum(map(self._size, processes)))
            peaks = (_kib(Path(f"/proc/{pid}/status"), "VmHWM") or 0 for pid in processes)
            self._largest = max(self._largest, *peaks, 0)

    def stop(self) -> Memory:
        """Returns the peaks."""
        self._stop_asked.set()
        self.join()
        return Memory(self._tree, self._kind, self._largest)

    def _size(self, pid: int) -> int:
        pss = _kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss")
        if pss is not None:
            return pss
        resident = _kib(Path(f"/proc/{pid}/status"), "VmRSS")
        if resident is None:
            return 0  # it has ended
        self._kind = "RSS"
        return resident


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _kib(file: Path, field: str) -> int | None:
    """Returns a field of a /proc file in bytes, or None where it cannot be read."""
    try:
        match = re.search(rf"^{field}:\s+(\d+) kB$", file.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(match[1]) * 1024 if match else None


def run_job(home: Path, dates: Sequence[str], *options: str, **environment: str) -> Job:
    """Runs the main job on a fresh state folder; its progress is shown as it goes."""
    instants = [part for date in dates for part in ("--as-of", date)]
    command = [str(KFP_CT), "run", str(SPEC), *instants, "--json", *options]
    variables = {"KFP_CT_HOME": str(home), "DATA_ROOT": str(ROOT / "data"), **environment}
    begun = time.perf_counter()
    with subprocess.Popen(  # noqa: S603
        command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        sampler = Sampler(process.pid) if platform.system() == "Linux" else None
        if sampler:
            sampler.start()
        out, _ = process.communicate()
        seconds = time.perf_counter() - begun
        memory = sampler.stop() if sampler else None
    if process.returncode:
        sys.exit(f"benchmark: {shlex.join(command)} ended with {process.returncode}: {out}")
    return Job(_shown(command, variables), seconds, [json.loads(line) for line in out.splitlines()], memory)


def _shown(command: Sequence[str], variables: Mapping[str, str]) -> str:
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    return f"{settings} {shlex.join(command)}".replace(f"{ROOT}/", "")


def overhead(job: Job, home: Path) -> list[float]:
    """Returns for each run the seconds per step that no stage says were its own, from the ledger."""
    history = subprocess.run(  # noqa: S603
        [KFP_CT, "history", "--json"],
        env={**os.environ, "KFP_CT_HOME": str(home)},
        capture_output=True,
        check=True,
    )
    stages = {run["run_id"]: run["stages"] for run in json.loads(history.stdout)["runs"]}
    return [_overhead(run["seconds"], stages[run["run_id"]]) for run in job.runs]


def _overhead(seconds: float, stages: Sequence[Mapping[str, str]]) -> float:
    inside = sum(
        (
            datetime.fromisoformat(stage["finished_at"]) - datetime.fromisoformat(stage["started_at"])
        ).total_seconds()
        for stage in stages
    )
    return (seconds - inside) / len(stages)


def imports_of(log: Path) -> dict[str, Import]:
    """Reads what a stage imported from its log, written under PYTHONPROFILEIMPORTTIME.

    A module's line follows those of what it imported, which are indented deeper.
    """
    lines = _IMPORT.findall(log.read_text(errors="replace"))
    found = {"(all)": Import(sum(int(own) for own, *_ in lines) / 1e6, None)}
    importers: list[tuple[int, str]] = []
    for _own, cumulative, indent, module in reversed(lines):
        importers = [(depth, name) for depth, name in importers if depth < len(indent)]
        by = next(
            (name.partition(".")[0] for _, name in importers if name.partition(".")[0] in WATCHED), None
        )
        if module in WATCHED:
            found[module] = Import(int(cumulative) / 1e6, by)
        importers.append((len(indent), module))
    return found


def measure_main_job(folder: Path, dates: Sequence[str]) -> Iterator[str]:
    """Wall time, memory, and what lies between the stages."""
    job = run_job(folder / "state", dates)
    yield _row(f"main job, {len(dates)} as-of dates", f"{job.seconds:.1f} s", "under 120 s for nine")
    for run in job.runs:
        yield _row(f"  as of {run['as_of'][:10]}: {run['verdict']}", f"{run['seconds']:.1f} s", "")
    if job.memory:
        memory = job.memory
        yield _row(
            f"  peak of the process tree ({memory.kind})", f"{memory.tree / MIB:.0f} MiB", "under 1536"
        )
        yield _row("  peak of its largest process (RSS)", f"{memory.largest / MIB:.0f} MiB", "")
    else:
        yield _row("  memory", "–", f"not measured: {platform.system()} has no /proc")
    first, *others = overhead(job, folder / "state")
    yield _row("  between the stages, per step, first run", f"{first:.3f} s", "with the libraries' import")
    if others:
        yield _row(
            "  between the stages, per step, others", f"{statistics.median(others):.3f} s", "at most 0.2 s"
        )
    yield f"    {job.command}"


def measure_steps(runs: int = 5) -> Iterator[str]:
    """Steps that do nothing."""
    for start in ("warm", "cold") if platform.system() == "Linux" else ("cold",):
        command = [sys.executable, str(ROOT / "scripts" / "benchmark_noop.py"), str(runs), start]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        found = json.loads(ended.stdout)
        middle = statistics.median(found["others"])
        yield _row(
            f"seven steps that do nothing, {start}",
            f"{middle:.3f} s",
            f"{middle / 7:.3f} s per step, at most 0.2",
        )
        yield _row("  the first time", f"{found['first']:.3f} s", "")
        yield f"    {_shown(command, {})}"


def measure_help(times: int = 20) -> Iterator[str]:
    """How long one waits for help."""
    command = [str(KFP_CT), "--help"]
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)  # noqa: S603
        seconds.append(time.perf_counter() - begun)
    yield _row(f"kfp-ct --help, median of {times}", f"{statistics.median(seconds):.3f} s", "under 0.15 s")
    yield f"    {_shown(command, {})}"


def measure_imports(folder: Path, dates: Sequence[str]) -> Iterator[str]:
    """What each stage imports in a process of its own, the first run and one with a champion."""
    job = run_job(folder / "cold", dates, "--cold", PYTHONPROFILEIMPORTTIME="1")
    yield "what a stage imports, in seconds, each with all that it imports itself"
    yield "! the stage has no use for it; <mlflow: nor has it, but a module imports it that the stage needs"
    head = "".join(f"{name:>12}" for name in ("(all)", *WATCHED))
    yield f"  {'':<30}{head}"
    for run in job.runs:
        yield f"  as of {run['as_of'][:10]}"
        for log in sorted((folder / "cold" / "runs" / run["run_id"] / "logs").glob("*.log"), key=_written):
            yield f"    {log.stem:<28}{_imports_row(log)}"
    yield f"    {job.command}"


def _written(log: Path) -> float:
    return log.stat().st_mtime


def _imports_row(log: Path) -> str:
    found = imports_of(log)
    cells = []
    for name in ("(all)", *WATCHED):
        useless = name in found and name in USERS and log.stem not in USERS[name]
        mark = "" if not useless else f"<{found[name].by}" if found[name].by else "!"
        cells.append(f"{found[name].seconds:.2f}{mark}" if name in found else "–")
    return "".join(f"{cell:>12}" for cell in cells)


def _row(what: str, figure: str, goal: str) -> str:
    return f"{what:<46}{figure:>12}  {goal}".rstrip()


def main() -> None:
    """Measures, and prints each part as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dates", type=int, default=len(DATES), choices=range(1, 10), help="how many as-of dates"
    )
    dates = DATES[: parser.parse_args().dates]
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"load before: {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory(prefix="kfp-ct-benchmark-") as name:
        for part in (
            measure_help(),
            measure_steps(),
            measure_main_job(Path(name), dates),
            measure_imports(Path(name), dates[:2]),
        ):
            for line in part:
                print(line, flush=True)
            print()


if __name__ == "__main__":
    main()
