"""The gate as a whole: how often a verdict is the wrong one, and how often a better model wins."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.cell import Line, Rate
from calibration.laws import Days, Rng, decisions, ranks
from ct_components.statistics.checks import no_slice_harmed
from ct_components.statistics.evidence import gather
from ct_components.statistics.gate import Claim, Gate, Reason, judge
from ct_components.statistics.sequential import spend

ALPHA = 0.05
FIRST = spend(ALPHA, 1)
"""What a champion's first challenge spends."""
SLICES = 20
"""Of a holdout; each row lies in one."""
LATER = 10
"""A challenge that has 0.0003 to spend."""

WRONG, INSUFFICIENT = "wrong", "insufficient"


@dataclass(frozen=True)
class Judged(ABC):
    """What the gate is given.

    Attributes:
        law: Of the days.
        n: Rows of a holdout.
    """

    law: Days
    n: int

    @abstractmethod
    def __call__(self, rng: Rng) -> Reason:
        """Returns the reason of one verdict."""


@dataclass(frozen=True)
class EqualModels(Judged):
    """The first challenge of a champion, by a model that is no better and no worse."""

    min_improvement: float = 0.0

    def __call__(self, rng: Rng) -> Reason:
        """Returns the reason of one verdict."""
        rows = ranks(self.law, self.n, rng)
        gate = Gate(alpha=ALPHA, min_improvement=self.min_improvement)
        return judge(rows.truth, rows.challenger, rows.champion, rows.day, gate).reason


@dataclass(frozen=True)
class UselessModel(Judged):
    """A first model whose scores know nothing, and vary from day to day like the labels."""

    def __call__(self, rng: Rng) -> Reason:
        """Returns the reason of one verdict."""
        truth, *_, day = self.law.binary(self.n, rng)
        level = self.law.level * rng.normal(size=self.law.days)
        return judge(truth, level[day] + rng.normal(size=self.n), None, day, Gate(alpha=ALPHA)).reason


@dataclass(frozen=True)
class WorseByTheMargin(Judged):
    """A challenger that is worse by exactly as much as non-inferiority allows."""

    margin: float = 0.005

    def __call__(self, rng: Rng) -> Reason:
        """Returns the reason of one verdict."""
        rows = decisions(self.law, self.n, rng, gain=-self.margin)
        gate = Gate(metric="accuracy", claim=Claim.NON_INFERIOR, margin=self.margin, alpha=ALPHA)
        return judge(rows.truth, rows.challenger, rows.champion, rows.day, gate).reason


@dataclass(frozen=True)
class HarmlessSlices(Judged):
    """An equal model on twenty slices, with no harm allowed to any."""

    def __call__(self, rng: Rng) -> Reason:
        """Returns the reason of the one check, or that nothing is proven."""
        rows = ranks(self.law, self.n, rng)
        place = rng.integers(SLICES, size=self.n)
        slices = {f"slice {number}": place == number for number in range(SLICES)}
        evidence = gather(
            rows.truth,
            rows.challenger,
            rows.champion,
            rows.day,
            gate=Gate(alpha=ALPHA, margin=0.0),
            challenge=1,
            slices=slices,
        )
        decision = no_slice_harmed(evidence)
        return decision.reason if decision else Reason.NOT_PROVEN


@dataclass(frozen=True)
class Verdicts:
    """How often a gate decides for reasons that are wrong.

    Attributes:
        judged: What is judged.
        wrong: Which reasons are counted.
        what: What it means.
        nominal: How often it may be.
    """

    judged: Judged
    wrong: tuple[Reason, ...]
    what: str
    nominal: float

    def __call__(self, rng: Rng, replications: int) -> Sequence[Line]:
        """Returns the line."""
        reasons = [self.judged(rng) for _ in range(replications)]
        too_few = sum(reason.startswith("too_few") for reason in reasons)
        wrong = Rate(sum(reason in self.wrong for reason in reasons), replications - too_few)
        return [Line(self.what, self.nominal, {WRONG: wrong, INSUFFICIENT: Rate(too_few, replications)})]


@dataclass(frozen=True)
class Power:
    """How often a model that is truly better is promoted: at its first challenge, and at its tenth."""

    law: Days
    n: int
    gain: float

    def __call__(self, rng: Rng, replications: int) -> Sequence[Line]:
        """Returns a line for each."""
        gate = Gate(alpha=ALPHA)
        found = []
        for _ in range(replications):
            rows = ranks(self.law, self.n, rng, gain=self.gain)
            evidence = gather(rows.truth, rows.challenger, rows.champion, rows.day, gate=gate, challenge=1)
            gain = evidence.gain
            large = gain is not None and gain.value >= gate.min_improvement
            found.append(gain.p_value() if gain is not None and large else 1.0)
        return [
            Line(
                f"gain {self.gain:g}, challenge {k}",
                None,
                {WRONG: Rate(int(np.count_nonzero(np.array(found) < spend(ALPHA, k))), replications)},
            )
            for k in (1, LATER)
        ]
