"""CloudEvents 1.0 in structured mode: read, and built."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from ct_components.events.fields import EventId, EventSource, Instant, Key, ModelName, Plain
from ct_components.events.model import Reason, TriggerEvent, Window, rule_key
from ct_components.events.refusals import Strict, refused_for
from ct_components.spec.refusals import refusal

TYPE = "io.kfp-ct.trigger.v1"
SOURCE = "kfp-ct/monitor"

# The name in a validation's context; without one, a key is not held against the rule.
_ZONE = "timezone"


class Bounds(Strict):
    """Where a window starts and ends."""

    start: Instant = Field(description="Its first instant.")
    end: Instant = Field(description="The instant that it ends before; not earlier than start.")

    @field_validator("end")
    @classmethod
    def _not_before_start(cls, end: datetime, info: ValidationInfo) -> datetime:
        start = info.data.get("start")
        if start and end < start:
            raise refusal(f"an instant not before the window's start, {_text(start)}")
        return end


class Request(Strict):
    """What is asked for."""

    # In this order: a key's check looks at what was read before it.
    model: ModelName = Field(description="Name of the model.")
    reason: Annotated[Reason, Plain] = Field(description="Why it is to be trained.")
    window: Bounds | None = Field(default=None, description="What was looked at; a schedule's instant twice.")
    key: Key | None = Field(
        default=None,
        validate_default=True,
        description="The trigger's key, which has one run: by the rule of its reason, or of one's own choice "
        "if manual. It may be left out if there is a window and the reason has a rule.",
    )

    @field_validator("key")
    @classmethod
    def _by_the_rule(cls, key: str | None, info: ValidationInfo) -> str | None:
        if not {"reason", "window"} <= info.data.keys():
            return key  # one of them is wrong itself
        reason, window = info.data["reason"], info.data["window"]
        if key is None and (reason == "manual" or window is None):
            also = "" if reason == "manual" else ", or a window that it follows from"
            raise refusal(f"a key{also}: an event may come twice, and its run only once")
        zone = (info.context or {}).get(_ZONE)
        if key and window and zone and (own := rule_key(reason, window.end, zone)) not in (None, key):
            raise refusal(f"{own!r}, as the window ends then in {zone}")
        return key


class CloudEvent(Strict):
    """A CloudEvents 1.0 event that asks for a run, in structured mode; context attributes are these alone."""

    specversion: Annotated[Literal["1.0"], Plain] = Field(description="Version of CloudEvents.")
    id: EventId = Field(description="Names the event; a repeated one has the same.")
    source: EventSource = Field(description="Who sends it.")
    type: Annotated[Literal["io.kfp-ct.trigger.v1"], Plain] = Field(description="What kind of event it is.")
    time: Instant | None = Field(default=None, description="When it happened.")
    datacontenttype: Annotated[Literal["application/json"], Plain] = Field(
        default="application/json", description="What data is written in."
    )
    data: Request = Field(description="What is asked for.")


def read_cloudevent(values: Mapping[str, Any], timezone: str) -> TriggerEvent:
    """Returns what a CloudEvent asks for.

    Raises:
        SpecError: If it is not as allowed, or its key is not the one that reason and window lead to.
    """
    event = _validated(values, {_ZONE: timezone})
    data = event.data
    window = (data.window.start, data.window.end) if data.window else None
    return TriggerEvent(data.model, data.reason, window, data.key, "cloudevent")


def trigger_event(
    model: str, reason: str, window: Window | None, key: str | None, now: datetime
) -> dict[str, Any]:
    """Returns a CloudEvent that asks for a run, such as `parse_event` accepts.

    The same request has the same id whenever it is made, so that a receiver can tell a repetition.

    Args:
        model: The model's name.
        reason: schedule, drift, performance or manual.
        window: What was looked at, with zones; None if there is none, and then there is a key.
        key: The trigger's key; None lets it follow from reason and window.
        now: The event's time.

    Raises:
        SpecError: If `parse_event` would refuse it.
    """
    data: dict[str, Any] = {"model": model, "reason": reason}
    if window:
        data["window"] = {"start": _text(window[0]), "end": _text(window[1])}
    if key is not None:
        data["key"] = key
    name = key if key is not None or window is None else f"{reason}-{_text(window[1])}"
    event = {
        "specversion": "1.0",
        "id": f"{model}/{name}",
        "source": SOURCE,
        "type": TYPE,
        "time": _text(now),
        "datacontenttype": "application/json",
        "data": data,
    }
    _validated(event, {})
    return event


def _validated(values: Mapping[str, Any], context: dict[str, str]) -> CloudEvent:
    try:
        return CloudEvent.model_validate(values, context=context)
    except ValidationError as error:
        raise refused_for(error, CloudEvent) from None


def _text(instant: datetime) -> str:
    """Writes an instant in UTC; one without a zone is written as it is, and refused by who reads it."""
    if instant.utcoffset() is None:
        return instant.isoformat()
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
