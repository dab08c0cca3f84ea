"""One cell of the calibration: a law, a number of rows, a seed, and rates that follow from them alone."""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_NORMAL_95 = 1.959964
"""Two-sided."""


class Rate(NamedTuple):
    """How often something happened in how many trials."""

    events: int
    trials: int

    @property
    def value(self) -> float:
        """The rate; NaN without trials."""
        return self.events / self.trials if self.trials else math.nan

    def interval(self, z: float = _NORMAL_95) -> tuple[float, float]:
        """Returns Wilson's interval of the true rate."""
        n, p = self.trials, self.value
        middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        what: What is done with the rows that were drawn, such as the alpha that is spent.
        nominal: The rate that is promised; None where a rate is to be large, as power is.
        rates: By method, the method that is calibrated first.
    """

    what: str
    nominal: float | None
    rates: Mapping[str, Rate]


Study = Callable[[np.random.Generator, int], Sequence[Line]]
"""Draws so many replications, and returns lines."""


@dataclass(frozen=True)
class Cell:
    """What is drawn, and how often.

    Attributes:
        name: As the command takes it, `area/subject/law/rows`.
        law: What is drawn, in words.
        n: Rows of one replication.
        replications: Holdouts, windows or champions.
        study: What is done.
        looks: Of one replication, each at n rows.
        excess: By how much the first method's rate may exceed the nominal one, simulation noise apart, as a
            share of it.
    """

    name: str
    law: str
    n: int
    replications: int
    study: Study
    looks: int = 1
    excess: float = 0.1

    @property
    def seed(self) -> int:
        """Of its random numbers: a checksum of its name, so that no cell changes another."""
        return zlib.crc32(self.name.encode())

    @property
    def rows(self) -> int:
        """Rows that are drawn, about as many as it takes time."""
        return self.n * self.looks * self.replications

    def lines(self) -> Sequence[Line]:
        """Returns the cell's lines, always the same ones."""
        return self.study(np.random.default_rng(self.seed), self.replications)


def count(flags: npt.ArrayLike) -> Rate:
    """Returns how many of the flags are set."""
    return Rate(int(np.count_nonzero(flags)), int(np.size(flags)))
