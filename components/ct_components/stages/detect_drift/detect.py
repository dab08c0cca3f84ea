"""Drift of rows against a profile, alone: what it decides is its output, and the pipeline's to act on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ct_components import pages
from ct_components.errors import SourceError, SpecError
from ct_components.monitoring.current import profile_current
from ct_components.monitoring.drift import compare_windows, settings_of
from ct_components.monitoring.drift_page import page_of
from ct_components.profiles import OtherProfile, Profile, reference_from_json
from ct_components.profiles.compare import window_of
from ct_components.spec import DriftTrigger, load_zone, parse_section
from ct_components.storage import atomic_write


@dataclass(frozen=True)
class Asked:
    """The stage's parameters."""

    settings: str
    features: str
    timezone: str
    name: str


@dataclass(frozen=True)
class Found:
    """What the stage puts out."""

    verdict: str
    metrics: Mapping[str, float]


def run(reference: str, current: str, asked: Asked, page_path: str, report_path: str) -> Found:
    """Compares rows with a profile, and writes page and report.

    Raises:
        SpecError: If a parameter is not allowed.
        DataError: If the reference is no profile.
        SourceError: If either file cannot be read.
    """
    trigger = parse_section(DriftTrigger, asked.settings, "settings")
    if settings_of(trigger).k_of_n.last > 1:
        raise SpecError(
            f"settings.windows: got {trigger.windows!r}; allowed: '1 of 1', "
            "as earlier windows are not known here"
        )
    load_zone(asked.timezone)
    profile, days = reference_from_json(_text(reference))
    names = _names(asked.features, profile)
    now = profile_current(Path(current), profile, names)
    compared = compare_windows(profile, days, now, trigger, asked.timezone, names=names)
    window = window_of(now)
    as_of = window[1] if window else datetime.now(UTC)
    page = page_of(compared, model=asked.name, as_of=as_of, champion_version=None)
    atomic_write(page_path, pages.drift_page(page))
    atomic_write(report_path, json.dumps(compared.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
    detection = compared.detection
    known = {
        "drifted_share": detection.share,
        "drift_share_limit": detection.drift_share,
        "features_drifted": sum(feature.drifted for feature in detection.features),
        "current_rows": detection.current_rows,
        "reference_rows": detection.reference_rows,
    }
    metrics = {name: float(value) for name, value in known.items() if value is not None}
    return Found(detection.verdict.value, metrics)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"reference {path!r} cannot be read: {error}") from error


def _names(text: str, reference: Profile) -> list[str]:
    known = [name for name, column in reference.columns.items() if not isinstance(column, OtherProfile)]
    try:
        names = json.loads(text or "[]")
    except ValueError:
        names = None
    if not isinstance(names, list) or not set(map(str, names)) <= set(known):
        raise SpecError(
            f"features: got {text[:200]!r}; allowed: a JSON list of columns that the reference profiles: "
            f"{', '.join(known)}"
        )
    return names or known
