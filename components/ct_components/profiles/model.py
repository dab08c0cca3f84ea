"""What a profile holds, how two become one, and its JSON form."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from ct_components.errors import DataError
from ct_components.statistics.moments import standard_deviation

VERSION = 1
"""Of the JSON form, and of what the numbers in it mean. Profiles of two versions do not merge."""

MAX_CATEGORIES = 1000
"""Categories a profile keeps, the most frequent; the rows of the rest are counted as other."""

_LARGEST = 1.7976931348623157e308


@dataclass(frozen=True)
class NumericProfile:
    """One numeric column.

    Moments, extremes and histogram are of the finite values. Bin 0 counts the values below the first edge,
    bin i those in [edges[i-1], edges[i]), and the last bin those from the last edge up.

    Attributes:
        count: Rows, missing values included.
        nulls: Nulls in it.
        nan: NaN in it that are no nulls.
        infinities: Infinite values, of both signs.
        mean: Mean; None without finite values.
        m2: Sum of squared deviations from the mean; at most the largest float; None without finite values.
        minimum: Smallest value; None without finite values.
        maximum: Largest value; None without finite values.
        edges: Rising; of the first reference, and kept by all profiles compared with it.
        counts: Rows of each of the len(edges) + 1 bins.
    """

    kind: ClassVar[str] = "numeric"
    count: int
    nulls: int
    nan: int
    infinities: int
    mean: float | None
    m2: float | None
    minimum: float | None
    maximum: float | None
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def finite(self) -> int:
        """Number of finite values."""
        return self.count - self.nulls - self.nan - self.infinities

    @property
    def missing(self) -> int:
        """Number of nulls and NaN."""
        return self.nulls + self.nan

    @property
    def deviation(self) -> float | None:
        """Standard deviation with n - 1 degrees of freedom; None with fewer than two finite values."""
        return standard_deviation(self.m2, self.finite)

    def merge(self, other: Self, name: str) -> Self:
        """Returns the profile of both columns' rows together.

        Moments by the pairwise update of Chan, Golub & LeVeque (1979).

        Raises:
            DataError: If the edges differ.
        """
        if self.edges != other.edges:
            raise DataError(
                f"profiles of column {name!r} have different histogram edges ({len(self.edges)} and "
                f"{len(other.edges)}); allowed: profiles made with the same edges"
            )
        mean, m2 = _merged_moments(self, other)
        return type(self)(
            count=self.count + other.count,
            nulls=self.nulls + other.nulls,
            nan=self.nan + other.nan,
            infinities=self.infinities + other.infinities,
            mean=mean,
            m2=m2,
            minimum=min((x for x in (self.minimum, other.minimum) if x is not None), default=None),
            maximum=max((x for x in (self.maximum, other.maximum) if x is not None), default=None),
            edges=self.edges,
            counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
        )


@dataclass(frozen=True)
class CategoricalProfile:
    """One categorical column.

    Attributes:
        count: Rows, missing values included.
        nulls: Nulls and NaN in it.
        categories: Rows by category, the most frequent first; at most `MAX_CATEGORIES`.
        other: Rows of further categories. While it is 0, merging is exact.
    """

    kind: ClassVar[str] = "categorical"
    count: int
    nulls: int
    categories: Mapping[str, int]
    other: int

    @classmethod
    def of(cls, count: int, nulls: int, categories: Mapping[str, int], other: int = 0) -> Self:
        """Returns the profile of any number of categories, of which it keeps the most frequent."""
        ranked = sorted(categories.items(), key=lambda item: (-item[1], item[0]))
        rest = sum(rows for _, rows in ranked[MAX_CATEGORIES:])
        return cls(count, nulls, dict(ranked[:MAX_CATEGORIES]), other + rest)

    @property
    def missing(self) -> int:
        """Number of nulls and NaN."""
        return self.nulls

    def merge(self, other: Self, name: str) -> Self:  # noqa: ARG002 — as the other kinds
        """Returns the profile of both columns' rows together."""
        together = Counter(self.categories) + Counter(other.categories)
        return self.of(self.count + other.count, self.nulls + other.nulls, together, self.other + other.other)


@dataclass(frozen=True)
class OtherProfile:
    """One column that is no feature, or not of the type its role needs.

    Attributes:
        count: Rows, missing values included.
        nulls: Nulls in it.
        type: Arrow's name of its type.
    """

    kind: ClassVar[str] = "other"
    count: int
    nulls: int
    type: str

    @property
    def missing(self) -> int:
        """Number of nulls."""
        return self.nulls

    def merge(self, other: Self, name: str) -> Self:
        """Returns the profile of both columns' rows together.

        Raises:
            DataError: If the types differ.
        """
        if self.type != other.type:
            raise DataError(
                f"profiles of column {name!r} have types {self.type} and {other.type}; allowed: equal types"
            )
        return type(self)(self.count + other.count, self.nulls + other.nulls, self.type)


