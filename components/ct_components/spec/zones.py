"""Time zones by their IANA name, the same on every machine."""

import difflib
from zoneinfo import ZoneInfo, available_timezones

from ct_components.errors import SpecError

# Files that lie beside the zones and mean something else on each machine.
_NOT_ZONES = ("localtime", "posixrules", "posix/", "right/", "Factory")


def load_zone(name: str) -> ZoneInfo:
    """Returns the IANA time zone of this name.

    Args:
        name: Such as `America/New_York` or `UTC`.

    Raises:
        SpecError: If there is no such zone; the message suggests the nearest name.

    >>> load_zone("Europe/Berlin").key
    'Europe/Berlin'
    """
    try:
        return ZoneInfo("" if name.startswith(_NOT_ZONES) else name)
    except (KeyError, ValueError, OSError):  # unknown; "../x" or ""; a folder such as "America"
        raise SpecError(f"time zone: got {name!r}; allowed: {allowed_zones(name)}") from None


def allowed_zones(name: str) -> str:
    """Returns which zone names are allowed, the nearest to `name` first."""
    zones = sorted(zone for zone in available_timezones() if not zone.startswith(_NOT_ZONES))
    by_folded = {zone.rsplit("/", 1)[-1].casefold(): zone for zone in zones}  # people write "Berlin"
    by_folded |= {zone.casefold(): zone for zone in zones}
    near = difflib.get_close_matches(name.casefold().replace(" ", "_"), by_folded, n=1, cutoff=0.8)
    hint = f"; did you mean {by_folded[near[0]]!r}?" if near else ""
    return f"an IANA time zone such as 'America/New_York' or 'UTC'{hint}"
