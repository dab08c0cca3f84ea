"""Telling people: all channels at once, each until it is taken or its time is over, none in another's way."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ct_components.channels import alertmanager
from ct_components.channels.message import Message
from ct_components.channels.plain import plain_payload
from ct_components.channels.settings import target_of
from ct_components.channels.slack import slack_payload
from ct_components.errors import CTError
from ct_components.spec import Channel
from ct_components.webhook import Patience, Target, exchange

PATIENCE = Patience(tries=7, longest_wait=15, answer_timeout=10, total=45)
"""With the last try's own time, a minute."""

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Told:
    """Whether a channel was told.

    Attributes:
        type: slack, webhook or alertmanager.
        told: Whether it took the message.
        problem: Why not; without address or token.
    """

    type: str
    told: bool
    problem: str = ""


def tell(
    channels: Sequence[Channel],
    message: Message,
    environment: Mapping[str, str] = os.environ,
    patience: Patience = PATIENCE,
) -> list[Told]:
    """Tells the channels that want to know, and returns which of them were told, in their order.

    It never raises for a channel that fails: a warning says why.

    Args:
        channels: Of the model spec.
        message: What happened.
        environment: Where addresses and tokens are, by the names that the channels give.
        patience: How often and how long each is tried.
    """
    wanted = [channel for channel in channels if hears(channel, message.event)]
    limit = _limit(patience)
    results = [Told(each.type, False, f"it did not end within {limit:g} s") for each in wanted]

    def work(number: int, channel: Channel) -> None:
        results[number] = _told(channel, message, environment, patience)

    # Daemons: what hangs in the system's resolver, or is fed byte by byte, keeps nobody from ending.
    threads = [threading.Thread(target=work, args=each, daemon=True) for each in enumerate(wanted)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + limit
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    found = list(results)
    for each in found:
        if not each.told:
            logger.warning("%s is not told: %s", each.type, each.problem)
    return found


def hears(channel: Channel, event: str) -> bool:
    """Returns whether a channel is told of an event: Alertmanager also of what ends its alerts."""
    ends = (
        channel.type == "alertmanager" and event != "failed" and bool({"failed", "waiting"} & {*channel.on})
    )
    return event in channel.on or ends


def told_text(told: Sequence[Told]) -> str:
    """Returns who was told, in one line.

    >>> told_text([Told("slack", True), Told("webhook", False, "away")])
    'told: slack; not told: webhook'
    """
    by_state = {"told": [each.type for each in told if each.told]}
    by_state["not told"] = [each.type for each in told if not each.told]
    return "; ".join(f"{state}: {', '.join(types)}" for state, types in by_state.items() if types)


def _limit(patience: Patience) -> float:
    return (patience.total or 0) + patience.connect_timeout + patience.answer_timeout


def _told(channel: Channel, message: Message, environment: Mapping[str, str], patience: Patience) -> Told:
    try:
        _SENDERS[channel.type](target_of(channel, environment), message, channel, patience)
    except CTError as error:
        return Told(channel.type, False, str(error))
    except Exception as error:  # noqa: BLE001 — whatever is wrong with a channel, the others are told
        # Not its text, which may hold the address.
        return Told(channel.type, False, f"an error of ours, {type(error).__name__}")
    return Told(channel.type, True)


def _slack(target: Target, message: Message, _channel: Channel, patience: Patience) -> None:
    exchange("POST", target, _json(slack_payload(message)), patience)


def _webhook(target: Target, message: Message, _channel: Channel, patience: Patience) -> None:
    exchange("POST", target, _json(plain_payload(message)), patience)


def _alertmanager(target: Target, message: Message, channel: Channel, patience: Patience) -> None:
    began = time.monotonic()
    asked = replace(target, url=alertmanager.active_address(target.url))
    active = alertmanager.read_active(exchange("GET", asked, b"", patience, read=True))
    alerts = alertmanager.alerts_of(message, active, channel.on, alertmanager.utc_now())
    if alerts:
        target = replace(target, url=alertmanager.alerts_address(target.url))
        left = max(0.0, (patience.total or 0) - (time.monotonic() - began))
        exchange("POST", target, _json(alerts), replace(patience, total=left))


def _json(payload: object) -> bytes:
    return json.dumps(payload, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


_SENDERS: Mapping[str, Callable[[Target, Message, Channel, Patience], None]] = {
    "slack": _slack,
    "webhook": _webhook,
    "alertmanager": _alertmanager,
}
