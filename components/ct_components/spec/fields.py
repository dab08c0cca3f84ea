"""The kinds of values that a model spec holds, each with the words for what it allows.

The JSON schema carries those words as `patternErrorMessage`, which editors show, and `explanations` reads
them from there: an editor and the command line give the same advice.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from ct_components.errors import SpecError
from ct_components.spec import cron
from ct_components.spec.durations import POSITIVE_ALLOWED, POSITIVE_PATTERN, Duration
from ct_components.spec.refusals import refusal
from ct_components.spec.zones import allowed_zones, load_zone

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
WINDOWS_ALLOWED = "'k of n' with k from 1 to n and n up to 99, such as '2 of 3'"
PARAMETER_ALLOWED = "text, a finite number, true, false, null or a list of these"


@dataclass(frozen=True)
class Text:
    """The annotation of text of a certain form.

    Attributes:
        allowed: What is allowed, in words that complete "allowed: …".
        pattern: Regular expression that the whole text matches.
        check: Refuses what the pattern lets through; None when the pattern says it all.
    """

    allowed: str
    pattern: str
    check: Callable[[str], object] | None = None

    def _match(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise refusal(self.allowed)
        if self.check:
            self.check(value)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._match, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern, "patternErrorMessage": self.allowed}


def _known_zone(name: str) -> None:
    try:
        load_zone(name)
    except SpecError:
        raise refusal(allowed_zones(name)) from None


def _fires(schedule: str) -> None:
    if not cron.is_cron(schedule):
        raise refusal(cron.ALLOWED)


def _some_of_all(windows: str) -> None:
    needed, _, last = windows.partition(" of ")
    if int(needed) > int(last):
        raise refusal(WINDOWS_ALLOWED)


def _whole_references(uri: str) -> None:
    if "${" in REFERENCE.sub("", uri):
        raise refusal("references of the form ${NAME}, with a name of letters, digits and _")


def _positive(duration: Duration) -> Duration:
    if duration.is_zero:
        raise refusal(POSITIVE_ALLOWED)
    return duration


def _label(value: object) -> object:
    if not isinstance(value, (bool, int, str)):
        raise refusal("a whole number, text, true or false")
    return value


def _is_parameter(value: object) -> bool:
    if isinstance(value, list):
        return all(_is_parameter(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (bool, int, str))


def _parameter(value: object) -> object:
    if not _is_parameter(value):
        raise refusal(PARAMETER_ALLOWED)
    return value


Metric = Literal[
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier_score",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "precision",
    "recall",
]
ModelName = Annotated[
    str,
    Text(
        "1 to 50 lower-case letters, digits and -, a letter first and no - at the end",
        "^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$",
    ),
]
ColumnName = Annotated[str, Text("the name of a column", "^[^\\x00-\\x1f]+$")]
Uri = Annotated[
    str,
    Text(
        "a path or URI of Parquet files, such as '${DATA_ROOT}/flights/dt=*/*.parquet'",
        "^[^\\x00-\\x1f]+$",
        _whole_references,
    ),
]
Zone = Annotated[
    str,
    Text("an IANA time zone such as 'America/New_York' or 'UTC'", "^[A-Za-z][A-Za-z0-9_+/-]*$", _known_zone),
]
Estimator = Annotated[
    str,
    Text(
        "the dotted path of a scikit-learn class, such as 'sklearn.linear_model.LogisticRegression'",
        "^sklearn(\\.[a-z_][a-z0-9_]*)+\\.[A-Z][A-Za-z0-9_]*$",
    ),
]
Spending = Annotated[
    str,
    Text(
        "'quadratic', or 'even:N' with N from 1 to 9999, such as 'even:12'",
        "^(quadratic|even:[1-9][0-9]{0,3})$",
    ),
]
PositiveDuration = Annotated[
    Duration,
    AfterValidator(_positive),
    WithJsonSchema({"type": "string", "pattern": POSITIVE_PATTERN, "patternErrorMessage": POSITIVE_ALLOWED}),
]
Label = Annotated[int | str | bool, BeforeValidator(_label)]
Parameter = Annotated[
    Any,
    AfterValidator(_parameter),
    WithJsonSchema({"type": ["string", "number", "boolean", "null", "array"]}),
]
Cron = Annotated[str, Text(cron.ALLOWED, "^\\S+( +\\S+){4}$", _fires)]
Windows = Annotated[str, Text(WINDOWS_ALLOWED, "^[1-9][0-9]? of [1-9][0-9]?$", _some_of_all)]
KubernetesName = Annotated[
    str,
    Text(
        "1 to 63 lower-case letters, digits and -, a letter or digit at both ends",
        "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
    ),
]
VariableName = Annotated[
    str,
    Text("the name of an environment variable, such as KFP_CT_SLACK_URL", "^[A-Za-z_][A-Za-z0-9_]{0,127}$"),
]
WebAddress = Annotated[
    str,
    Text("an http or https URL without user and blanks", "^https?://[^\\s@/][^\\s@]*$"),
]
