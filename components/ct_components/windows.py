"""The windows of a run: all of them derive from as-of, so that any run can be replayed.

::

    |<------- train ------->|<- delay + embargo ->|<- holdout ->|<- delay ->|
    training.start    training.end        holdout.start   holdout.end     as-of
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from ct_components.errors import SpecError
from ct_components.spec.durations import Duration
from ct_components.spec.zones import load_zone

AS_OF_ALLOWED = (
    "a date such as 2013-04-01, an ISO time such as 2013-04-01T03:00 or 2013-04-01T03:00Z, or '' for now"
)


@dataclass(frozen=True)
class Window:
    """The instants from `start` up to, but not including, `end`.

    Attributes:
        start: The first instant; aware, kept in UTC.
        end: The first instant after it; aware, kept in UTC.

    Raises:
        ValueError: If an instant has no time zone, or `end` lies before `start`.

    >>> print(Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 4, 1, tzinfo=UTC)))
    2013-01-01 00:00 to 2013-04-01 00:00 UTC
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            instant: datetime = getattr(self, name)
            if instant.tzinfo is None:
                raise ValueError(f"window {name} {instant.isoformat()} has no time zone")
            object.__setattr__(self, name, instant.astimezone(UTC))
        if self.end < self.start:
            raise ValueError(f"window ends {self.end.isoformat()}, before its start {self.start.isoformat()}")

    def __str__(self) -> str:
        return self.text("UTC")

    @property
    def is_empty(self) -> bool:
        """Whether no instant lies in it."""
        return self.start == self.end

    def contains(self, instant: datetime) -> bool:
        """Returns whether an aware instant lies in it."""
        return self.start <= instant < self.end

    def text(self, timezone: str) -> str:
        """Returns it for people, on the clock of a time zone.

        >>> window = Window(datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2013, 4, 1, 4, tzinfo=UTC))
        >>> window.text("America/New_York")
        '2013-01-01 00:00 to 2013-04-01 00:00 America/New_York'
        """
        zone = load_zone(timezone)
        start, end = (f"{instant.astimezone(zone):%Y-%m-%d %H:%M}" for instant in (self.start, self.end))
        return f"{start} to {end} {timezone}"

    def to_dict(self) -> dict[str, str]:
        """Returns start and end as ISO text."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}

    @classmethod
    def from_dict(cls, values: Mapping[str, str]) -> Self:
        """Returns the window that `to_dict` described."""
        return cls(datetime.fromisoformat(values["start"]), datetime.fromisoformat(values["end"]))


@dataclass(frozen=True)
class Windows:
    """The windows of one run.

    Attributes:
        as_of: The instant that the run pretends is now; aware, in UTC.
        training: Window of the rows that the challenger learns from.
        holdout: Window of the rows that judge both models.
        timezone: IANA name of the zone whose days the windows are made of.
    """

    as_of: datetime
    training: Window
    holdout: Window
    timezone: str

    def local_day(self) -> str:
        """Returns the day of as-of on the clock of the zone, such as 2013-04-01."""
        return f"{self.as_of.astimezone(load_zone(self.timezone)):%Y-%m-%d}"

    def to_json(self) -> str:
        """Returns them as JSON text; equal windows give equal text."""
        values = {
            "as_of": self.as_of.astimezone(UTC).isoformat(),
            "holdout": self.holdout.to_dict(),
            "timezone": self.timezone,
            "training": self.training.to_dict(),
        }
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Returns the windows that `to_json` described.

        Raises:
            SpecError: If the text is something else.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            load_zone(values["timezone"])
            return cls(
                as_of=datetime.fromisoformat(values["as_of"]).astimezone(UTC),
                training=Window.from_dict(values["training"]),
                holdout=Window.from_dict(values["holdout"]),
                timezone=values["timezone"],
            )
        except (ValueError, KeyError, TypeError, AttributeError, SpecError) as error:
            raise SpecError(
                f"windows: got {text[:200]!r} ({error}); allowed: JSON with as_of and timezone, and training "
                "and holdout, each with start and end; instants in ISO form with their offset"
            ) from None


def parse_as_of(text: str, timezone: str, now: datetime) -> datetime:
    """Returns the instant that a run takes for now.

    Args:
        text: "" for now, a date (midnight that begins it), or an ISO date and time, with or without offset.
        timezone: IANA name of the zone that a date, or a time without offset, is meant in.
        now: Aware; the latest instant allowed.

    Returns:
        Aware, in UTC.

    Raises:
        SpecError: If the text is nothing of that, or in the future.

    >>> parse_as_of("2013-04-01", "America/New_York", datetime(2014, 1, 1, tzinfo=UTC)).isoformat()
    '2013-04-01T04:00:00+00:00'
    """
    if not text.strip():
        return now.astimezone(UTC)
    zone = load_zone(timezone)
    try:
        instant = datetime.fromisoformat(text.strip())
        as_of = (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise SpecError(f"as-of: got {text!r}; allowed: {AS_OF_ALLOWED}") from None
    if as_of > now:
        raise SpecError(
            f"as-of: got {text!r}, which is {as_of.isoformat()} and in the future; "
            f"allowed: at most now, {now.astimezone(UTC).isoformat(timespec='seconds')}"
        )
    return as_of


def plan_windows(
    as_of: datetime,
    timezone: str,
    train: Duration,
    holdout: Duration,
    embargo: Duration,
    label_delay: Duration,
    champion_cutoff: datetime | None,
) -> Windows:
    """Returns the windows of a run.

    The holdout is the last whole `holdout` whose labels are known at as-of. No training row's label was still
    open, or within the embargo, when the holdout began; and no holdout row is one the champion learned from.

    Args:
        as_of: Aware; the instant the run pretends is now.
        timezone: IANA name of the zone whose calendar days the durations mean.
        train: Length of the training window.
        holdout: Length of the holdout.
        embargo: Gap between training and holdout, beside the label delay.
        label_delay: How long after its timestamp a row's label is known.
        champion_cutoff: Aware; end of the champion's training window; None when there is no champion.

    Returns:
        The windows. The holdout is empty when the champion's cutoff, delay and embargo leave nothing of it.

    Raises:
        SpecError: If the time zone is unknown, or a window leaves the calendar.
    """
    holdout_end = label_delay.subtract(as_of, timezone)
    holdout_start = holdout.subtract(holdout_end, timezone)
    training_end = embargo.subtract(label_delay.subtract(holdout_start, timezone), timezone)
    training = Window(train.subtract(training_end, timezone), training_end)
    if champion_cutoff is not None:
        unseen = embargo.add(label_delay.add(champion_cutoff, timezone), timezone)
        holdout_start = min(max(holdout_start, unseen), holdout_end)
    return Windows(as_of.astimezone(UTC), training, Window(holdout_start, holdout_end), timezone)
