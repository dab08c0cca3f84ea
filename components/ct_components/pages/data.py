"""What each page shows, as frozen dataclasses of plain values.

Instants are ISO 8601 strings with an offset, scores and gains are absolute (0 to 1), seconds are floats,
`None` means *not known* and is shown as a dash; 0.0 is a value. Text may hold anything: the templates
escape it. `href` fields are paths relative to the page's own file, or http(s) addresses.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

Value = float | int | str | None
"""What a check looked at or was compared with."""


@dataclass(frozen=True)
class Identity:
    """Which model, run, versions and rows a page speaks of."""

    model: str
    run: str
    as_of: str
    timezone: str = "UTC"
    trigger_reason: str = "manual"
    mlflow_run: str | None = None
    champion_version: str | None = None
    challenger_version: str | None = None
    training_fingerprint: str | None = None
    holdout_fingerprint: str | None = None


@dataclass(frozen=True)
class WindowRows:
    """A half-open window of time, and the rows in it.

    `partial` says that the source starts later than the window does.
    """

    start: str
    end: str
    rows: int | None
    partial: bool = False


@dataclass(frozen=True)
class Judged:
    """A judgement of the gate, as `statistics.gate.Judgement.to_dict()` gives it.

    `lower` and `upper` are one-sided limits at `alpha`; `baseline_lower` is one at the gate's whole alpha.
    `alpha_spent` is what this verdict took of the champion's alpha, `alpha_left` what later ones can take.
    """

    verdict: str
    reason: str
    explanation: str
    champion_score: float | None = None
    challenger_score: float | None = None
    gain: float | None = None
    lower: float | None = None
    upper: float | None = None
    smallest_provable_gain: float | None = None
    p_value: float | None = None
    alpha: float | None = None
    alpha_spent: float | None = None
    alpha_left: float | None = None
    challenge: int | None = None
    baseline_score: float | None = None
    baseline_gain: float | None = None
    baseline_lower: float | None = None
    n: int | None = None
    positives: int | None = None
    clusters: int | None = None
    standard_error: float | None = None

    @classmethod
    def from_dict(cls, judgement: Mapping[str, Any]) -> Self:
        """Take what the page shows out of a judgement's dictionary; other keys are left alone."""
        return cls(**{f.name: judgement[f.name] for f in fields(cls) if f.name in judgement})


@dataclass(frozen=True)
class GateSettings:
    """The settings of the gate that the verdict page explains."""

    metric: str = "roc_auc"
    min_improvement: float = 0.01
    alpha: float = 0.05
    strict: bool = False
    spending: str = "quadratic"
    cluster: str = "day"
    floors: Mapping[str, float] = field(default_factory=lambda: {"roc_auc": 0.5})

    @classmethod
    def from_dict(cls, gate: Mapping[str, Any]) -> Self:
        """Take what the page shows out of a gate's or a spec's settings; other keys are left alone."""
        return cls(**{f.name: gate[f.name] for f in fields(cls) if f.name in gate})


@dataclass(frozen=True)
class DayScore:
    """Both models' scores on one cluster of the holdout; None where a day holds one class only."""

    day: str
    rows: int
    champion: float | None
    challenger: float | None


@dataclass(frozen=True)
class ConfusionCounts:
    """Counts of the challenger's decisions at a threshold of its score."""

    tp: int
    fp: int
    fn: int
    tn: int
    threshold: float = 0.5


@dataclass(frozen=True)
class VerdictPage:
    """One verdict: challenger against champion on the holdout.

    ROC points are (false positive rate, true positive rate, threshold), from (0, 0) to (1, 1).
    """

    identity: Identity
    judged: Judged
    training: WindowRows
    holdout: WindowRows
    gate: GateSettings = field(default_factory=GateSettings)
    days: tuple[DayScore, ...] = ()
    champion_roc: tuple[tuple[float, float, float], ...] = ()
    challenger_roc: tuple[tuple[float, float, float], ...] = ()
    confusion: ConfusionCounts | None = None


@dataclass(frozen=True)
class CheckRow:
    """One check of the data: `severity` is fail or warn, and counts only when it has not passed."""

    rule: str
    column: str | None
    window: str
    value: Value
    limit: Value
    passed: bool
    severity: str = "fail"


@dataclass(frozen=True)
class ColumnSummary:
    """The training profile of one column.

    `kind` is numeric, categorical or other; `missing` counts nulls and NaN among `count` rows. A
    numeric column has `edges` (rising) and `counts` (one more: the first lie below the first edge, the
    last from the last edge up); a categorical one has `categories`, (name, rows), the most frequent first.
    """

    name: str
    kind: str
    count: int
    missing: int = 0
    mean: float | None = None
    deviation: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    categories: tuple[tuple[str, int], ...] = ()

    @classmethod
    def from_dict(cls, name: str, profile: Mapping[str, Any]) -> Self:
        """Take one column of `Profile.to_json()`, as parsed, with its `kind`.

        >>> ColumnSummary.from_dict("origin", {"kind": "categorical", "count": 3, "nulls": 1,
        ...                                    "categories": {"EWR": 2}}).categories
        (('EWR', 2),)
        """
        missing = profile.get("nulls", 0) + profile.get("nan", 0)
        finite, m2 = profile["count"] - missing - profile.get("infinities", 0), profile.get("m2")
        return cls(
            name=name,
            kind=profile["kind"],
            count=profile["count"],
            missing=missing,
            mean=profile.get("mean"),
            deviation=math.sqrt(m2 / (finite - 1)) if m2 is not None and finite > 1 else None,
            minimum=profile.get("minimum"),
            maximum=profile.get("maximum"),
            edges=tuple(profile.get("edges", ())),
            counts=tuple(profile.get("counts", ())),
            categories=tuple(dict(profile.get("categories", {})).items()),
        )


@dataclass(frozen=True)
class ValidationPage:
    """The checks of one run's data, and the training profile they looked at.

    `classes` are (class, rows) of the training window's labelled rows.
    """

    identity: Identity
    training: WindowRows
    holdout: WindowRows
    checks: tuple[CheckRow, ...] = ()
    columns: tuple[ColumnSummary, ...] = ()
    labelled: int | None = None
    label_coverage: float | None = None
    classes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class StageRow:
    """One stage of a run: `outcome` is succeeded, failed, skipped or running."""

    stage: str
    outcome: str
    seconds: float | None = None
    message: str | None = None
    href: str | None = None


@dataclass(frozen=True)
class Link:
    """A named way to another page, file or service."""

    label: str
    href: str


@dataclass(frozen=True)
class RunPage:
    """One run: `outcome` is promoted, retained, failed or running."""

    identity: Identity
    outcome: str
    stages: tuple[StageRow, ...] = ()
    judged: Judged | None = None
    started: str | None = None
    seconds: float | None = None
    failed_stage: str | None = None
    message: str | None = None
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class RunRow:
    """One line of the index: a run, its verdict if it came that far, and where its pages lie."""

    model: str
    run: str
    as_of: str
    outcome: str
    timezone: str = "UTC"
    trigger_reason: str = "manual"
    verdict: str | None = None
    reason: str | None = None
    champion_score: float | None = None
    challenger_score: float | None = None
    gain: float | None = None
    lower: float | None = None
    seconds: float | None = None
    href: str | None = None
    verdict_href: str | None = None
