"""Whether a run on this machine is still under way: its process holds a lock, which the kernel lets go of."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alive(folder: Path) -> Iterator[None]:
    """Marks the run of a folder as under way, for as long as this process lives."""
    with _lock(folder).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_alive(folder: Path) -> bool:
    """Returns whether the process that runs a folder's run still lives."""
    if not _lock(folder).exists():
        return False
    with _lock(folder).open() as lock:
        try:
            # Shared, or two that ask at once would take each other for the run.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _lock(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")
