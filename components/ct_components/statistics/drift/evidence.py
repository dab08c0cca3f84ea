"""Everything that the checks look at, computed once from the features' counts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from ct_components.errors import DataError
from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.drift.bins import Bins
from ct_components.statistics.drift.days import enough_days, null_of_days
from ct_components.statistics.drift.diagnosis import Moments, frozen, missing_jump
from ct_components.statistics.drift.divergence import jensen_shannon, psi
from ct_components.statistics.drift.kolmogorov_smirnov import KolmogorovSmirnov, ks_of_bins
from ct_components.statistics.drift.multiple import adjusted_p_values
from ct_components.statistics.drift.null import Null, null_of_rows
from ct_components.statistics.drift.settings import Drift
from ct_components.statistics.drift.units import unit_change


@dataclass(frozen=True, eq=False)
class Feature:
    """One feature, as counted in the reference and in the current window.

    Attributes:
        name: Unique among the features compared.
        bins: Its rows; the last bin counts the missing.
        edges: Of a numeric feature, shape (B - 2,); None for categories, and where there were no numbers.
        reference: Moments of the reference's numbers, when known.
        current: Moments of the current window's numbers, when known.
        days: Rows by day and bin of the reference's days, in order, shape (D, B); None takes rows as
            independent.
        bounds: Of a numeric feature, the numbers that are the smallest or the largest on most of these days.
    """

    name: str
    bins: Bins
    edges: Floats | None = None
    reference: Moments | None = None
    current: Moments | None = None
    days: Ints | None = None
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class FeatureDrift:
    """What is known about one feature.

    Attributes:
        name: The feature.
        kind: numeric or categorical.
        psi: Population stability index of the current window against the reference.
        psi_corrected: The same, less its mean without drift.
        psi_noise: The 1 - alpha quantile of PSI without drift.
        p_value: How probably PSI would be as large without drift.
        draws: How many draws of rows these rest on.
        dependence: What the null takes as independent: rows, or days where the reference has enough of them.
        jensen_shannon: Jensen-Shannon distance, 0 to 1.
        ks_lower: The Kolmogorov-Smirnov distance is at least this; None without numbers on both sides.
        ks_upper: And at most this.
        ks_p_value: Its p-value, for independent rows.
        decided_by: psi or ks.
        p_adjusted: P-value of what decides, adjusted for the number of features.
        drifted: Whether the feature changed surely, and by more than the practical limit.
        weight: How much it counts in the drifted share.
        missing_reference: Share of missing rows in the reference.
        missing_current: Share of missing rows in the current window.
        missing_jump: Whether that rose by more than `Drift.missing_jump`.
        unit_change: How the numbers look converted; None when they do not.
        frozen: Whether all current numbers are one, though no day of the reference stood still.
    """

    name: str
    kind: str
    psi: float
    psi_corrected: float
    psi_noise: float
    p_value: float
    draws: int
    dependence: str
    jensen_shannon: float
    ks_lower: float | None
    ks_upper: float | None
    ks_p_value: float | None
    decided_by: str
    p_adjusted: float
    drifted: bool
    weight: float
    missing_reference: float
    missing_current: float
    missing_jump: bool
    unit_change: str | None
    frozen: bool

    def to_dict(self) -> dict[str, str | int | float | None]:
        """Returns the fields in JSON's own types, in their order."""
        return asdict(self)


@dataclass(frozen=True)
class Evidence:
    """What the current window says.

    Attributes:
        settings: To decide by.
        reference_rows: Rows of the reference; of the feature with the fewest.
        current_rows: Rows of the current window.
        schema: What is wrong with the columns, one phrase each.
        features: One for each feature compared, in their order; none when there are too few rows.
        windows_drifted: How many of the last windows before the current one drifted.
    """

    settings: Drift
    reference_rows: int
    current_rows: int
    schema: tuple[str, ...] = ()
    features: tuple[FeatureDrift, ...] = field(default=())
    windows_drifted: int = 0

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """The features that drifted, the most drifted first."""
        found = [feature for feature in self.features if feature.drifted]
        return tuple(sorted(found, key=lambda feature: (-feature.psi_corrected, feature.name)))

    @property
    def share(self) -> float:
        """Weighted share of drifted features, 0 to 1; 0 when none is compared."""
        whole = math.fsum(feature.weight for feature in self.features)
        return math.fsum(feature.weight for feature in self.drifted) / whole if whole else 0.0

    @property
    def exceeded(self) -> bool:
        """Whether the drifted share exceeds its limit."""
        return self.share > self.settings.drift_share


class _Measured(NamedTuple):
    """A feature with what was computed about it alone."""

    feature: Feature
    psi: float
    null: Null
    by_days: bool
    frozen: bool
    ks: KolmogorovSmirnov | None
    decided_by: str


