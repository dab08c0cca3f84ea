"""A message as JSON, for any webhook: a version, and the fields of the message."""

import math
from dataclasses import asdict
from typing import Any

from ct_components.channels.message import Message, clean, one_line

VERSION = 1
"""Of the format. Fields may be added within a version, so receivers skip what they do not know."""

_SHORT = 300


def plain_payload(message: Message) -> dict[str, Any]:
    """Returns what is posted.

    >>> plain_payload(Message("shop", "retained", "shop: version 1 stays champion"))["version"]
    1
    """
    return {
        "version": VERSION,
        "event": message.event,
        "model": one_line(message.model, _SHORT),
        "title": one_line(message.title, _SHORT),
        "reason": clean(message.reason),
        "figures": _figures(message),
        "failed_stage": _short(message.failed_stage),
        "failure": clean(message.failure) or None,
        "waiting": _short(message.waiting),
        "page": _short(message.page, 2000),
        "run": _short(message.run_id),
        "as_of": _short(message.as_of),
        "trigger": {"reason": _short(message.trigger_reason), "key": _short(message.key)},
    }


def _figures(message: Message) -> dict[str, Any] | None:
    if message.figures is None:
        return None
    return {name: _value(value) for name, value in asdict(message.figures).items()}


def _value(value: Any) -> Any:
    """JSON knows no NaN."""
    if isinstance(value, str):
        return one_line(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _short(text: str | None, limit: int = _SHORT) -> str | None:
    return one_line(text, limit) or None
