"""Detectors of drift: how often they see one where there is none, and how often they see a real one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.cell import Line, Rate, count
from calibration.laws import Rng, correlated
from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.drift.bins import Bins, categorical_bins, numeric_bins, quantile_edges
from ct_components.statistics.drift.detect import Detection, detect
from ct_components.statistics.drift.evidence import Feature, FeatureDrift
from ct_components.statistics.drift.settings import Drift, Verdict

ALPHA = 0.05
DAYS = 7
"""Of a current window."""
EDGES = 33
FEATURES = 10
LOOKS = 30

TEST, DEFAULT, INSUFFICIENT = "test", "default", "insufficient"

_NO_LIMIT = Drift(psi_threshold=0.0, drift_share=0.0, alpha=ALPHA)
"""The test alone: the practical limit and the share would hide it."""
_DEFAULT = Drift(alpha=ALPHA)

NAIVE: Mapping[str, Callable[[FeatureDrift], bool]] = {
    "ks": lambda feature: feature.ks_p_value is not None and feature.ks_p_value <= ALPHA,
    "psi_0.1": lambda feature: feature.psi > 0.1,  # noqa: PLR2004 — the customary limits
    "psi_0.2": lambda feature: feature.psi > 0.2,  # noqa: PLR2004
}
"""What is customary: KS for each feature, and fixed limits on an uncorrected PSI."""


def normal(n: int, rng: Rng) -> Floats:
    """Returns what is bell-shaped."""
    return rng.normal(size=n)


def skewed(n: int, rng: Rng) -> Floats:
    """Returns zeros in six of ten rows, and else what has a heavy tail."""
    return np.where(rng.random(n) < 0.6, 0.0, rng.lognormal(0, 2, size=n))  # noqa: PLR2004


def named(n: int, rng: Rng) -> Ints:
    """Returns which of 800 categories with a long tail."""
    weights = 1 / np.arange(1, 801) ** 1.3
    return rng.multinomial(n, weights / weights.sum())


@dataclass(frozen=True)
class Numbers:
    """One numeric feature, counted by the reference's own quantiles; the current window may have changed.

    Attributes:
        draw: Values of so many rows.
        n: Rows of either window.
        change: From a window's values to changed ones.
    """

    draw: Callable[[int, Rng], Floats]
    n: int
    change: Callable[[Floats, Rng], Floats] = lambda values, rng: values  # noqa: ARG005

    def __call__(self, rng: Rng) -> Feature:
        """Returns the feature."""
        reference = self.draw(self.n, rng)
        edges = quantile_edges(reference)
        return Feature("x", numeric_bins(reference, self.change(self.draw(self.n, rng), rng), edges), edges)


@dataclass(frozen=True)
class Categories:
    """One categorical feature."""

    n: int

    def __call__(self, rng: Rng) -> Feature:
        """Returns the feature."""
        reference, current = (
            {str(name): int(rows) for name, rows in enumerate(named(self.n, rng)) if rows} for _ in range(2)
        )
        return Feature("x", categorical_bins(reference, current))


@dataclass(frozen=True)
class ByDay:
    """One numeric feature whose mean varies from day to day, by fixed edges, in windows of a week.

    Attributes:
        n: Rows of the current week.
        days: Of the reference.
        between: Share of the variance that lies between days.
        memory: Correlation of a day with the day before.
    """

    n: int
    days: int
    between: float = 0.05
    memory: float = 0.0

    def __call__(self, rng: Rng) -> Feature:
        """Returns the feature."""
        from scipy.special import ndtr, ndtri

        # Rows of a day are counted at once: given its mean, they are independent draws from a normal law.
        edges = ndtri(np.linspace(0, 1, EDGES + 2)[1:-1])
        level = correlated(rng.normal(size=self.days + DAYS), self.memory)
        standard = (edges - np.sqrt(self.between) * level[:, np.newaxis]) / np.sqrt(1 - self.between)
        below = np.pad(ndtr(standard), ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1)))
        counts = rng.multinomial(self.n // DAYS, np.diff(below, axis=1))
        counts = np.pad(counts, ((0, 0), (0, 1)))  # none is missing
        outer = np.zeros(counts.shape[1], dtype=np.bool_)
        outer[[0, -2]] = True
        reference, current = counts[: self.days], counts[self.days :]
        return Feature("x", Bins(reference.sum(axis=0), current.sum(axis=0), outer), edges, days=reference)


@dataclass(frozen=True)
class OneFeature:
    """How often one feature drifts: by the test alone, and by the default settings."""

    draw: Callable[[Rng], Feature]
    nominal: float | None = ALPHA
    what: str = "nothing changes"

    def __call__(self, rng: Rng, replications: int) -> Sequence[Line]:
        """Returns the line."""
        drawn = [self.draw(rng) for _ in range(replications)]
        tested = [_tested(feature, rng) for feature in drawn]
        judged = [found.features[0] for found in tested if found.features]
        rates = {TEST: count([feature.p_value <= ALPHA for feature in judged])}
        rates[DEFAULT] = count([_drifts(feature) for feature in judged])
        if any(feature.dependence == "days" for feature in judged):
            by_row = [_tested(feature, rng, current_days=None).features[0].p_value for feature in drawn]
            rates["rows"] = count([p_value <= ALPHA for p_value in by_row])
        rates |= {name: count([rule(feature) for feature in judged]) for name, rule in NAIVE.items()}
        rates[INSUFFICIENT] = Rate(replications - len(judged), replications)
        return [Line(self.what, self.nominal, rates)]


@dataclass(frozen=True)
class Window:
    """How often a window of several features raises an alarm though none changes.

    Attributes:
        draw: One feature.
    """

    draw: Callable[[Rng], Feature]

    def __call__(self, rng: Rng, replications: int) -> Sequence[Line]:
        """Returns a line: by the test alone, any feature that survives the correction is an alarm."""
        alarms: dict[str, list[bool]] = {name: [] for name in (TEST, DEFAULT, *NAIVE)}
        insufficient = 0
        for _ in range(replications):
            features = [replace(self.draw(rng), name=f"x{number}") for number in range(FEATURES)]
            found = detect(features, _NO_LIMIT, current_days=DAYS, seed=_seed(rng))
            if found.verdict is Verdict.INSUFFICIENT:
                insufficient += 1
                continue
            alarms[TEST].append(found.verdict is Verdict.DRIFT)
            limit, share = _DEFAULT.psi_threshold, _DEFAULT.drift_share
            beyond = [each.drifted and each.psi_corrected > limit for each in found.features]
            alarms[DEFAULT].append(sum(beyond) > share * FEATURES)
            for name, rule in NAIVE.items():
                alarms[name].append(any(rule(feature) for feature in found.features))
        rates = {name: count(flags) for name, flags in alarms.items()}
        return [Line("nothing changes", ALPHA, rates | {INSUFFICIENT: Rate(insufficient, replications)})]


@dataclass(frozen=True)
class Month:
    """Months of daily windows of one feature, all against the same reference, none of which drifts."""

    rows: int
    reference: int = 10_000

    def __call__(self, rng: Rng, replications: int) -> Sequence[Line]:
        """Returns how many months have an alarm: when one day drifts, and when two of three do."""
        months: dict[str, dict[str, list[bool]]] = {"1 of 1": {}, "2 of 3": {}}
        for _ in range(replications):
            looks = self._looks(rng)
            for name, flags in looks.items():
                months["1 of 1"].setdefault(name, []).append(any(flags))
                pairs = [flags[day] and any(flags[max(day - 2, 0) : day]) for day in range(len(flags))]
                months["2 of 3"].setdefault(name, []).append(any(pairs))
        nominal = {"1 of 1": 1 - (1 - ALPHA) ** LOOKS, "2 of 3": None}
        return [
            Line(windows, nominal[windows], {name: count(flags) for name, flags in rates.items()})
            for windows, rates in months.items()
        ]

    def _looks(self, rng: Rng) -> dict[str, list[bool]]:
        reference = rng.normal(size=self.reference)
        edges = quantile_edges(reference)
        looks: dict[str, list[bool]] = {name: [] for name in (TEST, DEFAULT, *NAIVE)}
        for _ in range(LOOKS):
            bins = numeric_bins(reference, rng.normal(size=self.rows), edges)
            feature = detect([Feature("x", bins, edges)], _NO_LIMIT, seed=_seed(rng)).features[0]
            looks[TEST].append(feature.p_value <= ALPHA)
            looks[DEFAULT].append(_drifts(feature))
            for name, rule in NAIVE.items():
                looks[name].append(rule(feature))
        return looks


def shifted(by: float) -> Callable[[Floats, Rng], Floats]:
    """Returns a change that moves all values."""
    return lambda values, rng: values + by  # noqa: ARG005


def far_out(share: float) -> Callable[[Floats, Rng], Floats]:
    """Returns a change that makes some values impossibly large."""
    return lambda values, rng: np.where(rng.random(values.size) < share, 100.0, values)


def missing(share: float) -> Callable[[Floats, Rng], Floats]:
    """Returns a change that loses some values."""
    return lambda values, rng: np.where(rng.random(values.size) < share, np.nan, values)


def scaled(by: float) -> Callable[[Floats, Rng], Floats]:
    """Returns a change that spreads all values."""
    return lambda values, rng: values * by  # noqa: ARG005


def _tested(feature: Feature, rng: Rng, current_days: int | None = DAYS) -> Detection:
    return detect([feature], _NO_LIMIT, current_days=current_days, seed=_seed(rng))


def _seed(rng: Rng) -> int:
    """Returns a new seed for each window, or all would share the errors of one drawn null."""
    return int(rng.integers(2**32))


def _drifts(feature: FeatureDrift) -> bool:
    """Returns whether the feature, alone, drifts by the default settings."""
    return feature.psi_corrected > _DEFAULT.psi_threshold and feature.p_value <= ALPHA