def gather(
    features: Sequence[Feature],
    settings: Drift,
    *,
    schema: Sequence[str] = (),
    current_days: int | None = None,
    windows_drifted: int = 0,
    seed: int = 0,
) -> Evidence:
    """Returns the evidence.

    Args:
        features: To compare.
        settings: To decide by.
        schema: What is wrong with the columns, one phrase each.
        current_days: Days of the current window; None takes rows as independent.
        windows_drifted: How many of the last windows before the current one drifted.
        seed: Of the draws, 0 or more.

    Returns:
        The evidence; features are not measured when there are too few rows.

    Raises:
        DataError: If there is no feature and nothing wrong with the schema, two have one name, all weigh 0,
            or daily counts do not fit.
    """
    _require_features(features, schema)
    reference_rows = min((feature.bins.reference_rows for feature in features), default=0)
    current_rows = min((feature.bins.current_rows for feature in features), default=0)
    enough = bool(features) and min(reference_rows, current_rows) >= settings.min_rows
    return Evidence(
        settings,
        reference_rows,
        current_rows,
        tuple(schema),
        _compared(_measured(features, settings, current_days, seed), settings) if enough else (),
        windows_drifted,
    )


def _measured(
    features: Sequence[Feature], settings: Drift, current_days: int | None, seed: int
) -> list[_Measured]:
    values = {each.name: psi(each.bins.reference, each.bins.current) for each in features}
    by_days = {
        each.name: null_of_days(values[each.name], each.days, current_days, settings.alpha)
        for each in features
        if each.days is not None and current_days and enough_days(len(each.days), current_days)
    }
    by_rows = null_of_rows(
        {each.name: each.bins for each in features},
        settings.alpha,
        seed,
        at_least={name: null.p_value for name, null in by_days.items()},
    )
    measured = []
    for each in features:
        ks = _ks(each)
        rule = "ks" if ks and settings.ks_alpha is not None else "psi"
        null = _larger(by_rows[each.name], by_days.get(each.name))
        dependent = each.name in by_days
        still = dependent and _frozen(each, current_days)
        measured.append(_Measured(each, values[each.name], null, dependent, still, ks, rule))
    return measured


def _larger(rows: Null, days: Null | None) -> Null:
    """Returns what both nulls allow: days vary at least as much as their rows."""
    if days is None:
        return rows
    return Null(max(rows.mean, days.mean), max(rows.noise, days.noise), rows.p_value, rows.draws)


def _ks(feature: Feature) -> KolmogorovSmirnov | None:
    numbers = feature.bins.reference[:-1], feature.bins.current[:-1]
    if feature.edges is None or not feature.edges.size or not all(counts.any() for counts in numbers):
        return None
    return ks_of_bins(*numbers, feature.edges)


def _compared(measured: Sequence[_Measured], settings: Drift) -> tuple[FeatureDrift, ...]:
    """Returns each feature's drift; the p-values of each rule are adjusted together."""
    adjusted: dict[str, float] = {}
    for rule in ("psi", "ks"):
        p_values = {m.feature.name: _p_value(m) for m in measured if m.decided_by == rule}
        corrected = adjusted_p_values(list(p_values.values())).tolist()
        adjusted |= dict(zip(p_values, corrected, strict=True))
    return tuple(_drift(m, adjusted[m.feature.name], settings) for m in measured)


def _p_value(measured: _Measured) -> float:
    return measured.ks.p_value if measured.decided_by == "ks" and measured.ks else measured.null.p_value


def _drift(measured: _Measured, p_adjusted: float, settings: Drift) -> FeatureDrift:
    feature, ks, null = measured.feature, measured.ks, measured.null
    corrected = measured.psi - null.mean
    changed = corrected > settings.psi_threshold
    by_psi = changed and p_adjusted <= settings.alpha
    by_ks = ks is not None and ks.lower > settings.ks_distance and p_adjusted <= (settings.ks_alpha or 0)
    before, now = feature.bins.missing_shares
    return FeatureDrift(
        name=feature.name,
        kind="categorical" if feature.edges is None else "numeric",
        psi=measured.psi,
        psi_corrected=corrected,
        psi_noise=null.noise,
        p_value=null.p_value,
        draws=null.draws,
        dependence="days" if measured.by_days else "rows",
        jensen_shannon=jensen_shannon(feature.bins.reference, feature.bins.current),
        ks_lower=ks.lower if ks else None,
        ks_upper=ks.upper if ks else None,
        ks_p_value=ks.p_value if ks else None,
        decided_by=measured.decided_by,
        p_adjusted=p_adjusted,
        drifted=by_ks if measured.decided_by == "ks" else by_psi,
        weight=_weight(feature.name, settings.weights),
        missing_reference=before,
        missing_current=now,
        missing_jump=missing_jump(feature.bins, settings.missing_jump),
        unit_change=_unit_change(feature) if changed else None,
        frozen=changed and measured.frozen,
    )


def _unit_change(feature: Feature) -> str | None:
    if feature.reference is None or feature.current is None or feature.edges is None:
        return None
    conversion = unit_change(feature.reference, feature.current, feature.bins, feature.edges, feature.bounds)
    return conversion.words if conversion else None


def _frozen(feature: Feature, current_days: int | None) -> bool:
    if feature.current is None or feature.days is None or current_days is None:
        return False
    return frozen(feature.current, feature.bins, feature.days, current_days)


def _weight(name: str, weights: Mapping[str, float] | None) -> float:
    return 1.0 if weights is None else float(weights.get(name, 0.0))


def _require_features(features: Sequence[Feature], schema: Sequence[str]) -> None:
    names = [feature.name for feature in features]
    if not names and not schema:
        raise DataError("0 features to compare; allowed: at least 1")
    if len(set(names)) != len(names):
        raise DataError(f"features are {', '.join(names)}; allowed: each name once")
