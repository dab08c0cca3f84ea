"""Numbers that came in another unit.

A change of unit moves everything at once: mean, standard deviation, extremes and counts. Growth does too, and
nothing in a window tells prices in another currency from prices that rose. So only factors are looked for by
which the world hardly grows from one window to the next, 10 and more, and temperatures, where an offset that
is known to five digits comes with a factor. Everything that a profile holds must then fit, beside what
sampling alone makes of it: within a few percent, and within a quarter for factors of 100 and more, which
growth does not come near, so that a season may move the numbers as well. Smaller factors, such as that of
miles and kilometres, are growth's too. They count only where the numbers have a bound that most days of the
reference reach exactly, as those of a schedule, a tariff or a catalogue have, and where it was converted to a
thousandth. Whatever does not fit is left to drift.

References:
    Cramér (1946). Mathematical Methods of Statistics, section 27.4 (standard errors of moments). Princeton
    University Press.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.drift.bins import Bins
from ct_components.statistics.drift.diagnosis import Moments


class Conversion(NamedTuple):
    """A change of unit: x becomes factor x + offset.

    Attributes:
        words: How a message calls it.
        factor: Of the values, above 0.
        offset: Added after it.
        lowest: The reference's numbers must be at least this, to be in that unit.
        highest: And at most this.
    """

    words: str
    factor: float
    offset: float = 0.0
    lowest: float = -math.inf
    highest: float = math.inf

    @property
    def size(self) -> float:
        """The factor, or what it divides by: 1 or more."""
        return max(self.factor, 1 / self.factor)

    def undone(self, value: float) -> float:
        """Returns what a value was before."""
        return (value - self.offset) / self.factor


_FACTORS = {
    10.0: "10",
    24.0: "24, such as days to hours",
    25.4: "25.4, inches to millimetres",
    60.0: "60, such as hours to minutes",
    100.0: "100, such as percent",
    1000.0: "1,000, such as seconds to milliseconds",
    1440.0: "1,440, such as days to minutes",
    3600.0: "3,600, such as hours to seconds",
    86400.0: "86,400, such as days to seconds",
    1e6: "1,000,000, such as seconds to microseconds",
    1e9: "1,000,000,000, such as seconds to nanoseconds",
}

# Growth comes near these, so they need a bound that was converted exactly.
_SMALL_FACTORS = {
    1.609344: "1.609, miles to kilometres",
    1.852: "1.852, nautical miles to kilometres",
    2.2046226: "2.205, kilograms to pounds",
    2.2369363: "2.237, metres a second to miles an hour",
    2.54: "2.54, inches to centimetres",
    3.2808399: "3.281, metres to feet",
    3.6: "3.6, metres a second to kilometres an hour",
    3.7854118: "3.785, gallons to litres",
    4.184: "4.184, calories to joules",
}

# Of the weather, with room for a little more than was ever measured.
_CELSIUS = (-90.0, 60.0)
_FAHRENHEIT = (-130.0, 140.0)
_KELVINS = (183.15, 333.15)

CONVERSIONS: tuple[Conversion, ...] = (
    *(Conversion(f"multiplied by {words}", factor) for factor, words in _FACTORS.items()),
    *(Conversion(f"divided by {words}", 1 / factor) for factor, words in _FACTORS.items()),
    Conversion("converted from degrees Celsius to Fahrenheit, 1.8 x + 32", 1.8, 32.0, *_CELSIUS),
    Conversion("converted from degrees Fahrenheit to Celsius", 1 / 1.8, -32 / 1.8, *_FAHRENHEIT),
    Conversion("converted from degrees Celsius to kelvins, x + 273.15", 1.0, 273.15, *_CELSIUS),
    Conversion("converted from kelvins to degrees Celsius", 1.0, -273.15, *_KELVINS),
)
"""The changes of unit that are looked for."""

EXACT_CONVERSIONS: tuple[Conversion, ...] = (
    *(Conversion(f"multiplied by {words}", factor) for factor, words in _SMALL_FACTORS.items()),
    *(Conversion(f"divided by {words}", 1 / factor) for factor, words in _SMALL_FACTORS.items()),
)
"""Those that count only where a bound was converted, too."""

_NEAR = 0.05  # of mean and deviation: how well a conversion must fit, beside what sampling makes
_GAP = 0.025  # between distribution functions, beside one standard error
_NEAR_HUGE = 0.25  # the same two for the largest factors
_GAP_HUGE = 0.1
_MEAN_ERRORS = 2.0  # standard errors allowed for sampling
_SPREAD_ERRORS = 4.0  # more for deviations, whose errors heavy tails hide
_MOST_SHIFT = 0.1  # more is never allowed for the mean's: where sampling hides so much, nothing is evident
_MOST_SPREAD = math.log(2.5)  # nor for the deviation's, of which heavy tails say little
_TAIL = 1 / 32  # share of the reference's numbers in which the undone extremes must lie,
_BEYOND = 4  # or beyond, by no more than so many widths of its range
_SURELY = 2.5  # standard deviations by which the mean must move where the factor is below 10
_LARGE = 10.0
_HUGE = 100.0
_EXACT = 1e-3  # of a bound; growth of a bounded feature hits one of the small factors so well in 0.6 %
_ROUNDING = 1e-9  # of a value, or of a standard deviation


def unit_change(
    reference: Moments, current: Moments, bins: Bins, edges: Floats, bounds: Sequence[float] = ()
) -> Conversion | None:
    """Returns the change of unit that explains all that is known of how a feature's numbers moved.

    Args:
        reference: Moments of the reference, with extremes.
        current: Moments of the current window, with extremes.
        bins: Rows of both.
        edges: Between the bins, rising, shape (B - 2,).
        bounds: Numbers that are the smallest or the largest on most days of the reference.

    Returns:
        The conversion that fits best; None when none fits, a side does not vary, or extremes are not known.

    >>> from ct_components.statistics.drift.bins import numeric_bins, quantile_edges
    >>> def moments(x):
    ...     return Moments(x.mean(), x.std(), x.min(), x.max())
    >>> x = np.random.default_rng(0).normal(20, 8, 5000)
    >>> for y in (1.8 * x + 32, 1.8 * x, 60 * x):
    ...     found = unit_change(moments(x), moments(y), numeric_bins(x, y), quantile_edges(x))
    ...     print(found and found.words)
    converted from degrees Celsius to Fahrenheit, 1.8 x + 32
    None
    multiplied by 60, such as hours to minutes
    """
    before, now = _Numbers.of(reference, bins.reference), _Numbers.of(current, bins.current)
    if before is None or now is None:
        return None
    fits = []
    noise = _noise(before, now, edges)
    for conversion in (*CONVERSIONS, *EXACT_CONVERSIONS):
        undone = now.undone(conversion)
        distance = _distance(before, undone, _NEAR_HUGE if conversion.size >= _HUGE else _NEAR, noise)
        possible = distance <= 1 and _possible(conversion, before, now, bounds)
        if possible and _fits(before, undone, conversion, edges):
            fits.append((distance, conversion))
    return min(fits)[1] if fits else None


class _Numbers(NamedTuple):
    """One side's numbers, as far as they are known."""

    mean: float
    deviation: float
    minimum: float
    maximum: float
    counts: Ints

    @classmethod
    def of(cls, moments: Moments, counts: Ints) -> "_Numbers | None":
        if moments.minimum is None or moments.maximum is None or moments.constant or not moments.deviation:
            return None
        if not counts[:-1].any():
            return None
        return cls(moments.mean, moments.deviation, moments.minimum, moments.maximum, counts[:-1])

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    @property
    def scale(self) -> float:
        """What a few percent are percent of."""
        return max(abs(self.mean), self.deviation)

    def undone(self, conversion: Conversion) -> "_Numbers":
        mean, low, high = map(conversion.undone, (self.mean, self.minimum, self.maximum))
        return _Numbers(mean, self.deviation / conversion.factor, low, high, self.counts)


