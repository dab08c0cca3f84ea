"""How rows are drawn of which the truth is known.

Two models answer alike on average, each a little better on some days than on others: every claim that one is
better is then a false one. With a gain, the challenger is truly better.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ct_components.statistics.arrays import Floats, Ints
from ct_components.statistics.metrics import Predicted
from ct_components.statistics.metrics.metric import Truth

Rng = np.random.Generator


_LIFT = 3.5
"""Of the log odds of a positive row, on heavy days."""


class Rows(NamedTuple):
    """A holdout: what is true, what either model answers, and each row's day."""

    truth: Truth
    challenger: Predicted
    champion: Predicted
    day: Ints


@dataclass(frozen=True)
class Days:
    """A law of holdouts over days that may differ in their rows, their positives and their difficulty.

    Each number from `spread` on is the standard deviation of a normal that is drawn for each day; where all
    are 0, rows are independent of each other.

    Attributes:
        title: In words.
        short: In a cell's name.
        days: Of a holdout.
        log_odds: Of a positive row, on the median day.
        spread: Of the logarithm of a day's rows.
        storms: Of a day's log odds.
        strength: Of each model's strength on a day, relative to its mean of 1.
        level: Of each model's answers on a day.
        memory: Correlation of a day's effects with those of the day before.
        heavy: How many days, the first ones, hold most positive rows.
    """

    title: str
    short: str
    days: int = 14
    log_odds: float = -0.85
    spread: float = 0.0
    storms: float = 0.0
    strength: float = 0.0
    level: float = 0.0
    memory: float = 0.0
    heavy: int = 0

    def day(self, n: int, rng: Rng) -> Ints:
        """Returns each row's day; rising, shape (n,)."""
        weights = np.exp(self.spread * rng.normal(size=self.days))
        if self.spread:
            rows = rng.multinomial(n, weights / weights.sum())
        else:
            rows = np.diff(np.arange(self.days + 1) * n // self.days)
        return np.repeat(np.arange(self.days), rows)

    def binary(self, n: int, rng: Rng, gain: float = 0.0) -> tuple[Truth, Floats, Floats, Ints]:
        """Returns labels, the scores of challenger and champion, and days.

        Args:
            n: Rows.
            rng: Where chance comes from.
            gain: How much larger the challenger's ROC AUC is on a day of mean strength.
        """
        day = self.day(n, rng)
        lifted = _LIFT * (np.arange(self.days) < self.heavy)
        odds = np.exp(self.log_odds + lifted + self.storms * self._effects(rng))
        truth = rng.random(n) < (odds / (1 + odds))[day]
        apart = np.array([[separation(gain)], [1.0]])
        strength = apart * (1 + self.strength * self._effects(rng, 2))
        level = self.level * self._effects(rng, 2)
        scores = truth * strength[:, day] + level[:, day] + rng.normal(size=(2, n))
        return truth, scores[0], scores[1], day

    def _effects(self, rng: Rng, *models: int) -> Floats:
        return correlated(rng.normal(size=(*models, self.days)), self.memory)


UNRELATED = Days("independent rows", "unrelated")
ALIKE = Days("14 alike days", "alike", storms=0.3, strength=0.5)
CALM = Days("14 calm days", "calm", storms=0.3, strength=0.1)
UNEQUAL = Days("14 unequal days", "unequal", log_odds=-2.2, spread=1.0, storms=1.0, strength=1.0, level=1.0)
UNEQUAL_10 = replace(UNEQUAL, title="10 unequal days", short="unequal-10", days=10)
UNEQUAL_30 = replace(UNEQUAL, title="30 unequal days", short="unequal-30", days=30)
UNEQUAL_90 = replace(UNEQUAL, title="90 unequal days", short="unequal-90", days=90)
STORMY = Days("14 stormy days", "stormy", log_odds=-4.0, spread=1.5, storms=2.0, strength=0.5, level=0.5)
LOPSIDED = Days("14 lopsided days", "lopsided", log_odds=-4.6, strength=0.6, heavy=3)

CORRELATED = replace(ALIKE, title="14 days, each like the one before", short="correlated", memory=0.5)


def correlated(noise: Floats, memory: float) -> Floats:
    """Returns normal numbers, along the last axis each correlated by `memory` with the one before it."""
    level = noise.copy()
    for day in range(1, noise.shape[-1]):
        level[..., day] = memory * level[..., day - 1] + math.sqrt(1 - memory**2) * noise[..., day]
    return level


def separation(gain: float) -> float:
    """Returns how far apart two unit normals are whose ROC AUC exceeds that of a distance of 1 by a gain."""
    from scipy.special import ndtr, ndtri

    return math.sqrt(2) * float(ndtri(ndtr(1 / math.sqrt(2)) + gain))


def ranks(law: Days, n: int, rng: Rng, gain: float = 0.0) -> Rows:
    """Returns scores that are no probabilities."""
    truth, new, old, day = law.binary(n, rng, gain)
    return Rows(truth, Predicted.binary(new), Predicted.binary(old), day)


def probabilities(law: Days, n: int, rng: Rng) -> Rows:
    """Returns probabilities of the positive class; one above the usual share is decided positive."""
    truth, *scores, day = law.binary(n, rng)
    usual = 1 / (1 + math.exp(-law.log_odds))
    answers = [
        Predicted.binary(1 / (1 + np.exp(0.5 - law.log_odds - score)), threshold=usual) for score in scores
    ]
    return Rows(truth, answers[0], answers[1], day)


def classes(law: Days, n: int, rng: Rng, known: int = 3) -> Rows:
    """Returns probabilities of several classes, of which some days see more of one."""
    day = law.day(n, rng)
    odds = np.exp(law.storms * rng.normal(size=(law.days, known)))
    bounds = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)[day]
    truth = np.minimum((rng.random((n, 1)) > bounds).sum(axis=1), known - 1)
    strength = 1 + law.strength * rng.normal(size=(2, law.days))
    level = law.level * rng.normal(size=(2, law.days, known))
    own = truth[:, np.newaxis] == np.arange(known)
    logits = own * strength[:, day, np.newaxis] + level[:, day] + rng.normal(size=(2, n, known))
    shares = np.exp(logits)
    shares /= shares.sum(axis=2, keepdims=True)
    return Rows(truth, Predicted.multiclass(shares[0]), Predicted.multiclass(shares[1]), day)


