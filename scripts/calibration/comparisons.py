"""The gate's limits under the null: each on its own, far out in the tail, and over thirty challenges.

A holdout is read from both sides, the second time with challenger and champion exchanged, so that it counts
twice. Rates are over the holdouts that suffice for the gate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calibration import naive
from calibration.cell import Line, Rate
from calibration.laws import Days, Draw, Rng, Rows
from ct_components.statistics.arrays import Floats
from ct_components.statistics.checks import defined, enough_clusters, enough_rows
from ct_components.statistics.comparison.tango import TangoEstimate
from ct_components.statistics.estimate import Estimate, RelativeGain
from ct_components.statistics.evidence import Evidence, gather
from ct_components.statistics.gate import Gate
from ct_components.statistics.metrics import Additive, Task
from ct_components.statistics.sequential import spend
from ct_components.statistics.student import t_upper_tail

ALPHA = 0.05
LOOKS = 30
TAIL = (0.05, 0.0304, 0.01, 0.0017, 0.0003)
"""The whole alpha, what the first challenge spends, and what one of thirty or the tenth does."""

LIMIT, INSUFFICIENT = "limit", "insufficient"

PValues = Mapping[str, float]
"""By method, of "the challenger is no better"."""


@dataclass(frozen=True)
class Subject:
    """A metric on rows of a law.

    Attributes:
        metric: By name.
        draw: How rows are drawn.
        law: Of their days.
        task: What is predicted.
        clustered: Whether the gate is told of days.
    """

    metric: str
    draw: Draw
    law: Days
    task: Task = Task.BINARY
    clustered: bool = True

    def gate(self) -> Gate:
        """Returns the gate's settings."""
        cluster = "day" if self.clustered else "none"
        return Gate(self.task, self.metric, min_improvement=0.0, alpha=ALPHA, cluster=cluster)

    def evidence(self, n: int, rng: Rng) -> tuple[Rows, Evidence]:
        """Returns a holdout of two equal models, and what it says."""
        rows = self.draw(self.law, n, rng)
        days = rows.day if self.clustered else None
        return rows, gather(rows.truth, rows.challenger, rows.champion, days, gate=self.gate(), challenge=1)

    def p_values(self, n: int, rng: Rng) -> PValues:
        """Returns the p-values of one holdout; none if it does not suffice."""
        rows, evidence = self.evidence(n, rng)
        if not suffices(evidence):
            return {}
        gain = evidence.gain
        assert gain is not None
        if gain.standard_error == 0:  # nothing is claimed on either side
            return {LIMIT: 0.5}
        found = {LIMIT: gain.p_value()}
        if isinstance(gain, TangoEstimate):
            found["wald"] = t_upper_tail(gain.value / gain.standard_error, gain.degrees_of_freedom)
        if not self.clustered:
            return found
        contrast = gain.contrast if isinstance(gain, RelativeGain) else gain
        assert isinstance(contrast, Estimate)
        assert evidence.holdout.index is not None
        found["t"] = t_upper_tail(contrast.value / contrast.standard_error, contrast.degrees_of_freedom)
        if self.metric == "roc_auc":
            differences = naive.placement_differences(rows)
            found["obuchowski"] = naive.obuchowski(rows, differences, gain.value)
            found["rows"] = naive.delong(rows, differences, gain.value)
        elif isinstance(evidence.metric, Additive):
            index = evidence.holdout.index
            found["percentiles"] = naive.percentile_bootstrap(rows, evidence.metric, index, rng)
        return found


def suffices(evidence: Evidence) -> bool:
    """Returns whether the gate would judge at all."""
    return not any(check(evidence) for check in (enough_rows, enough_clusters, defined))


@dataclass(frozen=True)
class Level:
    """How often a limit proves what is not true, at one alpha or several.

    Attributes:
        subject: What is compared.
        n: Rows.
        alphas: One-sided.
    """

    subject: Subject
    n: int
    alphas: tuple[float, ...] = (ALPHA,)

    def __call__(self, rng: Rng, replications: int) -> Sequence[Line]:
        """Returns a line for each alpha."""
        drawn = [self.subject.p_values(self.n, rng) for _ in range(replications)]
        enough = [each for each in drawn if each]
        insufficient = Rate(replications - len(enough), replications)
        columns = _columns(enough)
        return [
            Line(
                f"α {alpha:g}",
                alpha,
                {LIMIT: Rate(0, 0)}
                | {method: _both_sides(p, alpha) for method, p in columns.items()}
                | {INSUFFICIENT: insufficient},
            )
            for alpha in self.alphas
        ]


@dataclass(frozen=True)
class Reign:
    """How many champions are displaced within thirty challenges, none of them by a better model.

    Each challenge has its own holdout, which is the hardest case. Of a holdout that does not suffice, another
    is drawn: insufficient verdicts spend nothing.
    """

    subject: Subject
    n: int

    def __call__(self, rng: Rng, replications: int) -> Sequence[Line]:
        """Returns lines on single limits, which the same draws serve, and on champions."""
        columns = _columns([self._sufficient(rng) for _ in range(replications * LOOKS)])
        tail = [
            Line(f"one limit, α {alpha:g}", alpha, {m: _both_sides(p, alpha) for m, p in columns.items()})
            for alpha in TAIL
        ]
        spending = {
            "30 challenges, quadratic": [spend(ALPHA, k, "quadratic") for k in range(1, LOOKS + 1)],
            "30 challenges, even:30": [spend(ALPHA, k, "even:30") for k in range(1, LOOKS + 1)],
            "30 challenges, each at α": [ALPHA] * LOOKS,
        }
        return tail + [
            Line(
                what,
                ALPHA if what != "30 challenges, each at α" else None,
                {method: _displaced(p, alphas) for method, p in columns.items()},
            )
            for what, alphas in spending.items()
        ]

    def _sufficient(self, rng: Rng) -> PValues:
        while not (found := self.subject.p_values(self.n, rng)):
            pass
        return found


def _columns(drawn: Sequence[PValues]) -> dict[str, Floats]:
    """Returns all p-values of each method; a holdout without variation claims nothing by any of them."""
    methods = list(dict.fromkeys(method for each in drawn for method in each))
    return {method: np.array([each.get(method, 0.5) for each in drawn]) for method in methods}


def _both_sides(p: Floats, alpha: float) -> Rate:
    return Rate(int(np.count_nonzero(p < alpha) + np.count_nonzero(p > 1 - alpha)), 2 * p.size)


def _displaced(p: Floats, alphas: Sequence[float]) -> Rate:
    champions = p.reshape(-1, LOOKS)
    both = np.concatenate([champions, 1 - champions])
    return Rate(int(np.count_nonzero((both < alphas).any(axis=1))), len(both))
