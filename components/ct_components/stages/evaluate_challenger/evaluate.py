"""Judging the challenger against the champion on rows that neither has seen."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ct_components import connections
from ct_components.datasets import labels, local_days_of, model_frame, read_table
from ct_components.errors import DataError
from ct_components.models.score import Scores, decision_threshold, score
from ct_components.models.store import load_model
from ct_components.registry import Registry, Version, model_metadata
from ct_components.spec import Gates, parse_section
from ct_components.stage import Context, ledger_of
from ct_components.statistics.estimate import auc_by_cluster
from ct_components.statistics.gate import Judgement, judge
from ct_components.statistics.roc import Confusion, confusion, roc_points
from ct_components.statistics.settings import Gate
from ct_components.windows import Windows

if TYPE_CHECKING:
    from ct_components.ledger import Ledger

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Holdout:
    """The labelled rows of the holdout: raw columns, label and day of each, shape (n,)."""

    rows: pa.Table
    positive: NDArray[np.bool_]
    days: NDArray[np.str_]


@dataclass(frozen=True)
class Scored:
    """One model on the holdout; `training_rows` are the labelled rows that it was fitted on."""

    version: Version
    scores: Scores
    threshold: float
    training_rows: int


@dataclass(frozen=True)
class Evidence:
    """All that the page and the outputs show of one judgement."""

    judgement: Judgement
    holdout: Holdout
    challenger: Scored
    champion: Scored | None

    @property
    def confusion(self) -> Confusion:
        """The challenger's decisions at its own threshold."""
        return confusion(self.holdout.positive, self.challenger.scores, self.challenger.threshold)

    def roc(self, which: Scored | None) -> list[tuple[float, float, float]]:
        """A model's ROC curve; empty without a model, or where one class is missing."""
        both = bool(self.holdout.positive.any()) and not self.holdout.positive.all()
        return roc_points(self.holdout.positive, which.scores) if which and both else []

    def days(self) -> list[tuple[str, int, float | None, float | None]]:
        """Day, rows, champion's and challenger's score within the day."""
        challenger = auc_by_cluster(self.holdout.positive, self.challenger.scores, self.holdout.days)
        champion = (
            auc_by_cluster(self.holdout.positive, self.champion.scores, self.holdout.days)
            if self.champion
            else [None] * len(challenger)
        )
        pairs = zip(challenger, champion, strict=True)
        return [(new.cluster, new.n, old.auc if old else None, new.auc) for new, old in pairs]


def evaluate(run: Context, holdout_path: str, challenger: str, windows: str, gates: str) -> Evidence:
    """Scores both models anew on the same raw rows and judges them.

    Raises:
        DataError: If a model takes a column that the holdout lacks or has in another type.
        ModelError: If a model cannot be loaded or cannot score the rows.
        Unreachable: If MLflow or the ledger does not answer.
    """
    registry = Registry(connections.from_environment())
    new = registry.version(run.model, challenger)
    old = registry.version(run.model, run.champion) if run.champion else None
    target = model_metadata(registry.download(new))
    holdout = _read(holdout_path, target["target"], target["positive"], Windows.from_json(windows).timezone)
    scored = _score(registry, new, holdout, "challenger")
    champion = _score(registry, old, holdout, "champion") if old else None
    ledger = ledger_of(run.run_id)
    judgement = judge(
        holdout.positive,
        scored.scores,
        champion.scores if champion else None,
        holdout.days,
        Gate(**parse_section(Gates, gates, "gates").model_dump()),
        challenge=1 + _challenges(run, registry, ledger, challenger),
    )
    logger.info("%s: %s", judgement.verdict, judgement.explanation)
    return Evidence(judgement, holdout, scored, champion)


def _challenges(run: Context, registry: Registry, ledger: "Ledger | None", challenger: str) -> int:
    if not run.champion:
        return 0
    if ledger:
        return ledger.challenges(run.model, run.champion, besides=run.run_id)
    return registry.challenges(run.model, run.champion, besides=challenger)


def _read(path: str, target: str, positive: Any, timezone: str) -> Holdout:
    table = read_table(path)
    labelled, is_positive = labels(table, target, positive)
    rows = table.filter(pa.array(labelled))
    return Holdout(rows, is_positive[labelled], local_days_of(rows, timezone))


def _score(registry: Registry, version: Version, holdout: Holdout, role: str) -> Scored:
    folder = registry.download(version)
    metadata = model_metadata(folder)
    model = load_model(folder)
    name = f"{role} (version {version.number})"
    try:
        frame = model_frame(holdout.rows, metadata["numeric"], metadata["categorical"])
    except DataError as error:
        raise DataError(f"the {name} cannot score the holdout: {error}") from error
    scores = score(model, frame, name) if len(frame) else np.empty(0)
    return Scored(version, scores, decision_threshold(model), int(metadata["training_rows"]))
