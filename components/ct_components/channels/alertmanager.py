"""A message as alerts of Alertmanager's API, version 2.

A failed run fires, and so does a version that waits for a person; both last until a run ends well, or until
somebody decides. An alert is known by its labels, so those that fire are asked for first: they are resolved
with the very labels that they have, and what never fired is not resolved either.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ct_components.channels.message import Message, clean, one_line
from ct_components.errors import StateError

ALERT_NAME = "ContinuousTraining"
WAITING = "waiting"
"""The label `reason` of a version that waits; that of a failed run is its stage."""

_SEVERITIES = {"failed": "warning", WAITING: "info"}
# Alertmanager ends what nobody repeats after minutes; this is said once. Long enough for a monthly schedule.
_LASTS = timedelta(days=35)
_PATH = "/api/v2/alerts"
_SHORT = 200


def alerts_address(url: str) -> str:
    """Returns where alerts are posted, for Alertmanager's address.

    >>> alerts_address("http://alertmanager:9093"), alerts_address("http://am/prefix/api/v2/alerts")
    ('http://alertmanager:9093/api/v2/alerts', 'http://am/prefix/api/v2/alerts')
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix(_PATH) + _PATH
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def active_address(url: str) -> str:
    """Returns where to ask for the alerts of ours that fire."""
    return f"{alerts_address(url)}?filter=alertname%3D%22{ALERT_NAME}%22"


def alerts_of(message: Message, active: Any, on: Sequence[str], now: datetime) -> list[dict[str, Any]]:
    """Returns the alerts to post: at most one that fires, and those that are over.

    Args:
        message: What happened.
        active: The alerts that there are, as Alertmanager lists them.
        on: What the channel is told; an event that is not among them fires nothing.
        now: The instant.
    """
    fires = message.event in _SEVERITIES and message.event in on
    fired = [_fired(message, now)] if fires else []
    return [*fired, *_over(message, active, fired[0]["labels"] if fired else {}, now)]


def _over(message: Message, active: Any, fired: Mapping[str, str], now: datetime) -> Iterable[dict[str, Any]]:
    if message.event == "failed" and not fired:
        return
    for labels in filter(None, map(_labels, active)):
        ours = (labels.get("alertname"), labels.get("model")) == (ALERT_NAME, _label(message.model))
        if not ours or labels == fired or (labels.get("reason") == WAITING and _still_waits(message)):
            continue
        # Alertmanager keeps the earlier start.
        yield {"labels": labels, "startsAt": now.isoformat(), "endsAt": now.isoformat()}


def _still_waits(message: Message) -> bool:
    """A later run that failed, or was worse, changes nothing about what an earlier one left to a person."""
    return message.event == "failed" or (message.event != WAITING and bool(message.waiting))


def _labels(alert: Any) -> Mapping[str, str] | None:
    labels = alert.get("labels") if isinstance(alert, Mapping) else None
    return labels if isinstance(labels, Mapping) else None


def read_active(body: bytes) -> list[Any]:
    """Returns the alerts that Alertmanager lists.

    Raises:
        StateError: If it is no list in JSON.
    """
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise StateError("what answers is not Alertmanager's API, version 2")
    return found


def _fired(message: Message, now: datetime) -> dict[str, Any]:
    alert = {
        "labels": {
            "alertname": ALERT_NAME,
            "model": _label(message.model),
            "severity": _SEVERITIES[message.event],
            "reason": WAITING if message.event == WAITING else _label(message.failed_stage or "failed"),
        },
        "annotations": {
            "summary": one_line(message.title, _SHORT),
            "description": _description(message),
            "runbook": _runbook(message),
            **({"page": one_line(message.page, 2000)} if message.page else {}),
        },
        "startsAt": now.isoformat(),
        "endsAt": (now + _LASTS).isoformat(),
    }
    # Alertmanager refuses all alerts of a request for one address that is none.
    return {**alert, "generatorURL": message.link} if message.link else alert


def _description(message: Message) -> str:
    figures = message.figures.text if message.figures else ""
    parts = (clean(message.failure), clean(message.reason), one_line(figures), _run(message))
    return "\n".join(part for part in parts if part.strip())


def _run(message: Message) -> str:
    named = (("run", message.run_id), ("as of", message.as_of), ("trigger reason", message.trigger_reason))
    return ", ".join(f"{name} {one_line(value, _SHORT)}" for name, value in named if value)


def _runbook(message: Message) -> str:
    model = _label(message.model)
    if message.event == WAITING:
        return f"Look at the page, then: kfp-ct promote {model}"
    return f"kfp-ct history {model} says what failed; docs/how-to/recover.md says what to do"


def _label(value: str) -> str:
    return one_line(value, _SHORT) or "unknown"


def utc_now() -> datetime:
    """Returns the present instant."""
    return datetime.now(UTC)
