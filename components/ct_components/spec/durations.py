"""Lengths of time as people write them: `90d`, `2w`, `36h`, `30m`.

Days and weeks are days of the calendar on the clock of a time zone: a day before midnight is midnight, also
when the clocks were changed in between. Hours and minutes are always equally long.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from ct_components.errors import SpecError
from ct_components.spec.refusals import refusal
from ct_components.spec.zones import load_zone

Unit = Literal["m", "h", "d", "w"]

PATTERN = "^(0|[1-9][0-9]{0,7})[mhdw]$"
ALLOWED = "a duration such as 90d, 2w, 36h or 30m, at most 36525d"
POSITIVE_PATTERN = "^[1-9][0-9]{0,7}[mhdw]$"
POSITIVE_ALLOWED = "a duration above zero such as 90d, 2w, 36h or 30m, at most 36525d"

_ONE: dict[str, timedelta] = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_LONGEST = timedelta(days=36525)  # a century: four of them still fit between year 1 and now


@dataclass(frozen=True)
class Duration:
    """An amount of minutes, hours, calendar days or weeks.

    Attributes:
        amount: How many; 0 or more.
        unit: `m` for minutes, `h` for hours, `d` for calendar days, `w` for weeks.

    >>> Duration.parse("90d")
    Duration(amount=90, unit='d')
    >>> str(Duration.parse("36h"))
    '36h'
    """

    amount: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads a duration.

        Raises:
            SpecError: If the text is not a whole number followed by m, h, d or w, or exceeds a century.
        """
        duration = cls._read(text)
        if duration is None:
            raise SpecError(f"duration: got {text!r}; allowed: {ALLOWED}")
        return duration

    @property
    def is_zero(self) -> bool:
        """Whether it has no length."""
        return self.amount == 0

    @property
    def nominal(self) -> timedelta:
        """Its length when every day has 24 hours: to compare durations, not to move instants."""
        return self.amount * _ONE[self.unit]

    def subtract(self, instant: datetime, timezone: str) -> datetime:
        """Returns the instant this long before `instant`.

        Args:
            instant: Aware; in any time zone.
            timezone: IANA name of the zone whose calendar days are meant.

        Returns:
            Aware, in UTC. A clock time that was skipped is moved later, one that came twice is the earlier.

        Raises:
            SpecError: If the time zone is unknown, or the result lies before year 1.

        >>> midnight = datetime(2013, 3, 11, 4, tzinfo=UTC)  # in New York, the day after the clocks went on
        >>> Duration.parse("1d").subtract(midnight, "America/New_York").isoformat()
        '2013-03-10T05:00:00+00:00'
        """
        return self._moved(instant, timezone, -self.nominal)

    def add(self, instant: datetime, timezone: str) -> datetime:
        """Returns the instant this long after `instant`; otherwise as `subtract`."""
        return self._moved(instant, timezone, self.nominal)

    def _moved(self, instant: datetime, timezone: str, by: timedelta) -> datetime:
        zone = load_zone(timezone)
        if not by:
            return instant.astimezone(UTC)  # also of an hour that came twice, which the clock cannot tell
        try:
            if self.unit in ("m", "h"):
                return instant.astimezone(UTC) + by
            clock = instant.astimezone(zone).replace(tzinfo=None, fold=0) + by
            return clock.replace(tzinfo=zone).astimezone(UTC)
        except OverflowError:
            raise SpecError(
                f"duration: {self} from {instant.isoformat()} leaves the calendar; allowed: years 1 to 9999"
            ) from None

    @classmethod
    def _read(cls, text: str) -> Self | None:
        if not re.fullmatch(PATTERN, text):
            return None
        amount, unit = int(text[:-1]), text[-1]
        return cls(amount, unit) if amount * _ONE[unit] <= _LONGEST else None  # type: ignore[arg-type]

    @classmethod
    def _validate(cls, value: object) -> Self:
        duration = cls._read(value) if isinstance(value, str) else value
        if not isinstance(duration, cls):
            raise refusal(ALLOWED)
        return duration

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": PATTERN, "patternErrorMessage": ALLOWED}
