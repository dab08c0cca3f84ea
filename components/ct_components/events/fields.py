"""The kinds of values that events hold, each with the words for what it allows."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from ct_components import keys
from ct_components.errors import SpecError
from ct_components.spec.fields import ModelName as PlainModelName
from ct_components.spec.fields import Text
from ct_components.spec.refusals import refusal

# A kubelet expands the first in arguments and environment, KFP the others in parameters.
EXPANDED = ("$(", "{{", "[[")

INSTANT_ALLOWED = "an instant of the years 1970 to 2199 with its zone, such as 2026-11-28T03:00:00Z"
INSTANT_PATTERN = (
    "^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"
)


def _not_expanded(value: object) -> object:
    if isinstance(value, str):
        for token in EXPANDED:
            if token in value:
                raise refusal(f"text without {token!r}, which Kubernetes or KFP would expand")
    return value


def _instant(value: object) -> datetime:
    if not isinstance(value, str) or not re.fullmatch(INSTANT_PATTERN, value):
        raise refusal(INSTANT_ALLOWED)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:  # 31 April
        raise refusal(INSTANT_ALLOWED) from None


def _key(value: str) -> None:
    try:
        keys.check_key(value)
    except SpecError:
        raise refusal(keys.ALLOWED) from None


Plain = BeforeValidator(_not_expanded)
"""Refuses, by its name, what would be expanded on the way to a container; before any other check."""

Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": INSTANT_PATTERN,
            "patternErrorMessage": INSTANT_ALLOWED,
        }
    ),
]
ModelName = Annotated[PlainModelName, Plain]
Key = Annotated[
    str,
    Text(
        f"{keys.ALLOWED}, and no empty, . or .. between slashes",
        # The length comes first, so that no long text is looked at in more than one way.
        r"^(?=[A-Za-z0-9_.:/@+-]{1,190}$)(?!.+@[1-9][0-9]*$)(?!(.*/)?\.{0,2}(/|$)).+$",
        _key,
    ),
    Plain,
]
EventId = Annotated[
    str, Text("1 to 250 letters, digits and . _ : / @ + -", "^[A-Za-z0-9_.:/@+-]{1,250}$"), Plain
]
EventSource = Annotated[
    str,
    Text(
        "a URI reference of 1 to 250 characters, such as kfp-ct/monitor", "^[A-Za-z0-9_.:/@+~%?=&#-]{1,250}$"
    ),
    Plain,
]
