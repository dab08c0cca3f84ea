"""Data of pages as a run gives them, and with text that wants to break out."""

from dataclasses import replace

from ct_components.pages import (
    CheckRow,
    ColumnSummary,
    ConfusionCounts,
    DayScore,
    Identity,
    Judged,
    RunPage,
    RunRow,
    StageRow,
    ValidationPage,
    VerdictPage,
    WindowRows,
)

HOSTILE = (
    '<script>document.title="owned"</script>"\'>--><img src=x onerror=alert(1)>&amp;{{ 7*7 }}ü漢\u202e'
    + "x" * 300
)

IDENTITY = Identity(
    model="flight-delay",
    run="flight-delay-1",
    as_of="2013-05-01T04:00:00+00:00",
    timezone="America/New_York",
    trigger_reason="schedule",
    mlflow_run="8c1f4a5b",
    champion_version="1",
    challenger_version="2",
    training_fingerprint="sha256:aaaa",
    holdout_fingerprint="sha256:bbbb",
)
TRAINING = WindowRows("2013-01-17T05:00:00+00:00", "2013-04-17T04:00:00+00:00", 79845)
HOLDOUT = WindowRows("2013-04-17T04:00:00+00:00", "2013-05-01T04:00:00+00:00", 13240)

SUPERIOR = Judged(
    verdict="promote",
    reason="superior",
    explanation="The gain is proven.",
    champion_score=0.625,
    challenger_score=0.6875,
    gain=0.0625,
    lower=0.03125,
    upper=0.09375,
    smallest_provable_gain=0.03125,
    p_value=0.002,
    alpha=0.0304,
    alpha_spent=0.0304,
    alpha_left=0.0196,
    challenge=1,
    baseline_score=0.5,
    baseline_gain=0.1875,
    baseline_lower=0.125,
    n=13240,
    positives=2871,
    clusters=14,
    standard_error=0.0175,
)
FIRST = replace(
    SUPERIOR,
    reason="first",
    champion_score=None,
    gain=None,
    lower=None,
    upper=None,
    smallest_provable_gain=None,
    p_value=None,
    standard_error=None,
    alpha_spent=0.0,
)
INSUFFICIENT = Judged("insufficient", "too_few_clusters", "4 days; the gate needs 10.", n=3100, clusters=4)

DAYS = tuple(
    DayScore(f"2013-04-{17 + i}", 900 + i, 0.625 + i / 256, None if i == 5 else 0.6875) for i in range(14)
)
ROC = ((0.0, 0.0, 1.0), (0.25, 0.5, 0.5), (1.0, 1.0, 0.0))
VERDICT = VerdictPage(
    identity=IDENTITY,
    judged=SUPERIOR,
    training=TRAINING,
    holdout=HOLDOUT,
    days=DAYS,
    champion_roc=ROC,
    challenger_roc=ROC,
    confusion=ConfusionCounts(tp=30, fp=10, fn=10, tn=50),
)
FIRST_VERDICT = replace(
    VERDICT,
    identity=replace(IDENTITY, champion_version=None),
    judged=FIRST,
    days=tuple(replace(day, champion=None) for day in DAYS),
    champion_roc=(),
)
INSUFFICIENT_VERDICT = VerdictPage(IDENTITY, INSUFFICIENT, TRAINING, HOLDOUT)

PASSED = CheckRow("nulls", "distance", "training", 0.0, 0.05, passed=True)
WARNED = CheckRow("allowed", "origin", "holdout", "XXX", "EWR, JFK, LGA", passed=False, severity="warn")
FAILED = CheckRow("min", "distance", "training", -12.5, 0, passed=False)
DISTANCE = ColumnSummary(
    name="distance",
    kind="numeric",
    count=100,
    missing=4,
    mean=1035.25,
    deviation=0.0,
    minimum=0.0,
    maximum=24.0,
    edges=(8.0, 16.0),
    counts=(32, 32, 32),
)
ORIGIN = ColumnSummary(
    "origin", "categorical", 8, categories=(("EWR", 4), ("JFK", 2), ("LGA", 1), ("SWF", 1))
)
VALIDATION = ValidationPage(
    identity=IDENTITY,
    training=TRAINING,
    holdout=HOLDOUT,
    checks=(PASSED, WARNED, FAILED),
    columns=(DISTANCE, ORIGIN),
    labelled=79001,
    label_coverage=0.9894,
    classes=(("0", 60), ("1", 20)),
)

