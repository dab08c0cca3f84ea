"""What each page shows, as frozen dataclasses of plain values.

Instants are ISO 8601 strings with an offset, scores and gains are absolute (0 to 1), seconds are floats,
`None` means *not known* and is shown as a dash; 0.0 is a value. Text may hold anything: the templates
escape it. `href` fields are paths relative to the page's own file, or http(s) addresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from ct_components.statistics.moments import standard_deviation
from ct_components.statistics.settings import Gate, Interval

Value = float | int | str | None
"""What a check looked at or was compared with."""


@dataclass(frozen=True)
class Identity:
    """Which model, run, versions and rows a page speaks of.

    Attributes:
        model: The model's name.
        run: The pipeline run's id.
        as_of: The instant that the run pretends is now.
        timezone: IANA name of the zone that instants are shown in.
        trigger_reason: schedule, drift, performance or manual.
        mlflow_run: Id of the MLflow run.
        champion_version: Registered version of the champion; None for a first model.
        challenger_version: Registered version of the challenger.
        training_fingerprint: Digest of the training rows.
        holdout_fingerprint: Digest of the holdout's rows.
    """

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

    Attributes:
        start: The first instant.
        end: The first instant after it.
        rows: Number of rows.
        partial: Whether the source starts later than the window does.
    """

    start: str
    end: str
    rows: int | None
    partial: bool = False


@dataclass(frozen=True)
class Judged:
    """A judgement of the gate, as `statistics.gate.Judgement.to_dict()` gives it.

    Attributes:
        verdict: promote, hold, reject or insufficient.
        reason: Why, in one stable word.
        explanation: Why, in one sentence with the numbers.
        champion_score: The champion's metric on the holdout.
        challenger_score: The challenger's metric on the same rows.
        gain: Challenger less champion.
        lower: One-sided lower limit of the gain at `alpha`.
        upper: One-sided upper limit of the gain at `alpha`.
        smallest_provable_gain: A gain above this would have had a lower limit above 0.
        p_value: One-sided, of "the challenger is no better than the champion".
        alpha: One-sided alpha of this challenge.
        alpha_spent: What this verdict took of the champion's alpha.
        alpha_left: What later challenges can take.
        challenge: Which challenge of this champion this was, from 1.
        baseline_score: The baseline predictor's metric.
        baseline_gain: Challenger less baseline predictor.
        baseline_lower: One-sided lower limit of `baseline_gain` at the gate's whole alpha.
        n: Rows of the holdout.
        positives: Its positive rows.
        clusters: Its clusters.
        standard_error: Of the gain.
        metric: What was compared.
        relative: Whether gains are relative to the old loss; else they are in units of the metric.
        method: How the limits come about.
        margin: How much worse counts as no worse.
        effective_clusters: How many clusters of equal weight would be as many.
        anchor_gain: Over the last version proven superior.
        anchor_lower: One-sided lower limit of `anchor_gain`.
        guardrails: The gain in each guardrail metric.
        slices: The gain on each slice.
        mcnemar: Right and wrong decisions of both models, as `comparison.mcnemar.McNemar.to_dict` gives them.
        alerts: What people should know although it decides nothing.
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
    metric: str | None = None
    relative: bool = False
    method: str | None = None
    margin: float | None = None
    effective_clusters: float | None = None
    anchor_gain: float | None = None
    anchor_lower: float | None = None
    guardrails: tuple[Interval, ...] = ()
    slices: tuple[Interval, ...] = ()
    mcnemar: Mapping[str, Any] | None = None
    alerts: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, judgement: Mapping[str, Any]) -> Self:
        """Returns what the page shows of a judgement's dictionary; other keys are left alone."""
        known = {f.name: judgement[f.name] for f in fields(cls) if f.name in judgement}
        rows = {key: tuple(Interval(**row) for row in known.get(key, ())) for key in ("guardrails", "slices")}
        return cls(**{**known, **rows, "alerts": tuple(known.get("alerts", ()))})


@dataclass(frozen=True)
class DayScore:
    """Both models' scores on one cluster of the holdout.

    Attributes:
        day: The cluster's name.
        rows: Its rows.
        champion: The champion's score; None where the day holds one class only.
        challenger: The challenger's score; likewise.
    """

    day: str
    rows: int
    champion: float | None
    challenger: float | None


@dataclass(frozen=True)
class ConfusionCounts:
    """Counts of the challenger's decisions at a threshold of its score.

    Attributes:
        tp: Predicted positive, and positive.
        fp: Predicted positive, and negative.
        fn: Predicted negative, and positive.
        tn: Predicted negative, and negative.
        threshold: Rows that score at least this are predicted positive.
    """

    tp: int
    fp: int
    fn: int
    tn: int
    threshold: float = 0.5


