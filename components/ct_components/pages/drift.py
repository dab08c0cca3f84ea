"""What the page of a look at drift shows, and the places in its drawings."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from ct_components.pages.charts import LEFT, RIGHT, bars_over
from ct_components.pages.data import ColumnSummary, WindowRows
from ct_components.pages.formats import percent, short
from ct_components.pages.scales import Axis, Tick

_CATEGORIES = 8  # that a drawing shows; the others are one more
_ROW = 34  # drawing units for one category
_TOP, _BOTTOM = 10, 112


@dataclass(frozen=True)
class FeatureRow:
    """One feature in both windows.

    Attributes:
        name: Its name.
        kind: numeric or categorical.
        psi: Population stability index.
        psi_corrected: The same, less its mean without drift.
        psi_noise: What chance alone seldom exceeds.
        p_adjusted: P-value of what decides, adjusted for the number of features.
        decided_by: psi or ks.
        ks_lower: The Kolmogorov-Smirnov distance is at least this; None for categories.
        ks_upper: And at most this.
        missing_reference: Share of missing rows in the reference.
        missing_current: Share of missing rows in the current window.
        weight: How much it counts in the drifted share.
        drifted: Whether it drifted.
        broken: What is broken about it; "" for nothing.
        reference: Its profile in the reference; None leaves its drawing out.
        current: Its profile in the current window; likewise.
    """

    name: str
    kind: str
    psi: float
    psi_corrected: float
    psi_noise: float
    p_adjusted: float
    decided_by: str
    ks_lower: float | None
    ks_upper: float | None
    missing_reference: float
    missing_current: float
    weight: float = 1.0
    drifted: bool = False
    broken: str = ""
    reference: ColumnSummary | None = None
    current: ColumnSummary | None = None


@dataclass(frozen=True)
class DriftPage:
    """One look at drift: the current window against the champion's training rows.

    Attributes:
        model: The model's name.
        as_of: The instant that the look pretended is now.
        timezone: IANA name of the zone that instants are shown in.
        champion_version: The version that was looked at; None without a champion.
        verdict: drift, no_drift, insufficient or broken.
        reason: Why, in one stable word.
        explanation: Why, in one sentence with the numbers.
        current: The current window.
        reference: The champion's training window; None when there is none.
        days: Daily profiles of the reference.
        by_days: Whether these say what is usual; otherwise rows are taken as independent.
        share: Drifted share of the features; None when it was not judged.
        drift_share: What it must exceed.
        windows: "k of n": how many windows must drift.
        windows_drifted: How many did, this one included; None when it was not judged.
        psi_threshold: What a feature's corrected PSI must exceed.
        alpha: Expected share of false ones among the features called drifted.
        weighted: Whether features count differently in the share.
        features: In any order; the page shows first what is broken, then the most drifted.
        problems: What is wrong with columns that could not be compared.
        notes: What else people should know, a sentence each.
        key: The trigger's key, if it fires.
    """

    model: str
    as_of: str
    timezone: str
    champion_version: str | None
    verdict: str
    reason: str
    explanation: str
    current: WindowRows
    reference: WindowRows | None = None
    days: int = 0
    by_days: bool = False
    share: float | None = None
    drift_share: float = 0.2
    windows: str = "1 of 1"
    windows_drifted: int | None = None
    psi_threshold: float = 0.2
    alpha: float = 0.05
    weighted: bool = False
    features: tuple[FeatureRow, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    key: str | None = None


@dataclass(frozen=True)
class ShareChart:
    """The drifted share of features on a line from none to all.

    Attributes:
        share: Its place.
        limit: Place of the limit.
        ticks: Shares in percent.
    """

    share: float
    limit: float
    ticks: list[Tick]


@dataclass(frozen=True)
class NumberChart:
    """Both windows' histograms of a numeric feature, on one axis.

    Attributes:
        reference: Bars of the reference, as one path.
        current: Outline of the current window's bars, as one path.
        ticks: Values.
    """

    reference: str
    current: str
    ticks: list[Tick]


@dataclass(frozen=True)
class CategoryBar:
    """One category in both windows.

    Attributes:
        name: Its name.
        y: Its place from the top.
        reference: Length of the reference's bar.
        current: Length of the current window's bar.
        label: Both shares.
    """

    name: str
    y: float
    reference: float
    current: float
    label: str


def in_order(features: Sequence[FeatureRow]) -> list[FeatureRow]:
    """Returns the features as people read them: what is broken, what drifted, then by corrected PSI."""
    return sorted(features, key=lambda row: (not row.broken, not row.drifted, -row.psi_corrected, row.name))


def share_chart(share: float | None, limit: float) -> ShareChart | None:
    """Returns the share against its limit, placed; None without a share."""
    if share is None:
        return None
    axis = Axis(0, 1, 14, RIGHT)
    ticks = [Tick(axis.at(at / 100), f"{at} %") for at in (0, 20, 40, 60, 80, 100)]
    return ShareChart(axis.at(share), axis.at(limit), ticks)


def number_chart(reference: ColumnSummary, current: ColumnSummary) -> NumberChart | None:
    """Returns both histograms as shares of their rows, placed; None where either has no number."""
    extremes = [reference.minimum, reference.maximum, current.minimum, current.maximum]
    known = [value for value in extremes if value is not None]
    if len(known) < len(extremes) or min(known) == max(known):
        return None
    low, high = min(known), max(known)
    heights = [bars_over(column, low, high) for column in (reference, current)]
    tallest = max(chain(*heights))
    if not tallest:
        return None
    x, y = Axis(0, len(heights[0]), LEFT - 38, RIGHT), Axis(0, tallest, _BOTTOM, _TOP)
    before, now = heights
    return NumberChart(
        "".join(
            f"M{x.at(i)} {_BOTTOM}V{y.at(height)}H{x.at(i + 1)}V{_BOTTOM}z"
            for i, height in enumerate(before)
            if height
        ),
        f"M{x.at(0)} {_BOTTOM}"
        + "".join(f"V{y.at(height)}H{x.at(i + 1)}" for i, height in enumerate(now))
        + f"V{_BOTTOM}",
        [
            Tick(x.start, short(low)),
            Tick((x.start + x.stop) / 2, short((low / 2) + (high / 2))),
            Tick(x.stop, short(high)),
        ],
    )


def category_bars(reference: ColumnSummary, current: ColumnSummary) -> list[CategoryBar]:
    """Returns the largest categories of both windows as bars, and all others together as the last."""
    before, now = (_shares(column) for column in (reference, current))
    ranked = sorted({*before, *now}, key=lambda name: (-max(before.get(name, 0), now.get(name, 0)), name))
    shown = [(name, before.get(name, 0.0), now.get(name, 0.0)) for name in ranked[:_CATEGORIES]]
    if rest := ranked[_CATEGORIES:]:
        one, other = (sum(column.get(name, 0.0) for name in rest) for column in (before, now))
        shown.append((f"{len(rest)} others", one, other))
    axis = Axis(0, max((max(pair) for _, *pair in shown), default=0) or 1, 0, RIGHT - 14)
    return [
        CategoryBar(
            name,
            i * _ROW,
            axis.at(one),
            axis.at(other),
            f"{name}: {percent(one)} before, {percent(other)} now",
        )
        for i, (name, one, other) in enumerate(shown)
    ]


def _shares(column: ColumnSummary) -> dict[str, float]:
    return {name: rows / column.count for name, rows in column.categories} if column.count else {}
