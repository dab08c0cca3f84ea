"""From bytes that anybody may have sent to plain values, within limits."""

import json
import math
import re
from typing import Any

from ct_components.events.refusals import refused
from ct_components.spec.problems import shown

LARGEST = 64 * 1024
DEEPEST = 16
_MOST_DIGITS = 20

# Possessive, and the last quote may be missing: no text makes it look twice at a character.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[][{}]")


def read(data: bytes) -> Any:
    """Returns the values in JSON text.

    Args:
        data: UTF-8, with a byte order mark or without.

    Raises:
        SpecError: If it is too large or too deep, no UTF-8, no JSON, or JSON that not everybody reads alike:
            a key that is there twice, NaN, an infinity, a number of very many digits, half a character.
    """
    if len(data) > LARGEST:
        raise refused(f"{len(data)} bytes; allowed: at most {LARGEST}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(f"byte {error.start} is not UTF-8; allowed: JSON text in UTF-8") from None
    if not text.strip():
        raise refused("empty; allowed: JSON text in UTF-8")
    if _depth(text) > DEEPEST:
        raise refused(f"more than {DEEPEST} levels; allowed: lists and mappings at most {DEEPEST} deep")
    return _whole(_values(text))


def _depth(text: str) -> int:
    """Returns how deep the text nests; counted before it is parsed, as parsers call themselves."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _values(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short,
        )
    except json.JSONDecodeError as error:
        raise refused(f"no JSON: {error.msg} at character {error.pos + 1}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise refused(f"the key {shown(key)} is there twice; allowed: once")
        values[key] = value
    return values


def _no_constant(name: str) -> None:
    raise refused(f"got {name}; allowed: finite numbers")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise refused(f"got {shown(digits)}; allowed: finite numbers")
    return number


def _short(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise refused(f"got a number of {len(digits)} digits; allowed: at most {_MOST_DIGITS}")
    return int(digits)


def _whole(values: Any) -> Any:
    """Refuses halves of characters, which JSON can escape and nothing further on could write."""
    try:
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise refused("half of a character (\\ud800 to \\udfff alone); allowed: whole characters") from None
    return values
