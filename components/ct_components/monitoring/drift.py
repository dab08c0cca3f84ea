"""A look at drift: the rows of the current window against those that the champion was trained on.

Profiles are compared, never rows. The decision is that of `statistics.drift`, by the settings of the spec's
section `triggers.drift`; here it is given what it looks at, and its answer becomes a look.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ct_components import pages
from ct_components.connections import first_line
from ct_components.errors import DataError, SpecError, StateError
from ct_components.monitoring.current import current_rows, profile_current
from ct_components.monitoring.drift_page import Comparison, page_of
from ct_components.monitoring.evidently_report import LEFT_OUT, report_for
from ct_components.monitoring.look import INSUFFICIENT, NO_CHAMPION, Look, Watching, fired_key
from ct_components.profiles import Profile, days_from_json, from_json
from ct_components.profiles.compare import compare, compared
from ct_components.registry import REFERENCE_DAYS, REFERENCE_PROFILE, RESOLVED_SPEC, Registry, Version
from ct_components.spec import DriftTrigger
from ct_components.statistics.drift.looks import Look as Earlier
from ct_components.statistics.drift.settings import Drift
from ct_components.windows import Window

EVIDENTLY = "evidently.html"
_SEED = 0  # of the draws: a look says the same whenever it is taken

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Reference:
    """What current rows are compared with.

    Attributes:
        profile: Of the champion's training rows.
        days: Of each of their days; none if it was trained before they were kept.
        features: The columns that the champion takes.
        window: Its training window.
    """

    profile: Profile
    days: tuple[Profile, ...]
    features: tuple[str, ...]
    window: Window


def look_at_drift(watching: Watching, *, evidently: bool = False) -> Look:
    """Looks at the current window.

    Args:
        watching: What the look starts from.
        evidently: Whether Evidently's report is made too. It decides nothing.

    Returns:
        The look. Broken data are a look as well.

    Raises:
        SpecError: If the spec has no drift monitor.
        SourceError: If the current window has no rows, or cannot be read.
        StateError: If the champion was not made by `train_model`, or a file of it is spoilt.
        Unreachable: If MLflow or the ledger does not answer.
    """
    trigger = watching.spec.triggers.drift
    if trigger is None:
        raise SpecError(
            "triggers.drift is null, so there is nothing to look at; allowed: a section such as {}, which "
            "takes all defaults"
        )
    if watching.champion is None:
        return _without_champion(watching)
    reference = read_reference(watching.registry, watching.champion)
    with current_rows(watching.spec.source, watching.current, reference.features) as path:
        current = profile_current(path, reference.profile, reference.features)
        comparison, notes = _compared(watching, watching.champion, trigger, reference, current)
        attachments: dict[str, str] = {}
        if evidently:
            made = report_for(watching.spec.source, reference.window, path, reference.profile, current)
            if made.html:
                attachments[EVIDENTLY] = made.html
            else:
                notes.append(f"{LEFT_OUT}{made.reason}.")
    return _look(watching, watching.champion, comparison, notes, attachments)


def read_reference(registry: Registry, champion: Version) -> Reference:
    """Reads what `train_model` logged beside the champion.

    Raises:
        StateError: If the champion was not made by `train_model`, or a file of it is spoilt.
    """
    texts = {
        name: registry.read_text(champion.mlflow_run_id, name) for name in (RESOLVED_SPEC, REFERENCE_PROFILE)
    }
    try:
        texts[REFERENCE_DAYS] = registry.read_text(champion.mlflow_run_id, REFERENCE_DAYS)
    except StateError:
        logger.info("version %s has no daily profiles: it was trained before they were kept", champion.number)
    try:
        return _reference(texts)
    except (DataError, ValueError, LookupError, TypeError) as error:
        # Not the rows are broken, of which a DataError would tell people.
        raise StateError(
            f"version {champion.number} of {champion.name}: what train_model logged beside it in MLflow run "
            f"{champion.mlflow_run_id} cannot be read: {first_line(error)}"
        ) from error


def _reference(texts: Mapping[str, str]) -> Reference:
    resolved = json.loads(texts[RESOLVED_SPEC])
    columns = resolved["spec"]["columns"]
    return Reference(
        profile=from_json(texts[REFERENCE_PROFILE]),
        days=days_from_json(texts[REFERENCE_DAYS]) if REFERENCE_DAYS in texts else (),
        features=(*columns["numeric"], *columns["categorical"]),
        window=Window.from_dict(resolved["windows"]["training"]),
    )


def settings_of(trigger: DriftTrigger) -> Drift:
    """Returns the statistics' settings of a spec's section."""
    return Drift(**{field.name: getattr(trigger, field.name) for field in fields(Drift)})


def compare_windows(
    reference: Profile,
    days: Sequence[Profile],
    current: Profile,
    trigger: DriftTrigger,
    timezone: str,
    *,
    names: Sequence[str] | None = None,
    looks: Sequence[Earlier] = (),
) -> Comparison:
    """Compares two profiles by a spec's section, and keeps all that a page tells of it."""
    settings = settings_of(trigger)
    detection = compare(
        reference,
        current,
        settings,
        names=names,
        days=days,
        same_weekday=trigger.same_weekday,
        timezone=timezone,
        looks=looks,
        seed=_SEED,
    )
    problems = compared(reference, current, names).schema
    return Comparison(reference, tuple(days), current, settings, detection, problems, timezone)