ColumnProfile = NumericProfile | CategoricalProfile | OtherProfile
_KINDS: dict[str, type[ColumnProfile]] = {
    kind.kind: kind for kind in (NumericProfile, CategoricalProfile, OtherProfile)
}


@dataclass(frozen=True)
class Profile:
    """One window of rows.

    Attributes:
        rows: Number of rows.
        window: Start and end of the window, ISO 8601; None when the file does not say.
        columns: Each column's profile by its name, in the order profiled.
        version: See `VERSION`.
    """

    rows: int
    window: tuple[str, str] | None
    columns: Mapping[str, ColumnProfile]
    version: int = VERSION

    @property
    def schema_hash(self) -> str:
        """Digest of names and kinds, "sha256:..."; profiles that merge have the same."""
        kinds = sorted((name, column.kind) for name, column in self.columns.items())
        return "sha256:" + hashlib.sha256(json.dumps(kinds).encode()).hexdigest()

    @property
    def edges(self) -> dict[str, tuple[float, ...]]:
        """Histogram edges by numeric column, for profiles to be compared with this one."""
        numeric = {name: c for name, c in self.columns.items() if isinstance(c, NumericProfile)}
        return {name: column.edges for name, column in numeric.items()}


def merge(one: Profile, other: Profile) -> Profile:
    """Returns the profile of two sets of rows together, as if they had been profiled at once.

    Counts are exact; moments are equal up to rounding; categories are exact while neither side has more than
    `MAX_CATEGORIES`. The window reaches from the earlier start to the later end.

    Raises:
        DataError: If versions, columns, kinds or edges differ.
    """
    if one.version != other.version:
        raise DataError(f"profiles have versions {one.version} and {other.version}; allowed: equal versions")
    if one.schema_hash != other.schema_hash:
        differing = sorted(
            {(n, c.kind) for n, c in one.columns.items()} ^ {(n, c.kind) for n, c in other.columns.items()}
        )
        listed = ", ".join(f"{name!r} ({kind})" for name, kind in differing)
        raise DataError(f"profiles differ in their columns: {listed}; allowed: the same columns and kinds")
    columns = {name: _merged(column, other.columns[name], name) for name, column in one.columns.items()}
    window = None
    if one.window and other.window:
        window = (min(one.window[0], other.window[0]), max(one.window[1], other.window[1]))
    return Profile(one.rows + other.rows, window, columns, one.version)


def to_json(profile: Profile) -> str:
    """Returns a profile as JSON; numbers survive exactly, and there is no NaN or infinity in it."""
    columns = {name: {"kind": column.kind, **asdict(column)} for name, column in profile.columns.items()}
    whole = {
        "version": profile.version,
        "rows": profile.rows,
        "window": profile.window,
        "schema_hash": profile.schema_hash,
        "columns": columns,
    }
    return json.dumps(whole, allow_nan=False, ensure_ascii=False)


def from_json(text: str) -> Profile:
    """Returns the profile that `to_json` described.

    Raises:
        DataError: If the text is no profile, or one of another version.
    """
    try:
        whole = json.loads(text)
        version = whole["version"]
        if version != VERSION:
            raise DataError(f"profile has version {version!r}; allowed: {VERSION}")
        columns = {name: _column(values) for name, values in whole["columns"].items()}
        window = tuple(whole["window"]) if whole["window"] else None
        return Profile(whole["rows"], window, columns, version)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"not a profile: {text[:80]!r} ({type(error).__name__}: {error})") from error


def _column(values: Mapping[str, Any]) -> ColumnProfile:
    kind: Any = _KINDS[values["kind"]]
    given = {field.name: values[field.name] for field in fields(kind)}
    column: ColumnProfile = kind(**{n: tuple(v) if isinstance(v, list) else v for n, v in given.items()})
    return column


def _merged(one: Any, other: Any, name: str) -> ColumnProfile:
    merged: ColumnProfile = one.merge(other, name)
    return merged


def _merged_moments(one: NumericProfile, other: NumericProfile) -> tuple[float | None, float | None]:
    if one.mean is None or one.m2 is None:
        return other.mean, other.m2
    if other.mean is None or other.m2 is None:
        return one.mean, one.m2
    n, m = one.finite, other.finite
    share = m / (n + m)
    # Weighted, not mean + delta * share: the difference of two finite means can be infinite.
    mean = one.mean * (1 - share) + other.mean * share
    delta = min(abs(other.mean - one.mean), _LARGEST)
    return mean, min(one.m2 + other.m2 + delta * (delta * (n * share)), _LARGEST)