STAGES = (
    StageRow("begin_run", "succeeded", 1.0),
    StageRow("fetch_data", "succeeded", 3.0),
    StageRow("promote_challenger", "running"),
)
RUN = RunPage(
    identity=IDENTITY,
    outcome="promoted",
    stages=STAGES,
    judged=SUPERIOR,
    started="2026-11-23T16:20:31+00:00",
    seconds=4.0,
)
FAILED_RUN = RunPage(
    identity=IDENTITY,
    outcome="failed",
    stages=(
        StageRow("begin_run", "succeeded", 0.0),
        StageRow("validate_data", "failed", 0.0, "1 check failed"),
    ),
    seconds=0.0,
    failed_stage="validate_data",
    message="1 check failed:\n  min: column distance",
)


def runs(n: int) -> list[RunRow]:
    """Returns runs of one model, the newest first; every fourth is promoted, and every fourth fails."""
    verdicts = [
        ("promoted", "promote", "superior"),
        ("retained", "hold", "not_proven"),
        ("failed", None, None),
    ]
    verdicts.append(("retained", "reject", "worse"))
    return [_run(i, *verdicts[i % 4]) for i in reversed(range(n))]


def _run(i: int, outcome: str, verdict: str | None, reason: str | None) -> RunRow:
    return RunRow(
        model="flight-delay",
        run=f"flight-delay-{i}",
        as_of=f"{2013 + i // 336:04}-{i // 28 % 12 + 1:02}-{i % 28 + 1:02}T04:00:00+00:00",
        outcome=outcome,
        timezone="America/New_York",
        trigger_reason="schedule",
        verdict=verdict,
        reason=reason,
        champion_score=0.625 if verdict else None,
        challenger_score=0.6875 if verdict else None,
        gain=0.0625 if verdict else None,
        lower=-0.03125 if verdict else None,
        seconds=11.5,
        href=f"runs/flight-delay-{i}/run.html",
        verdict_href=f"runs/flight-delay-{i}/verdict.html" if verdict else None,
    )


HOSTILE_IDENTITY = Identity(
    model=HOSTILE,
    run=HOSTILE,
    as_of=IDENTITY.as_of,
    timezone="UTC",
    trigger_reason=HOSTILE,
    mlflow_run=HOSTILE,
    champion_version=HOSTILE,
    challenger_version=HOSTILE,
    training_fingerprint=HOSTILE,
    holdout_fingerprint=HOSTILE,
)
HOSTILE_JUDGED = replace(SUPERIOR, verdict=HOSTILE, reason=HOSTILE, explanation=HOSTILE)
HOSTILE_VERDICT = replace(
    VERDICT,
    identity=HOSTILE_IDENTITY,
    judged=HOSTILE_JUDGED,
    days=(DayScore(HOSTILE, 3, 0.5, 0.625),),
)
HOSTILE_VALIDATION = replace(
    VALIDATION,
    identity=HOSTILE_IDENTITY,
    checks=(CheckRow(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, passed=False, severity=HOSTILE),),
    columns=(replace(DISTANCE, name=HOSTILE), replace(ORIGIN, name=HOSTILE, categories=((HOSTILE, 8),))),
    classes=((HOSTILE, 80),),
)
HOSTILE_RUN = RunPage(
    identity=HOSTILE_IDENTITY,
    outcome=HOSTILE,
    stages=(StageRow(HOSTILE, HOSTILE, 1.0, HOSTILE),),
    judged=HOSTILE_JUDGED,
    failed_stage=HOSTILE,
    message=HOSTILE,
)
HOSTILE_RUNS = [
    replace(
        row,
        model=HOSTILE,
        run=HOSTILE,
        outcome=HOSTILE,
        trigger_reason=HOSTILE,
        verdict=HOSTILE,
        reason=HOSTILE,
        href=HOSTILE,
        verdict_href="JavaScript:alert(1)",
    )
    for row in runs(2)
] + [replace(row, href="javascript:alert(1)", verdict_href="//evil.example/x") for row in runs(1)]
