"""What time a source covers, for messages."""

from collections.abc import Sequence
from pathlib import Path

from ct_components.datasets.read import time_span
from ct_components.storage import partition_day


def source_span(files: Sequence[Path], timestamp: str) -> str:
    """Says what time a source covers: by its partition days, or else by the files' statistics."""
    days = sorted(day for day in map(partition_day, files) if day)
    if days and len(days) == len(files):
        return f"partitions from {days[0]} to {days[-1]}"
    if span := time_span(files, timestamp):
        return f"rows from {span[0]:%Y-%m-%d %H:%M} to {span[1]:%Y-%m-%d %H:%M}"
    return f"{len(files)} files, their span unknown"