class _Noise(NamedTuple):
    """What sampling is allowed to make of moments."""

    mean: float  # relative
    deviation: float  # of its logarithm


def _error(one: _Numbers, other: _Numbers) -> float:
    """Returns the standard error of a difference of means, in standard deviations."""
    return math.sqrt(1 / one.rows + 1 / other.rows)


def _noise(before: _Numbers, now: _Numbers, edges: Floats) -> _Noise:
    error = _error(before, now)
    shift = _MEAN_ERRORS * error * before.deviation / before.scale
    spread = _SPREAD_ERRORS * error * math.sqrt((_kurtosis(before, edges) - 1) / 4)
    return _Noise(min(shift, _MOST_SHIFT), min(spread, _MOST_SPREAD))


def _kurtosis(numbers: _Numbers, edges: Floats) -> float:
    """Returns about the fourth standardised moment, at least 1.

    Within a bin, squares are as if spread evenly; the outermost bins share what the variance leaves for them.
    """
    known = np.clip(edges, numbers.minimum, numbers.maximum)
    bounds = (np.array([numbers.minimum, *known, numbers.maximum]) - numbers.mean) / numbers.deviation
    left, right = bounds[:-1], bounds[1:]
    squares = (left * left + left * right + right * right) / 3
    shares = numbers.counts / numbers.rows
    held = np.flatnonzero(numbers.counts)
    outermost = np.zeros(shares.size, dtype=np.bool_)
    outermost[held[[0, -1]]] = True
    inner = float(np.sum((shares * squares)[~outermost]))
    fourth = float(np.sum((shares * squares * squares)[~outermost]))
    tail = float(np.max(np.abs(left * right)[outermost]))
    return max(fourth + max(1 - inner, 0) * tail, 1.0)


