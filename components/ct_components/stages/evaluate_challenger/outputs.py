"""Writing a judgement down: report, page, KFP's metrics, MLflow and the ledger."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from ct_components import connections, pages
from ct_components.errors import Overtaken
from ct_components.monitoring.performance_baseline import (
    HOLDOUT_METRICS,
    HOLDOUT_METRICS_TAG,
    measure_holdout,
)
from ct_components.registry import VERDICT_PAGE, VERDICT_REPORT, Registry
from ct_components.stage import Context, ledger_of
from ct_components.stages.evaluate_challenger.evaluate import Evidence, evaluate
from ct_components.storage import atomic_write
from ct_components.windows import Windows

if TYPE_CHECKING:
    from ct_components.statistics.gate import Judgement

logger = logging.getLogger("kfp-ct")

CLASSES = ["others", "positive"]
_ATTEMPTS = 5


@dataclass(frozen=True)
class Settings:
    """The stage's parameters, as text."""

    challenger: str
    windows: str
    gates: str
    holdout: Mapping[str, Any]


@dataclass(frozen=True)
class Outputs:
    """What the component hands to KFP."""

    verdict: str
    metrics: Mapping[str, float]
    roc: tuple[list[float], list[float], list[float]]
    confusion: list[list[int]]


def judge_and_write(
    run: Context, holdout_path: str, settings: Settings, report_path: str, page_path: str
) -> Outputs:
    """Judges, and records it; anew, as the next challenge, if another run has taken the number meanwhile.

    Raises:
        Unreachable: If MLflow or the ledger does not answer.
        Overtaken: If that happens every time.
    """
    for attempt in Retrying(
        retry=retry_if_exception_type(Overtaken),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random(0, 1),
        before_sleep=lambda state: logger.info("%s", state.outcome and state.outcome.exception()),
        reraise=True,
    ):
        with attempt:
            evidence = evaluate(run, holdout_path, settings.challenger, settings.windows, settings.gates)
            written = write(run, evidence, settings, report_path, page_path)
    return written


def write(run: Context, evidence: Evidence, settings: Settings, report_path: str, page_path: str) -> Outputs:
    """Records a judgement everywhere that people and later stages look.

    Raises:
        Unreachable: If MLflow or the ledger does not answer.
        Overtaken: If another challenge of the same champion was recorded meanwhile with the same number.
    """
    judgement = evidence.judgement
    report = _report(run, evidence, settings)
    page = _page(run, evidence, settings)
    atomic_write(report_path, report)
    atomic_write(page_path, page)
    metrics = _metrics(judgement)
    files = {VERDICT_REPORT: report, VERDICT_PAGE: page, HOLDOUT_METRICS: _holdout_metrics(evidence)}
    _record_in_mlflow(run, evidence, metrics, files)
    _record_in_ledger(run, evidence, report)
    points = evidence.roc(evidence.challenger)
    counts = evidence.confusion
    return Outputs(
        verdict=judgement.verdict.value,
        metrics=metrics,
        roc=([p[0] for p in points], [p[1] for p in points], [p[2] for p in points]),
        confusion=[[counts.tn, counts.fp], [counts.fn, counts.tp]],
    )


