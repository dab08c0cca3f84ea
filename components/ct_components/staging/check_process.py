"""Run alone, in a clean process: does a stored model do what its server will ask of it?

``python -I check_process.py < job.json``. It imports nothing of this package, because the process that
serves the model will not have it: of all that is installed, only MLflow, the model's requirements, and what
these require can be imported. It says on its standard output, a line of JSON each, what it begins and what
came of it; limits of time, memory and difference are for its supervisor to judge.
"""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import statistics
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator
from importlib import machinery, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from packaging.requirements import Requirement

_PR_SET_PDEATHSIG = 1
_MIB = 1024 * 1024
_WARM_UP, _TIMED = 3, 20
# Probabilities that were divided by their own sum may be off by the last bits.
_ROUNDING = 1e-9
_UNSEEN = "a category that nobody has seen"
# What train_model declares: probabilities, or classes where an estimator has none.
_OUTPUTS = (("float64", (-1, 2)), ("bool", (-1,)))


class Wrong(Exception):
    """The model does not do what is asked of it."""


def main() -> None:
    """Does every check in turn, and ends at the first that fails."""
    tell = _channel()
    job: dict[str, Any] = json.load(sys.stdin)
    _be_the_first_to_die(job["supervisor"], job["memory_limit_mib"])
    for name, check in _checks(job).items():
        tell({"begin": name})
        try:
            figure, note = check()
        except BaseException as error:  # noqa: BLE001 - a model may raise anything, SystemExit too
            tell({"end": name, "failed": _words(error), "memory": isinstance(error, MemoryError)})
            return
        tell({"end": name, "figure": figure, "note": note})


def _channel() -> Callable[[dict[str, Any]], None]:
    """Keeps standard output for us; what libraries print goes where errors go."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=channel, flush=True)

    return tell


def _be_the_first_to_die(supervisor: int, memory_limit_mib: int) -> None:
    """Ends with the supervisor, and before anybody else where memory is short.

    The supervisor watches the memory that is in use. The limit here is far above it, and only refuses what
    would fill a machine between two looks.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (memory_limit_mib * _MIB,) * 2)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.getppid() != supervisor:
        sys.exit("the supervisor is gone")


def _checks(job: dict[str, Any]) -> dict[str, Callable[[], tuple[float, str]]]:
    model = _Model(job)
    return {
        "requirements": lambda: _fence(Path(job["folder"]) / "requirements.txt"),
        "start": _start,
        "load": model.load,
        "signature": model.signature,
        "sample": model.sample,
        "one_row": model.one_row,
        "empty_frame": model.empty_frame,
        "missing_values": model.missing_values,
        "unseen_category": model.unseen_category,
        "latency": model.latency,
        "memory": _peak_memory,
    }


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"


# --- only the requirements -------------------------------------------------------------------------------


def _fence(path: Path) -> tuple[float, str]:
    """Hides what is installed here and will not be on a server; returns how many packages are left."""
    asked = list(_requirements(path))
    found = _closure([_requirement("mlflow"), *asked])
    differ = [
        f"{each} is asked for, and {found[_normal(each.name)].version} is installed here"
        for each in asked
        if not each.specifier.contains(found[_normal(each.name)].version, prereleases=True)
    ]
    if "importlib-metadata" in found:
        # It adds a finder of packages of its own when it is imported, which must stand behind the fence.
        importlib.import_module("importlib_metadata")
    fence = _Fence(found)
    sys.meta_path[:] = [machinery.BuiltinImporter, machinery.FrozenImporter, fence]
    return len(found), "; ".join(differ)


def _requirements(path: Path) -> Iterator["Requirement"]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Wrong(f"{path.name} cannot be read: {error}") from error
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        each = _requirement(line)
        if _applies(each):
            yield each


def _requirement(line: str) -> "Requirement":
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(line)
    except InvalidRequirement as error:
        raise Wrong(f"{line!r} is no requirement; allowed: a package and its version") from error


def _closure(asked: Iterable["Requirement"]) -> dict[str, metadata.Distribution]:
    """Returns the packages that are asked for, and what they require in turn, by normal name."""
    found, seen, open_ = {}, set(), [(each, True) for each in asked]
    while open_:
        each, needed = open_.pop()
        name, extras = _normal(each.name), frozenset(each.extras) | {""}
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found[name] = metadata.distribution(each.name)
        except metadata.PackageNotFoundError:
            if needed:
                raise Wrong(f"{each} is asked for, and not installed here") from None
            continue
        further = map(_requirement, found[name].requires or ())
        open_.extend((each, False) for each in further if _applies(each, extras))
    return found


