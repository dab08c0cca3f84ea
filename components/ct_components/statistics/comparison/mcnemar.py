r"""Whether one classifier is right more often than another on the same rows: McNemar's test.

Rows on which both are right, or both wrong, say nothing about which is better. Of the discordant ones,
:math:`b` that the challenger alone has right and :math:`c` that the champion alone has right, each is a fair
coin under the null. The mid-p-value counts half of the observed table's own probability: the exact test is
conservative, the asymptotic one a little liberal, and the mid-p one kept its level in all of the 9,595 cases
that Fagerland, Lydersen and Laake enumerated.

References:
    McNemar (1947). Note on the sampling error of the difference between correlated proportions or
    percentages. Psychometrika 12, 153-157. https://doi.org/10.1007/BF02295996

    Fagerland, Lydersen & Laake (2013). The McNemar test for binary matched-pairs data: mid-p and asymptotic
    are better than exact conditional. BMC Medical Research Methodology 13, 91.
    https://doi.org/10.1186/1471-2288-13-91
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Array, Bools


@dataclass(frozen=True)
class PairedCounts:
    """Rows counted by which of two classifiers decides them rightly.

    Attributes:
        both: Both are right.
        challenger: The challenger alone is right.
        champion: The champion alone is right.
        neither: Neither is right.

    Raises:
        DataError: If a count is negative or no whole number.
    """

    both: int
    challenger: int
    champion: int
    neither: int

    def __post_init__(self) -> None:
        """Refuses counts that are none."""
        for name, count in asdict(self).items():
            if not 0 <= count < math.inf or count != int(count):
                raise DataError(f"count of {name} is {count}; allowed: 0, 1, 2 and so on")

    @property
    def n(self) -> int:
        """Rows."""
        return self.both + self.challenger + self.champion + self.neither

    @property
    def discordant(self) -> int:
        """Rows that one of the two alone has right."""
        return self.challenger + self.champion

    @property
    def varies(self) -> bool:
        """Whether rows differ in which model they favour; else nothing is known about the error."""
        return self.discordant > 0 and self.n not in (self.challenger, self.champion)


@dataclass(frozen=True)
class McNemar:
    """McNemar's test: three p-values, each one-sided for "the challenger is no better" and two-sided.

    Without a discordant row all are 1.

    Attributes:
        counts: The table.
        mid_p: One-sided mid-p-value; the one to go by.
        exact: One-sided p-value of the exact conditional test.
        asymptotic: One-sided p-value of the score test, without continuity correction.
        mid_p_two_sided: Of "neither is better than the other".
        exact_two_sided: Of the same.
        asymptotic_two_sided: Of the same.
    """

    counts: PairedCounts
    mid_p: float
    exact: float
    asymptotic: float
    mid_p_two_sided: float
    exact_two_sided: float
    asymptotic_two_sided: float

    def to_dict(self) -> dict[str, dict[str, int] | float]:
        """Returns the test in JSON's own types.

        Returns:
            One entry for each field, in their order.
        """
        return asdict(self)


def paired_counts(y: npt.ArrayLike, challenger: npt.ArrayLike, champion: npt.ArrayLike) -> PairedCounts:
    """Returns how many rows both, one, or none of two classifiers decide rightly.

    Args:
        y: True classes, shape (n,): booleans or class codes.
        challenger: The classes that the challenger decides, shape (n,).
        champion: The classes that the champion decides, shape (n,).

    Returns:
        The counts; all 0 without rows.

    Raises:
        DataError: If they are not one-dimensional or not as many, or one is no boolean and no whole number.

    >>> paired_counts([0, 1, 2, 2], [0, 1, 2, 0], [0, 0, 1, 2])
    PairedCounts(both=1, challenger=2, champion=1, neither=0)
    """
    truth = _classes(y, "labels")
    new = _right(challenger, truth, "challenger decisions")
    old = _right(champion, truth, "champion decisions")
    both, by_new, by_old = (int(np.count_nonzero(right)) for right in (new & old, new, old))
    return PairedCounts(both, by_new - both, by_old - both, truth.size - by_new - by_old + both)


def as_decisions(decided: npt.ArrayLike, role: str) -> Bools:
    """Returns decisions between two classes as booleans.

    Args:
        decided: Shape (n,): booleans, or 0 and 1.
        role: Whose, for the message.

    Returns:
        Shape (n,).

    Raises:
        DataError: If they are not one-dimensional, or one is not 0, 1, False or True.

    >>> as_decisions([0, 1], "challenger decisions")
    array([False,  True])
    """
    classes = _classes(decided, role)
    decisions = classes.astype(np.bool_, copy=False)
    strange = classes[decisions != classes]
    if strange.size:
        raise DataError(f"{role} hold {strange[0]}; allowed for two classes: 0, 1, False, True")
    return decisions


def mcnemar(counts: PairedCounts) -> McNemar:
    """Returns McNemar's test of the table.

    Args:
        counts: As `paired_counts` returns them.

    Returns:
        The p-values, each 0 to 1.

    >>> test = mcnemar(PairedCounts(both=1, challenger=7, champion=1, neither=12))
    >>> round(test.mid_p_two_sided, 4), round(test.exact_two_sided, 4), round(test.asymptotic_two_sided, 4)
    (0.0391, 0.0703, 0.0339)
    """
    from scipy.special import ndtr

    b, c = counts.challenger, counts.champion
    if not counts.discordant:
        return McNemar(counts, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    z = (b - c) / math.sqrt(b + c)
    at_least, more = _at_least(b, b + c), _at_least(b + 1, b + c)
    larger = max(b, c)
    as_far, farther = _at_least(larger, b + c), _at_least(larger + 1, b + c)
    return McNemar(
        counts=counts,
        mid_p=(at_least + more) / 2,
        exact=at_least,
        asymptotic=float(ndtr(-z)),
        # Of two equal counts, the table's own probability is counted once, not in either tail.
        mid_p_two_sided=as_far + farther if b != c else 1 - (as_far - farther) / 2,
        exact_two_sided=min(1.0, 2 * as_far),
        asymptotic_two_sided=float(2 * ndtr(-abs(z))),
    )


def _at_least(heads: int, coins: int) -> float:
    """Returns the probability of this many heads or more of so many fair coins."""
    from scipy.special import betainc

    if heads <= 0:
        return 1.0
    return float(betainc(heads, coins - heads + 1, 0.5)) if heads <= coins else 0.0


def _right(decided: npt.ArrayLike, truth: Array, role: str) -> Bools:
    classes = _classes(decided, role)
    if classes.size != truth.size:
        raise DataError(f"{classes.size} {role} for {truth.size} labels; allowed: one for each")
    return np.asarray((as_decisions(classes, role) if truth.dtype == np.bool_ else classes) == truth)


def _classes(values: npt.ArrayLike, role: str) -> Array:
    array: Array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{role} have the shape {array.shape}; allowed: one dimension")
    if array.size and array.dtype.kind not in "bui":
        raise DataError(f"{role} are of type {array.dtype}; allowed: booleans and whole numbers")
    return array
