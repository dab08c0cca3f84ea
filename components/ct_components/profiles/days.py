"""The JSON forms of a reference and of its daily profiles: what all days share is said once.

Between stages both are one file: a profile with the days beside its columns. It reads as a profile, too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from ct_components.errors import DataError
from ct_components.profiles.model import (
    VERSION,
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    Profile,
    from_json,
    to_json,
)

_KINDS = {kind.kind: kind for kind in (NumericProfile, CategoricalProfile)}
_SHARED = "edges"


def days_to_json(days: Sequence[Profile]) -> str:
    """Returns daily profiles with the same edges as JSON; numbers survive exactly.

    A column of a day is the list of its values in the order of the profile's fields, without the edges.
    """
    columns = days[0].columns if days else {}
    whole = {
        "version": VERSION,
        "columns": {name: _shared(column) for name, column in columns.items()},
        "days": [
            {
                "rows": day.rows,
                "window": day.window,
                "columns": {name: _values(column) for name, column in day.columns.items()},
            }
            for day in days
        ],
    }
    return json.dumps(whole, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def days_from_json(text: str) -> tuple[Profile, ...]:
    """Returns the daily profiles that `days_to_json` described.

    Raises:
        DataError: If the text holds none, or those of another version.
    """
    try:
        whole = json.loads(text)
        version = whole["version"]
        if version != VERSION:
            raise DataError(f"daily profiles have version {version!r}; allowed: {VERSION}")
        return tuple(
            Profile(
                day["rows"],
                tuple(day["window"]) if day["window"] else None,
                {name: _column(whole["columns"][name], values) for name, values in day["columns"].items()},
            )
            for day in whole["days"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"no daily profiles: {text[:80]!r} ({type(error).__name__}: {error})") from error


def reference_to_json(profile: Profile, days: Sequence[Profile]) -> str:
    """Returns a profile and the days of the same rows as one JSON text; `from_json` reads the first."""
    whole = {**json.loads(to_json(profile)), "days": json.loads(days_to_json(days))}
    return json.dumps(whole, allow_nan=False, ensure_ascii=False)


def reference_from_json(text: str) -> tuple[Profile, tuple[Profile, ...]]:
    """Returns the profile and the daily profiles of a text that `reference_to_json` or `to_json` made.

    Raises:
        DataError: If the text is no profile, or one of another version.
    """
    profile = from_json(text)
    days = json.loads(text).get("days")
    return profile, days_from_json(json.dumps(days)) if days else ()


def _own(kind: type[ColumnProfile]) -> list[str]:
    return [field.name for field in fields(kind) if field.name != _SHARED]


def _shared(column: ColumnProfile) -> dict[str, Any]:
    edges = {_SHARED: column.edges} if isinstance(column, NumericProfile) else {}
    return {"kind": column.kind, **edges}


def _values(column: ColumnProfile) -> list[Any]:
    return [getattr(column, name) for name in _own(type(column))]


def _column(shared: Mapping[str, Any], values: Sequence[Any]) -> ColumnProfile:
    kind: Any = _KINDS[shared["kind"]]
    given = dict(zip(_own(kind), values, strict=True))
    if kind is NumericProfile:
        given |= {_SHARED: tuple(shared[_SHARED]), "counts": tuple(given["counts"])}
    column: ColumnProfile = kind(**given)
    return column
