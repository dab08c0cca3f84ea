"""Everything that the gate's checks look at, computed once from the holdout's rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ct_components.statistics.arrays import as_clusters, as_labels, as_scores
from ct_components.statistics.estimate import Estimate, auc_excess, auc_gain, fewest_clusters_of_a_class
from ct_components.statistics.roc import roc_auc
from ct_components.statistics.sequential import spend
from ct_components.statistics.settings import Gate

BASELINE_SCORE = 0.5
"""ROC AUC of the prior, a constant: every pair is a tie, and each tie counts half."""


@dataclass(frozen=True)
class Evidence:
    """What the holdout says about challenger and champion.

    Scores are None when the holdout lacks a class; estimates also when a class lies in a single cluster.

    Attributes:
        gate: The settings to judge by.
        challenge: Which challenge of this champion this is, from 1.
        alpha: One-sided alpha of the champion's comparison: what this challenge may spend.
        has_champion: Whether there is one; False for a first model.
        n: Rows of the holdout.
        positives: Its positive rows.
        clusters: Its clusters.
        class_clusters: Clusters that hold the class which fewer clusters hold.
        challenger_score: The challenger's metric.
        champion_score: The champion's metric, on the same rows.
        gain: Challenger less champion.
        excess: Challenger less baseline predictor.
    """

    gate: Gate
    challenge: int
    alpha: float
    has_champion: bool
    n: int
    positives: int
    clusters: int
    class_clusters: int
    challenger_score: float | None
    champion_score: float | None
    gain: Estimate | None
    excess: Estimate | None

    @property
    def rarer_class(self) -> int:
        """Rows of the class that has fewer."""
        return min(self.positives, self.n - self.positives)


def gather(
    y: npt.ArrayLike,
    challenger: npt.ArrayLike,
    champion: npt.ArrayLike | None,
    clusters: npt.ArrayLike,
    *,
    gate: Gate,
    challenge: int,
) -> Evidence:
    """Returns the evidence.

    Args:
        y: Labels, shape (n,); True is positive.
        challenger: The challenger's scores, shape (n,).
        champion: The champion's scores on the same rows, shape (n,); None for a first model.
        clusters: Shape (n,); as in `estimate.auc_gain`.
        gate: The settings to judge by.
        challenge: Which challenge of this champion this is, from 1.

    Returns:
        The evidence; also for no rows or one class, which a check finds insufficient.

    Raises:
        DataError: If lengths are unequal, a score is NaN or infinite, a row has no cluster, or the challenge
            is below 1: faults of whoever called, about which no verdict can be given.
    """
    labels = as_labels(y)
    new = as_scores(challenger, labels, "challenger scores")
    old = None if champion is None else as_scores(champion, labels, "champion scores")
    names, index = as_clusters(clusters, labels)
    class_clusters = fewest_clusters_of_a_class(labels, index)
    has_both = class_clusters >= 1
    estimable = class_clusters > 1
    return Evidence(
        gate=gate,
        challenge=challenge,
        alpha=spend(gate.alpha, challenge, gate.spending),
        has_champion=old is not None,
        n=labels.size,
        positives=int(np.count_nonzero(labels)),
        clusters=int(names.size),
        class_clusters=class_clusters,
        challenger_score=roc_auc(labels, new) if has_both else None,
        champion_score=roc_auc(labels, old) if has_both and old is not None else None,
        gain=auc_gain(labels, new, old, index) if estimable and old is not None else None,
        excess=auc_excess(labels, new, index) if estimable else None,
    )