def numbers(law: Days, n: int, rng: Rng) -> Rows:
    """Returns numbers whose errors have heavy tails, and are larger on some days than on others."""
    day = law.day(n, rng)
    truth = law.storms * rng.normal(size=law.days)[day] + rng.normal(size=n)
    scale = np.exp(law.strength / 2 * rng.normal(size=(2, law.days)))
    level = law.level / 2 * rng.normal(size=(2, law.days))
    errors = scale[:, day] * rng.standard_t(5, size=(2, n)) + level[:, day]
    new, old = (Predicted.regression(truth + error) for error in errors)
    return Rows(truth, new, old, day)


def decisions(law: Days, n: int, rng: Rng, gain: float = 0.0, accuracy: float = 0.8) -> Rows:
    """Returns decisions of which so many are right, the challenger's more often by a gain, on any day."""
    day = law.day(n, rng)
    truth = rng.random(n) < 0.5  # noqa: PLR2004
    sure = np.array([[accuracy + gain], [accuracy]]) + law.strength * rng.uniform(
        -0.1, 0.1, size=(2, law.days)
    )
    right = rng.random((2, n)) < sure[:, day]
    new, old = (Predicted.binary(np.where(each, truth, ~truth).astype(np.float64)) for each in right)
    return Rows(truth, new, old, day)


def near_perfect(law: Days, n: int, rng: Rng) -> Rows:
    """Returns decisions of which 99 % are right, so that the models disagree on few rows."""
    return decisions(law, n, rng, accuracy=0.99)


Draw = Callable[[Days, int, Rng], Rows]
