"""A verdict's gain as text for a terminal."""

from collections.abc import Mapping
from typing import Any


def is_relative(verdict: Mapping[str, Any]) -> bool:
    """Returns whether a recorded verdict's gains are relative to the old loss; older ones say nothing."""
    return bool((verdict.get("report") or {}).get("relative", False))


def gain_text(value: float | None, *, relative: bool) -> str:
    """Returns a gain: of a score in its units, relative to the old loss in percent.

    >>> gain_text(0.0123, relative=False), gain_text(-0.0123, relative=True), gain_text(None, relative=True)
    ('+0.0123', '-1.23 %', '–')
    """
    if value is None:
        return "–"
    return f"{100 * value:+.2f} %" if relative else f"{value:+.4f}"
