"""What Alertmanager posts to a webhook, version 4 of its format.

Its own fields grow with its versions, and none but the labels `model` and `reason` and the alerts' states and
starts are read: unlike in an event of ours, others may be there.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator

from ct_components.events.fields import Instant, ModelName, Plain
from ct_components.events.model import TriggerEvent
from ct_components.events.refusals import Strict, refused_for
from ct_components.spec.problems import listing
from ct_components.spec.refusals import refusal

_MOST = 1000


class _Part(Strict):
    model_config = ConfigDict(extra="ignore")


class Labels(_Part):
    """The labels that say what is asked for."""

    model: ModelName
    reason: Annotated[Literal["performance", "drift"], Plain] = "performance"


class Alert(_Part):
    """One alert of the group."""

    status: Literal["firing", "resolved"]
    labels: Labels
    startsAt: Instant  # noqa: N815 — Alertmanager's own name


class Notification(_Part):
    """A group of alerts."""

    version: Literal["4"]
    status: Literal["firing", "resolved"]
    alerts: Annotated[list[Alert], Field(min_length=1)]

    @field_validator("alerts", mode="before")
    @classmethod
    def _not_very_many(cls, alerts: object) -> object:
        """Looks before each of them is: thousands of errors take a second."""
        if isinstance(alerts, list) and len(alerts) > _MOST:
            raise refusal(f"at most {_MOST} alerts, and not {len(alerts)}")
        return alerts

    @field_validator("alerts")
    @classmethod
    def _ask_for_one_thing(cls, alerts: list[Alert]) -> list[Alert]:
        firing = [alert.labels for alert in alerts if alert.status == "firing"]
        for label in ("model", "reason"):
            found = sorted({getattr(labels, label) for labels in firing})
            if len(found) > 1:
                raise refusal(f"firing alerts of one {label}, and not of {listing(found)}: group by {label}")
        return alerts


def read_notification(values: Mapping[str, Any]) -> TriggerEvent | None:
    """Returns what Alertmanager asks for; None if nothing is firing any more.

    The window is the instant at which the first of the alerts began, so that a notification that is repeated
    while they last leads to the same key.

    Raises:
        SpecError: If it is not as allowed, or its alerts are of several models or reasons.
    """
    try:
        notification = Notification.model_validate(values)
    except ValidationError as error:
        raise refused_for(error, Notification) from None
    firing = [alert for alert in notification.alerts if alert.status == "firing"]
    if not firing:
        return None
    began = min(alert.startsAt for alert in firing)
    labels = firing[0].labels
    return TriggerEvent(labels.model, labels.reason, (began, began), None, "alertmanager")
