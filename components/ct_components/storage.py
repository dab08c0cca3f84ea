"""Files: found by a glob, pruned by partition day, written all or nothing.

A source is a local path or a `file://` URI, with the wildcards `*`, `?`, `[...]` and `**`. A folder stands
for the Parquet files beneath it. Names that begin with `.` or `_` are not data: unfinished files and the
markers of other tools are called so.
"""

import glob
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4
from zoneinfo import ZoneInfo

from ct_components.errors import SourceError, SpecError, StateError
from ct_components.wording import first_and_rest

if TYPE_CHECKING:
    from ct_components.windows import Window

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://")
_PARTITION = re.compile(r"^dt=(\d{4}-\d{2}-\d{2})$")
_SHOWN = 3  # names that a message lists


def list_files(uri: str) -> list[Path]:
    """Returns the files of a source.

    Args:
        uri: A path or `file://` URI; may hold wildcards. A relative path starts at the current folder.

    Returns:
        Absolute paths in sorted order, at least one.

    Raises:
        SpecError: If the URI has a scheme that is not supported.
        SourceError: If nothing matches; the message names what exists nearest to it.
    """
    folder, pattern = _split(_local_path(uri))
    matches = [folder / name for name in _glob(folder, pattern)] if pattern else [folder]
    files = sorted({file for match in matches for file in _data_files(match)})
    if not files:
        raise SourceError(f"source {uri!r} matches no file; {_nearest(folder, pattern)}")
    return files


def list_partitions(uri: str, window: "Window", timezone: str) -> list[Path]:
    """Returns the files of a source that may hold rows of a window.

    A file in a `dt=YYYY-MM-DD` folder is left out when that day is surely outside. One day on either side
    is kept, since writers disagree about whether the day is local or UTC; but it must be the day of the rows'
    timestamps, not that of their arrival. Files in no such folder are kept.

    Args:
        uri: As for `list_files`.
        window: The half-open span of time that is wanted.
        timezone: IANA name of the source's zone.

    Returns:
        Absolute paths in sorted order; empty when the source has files, and none for this window.

    Raises:
        SpecError: If the URI has a scheme that is not supported.
        SourceError: If nothing matches the URI.
    """
    return prune_partitions(list_files(uri), window, timezone)


def prune_partitions(files: Iterable[Path], window: "Window", timezone: str) -> list[Path]:
    """Returns the files that `list_partitions` would keep, in the order given."""
    zone, margin = ZoneInfo(timezone), timedelta(days=1)
    first = window.start.astimezone(zone).date() - margin
    last = (window.end - timedelta(microseconds=1)).astimezone(zone).date() + margin
    days = ((file, partition_day(file)) for file in files)
    return [file for file, day in days if day is None or first <= day <= last]


def partition_day(file: Path) -> date | None:
    """Returns the day of the innermost `dt=YYYY-MM-DD` folder; None without one, or when it is no date.

    >>> partition_day(Path("flights/dt=2013-04-01/part-0.parquet"))
    datetime.date(2013, 4, 1)
    """
    for part in reversed(file.parts[:-1]):
        if found := _PARTITION.match(unquote(part)):
            try:
                return date.fromisoformat(found[1])
            except ValueError:
                return None
    return None


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Lends a temporary path beside `path`, which takes its place when the block ends without an error.

    Readers see the old file or the new one, never a part. After an error nothing is left behind. Missing
    parent folders are made. It guards against a process that dies, not against a power cut.

    Raises:
        StateError: If the file or its folder cannot be made or written.
    """
    path = Path(path)
    # Not derived from the name, which may have all of the 255 bytes that a file system allows.
    temporary = path.parent / f".{uuid4().hex}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StateError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


def atomic_write(path: Path | str, content: str | bytes) -> None:
    """Writes text (as UTF-8) or bytes to a file, all or nothing; see `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def _local_path(uri: str) -> Path:
    """Returns a source URI as an absolute path, its wildcards untouched."""
    if not uri.strip() or "\0" in uri:
        raise SpecError(f"source uri is {uri!r}; allowed: a local path or file:// URI")
    scheme = _SCHEME.match(uri)
    if not scheme:
        return Path(uri).absolute()
    if scheme[1].lower() != "file":
        yet = " yet" if scheme[1].lower() == "gs" else ""
        raise SpecError(
            f"source uri {uri!r}: {scheme[1]}:// is not supported{yet}; allowed: a local path or file:// URI"
        )
    host, slash, path = uri[scheme.end() :].partition("/")
    if host not in {"", "localhost"} or not slash:
        raise SpecError(f"source uri {uri!r}: {host!r} stands for a host; allowed: file:///absolute/path")
    return Path("/" + unquote(path)).absolute()


def _split(path: Path) -> tuple[Path, str]:
    """Returns the deepest folder (or file) that exists as it is written, and the rest, a glob.

    So a wildcard character in the name of an existing folder is taken as it stands.
    """
    existing = Path(path.anchor)
    rest = path.parts[1:]
    while rest and (existing / rest[0]).exists():
        existing, rest = existing / rest[0], rest[1:]
    return existing, "/".join(rest)


def _glob(folder: Path, pattern: str) -> list[str]:
    names = glob.iglob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207 — Path.glob finds hidden files
    return [name for name in names if not any(part.startswith("_") for part in Path(name).parts)]


def _data_files(match: Path) -> Iterable[Path]:
    """Returns a matching file itself, and of a matching folder the Parquet files beneath."""
    if match.is_dir():
        return (file for name in _glob(match, "**/*.parquet") if (file := match / name).is_file())
    return (match,) if match.is_file() else ()


def _nearest(folder: Path, pattern: str) -> str:
    """Names the deepest folder that matches the beginning of a glob, and what is in it."""
    parts = pattern.split("/")
    for length in range(len(parts) - 1, 0, -1):
        folders = sorted(
            f for name in _glob(folder, "/".join(parts[:length])) if (f := folder / name).is_dir()
        )
        if folders:
            folder = folders[0]
            break
    if not folder.is_dir():
        return f"nearest: {str(folder)!r} is no folder"
    names = sorted(entry.name for entry in folder.iterdir())
    holds = first_and_rest([repr(name) for name in names], _SHOWN) or "nothing"
    return f"nearest: folder {str(folder)!r} holds {holds}"
