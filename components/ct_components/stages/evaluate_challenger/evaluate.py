"""Judging the challenger against the champion on rows that neither has seen."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ct_components import connections
from ct_components.champion import anchor_number, find_anchor
from ct_components.datasets import model_frame
from ct_components.errors import DataError
from ct_components.models.score import decision_threshold, gives_probabilities, score
from ct_components.models.store import load_model
from ct_components.registry import Registry, Version, model_metadata
from ct_components.spec import Gates, parse_section
from ct_components.stage import Context, ledger_of
from ct_components.stages.evaluate_challenger.rows import Holdout, read_holdout
from ct_components.statistics.estimate import value_by_cluster
from ct_components.statistics.gate import Judgement, judge
from ct_components.statistics.metrics import Predicted
from ct_components.statistics.roc import Confusion, confusion, roc_points
from ct_components.statistics.settings import Claim, Gate, Reason, Verdict
from ct_components.windows import Windows

if TYPE_CHECKING:
    from ct_components.ledger import Ledger

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Scored:
    """One model on the holdout; `training_rows` are the labelled rows that it was fitted on."""

    version: Version
    predicted: Predicted
    threshold: float
    training_rows: int


@dataclass(frozen=True)
class Evidence:
    """All that the page and the outputs show of one judgement."""

    judgement: Judgement
    gate: Gate
    holdout: Holdout
    challenger: Scored
    champion: Scored | None

    @property
    def confusion(self) -> Confusion:
        """The challenger's decisions at its own threshold."""
        return confusion(self.holdout.positive, self.challenger.predicted.values, self.challenger.threshold)

    @property
    def anchor(self) -> str | None:
        """The version that small losses are counted from, this one included; None if it is not promoted.

        A superior version takes the place of an anchor only if it is proven no worse than it, too: a gain
        over a champion that had lost more is no progress.
        """
        if self.judgement.verdict is not Verdict.PROMOTE:
            return None
        if self.champion is None or self.champion.version.number == anchor_number(self.champion.version):
            kept = self.judgement.reason is Reason.NON_INFERIOR
        else:
            lower = self.judgement.anchor_lower
            kept = self.judgement.reason is Reason.NON_INFERIOR or lower is None or lower <= -self.gate.delta
        if kept and self.champion:
            return anchor_number(self.champion.version)
        return self.challenger.version.number

    def roc(self, which: Scored | None) -> list[tuple[float, float, float]]:
        """A model's ROC curve; empty without a model, or where one class is missing."""
        both = bool(self.holdout.positive.any()) and not self.holdout.positive.all()
        return roc_points(self.holdout.positive, which.predicted.values) if which and both else []

    def days(self) -> list[tuple[str, int, float | None, float | None]]:
        """Day, rows, champion's and challenger's metric within the day."""
        challenger = self._by_day(self.challenger)
        champion = self._by_day(self.champion) if self.champion else {}
        return [(day, rows, champion.get(day, (0, None))[1], new) for day, (rows, new) in challenger.items()]

    def _by_day(self, which: Scored) -> dict[str, tuple[int, float | None]]:
        days = value_by_cluster(self.gate.decides, self.holdout.positive, which.predicted, self.holdout.days)
        return {day.cluster: (day.n, day.value) for day in days}


def evaluate(run: Context, holdout_path: str, challenger: str, windows: str, gates: str) -> Evidence:
    """Scores all models anew on the same raw rows and judges the challenger.

    Raises:
        DataError: If a model takes a column that the holdout lacks or has in another type.
        ModelError: If a model cannot be loaded or cannot score the rows.
        Unreachable: If MLflow or the ledger does not answer.
    """
    registry = Registry(connections.from_environment())
    settings = parse_section(Gates, gates, "gates")
    gate = Gate(**settings.model_dump(exclude={"slices"}))
    new = registry.version(run.model, challenger)
    old = registry.version(run.model, run.champion) if run.champion else None
    known = model_metadata(registry.download(new))
    timezone = Windows.from_json(windows).timezone
    holdout = read_holdout(holdout_path, known["target"], known["positive"], timezone)
    scored = _score(registry, new, holdout, "challenger")
    champion = _score(registry, old, holdout, "champion") if old else None
    anchor = _anchor(registry, old, holdout, gate)
    ledger = ledger_of(run.run_id)
    judgement = judge(
        holdout.positive,
        scored.predicted,
        champion.predicted if champion else None,
        holdout.days,
        gate,
        challenge=_challenge(run, registry, ledger, new),
        anchor=anchor.predicted if anchor else None,
        centre=known.get("positive_share"),
        slices=holdout.slices(settings.slices),
        ids=holdout.ids(known.get("id")),
    )
    logger.info("%s: %s", judgement.verdict, judgement.explanation)
    for alert in judgement.alerts:
        logger.warning("%s", alert)
    return Evidence(judgement, gate, holdout, scored, champion)


def _anchor(registry: Registry, champion: Version | None, holdout: Holdout, gate: Gate) -> Scored | None:
    if champion is None or gate.claim == Claim.SUPERIOR:
        return None
    version = find_anchor(registry, champion)
    return _score(registry, version, holdout, "anchor") if version else None


def _challenge(run: Context, registry: Registry, ledger: "Ledger | None", challenger: Version) -> int:
    """Returns which challenge of the champion this is; a retry keeps the number that it was recorded with."""
    if ledger:
        recorded = ledger.verdict(run.run_id)
        if recorded and recorded["verdict"] != Verdict.INSUFFICIENT:
            return int(recorded["challenge"])
        return 1 + ledger.challenges(run.model, run.champion or None, besides=run.run_id)
    tags = challenger.tags
    if tags.get("verdict", Verdict.INSUFFICIENT) != Verdict.INSUFFICIENT and tags.get("challenge"):
        return int(tags["challenge"])
    return 1 + registry.challenges(run.model, run.champion, besides=challenger.number)


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
    threshold = decision_threshold(model)
    predicted = Predicted.binary(
        scores, threshold=threshold, probabilities=gives_probabilities(model), role=f"{role} scores"
    )
    return Scored(version, predicted, threshold, int(metadata["training_rows"]))
