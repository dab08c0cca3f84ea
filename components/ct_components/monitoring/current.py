"""The current window: its rows out of the source, as one dataset that is gone when it has been looked at."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ct_components.datasets import WindowOfSource, dataset_schema, shared_columns
from ct_components.profiles import NumericProfile, Profile, profile_dataset
from ct_components.spec import Source
from ct_components.windows import Window


@contextmanager
def current_rows(source: Source, window: Window, names: Sequence[str]) -> Iterator[Path]:
    """Lends a Parquet file with the rows of a window, read by column and in streams.

    A column that is gone, or whose types do not unify within the window, is not in it: whoever compares says
    so, and it is no reason to look at nothing.

    Args:
        source: The spec's source section, its references resolved.
        window: The current window.
        names: The columns wanted.

    Raises:
        SourceError: If the window has no rows, or a file is corrupt or lacks the timestamp.
    """
    part = WindowOfSource.find("current", window, source)
    part.check_files()
    schema = dataset_schema(part.files, shared_columns(part.files, names), source.timestamp)
    with tempfile.TemporaryDirectory(prefix="kfp-ct-") as folder:
        path = Path(folder) / "current.parquet"
        part.write(schema, path)
        yield path


def profile_current(path: Path, reference: Profile, names: Sequence[str]) -> Profile:
    """Returns the profile of current rows, of the columns that are there and with the reference's edges."""
    numeric, categorical = split_by_kind(reference, _held(path, names))
    return profile_dataset(path, numeric, categorical, edges=reference.edges)


def split_by_kind(reference: Profile, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns which of the columns the reference profiles as numbers, and which as categories."""
    numeric = [name for name in names if isinstance(reference.columns[name], NumericProfile)]
    return numeric, [name for name in names if name not in numeric]


def _held(path: Path, names: Sequence[str]) -> list[str]:
    return shared_columns([path], names)
