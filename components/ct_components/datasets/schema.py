"""The one schema of many files: types that differ without loss are unified, others are refused."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ct_components.errors import SourceError
from ct_components.wording import first_few

UTC_TIMESTAMP = pa.timestamp("us", "UTC")
_ALLOWED_TIMES = "a Parquet timestamp (naive ones are taken in the source's timezone)"
_ALLOWED_UNIONS = "types that unify without loss (int32, int64, double; string and dictionaries of strings)"
_SHOWN = 40  # columns that a message lists


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Opens a Parquet file; what goes wrong with it in the block is a SourceError that names the file."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError as error:
        raise SourceError(f"file {str(path)!r} does not exist") from error
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(f"file {str(path)!r} cannot be read as Parquet: {reason}") from error


def dataset_schema(files: Iterable[Path], columns: Sequence[str], timestamp: str) -> pa.Schema:
    """Returns the schema in which the rows of all files fit; reads the footers only.

    Integers widen to the widest, integers beside floats become double, dictionaries become their values, a
    column that is all null in one file takes its type from the others. Values that would not survive (an
    int64 above 2⁵³ as a double) are refused when they are read.

    Args:
        files: Parquet files, at least one.
        columns: Names of the wanted columns, in the order of the result; duplicates are dropped.
        timestamp: Name of the timestamp column; it comes first unless it is among `columns`.

    Returns:
        One field per column; the timestamp's type is timestamp[us, UTC].

    Raises:
        SourceError: If a file is corrupt, lacks a column, or has it in a type that does not fit the others'.
    """
    names = list(dict.fromkeys(columns if timestamp in columns else [timestamp, *columns]))
    types: dict[str, pa.DataType] = {}
    origins: dict[str, Path] = {}
    for path in files:
        with open_parquet(path) as file:
            found = file.schema_arrow
        _check_columns(names, found.names, path)
        for name in names:
            kind = _plain(found.field(name).type)
            if name == timestamp:
                kind = _check_timestamp(name, kind, path)
            types[name] = _common(name, types.get(name, kind), kind, (origins.setdefault(name, path), path))
    return pa.schema([(name, types[name]) for name in names])


def shared_columns(files: Iterable[Path], columns: Sequence[str]) -> list[str]:
    """Returns those of the columns that all files hold, once each and in types that unify.

    For those who want to say what is wrong with the others, and go on. Reads the footers only.

    Raises:
        SourceError: If a file is corrupt.
    """
    types: dict[str, pa.DataType] = {}
    shared = list(dict.fromkeys(columns))
    for path in files:
        with open_parquet(path) as file:
            found = file.schema_arrow
        shared = [name for name in shared if _fits(name, found, types, path)]
    return shared


def _fits(name: str, found: pa.Schema, types: dict[str, pa.DataType], path: Path) -> bool:
    """Returns whether a file has a column in a type that unifies with those seen, which it joins."""
    if found.names.count(name) != 1:
        return False
    kind = _plain(found.field(name).type)
    try:
        types[name] = _common(name, types.get(name, kind), kind, (path, path))
    except SourceError:
        return False
    return True


def check_has(wanted: Sequence[str], available: Sequence[str], path: Path) -> None:
    """Raises a SourceError that names the wanted columns a file lacks, and those it has."""
    missing = [name for name in wanted if name not in available]
    if not missing:
        return
    near = difflib.get_close_matches(missing[0], available, n=1)
    hint = f" (nearest: {near[0]!r})" if near else ""
    listed = first_few([repr(name) for name in available], _SHOWN)
    what = "column" if len(missing) == 1 else "columns"
    lacking = ", ".join(map(repr, missing))
    raise SourceError(f"file {str(path)!r} has no {what} {lacking}{hint}; available: {listed or 'none'}")


def _check_columns(wanted: Sequence[str], available: Sequence[str], path: Path) -> None:
    check_has(wanted, available, path)
    if doubled := [name for name in wanted if available.count(name) > 1]:
        raise SourceError(f"file {str(path)!r} has column {doubled[0]!r} more than once; allowed: once")


def _check_timestamp(name: str, kind: pa.DataType, path: Path) -> pa.DataType:
    if not pa.types.is_timestamp(kind) and not pa.types.is_null(kind):  # a day without rows has no type
        raise SourceError(
            f"timestamp column {name!r} has type {kind} in file {str(path)!r}; allowed: {_ALLOWED_TIMES}"
        )
    return UTC_TIMESTAMP


def _plain(kind: pa.DataType) -> pa.DataType:
    """Returns the type of the values themselves: no dictionary, one kind of string."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return kind


def _common(name: str, one: pa.DataType, other: pa.DataType, files: tuple[Path, Path]) -> pa.DataType:
    if one == other:
        return one
    try:
        if pa.string() in (one, other) and pa.null() not in (one, other):
            raise pa.ArrowTypeError  # noqa: TRY301 — Arrow itself would call text and bytes alike
        fields = [pa.schema([(name, kind)]) for kind in (one, other)]
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise SourceError(
            f"column {name!r} has type {other} in file {str(files[1])!r}, and {one} in those from "
            f"{str(files[0])!r} on; allowed: {_ALLOWED_UNIONS}"
        ) from error
