"""One feature's rows, counted into the same bins in the reference and in the current window.

Bins belong to the reference: quantiles of its values, so that each holds about as many rows, and beside them
explicit bins for what the reference did not hold. Without those, a value beyond the reference's range falls
into the bin of its largest values, and a 5 % share of impossible numbers looks like nothing.

Numeric bins, from the left: below the first edge; one for each pair of edges, its left edge included; from
the last edge up; missing. Categorical bins: one for each category of the reference; further categories;
missing.

References:
    Ney, Essen & Kneser (1994). On structuring probabilistic dependences in stochastic language modelling.
    Computer Speech & Language 8, 1-38. https://doi.org/10.1006/csla.1994.1001

    Pitman & Yor (1997). The two-parameter Poisson-Dirichlet distribution derived from a stable subordinator.
    Annals of Probability 25, 855-900. https://doi.org/10.1214/aop/1024404422
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Bools, Floats, Ints

BINS = 32
"""Most bins between the smallest and the largest value of the reference."""

_LARGEST_DISCOUNT = 0.95


@dataclass(frozen=True, eq=False)
class Bins:
    """One feature's rows by bin, in the reference and in the current window.

    Attributes:
        reference: Shape (B,), B at least 2. The last bin counts the missing rows.
        current: Shape (B,). In the same bins.
        outer: Shape (B,). Bins made for what the reference does not hold: beyond its extremes, or unseen.
        discount: How much of each category's rows stands for categories that the reference has not seen, 0 to
            1, 1 excluded; see `categorical_bins`. 0 for numbers.

    Raises:
        DataError: If counts are not whole numbers of 0 or more, or the shapes differ.

    >>> bins = Bins(np.array([0, 7, 3, 0, 0]), np.array([1, 4, 4, 0, 1]), np.array([1, 0, 0, 1, 0]) > 0)
    >>> bins.reference_rows, bins.current_rows, bins.missing_shares
    (10, 10, (0.0, 0.1))
    """

    reference: Ints
    current: Ints
    outer: Bools
    discount: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what cannot be counts of the same bins."""
        as_counts(self.reference, "reference counts")
        as_counts(self.current, "current counts", self.reference.size)
        if self.outer.shape != self.reference.shape:
            raise DataError(f"outer has the shape {self.outer.shape}; allowed: {self.reference.shape}")
        if not 0 <= self.discount < 1:
            raise DataError(f"discount is {self.discount}; allowed: 0 to 1, 1 excluded")

    @property
    def reference_rows(self) -> int:
        """Rows of the reference."""
        return int(self.reference.sum())

    @property
    def current_rows(self) -> int:
        """Rows of the current window."""
        return int(self.current.sum())

    @property
    def missing_shares(self) -> tuple[float, float]:
        """Share of missing rows in the reference and in the current window; 0 without rows."""
        reference, current = self.reference_rows, self.current_rows
        return float(self.reference[-1]) / max(reference, 1), float(self.current[-1]) / max(current, 1)

    def swapped(self) -> "Bins":
        """Returns the same bins with reference and current window exchanged."""
        return replace(self, reference=self.current, current=self.reference)


def as_counts(counts: npt.ArrayLike, role: str, like: int | None = None) -> Ints:
    """Returns counts as integers.

    Args:
        counts: Shape (B,), B at least 2: whole numbers of 0 or more.
        role: Whose counts, for the message.
        like: B, when it is known.

    Returns:
        Shape (B,).

    Raises:
        DataError: If they are something else (NaN, a fraction, a negative number, too few bins).

    >>> as_counts([3, 0, 2.0], "counts")
    array([3, 0, 2])
    """
    array: npt.NDArray[np.generic] = np.asarray(counts)
    if array.ndim != 1 or array.size <= 1 or array.size != (like or array.size):
        allowed = f"({like},)" if like else "one dimension with at least 2 bins"
        raise DataError(f"{role} have the shape {array.shape}; allowed: {allowed}")
    if array.dtype.kind not in "buif":
        raise DataError(f"{role} are of type {array.dtype}; allowed: whole numbers")
    numbers = array.astype(np.float64)
    bad = np.flatnonzero(~(numbers >= 0) | (numbers != np.floor(numbers)) | np.isinf(numbers))
    if bad.size:
        raise DataError(f"{role} hold {numbers[bad[0]]} in bin {bad[0]}; allowed: whole numbers of 0 or more")
    return array.astype(np.intp)


