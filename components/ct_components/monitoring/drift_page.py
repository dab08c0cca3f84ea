"""From a comparison of two windows to what its page and its report say."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ct_components import pages
from ct_components.profiles import ColumnProfile, Profile
from ct_components.profiles.compare import window_of
from ct_components.statistics.drift.detect import Detection
from ct_components.statistics.drift.evidence import FeatureDrift
from ct_components.statistics.drift.settings import Drift


@dataclass(frozen=True)
class Comparison:
    """Two windows' profiles, and what was decided about the later one.

    Attributes:
        reference: The profile compared with.
        days: Of each of its days; none if they are not known.
        current: The profile judged.
        settings: Judged by these.
        detection: The decision, and all that it rests on.
        problems: What is wrong with columns that could not be compared.
        timezone: Zone of the calendar days.
    """

    reference: Profile
    days: tuple[Profile, ...]
    current: Profile
    settings: Drift
    detection: Detection
    problems: tuple[str, ...]
    timezone: str

    @property
    def by_days(self) -> bool:
        """Whether the reference's days said what is usual."""
        return any(feature.dependence == "days" for feature in self.detection.features)

    def to_dict(self) -> dict[str, Any]:
        """Returns it in JSON's own types, without the profiles."""
        weights = self.settings.weights
        return {
            **self.detection.to_dict(),
            "problems": list(self.problems),
            "settings": {**asdict(self.settings), "weights": dict(weights) if weights else None},
            "reference_window": self.reference.window,
            "reference_days": len(self.days),
            "timezone": self.timezone,
        }


def page_of(
    comparison: Comparison,
    *,
    model: str,
    as_of: datetime,
    champion_version: str | None,
    notes: Sequence[str] = (),
    key: str | None = None,
) -> pages.DriftPage:
    """Returns what the page of a look shows."""
    detection, settings = comparison.detection, comparison.settings
    return pages.DriftPage(
        model=model,
        as_of=as_of.isoformat(),
        timezone=comparison.timezone,
        champion_version=champion_version,
        verdict=detection.verdict.value,
        reason=detection.reason.value,
        explanation=detection.explanation,
        current=_rows(comparison.current, as_of),
        reference=_rows(comparison.reference, as_of),
        days=len(comparison.days),
        by_days=comparison.by_days,
        share=detection.share,
        drift_share=detection.drift_share,
        windows=detection.windows,
        windows_drifted=detection.windows_drifted,
        psi_threshold=settings.psi_threshold,
        alpha=settings.alpha,
        weighted=settings.weights is not None,
        features=tuple(_row(feature, comparison) for feature in detection.features),
        problems=comparison.problems,
        notes=tuple(notes),
        key=key,
    )


def _rows(profile: Profile, as_of: datetime) -> pages.WindowRows:
    """A profile that does not say its window is shown as one that ends at as-of."""
    start, end = window_of(profile) or (as_of, as_of)
    return pages.WindowRows(start.isoformat(), end.isoformat(), profile.rows)


def _row(feature: FeatureDrift, comparison: Comparison) -> pages.FeatureRow:
    broken = _broken(feature)
    drawn = feature.drifted or bool(broken)
    before, now = (
        _summary(feature.name, profile.columns[feature.name]) if drawn else None
        for profile in (comparison.reference, comparison.current)
    )
    return pages.FeatureRow(
        name=feature.name,
        kind=feature.kind,
        psi=feature.psi,
        psi_corrected=feature.psi_corrected,
        psi_noise=feature.psi_noise,
        p_adjusted=feature.p_adjusted,
        decided_by=feature.decided_by,
        ks_lower=feature.ks_lower,
        ks_upper=feature.ks_upper,
        missing_reference=feature.missing_reference,
        missing_current=feature.missing_current,
        weight=feature.weight,
        drifted=feature.drifted,
        broken=broken,
        reference=before,
        current=now,
    )


def _broken(feature: FeatureDrift) -> str:
    if feature.missing_jump:
        return "missing far more often"
    if feature.unit_change:
        return f"looks {feature.unit_change}"
    return "stands still" if feature.frozen else ""


def _summary(name: str, column: ColumnProfile) -> pages.ColumnSummary:
    return pages.ColumnSummary.from_dict(name, {"kind": column.kind, **asdict(column)})
