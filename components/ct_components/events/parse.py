"""One way in for events of both forms."""

from ct_components.events.alertmanager import read_notification
from ct_components.events.cloudevent import read_cloudevent
from ct_components.events.model import TriggerEvent
from ct_components.events.reader import read
from ct_components.events.refusals import refused
from ct_components.spec import load_zone
from ct_components.spec.problems import listing, shown

_ALLOWED = (
    "a CloudEvent (a mapping with specversion) or a notification of Alertmanager (a mapping with alerts)"
)


def parse_event(data: bytes, *, timezone: str) -> TriggerEvent | None:
    """Returns what an event asks for; None if that is nothing, as when Alertmanager says that all is well.

    Args:
        data: A CloudEvent or an Alertmanager notification, JSON in UTF-8 of at most 64 KiB.
        timezone: IANA name of the time zone of the model's source, whose days count in keys.

    Raises:
        SpecError: If anything in it is not allowed; the message is one line with all problems. Or if there is
            no such time zone.
    """
    load_zone(timezone)
    values = read(data)
    if not isinstance(values, dict):
        raise refused(f"got {shown(values)}; allowed: {_ALLOWED}")
    if "specversion" in values:
        return read_cloudevent(values, timezone)
    if "alerts" in values:
        return read_notification(values)
    found = f"a mapping with the keys {listing(list(values), 5)}" if values else "an empty mapping"
    raise refused(f"got {found}; allowed: {_ALLOWED}")
