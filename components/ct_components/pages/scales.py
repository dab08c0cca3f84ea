"""Axes: from values to places in a drawing, with ticks at round numbers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ct_components.pages.formats import MINUS

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis.

    Attributes:
        at: Its place, in drawing units.
        label: What stands beside it.
    """

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A linear map of values onto places in drawing units.

    Attributes:
        low: The smallest value.
        high: The largest value; above `low`.
        start: Place of the smallest value.
        stop: Place of the largest value; may be below `start`.
    """

    low: float
    high: float
    start: float
    stop: float

    def at(self, value: float) -> float:
        """Returns the place of a value, to a tenth of a unit; values beyond the ends stay at the ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.stop - self.start), 1)

    def ticks(self, wanted: int = 5) -> list[Tick]:
        """Returns about `wanted` marks at round values.

        >>> [tick.label for tick in Axis(0.613, 0.741, 0, 100).ticks(4)]
        ['0.65', '0.70']
        """
        step = _round_step((self.high - self.low) / max(wanted, 1))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        digits = next((d for d in range(12) if math.isclose(step, round(step, d), rel_tol=1e-6)), 12)
        return [
            Tick(self.at(k * step), f"{k * step + 0.0:.{digits}f}".replace("-", MINUS))
            for k in range(first, last + 1)
        ]


def axis_over(values: Iterable[float | None], start: float, stop: float, pad: float = 0.08) -> Axis:
    """Returns an axis over all finite values, with `pad` of their span free on each side.

    Equal values, or none, get a span of their own, so that nothing is ever divided by zero.
    """
    known = [v for v in values if v is not None and math.isfinite(v)] or [0.0, 1.0]
    low, high = min(known), max(known)
    # Below this share of the values' own size, floating point no longer tells the ticks apart.
    span = max(high - low, 1e-4, 1e-6 * max(abs(low), abs(high)))
    middle = (low + high) / 2
    half = span * (0.5 + pad)
    return Axis(middle - half, middle + half, start, stop)


def _round_step(raw: float) -> float:
    """Returns the smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `raw`."""
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in _STEPS if step * power >= raw * (1 - 1e-9))