def _applies(requirement: "Requirement", extras: frozenset[str] = frozenset({""})) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": one}) for one in extras)


def _normal(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


class _Fence:
    """A finder of modules and packages that sees some of what is installed, and the standard library.

    What the model adds to the path is its own, and can be imported.
    """

    def __init__(self, packages: dict[str, metadata.Distribution]) -> None:
        self._behind = [each for each in sys.meta_path if hasattr(each, "find_spec")]
        self._packages = packages
        self._modules = {name for each in packages.values() for name in _top_levels(each)}
        library = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
        self._installed = {each for each in sys.path if not _is_library(Path(each), library)}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> machinery.ModuleSpec | None:
        if path is None and name not in self._modules:
            return machinery.PathFinder.find_spec(name, [e for e in sys.path if e not in self._installed])
        found = (each.find_spec(name, path, target) for each in self._behind)
        return next(filter(None, found), None)

    def invalidate_caches(self) -> None:
        for each in self._behind:
            getattr(each, "invalidate_caches", lambda: None)()

    def find_distributions(self, context: Any = None) -> Iterator[metadata.Distribution]:
        context = context or metadata.DistributionFinder.Context()
        for finder in self._behind:
            for each in getattr(finder, "find_distributions", lambda _: ())(context):
                if _normal(each.metadata["Name"] or "") in self._packages:
                    yield each


def _top_levels(package: metadata.Distribution) -> set[str]:
    """Returns what a package lets one import; its files are read as text, since they may be thousands."""
    declared = (package.read_text("top_level.txt") or "").split()
    files = (package.read_text("RECORD") or "").splitlines()
    listed = {line.partition(",")[0].partition("/")[0].partition(".")[0] for line in files}
    return {*declared, *listed, _normal(package.metadata["Name"]).replace("-", "_")}


def _is_library(path: Path, library: set[str]) -> bool:
    inside = any(path.is_relative_to(each) for each in library)
    return (inside or path.suffix == ".zip") and not path.name.endswith("-packages")


# --- what the model must do -------------------------------------------------------------------------------


def _start() -> tuple[float, str]:
    """MLflow is the server's, so its import is no part of the model's time to load."""
    begun = time.perf_counter()
    import mlflow.pyfunc  # noqa: F401

    return time.perf_counter() - begun, ""


class _Model:
    """A stored model, and what it is asked.

    Numbers are float64, with NaN where one is missing; all else is text, with None.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self._folder = job["folder"]
        self._types: dict[str, str] = job["signature"]
        self._data: dict[str, Any] = job["sample"]
        self._latency_ms: float = job["latency_ms"]

    def load(self) -> tuple[float, str]:
        """Figure: seconds."""
        import mlflow.pyfunc

        begun = time.perf_counter()
        self._model = mlflow.pyfunc.load_model(self._folder)
        return time.perf_counter() - begun, ""

    def signature(self) -> tuple[float, str]:
        """Figure: columns."""
        schema = self._model.metadata.get_input_schema()
        found = {each.name: _column_type(each) for each in schema or ()}
        changes = [
            f"{name!r} was {self._types.get(name, 'not there')} and is {found.get(name, 'not there')}"
            for name in {**self._types, **found}
            if self._types.get(name) != found.get(name)
        ]
        if changes:
            raise Wrong("; ".join(changes))
        outputs = tuple(self._model.metadata.get_output_schema() or ())
        described = [(str(getattr(each, "type", "")), getattr(each, "shape", None)) for each in outputs]
        if len(described) != 1 or described[0] not in _OUTPUTS:
            raise Wrong(f"its output is {described}; allowed: one of {_OUTPUTS}")
        self._width = described[0][1][1:]
        return len(found), ""

    def sample(self) -> tuple[float, str]:
        """Figure: the largest difference from the scores that the fitted model gave."""
        import numpy as np

        rows = self._frame(self._data["rows"]["data"])
        predicted, expected = self._scores(rows, len(rows)), np.asarray(self._data["scores"])
        if predicted.ndim == 1:
            # A model without probabilities serves classes: they must fall on the same side as the scores did.
            difference = float((predicted != (expected > 0)).max())
        else:
            difference = float(np.abs(predicted[:, -1] - expected).max())
        return difference, f"the largest difference from the fitted model's scores, of {len(rows)} rows"

    def one_row(self) -> tuple[float, str]:
        """Figure: rows."""
        self._in_range(self._frame([self._row()]), ["a single row"])
        return 1, ""

    def empty_frame(self) -> tuple[float, str]:
        """Figure: rows. An empty answer is right, and so is a refusal, if the model goes on after it."""
        from mlflow.exceptions import MlflowException

        frame = self._frame([])
        try:
            self._scores(frame, 0)
            note = "answered with an empty prediction"
        except (ValueError, MlflowException) as error:
            # scikit-learn's word is ValueError, which a server turns into a bad request.
            note = f"refused: {str(error).splitlines()[0][:200]}"
        self._in_range(self._frame([self._row()]), ["a row after an empty frame"])
        return 0, note

    def missing_values(self) -> tuple[float, str]:
        """Figure: rows: one without each column's value, and one without any."""
        names = list(self._types)
        rows = [[None if name == missing else value for name, value in zip(names, self._row(), strict=True)]
                for missing in names]  # fmt: skip
        self._one_by_one(rows, [f"a row without {name!r}" for name in names])
        self._in_range(self._frame([[None] * len(names)]), ["a row without any value"])
        return len(rows) + 1, ""

    def unseen_category(self) -> tuple[float, str]:
        """Figure: rows, one for each column of text."""
        names = list(self._types)
        texts = [name for name in names if self._types[name] == "string"]
        rows = [[_UNSEEN if name == text else value for name, value in zip(names, self._row(), strict=True)]
                for text in texts]  # fmt: skip
        self._one_by_one(rows, [f"a row with an unseen {name!r}" for name in texts])
        return len(rows), ""

    def latency(self) -> tuple[float, str]:
        """Figure: milliseconds, the median of some rows; ends early once it cannot be within the limit."""
        row, times = self._frame([self._row()]), []
        for attempt in range(_WARM_UP + _TIMED):
            begun = time.perf_counter()
            self._model.predict(row)
            if attempt >= _WARM_UP:
                times.append((time.perf_counter() - begun) * 1000)
            if sum(each > self._latency_ms for each in times) > _TIMED / 2:
                break
        return statistics.median(times), f"the median of {len(times)} single rows"

    def _one_by_one(self, rows: list[list[Any]], names: list[str]) -> None:
        """Asks for all at once, which is quicker; where that raises, each alone says which it was."""
        if not rows:
            return
        try:
            self._in_range(self._frame(rows), names)
        except Wrong:
            raise
        except Exception:
            for row, name in zip(rows, names, strict=True):
                try:
                    self._in_range(self._frame([row]), [name])
                except Exception as error:
                    raise Wrong(f"{name}: {_words(error)}") from error
            raise

    def _in_range(self, frame: "pd.DataFrame", names: list[str]) -> None:
        import numpy as np

        scores = self._scores(frame, len(names))
        if scores.dtype.kind == "b":
            return
        within = np.isfinite(scores) & (scores >= -_ROUNDING) & (scores <= 1 + _ROUNDING)
        for name, row, good in zip(names, scores.tolist(), within.all(axis=1), strict=True):
            if not good:
                raise Wrong(f"{name} gets {row}; allowed: finite scores from 0 to 1")

    def _scores(self, frame: "pd.DataFrame", rows: int) -> "np.ndarray[Any, Any]":
        import numpy as np

        scores = np.asarray(self._model.predict(frame))
        if scores.shape != (rows, *self._width):
            raise Wrong(f"{rows} rows get an answer of shape {scores.shape}; allowed: {(rows, *self._width)}")
        return scores

    def _row(self) -> list[Any]:
        """The sample's first row among those that miss the fewest values."""
        rows: list[list[Any]] = self._data["rows"]["data"]
        return min(rows, key=lambda row: sum(value is None for value in row))

    def _frame(self, rows: list[list[Any]]) -> "pd.DataFrame":
        import pandas as pd

        frame = pd.DataFrame(rows, columns=list(self._types), dtype=object)
        numeric = [name for name, kind in self._types.items() if kind == "double"]
        return frame.astype(dict.fromkeys(numeric, "float64"))


def _column_type(column: Any) -> str:
    kind = getattr(column.type, "name", str(column.type))
    return kind if column.required else f"optional {kind}"


def _peak_memory() -> tuple[float, str]:
    """Figure: MiB. The kernel's own mark: getrusage's would begin with what the supervisor had used."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024, ""
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (_MIB if sys.platform == "darwin" else 1024), ""


if __name__ == "__main__":
    main()