def _distance(before: _Numbers, undone: _Numbers, near: float, noise: _Noise) -> float:
    """Returns how far apart moments are, 1 at the limit."""
    ratio = undone.deviation / before.deviation
    if not 0 < ratio < math.inf:
        return math.inf
    shift = abs(undone.mean - before.mean) / before.scale
    return max(shift / (near + noise.mean), abs(math.log(ratio)) / (near + noise.deviation))


def _possible(conversion: Conversion, before: _Numbers, now: _Numbers, bounds: Sequence[float]) -> bool:
    """Returns whether the reference can be in that unit, and drift hardly move it as far."""
    if before.minimum < conversion.lowest or before.maximum > conversion.highest:
        return False
    if conversion.size >= _LARGE:
        return True
    if conversion in EXACT_CONVERSIONS:
        extremes = [conversion.undone(extreme) for extreme in (now.minimum, now.maximum)]
        # 0 is 0 in every unit.
        return any(abs(own - one) <= _EXACT * abs(own) for own in bounds if own for one in extremes)
    return abs(now.mean - before.mean) > _SURELY * min(now.deviation, before.deviation)


def _fits(before: _Numbers, undone: _Numbers, conversion: Conversion, edges: Floats) -> bool:
    """Returns whether extremes and counts, too, are the reference's after undoing a conversion."""
    if not _extremes_fit(before, undone, edges):
        return False
    allowed = _GAP_HUGE if conversion.size >= _HUGE else _GAP
    return _gap(before, undone, conversion, edges) <= allowed + _error(before, undone)


def _extremes_fit(before: _Numbers, undone: _Numbers, edges: Floats) -> bool:
    """Returns whether the extremes lie in the reference's tails, and not far beyond."""
    width = _BEYOND * (before.maximum - before.minimum)
    slack = _NEAR * before.scale
    shares = np.cumsum(before.counts)[:-1] / before.rows
    lower = min(edges[shares >= _TAIL], default=before.maximum)
    upper = max(edges[shares <= 1 - _TAIL], default=before.minimum)
    return bool(
        before.minimum - width <= undone.minimum <= lower + slack
        and upper - slack <= undone.maximum <= before.maximum + width
    )


def _gap(before: _Numbers, undone: _Numbers, conversion: Conversion, edges: Floats) -> float:
    """Returns the least Kolmogorov-Smirnov distance that the counts allow after undoing a conversion.

    The current numbers' distribution function is known at the undone edges, the reference's at the edges: at
    an undone edge it lies between those of its neighbours.
    """
    moved = (edges - conversion.offset) / conversion.factor
    rounding = _ROUNDING * np.maximum(np.abs(moved), before.deviation)
    g = np.cumsum(undone.counts)[:-1] / undone.rows
    f = np.concatenate([[0.0], np.cumsum(before.counts) / before.rows])
    at_least = f[np.searchsorted(edges, moved - rounding, side="right")]
    at_most = f[np.searchsorted(edges, moved + rounding, side="left") + 1]
    return float(np.max(np.maximum(at_least - g, g - at_most), initial=0.0))
