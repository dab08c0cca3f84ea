"""The champion under watch: loaded as far as it is needed, and what its performance is compared with."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ct_components.errors import CTError, StateError, Unreachable
from ct_components.monitoring.look import Watching
from ct_components.monitoring.performance_baseline import (
    HOLDOUT_METRICS,
    HOLDOUT_METRICS_TAG,
    HoldoutMetrics,
    measure_holdout,
)
from ct_components.monitoring.performance_reign import Reign, find_reign
from ct_components.monitoring.performance_rows import Scorer, joined, scored_days
from ct_components.registry import Version, model_metadata
from ct_components.statistics.performance import Baseline, Performance
from ct_components.windows import Window

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Compared:
    """What the champion is compared with.

    Attributes:
        metrics: Its scores on its promotion holdout; empty if they are not known.
        origin: logged, measured (anew), unknown, or unneeded.
        note: The same in one sentence.
    """

    metrics: Mapping[str, Baseline]
    origin: str
    note: str


class Champion:
    """The version in charge, loaded as far as it is needed."""

    def __init__(self, watching: Watching, version: Version) -> None:
        self.watching, self.version = watching, version

    @cached_property
    def folder(self) -> Path:
        """Its files."""
        return self.watching.registry.download(self.version)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """What `train_model` wrote of it."""
        return model_metadata(self.folder)

    @cached_property
    def scorer(self) -> Scorer:
        """The model itself."""
        return Scorer.load(self.folder)

    @cached_property
    def reign(self) -> Reign:
        """Its time in charge."""
        return find_reign(self.watching, self.metadata)


def find_baseline(champion: Champion, performance: Performance) -> Compared:
    """Returns the champion's scores on its promotion holdout: kept, or measured anew."""
    if all(
        each.baseline is not None or not each.critical_degradation for each in performance.metrics.values()
    ):
        return Compared({}, "unneeded", "The spec says what the champion is compared with.")
    kept = _kept(champion)
    if kept:
        where = f"{kept.rows:,} rows on {kept.days} days"
        return Compared(kept.metrics, "logged", f"Baseline: its promotion holdout, {where}.")
    try:
        anew = _measured_anew(champion, performance.task)
    except Unreachable:
        raise
    except CTError as error:
        return Compared({}, "unknown", f"Baseline unknown: none was kept, and its holdout is gone: {error}")
    if not anew.rows:
        return Compared(
            {}, "unknown", "Baseline unknown: none was kept, and its holdout has no rows any more."
        )
    return Compared(
        anew.metrics,
        "measured",
        f"Baseline: measured anew on {anew.rows:,} rows of {anew.days} days of its promotion holdout, since "
        "none was kept.",
    )


def _kept(champion: Champion) -> HoldoutMetrics | None:
    """Asks for the file only where a tag promises it: what an artifact server says of none varies."""
    if HOLDOUT_METRICS_TAG not in champion.version.tags:
        return None
    try:
        text = champion.watching.registry.read_text(champion.version.mlflow_run_id, HOLDOUT_METRICS)
        return HoldoutMetrics.from_json(text)
    except StateError as error:
        logger.warning("the champion's scores on its holdout are gone, and are measured anew: %s", error)
        return None


def _measured_anew(champion: Champion, task: str) -> HoldoutMetrics:
    holdout = Window.from_dict(champion.metadata["windows"]["holdout"])
    days = list(scored_days(champion.scorer, champion.watching.spec.source, holdout))
    return measure_holdout(*joined(days, champion.scorer), task)