@dataclass(frozen=True)
class VerdictPage:
    """One verdict: challenger against champion on the holdout.

    Attributes:
        identity: What the page speaks of.
        judged: The judgement.
        training: The challenger's training window.
        holdout: The rows that judged both models.
        gate: The settings that it was judged by.
        days: Both models' scores by day.
        champion_roc: (false positive rate, true positive rate, threshold), from (0, 0) to (1, 1).
        challenger_roc: Likewise.
        confusion: The challenger's decisions.
    """

    identity: Identity
    judged: Judged
    training: WindowRows
    holdout: WindowRows
    gate: Gate = field(default_factory=Gate)
    days: tuple[DayScore, ...] = ()
    champion_roc: tuple[tuple[float, float, float], ...] = ()
    challenger_roc: tuple[tuple[float, float, float], ...] = ()
    confusion: ConfusionCounts | None = None


@dataclass(frozen=True)
class CheckRow:
    """One check of the data.

    Attributes:
        rule: What is checked.
        column: Of which column; None for the rows as a whole.
        window: Of which window.
        value: What was found.
        limit: What it was compared with.
        passed: Whether the value is within the limit.
        severity: fail or warn; counts only when the check has not passed.
    """

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

    Attributes:
        name: The column's name.
        kind: numeric, categorical or other.
        count: Rows, missing values included.
        missing: Nulls and NaN among them.
        mean: Of the finite values of a numeric column, as the next three.
        deviation: Standard deviation.
        minimum: Smallest value.
        maximum: Largest value.
        edges: Of a numeric column's histogram; rising.
        counts: One more than edges: the first lie below the first edge, the last from the last edge up.
        categories: Of a categorical column: (name, rows), the most frequent first.
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
        """Returns the summary of one column of `profiles.to_json`, as parsed, with its `kind`.

        >>> ColumnSummary.from_dict("origin", {"kind": "categorical", "count": 3, "nulls": 1,
        ...                                    "categories": {"EWR": 2}}).categories
        (('EWR', 2),)
        """
        missing = profile.get("nulls", 0) + profile.get("nan", 0)
        finite = profile["count"] - missing - profile.get("infinities", 0)
        return cls(
            name=name,
            kind=profile["kind"],
            count=profile["count"],
            missing=missing,
            mean=profile.get("mean"),
            deviation=standard_deviation(profile.get("m2"), finite),
            minimum=profile.get("minimum"),
            maximum=profile.get("maximum"),
            edges=tuple(profile.get("edges", ())),
            counts=tuple(profile.get("counts", ())),
            categories=tuple(dict(profile.get("categories", {})).items()),
        )


@dataclass(frozen=True)
class ValidationPage:
    """The checks of one run's data, and the training profile they looked at.

    Attributes:
        identity: What the page speaks of.
        training: The training window.
        holdout: The holdout.
        checks: In any order; the page shows first what failed.
        columns: The training profile.
        labelled: Labelled training rows.
        label_coverage: Their share of all training rows, 0 to 1.
        classes: (class, rows) of the labelled training rows.
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
    """One stage of a run.

    Attributes:
        stage: Its name.
        outcome: succeeded, failed or running.
        seconds: How long it took.
        message: What it said when it failed.
    """

    stage: str
    outcome: str
    seconds: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class RunPage:
    """One run.

    Attributes:
        identity: What the page speaks of.
        outcome: promoted, retained, failed or running.
        stages: In the order they ran.
        judged: The judgement, if it came that far.
        started: When the first stage started.
        seconds: From there to the end of the last stage.
        failed_stage: The stage that failed.
        message: What there is to say of the outcome.
    """

    identity: Identity
    outcome: str
    stages: tuple[StageRow, ...] = ()
    judged: Judged | None = None
    started: str | None = None
    seconds: float | None = None
    failed_stage: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class RunRow:
    """One line of the index.

    Attributes:
        model: The model's name.
        run: The pipeline run's id.
        as_of: The instant that the run pretends is now.
        outcome: promoted, retained, failed or running.
        timezone: IANA name of the zone that as-of is shown in.
        trigger_reason: schedule, drift, performance or manual.
        verdict: If it came that far, as what follows.
        reason: Why, in one stable word.
        champion_score: The champion's metric on the holdout.
        challenger_score: The challenger's metric on the same rows.
        gain: Challenger less champion.
        lower: One-sided lower limit of the gain.
        relative: Whether gains are relative to the old loss.
        seconds: How long the run took.
        href: Where its page lies.
        verdict_href: Where its verdict's page lies.
    """

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
    relative: bool = False
    seconds: float | None = None
    href: str | None = None
    verdict_href: str | None = None