def _compared(
    watching: Watching, champion: Version, trigger: DriftTrigger, reference: Reference, current: Profile
) -> tuple[Comparison, list[str]]:
    notes = []
    looks: list[Earlier] = []
    if settings_of(trigger).k_of_n.last > 1:
        if watching.ledger is None:
            notes.append("There is no ledger, so earlier windows are not known, and this one counts alone.")
        else:
            looks = [
                Earlier(look.window_start, look.window_end, look.drifted)
                for look in watching.ledger.looks(watching.spec.model, "drift", champion.number)
            ]
    if trigger.same_weekday and not reference.days:
        notes.append("There are no daily profiles to choose weekdays from; all days are the reference.")
    names = reference.features
    return (
        compare_windows(
            reference.profile, reference.days, current, trigger, watching.timezone, names=names, looks=looks
        ),
        notes,
    )


def _look(
    watching: Watching,
    champion: Version,
    comparison: Comparison,
    notes: Sequence[str],
    attachments: dict[str, str],
) -> Look:
    detection, window = comparison.detection, watching.current
    key = fired_key("drift", window, watching.timezone) if detection.retrain else None
    page = page_of(
        comparison,
        model=watching.spec.model,
        as_of=watching.as_of,
        champion_version=champion.number,
        notes=notes,
        key=key,
    )
    return Look(
        model=watching.spec.model,
        monitor="drift",
        champion_version=champion.number,
        as_of=watching.as_of,
        window=window,
        verdict=detection.verdict.value,
        reason=detection.reason.value,
        explanation=detection.explanation,
        fires=detection.retrain,
        broken=detection.quarantine,
        drifted=detection.window_drifted,
        share=detection.share,
        key=key,
        report={**_identity(watching, champion), **comparison.to_dict(), "notes": list(notes), "key": key},
        page=pages.drift_page(page),
        attachments=attachments,
    )


def _identity(watching: Watching, champion: Version | None) -> dict[str, Any]:
    return {
        "model": watching.spec.model,
        "monitor": "drift",
        "champion_version": champion.number if champion else None,
        "as_of": watching.as_of.isoformat(),
        "window": watching.current.to_dict(),
    }


def _without_champion(watching: Watching) -> Look:
    window, model = watching.current, watching.spec.model
    explanation = watching.no_champion
    page = pages.DriftPage(
        model=model,
        as_of=watching.as_of.isoformat(),
        timezone=watching.timezone,
        champion_version=None,
        verdict=INSUFFICIENT,
        reason=NO_CHAMPION,
        explanation=explanation,
        current=pages.WindowRows(window.start.isoformat(), window.end.isoformat(), None),
    )
    decided = {"verdict": INSUFFICIENT, "reason": NO_CHAMPION, "explanation": explanation}
    return Look(
        model=model,
        monitor="drift",
        champion_version=None,
        as_of=watching.as_of,
        window=window,
        verdict=INSUFFICIENT,
        reason=NO_CHAMPION,
        explanation=explanation,
        fires=False,
        broken=False,
        drifted=None,
        share=None,
        key=None,
        report={**_identity(watching, None), **decided},
        page=pages.drift_page(page),
    )