def _metrics(judgement: "Judgement") -> dict[str, float]:
    """KFP takes finite numbers only, so what is not known is left out."""
    metric = judgement.metric
    found = {
        f"challenger_{metric}": judgement.challenger_score,
        f"champion_{metric}": judgement.champion_score,
        f"baseline_{metric}": judgement.baseline_score,
        "gain": judgement.gain,
        "gain_lower_limit": judgement.lower,
        "smallest_provable_gain": judgement.smallest_provable_gain,
        **{f"gain_{guardrail.name}": guardrail.gain for guardrail in judgement.guardrails},
        "holdout_rows": judgement.n,
        "holdout_clusters": judgement.clusters,
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def _holdout_metrics(evidence: Evidence) -> str:
    """Returns the challenger's scores that monitors compare it with, should it become champion."""
    holdout = evidence.holdout
    return measure_holdout(holdout.positive, evidence.challenger.predicted, holdout.days).to_json()


def _report(run: Context, evidence: Evidence, settings: Settings) -> str:
    champion = evidence.champion
    content = {
        **evidence.judgement.to_dict(),
        "model": run.model,
        "as_of": run.as_of,
        "run_id": run.run_id,
        "challenger_version": evidence.challenger.version.number,
        "champion_version": champion.version.number if champion else None,
        "rows": {
            "training": evidence.challenger.training_rows,
            "training_partial": bool(settings.holdout.get("training_partial")),
            "holdout": evidence.holdout.rows.num_rows,
        },
        "windows": json.loads(settings.windows),
        "gates": json.loads(settings.gates),
        "holdout_fingerprint": settings.holdout.get("fingerprint"),
        "confusion": {**evidence.confusion._asdict(), "threshold": evidence.challenger.threshold},
        "days": [
            dict(zip(("day", "rows", "champion", "challenger"), day, strict=True)) for day in evidence.days()
        ],
    }
    return json.dumps(content, indent=2, allow_nan=False)


def _page(run: Context, evidence: Evidence, settings: Settings) -> str:
    windows = Windows.from_json(settings.windows)
    champion = evidence.champion
    return pages.verdict_page(
        pages.VerdictPage(
            identity=pages.Identity(
                model=run.model,
                run=run.run_id,
                as_of=run.as_of,
                timezone=windows.timezone,
                trigger_reason=run.reason,
                mlflow_run=run.mlflow_run_id,
                champion_version=champion.version.number if champion else None,
                challenger_version=evidence.challenger.version.number,
                training_fingerprint=settings.holdout.get("training_fingerprint"),
                holdout_fingerprint=settings.holdout.get("fingerprint"),
            ),
            judged=pages.Judged.from_dict(evidence.judgement.to_dict()),
            training=pages.WindowRows(
                windows.training.start.isoformat(),
                windows.training.end.isoformat(),
                evidence.challenger.training_rows,
                bool(settings.holdout.get("training_partial")),
            ),
            holdout=pages.WindowRows(
                windows.holdout.start.isoformat(),
                windows.holdout.end.isoformat(),
                evidence.holdout.rows.num_rows,
            ),
            gate=evidence.gate,
            days=tuple(pages.DayScore(*day) for day in evidence.days()),
            champion_roc=tuple(evidence.roc(champion)),
            challenger_roc=tuple(evidence.roc(evidence.challenger)),
            confusion=pages.ConfusionCounts(
                **evidence.confusion._asdict(), threshold=evidence.challenger.threshold
            ),
        )
    )


def _record_in_mlflow(
    run: Context, evidence: Evidence, metrics: Mapping[str, float], files: Mapping[str, str]
) -> None:
    judgement = evidence.judgement
    tags = {
        "verdict": judgement.verdict.value,
        "verdict_reason": judgement.reason.value,
        "explanation": judgement.explanation,
        "challenger": evidence.challenger.version.number,
        "challenged": run.champion,
        "challenge": str(judgement.challenge),
        # Also when there is none: a retry may take back what the first attempt had promoted.
        "anchor": evidence.anchor or "",
        HOLDOUT_METRICS_TAG: HOLDOUT_METRICS,
    }
    registry = Registry(connections.from_environment())
    registry.tag_version(evidence.challenger.version, tags)
    registry.log(run.mlflow_run_id, metrics=metrics, tags=tags, files=files)
    registry.finish_run(run.mlflow_run_id)


def _record_in_ledger(run: Context, evidence: Evidence, report: str) -> None:
    ledger = ledger_of(run.run_id)
    judgement = evidence.judgement
    if ledger:
        ledger.record_verdict(
            {
                "run_id": run.run_id,
                "model": run.model,
                "champion_version": run.champion or None,
                "challenger_version": evidence.challenger.version.number,
                "challenge": judgement.challenge,
                "verdict": judgement.verdict.value,
                "reason": judgement.reason.value,
                "explanation": judgement.explanation,
                "challenger_score": judgement.challenger_score,
                "champion_score": judgement.champion_score,
                "gain": judgement.gain,
                "lower": judgement.lower,
                "report": json.loads(report),
            }
        )