def quantile_edges(values: npt.ArrayLike, bins: int = BINS) -> Floats:
    """Returns edges at quantiles of the values.

    A value that fills whole bins (an atom, such as 0) gets a bin of its own, that ends at the next number
    above it. The last edge lies just above the maximum, so that the outer bins hold none of these values.

    Args:
        values: Shape (n,). NaN and infinities are left out.
        bins: Most bins between the smallest and the largest value; at least 1.

    Returns:
        Rising, at most `bins` + 1 for values that all differ; none without finite values.

    Raises:
        DataError: If the number of bins is below 1.

    >>> quantile_edges([1.0, 2.0, 3.0, 4.0, 5.0], bins=2)
    array([1., 3., 5.])
    """
    if bins < 1:
        raise DataError(f"number of bins is {bins}; allowed: 1 or more")
    numbers = _numbers(values)
    finite = np.sort(numbers[np.isfinite(numbers)])
    if not finite.size:
        return finite
    quantiles = finite[np.linspace(0, finite.size - 1, bins + 1).astype(np.intp)]
    atoms = quantiles[1:][quantiles[1:] == quantiles[:-1]]
    maximum = quantiles[-1]
    largest = np.finfo(np.float64).max
    edges = [quantiles[quantiles < maximum], np.nextafter(np.append(atoms, maximum), largest)]
    if maximum in atoms:
        edges.append(quantiles[-1:])
    return np.unique(np.concatenate(edges))


def numeric_bins(
    reference: npt.ArrayLike, current: npt.ArrayLike, edges: npt.ArrayLike | None = None
) -> Bins:
    """Returns the bins of two sets of numbers, for whoever holds rows and not profiles.

    Args:
        reference: Shape (N,). NaN and infinities count as missing.
        current: Shape (m,).
        edges: Rising; by default the `quantile_edges` of the reference.

    Returns:
        One bin more than edges, and the missing.

    Raises:
        DataError: If the edges do not rise, or values are no numbers.

    >>> bins = numeric_bins([1, 2, 3, 4, 5], [0, 1, 3, 9, float("nan")], edges=[1, 3, 6])
    >>> bins.reference.tolist(), bins.current.tolist()
    ([0, 2, 3, 0, 0], [1, 1, 1, 1, 1])
    """
    rising = quantile_edges(reference) if edges is None else as_edges(edges)
    outer = np.zeros(rising.size + 2, dtype=np.bool_)
    outer[[0, -2]] = True
    return Bins(_counted(reference, rising), _counted(current, rising), outer)


def categorical_bins(
    reference: Mapping[str, int],
    current: Mapping[str, int],
    missing: tuple[int, int] = (0, 0),
    other: tuple[int, int] = (0, 0),
) -> Bins:
    """Returns the bins of two sets of categories.

    Categories that the reference does not name fall into one bin with its other rows. A long tail always
    holds some that the reference just happens not to have seen, and some that it saw more often than they
    are. So each category lends a discount to the unseen, :math:`n_1 / (n_1 + 2 n_2)` of a row when
    :math:`n_1` categories were seen once and :math:`n_2` twice (Ney, Essen & Kneser): the Pitman-Yor
    posterior.

    Args:
        reference: Rows by category.
        current: Rows by category; more, fewer and other categories are allowed.
        missing: Missing rows in the reference and in the current window.
        other: Rows of categories that were counted together, in the same order.

    Returns:
        One bin for each category of the reference, in its order; one for further categories; the missing.

    Raises:
        DataError: If a count is negative or no whole number.

    >>> bins = categorical_bins({"UA": 5, "AA": 1}, {"AA": 2, "XX": 3}, missing=(0, 1))
    >>> bins.reference.tolist(), bins.current.tolist()
    ([5, 1, 0, 0], [0, 2, 3, 1])
    """
    further = sum(rows for name, rows in current.items() if name not in reference)
    counts = as_counts([*reference.values(), other[0], missing[0]], "reference counts")
    new = [current.get(name, 0) for name in reference]
    outer = np.zeros(counts.size, dtype=np.bool_)
    outer[-2] = True
    once, twice = (int(np.count_nonzero(counts[:-2] == times)) for times in (1, 2))
    discount = min(once / (once + 2 * twice), _LARGEST_DISCOUNT) if once else 0.0
    known = as_counts([*new, other[1] + further, missing[1]], "current counts", counts.size)
    return Bins(counts, known, outer, discount)


def as_edges(edges: npt.ArrayLike) -> Floats:
    """Returns edges as rising finite numbers.

    Raises:
        DataError: If they are not.

    >>> as_edges([0, 1])
    array([0., 1.])
    """
    array = _numbers(edges)
    if not np.isfinite(array).all() or not (np.diff(array) > 0).all():
        raise DataError(
            "histogram edges do not rise, or one is NaN or infinite; allowed: rising finite numbers"
        )
    return array


def _counted(values: npt.ArrayLike, edges: Floats) -> Ints:
    numbers = _numbers(values)
    finite = np.sort(numbers[np.isfinite(numbers)])
    below = np.searchsorted(finite, edges, side="left")
    missing = numbers.size - finite.size
    return np.append(np.diff(below, prepend=0, append=finite.size), missing).astype(np.intp)


def _numbers(values: npt.ArrayLike) -> Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"values are no numbers ({error}); allowed: numbers") from error
    if array.ndim != 1:
        raise DataError(f"values have the shape {array.shape}; allowed: one dimension")
    return array
