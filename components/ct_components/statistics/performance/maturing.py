"""Which predictions may be judged yet: those of one model version, of days whose labels have all had time.

A day's cohort is every prediction made on it. Labels that arrive early are seldom like the others (a default
is known at once, a repayment only at the end), so a cohort counts as a whole, once the label delay has passed
since its day ended; until then none of its rows does. A matured row without a label is not judged, and shows
in the label coverage.

Days and instants are on one clock, the model's own, as `datetime64` without a time zone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Array, Bools, Ints

Days = npt.NDArray[np.datetime64]

_ONE_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, eq=False)
class Cohorts:
    """The matured days, and how many of their predictions have a label.

    Attributes:
        days: Shape (D,); matured days with predictions, in order.
        rows: Shape (D,); predictions of each.
        labelled: Shape (D,); those with a label.
        immature: Predictions of later days, which do not count yet.
    """

    days: Days
    rows: Ints
    labelled: Ints
    immature: int

    @property
    def coverage(self) -> float | None:
        """The share of matured predictions that have a label, 0 to 1; None without any."""
        rows = int(self.rows.sum())
        return int(self.labelled.sum()) / rows if rows else None

    def to_dict(self) -> dict[str, Any]:
        """Returns the cohorts in JSON's own types, days as ISO dates."""
        return {
            "days": [str(day) for day in self.days],
            "rows": self.rows.tolist(),
            "labelled": self.labelled.tolist(),
            "immature": self.immature,
            "coverage": self.coverage,
        }


def matured(days: npt.ArrayLike, *, as_of: np.datetime64, label_delay: np.timedelta64) -> Bools:
    """Returns which days ended at least the label delay before as-of.

    Args:
        days: Shape (n,); the day of each prediction.
        as_of: The instant that is now.
        label_delay: How long after its prediction a label can arrive; 0 or more.

    Returns:
        Shape (n,).

    Raises:
        DataError: If a day or as-of is unknown, or the label delay negative.

    >>> noon = np.datetime64("2013-03-05T12:00")
    >>> matured(["2013-03-02", "2013-03-03"], as_of=noon, label_delay=np.timedelta64(48, "h"))
    array([ True, False])
    """
    known = as_days(days)
    if np.isnat(as_of):
        raise DataError("as-of is NaT; allowed: an instant")
    if np.isnat(label_delay) or label_delay < np.timedelta64(0, "s"):
        raise DataError(f"label delay is {label_delay}; allowed: 0 or more")
    return np.asarray(known + _ONE_DAY + label_delay <= as_of)


def cohorts(
    days: npt.ArrayLike,
    labelled: npt.ArrayLike,
    *,
    as_of: np.datetime64,
    label_delay: np.timedelta64,
) -> Cohorts:
    """Returns the matured days with their label coverage.

    Args:
        days: Shape (n,); the day of each prediction.
        labelled: Shape (n,); whether its label is there.
        as_of: As in `matured`.
        label_delay: As in `matured`.

    Returns:
        The cohorts; without a day where none is matured.

    Raises:
        DataError: If `matured` would raise it, or lengths are unequal.

    >>> noon = np.datetime64("2013-03-03T12:00")
    >>> found = cohorts(
    ...     ["2013-03-01", "2013-03-02", "2013-03-02", "2013-03-03"], [True, True, False, True],
    ...     as_of=noon, label_delay=np.timedelta64(0, "D"),
    ... )
    >>> found.labelled, found.immature, round(found.coverage, 4)
    (array([1, 1]), 1, 0.6667)
    """
    known = as_days(days)
    present = np.asarray(labelled, dtype=np.bool_)
    _same_length(present, known, "label flags")
    ripe = matured(known, as_of=as_of, label_delay=label_delay)
    names, index = np.unique(known[ripe], return_inverse=True)
    return Cohorts(
        days=names,
        rows=np.bincount(index, minlength=names.size).astype(np.intp),
        labelled=np.bincount(index[present[ripe]], minlength=names.size).astype(np.intp),
        immature=int(np.count_nonzero(~ripe)),
    )


def in_charge(
    days: npt.ArrayLike, versions: npt.ArrayLike, *, champion: object, promoted: np.datetime64
) -> Bools:
    """Returns which predictions the present champion made since it was last promoted.

    A promotion resets every window, also one that brings back an earlier version: what it did in an earlier
    reign does not count. On the day of the promotion only its own predictions do.

    Args:
        days: Shape (n,); the day of each prediction.
        versions: Shape (n,); the model version that made it.
        champion: The version in charge, of the same type.
        promoted: When it became champion.

    Returns:
        Shape (n,).

    Raises:
        DataError: If lengths are unequal, or a day or the promotion is unknown.

    >>> days = ["2013-03-01", "2013-03-02", "2013-03-02", "2013-03-03"]
    >>> in_charge(days, [3, 2, 3, 3], champion=3, promoted=np.datetime64("2013-03-02T09:00"))
    array([False, False,  True,  True])
    """
    known, made_by = as_days(days), np.asarray(versions)
    _same_length(made_by, known, "versions")
    if np.isnat(promoted):
        raise DataError("time of the promotion is NaT; allowed: an instant")
    return np.asarray((made_by == champion) & (known >= promoted.astype("datetime64[D]")), dtype=np.bool_)


def latest_rows(versions: npt.ArrayLike, days: npt.ArrayLike, written: npt.ArrayLike) -> Ints:
    """Returns which stored rows of one metric count: of each version and day, the one written last.

    So a metric that is computed again replaces the first. Of two written at the same instant the later one
    in the given order counts. Parts of a day must be joined before they are stored.

    Args:
        versions: Shape (n,); the model version that was measured.
        days: Shape (n,); the day that was measured.
        written: Shape (n,); when the row was written, anything that sorts.

    Returns:
        Places of the rows that count, sorted by version and day.

    Raises:
        DataError: If lengths are unequal, or a day is unknown.

    >>> latest_rows(["1", "1", "1"], ["2013-03-02", "2013-03-01", "2013-03-02"], [10, 20, 30])
    array([1, 2])
    """
    known, of_version, when = as_days(days), np.asarray(versions), np.asarray(written)
    _same_length(of_version, known, "versions")
    _same_length(when, known, "times of writing")
    order = np.lexsort((when, known, of_version))
    by_version, by_day = of_version[order], known[order]
    ends = (by_version[1:] != by_version[:-1]) | (by_day[1:] != by_day[:-1])
    return order[np.append(ends, True)] if order.size else order


def as_days(days: npt.ArrayLike) -> Days:
    """Returns days, cut to whole ones.

    Args:
        days: Shape (n,); `datetime64`, dates, or ISO texts.

    Raises:
        DataError: If they are not one-dimensional, are no dates, or one is NaT.

    >>> as_days(["2013-03-01T23:59"])
    array(['2013-03-01'], dtype='datetime64[D]')
    """
    try:
        known = np.asarray(days).astype("datetime64[D]")
    except (TypeError, ValueError) as error:
        raise DataError(f"days cannot be read: {error}; allowed: dates") from error
    if known.ndim != 1:
        raise DataError(f"days have the shape {known.shape}; allowed: one dimension")
    unknown = int(np.isnat(known).sum())
    if unknown:
        raise DataError(f"{unknown} of {known.size} days are NaT; allowed: one for each row")
    return known


def _same_length(array: Array, days: Days, role: str) -> None:
    if array.shape != days.shape:
        raise DataError(f"{array.size} {role} for {days.size} days; allowed: one for each")
