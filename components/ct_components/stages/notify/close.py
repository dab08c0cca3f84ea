"""Closing a run: what came of it, from the ledger, for people and for MLflow."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ct_components import connections, pages
from ct_components.ledger import StageOutcome
from ct_components.stage import ledger_of
from ct_components.storage import atomic_write
from ct_components.vocabulary import FAILED, PROMOTED, RETAINED

_SELF = "notify"

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Ended:
    """What came of a run: promoted, retained or failed, in one sentence, and where it failed."""

    outcome: str
    message: str
    failed_stage: str | None = None


def close(run_id: str, state: str, page_path: str) -> Ended:
    """Closes a run in ledger and MLflow, writes its page, and returns what came of it.

    Args:
        run_id: The pipeline run.
        state: How KFP says that it ended: SUCCEEDED, FAILED, CANCELLED.
        page_path: Where the page goes.
    """
    ledger = ledger_of(run_id)
    # A first attempt of this stage is no part of what it closes.
    outcomes = [each for each in ledger.stage_outcomes(run_id) if each.stage != _SELF] if ledger else []
    run = ledger.run(run_id) if ledger else None
    verdict = ledger.verdict(run_id) if ledger else None
    ended = conclude(state, outcomes, verdict)
    if ledger and run:
        ledger.finish_run(
            run_id,
            state="failed" if ended.outcome == FAILED else "succeeded",
            outcome=ended.outcome,
            message=ended.message,
        )
    atomic_write(page_path, pages.run_page(_page(run_id, run, outcomes, verdict, ended)))
    logger.info("%s: %s", ended.outcome, ended.message)
    # Last, since MLflow may be what is away; the page is there by then.
    if run and ended.outcome == FAILED and run["mlflow_run_id"]:
        from ct_components.registry import Registry

        Registry(connections.from_environment()).finish_run(run["mlflow_run_id"], failed=True)
    return ended


def conclude(state: str, outcomes: Sequence[StageOutcome], verdict: Mapping[str, Any] | None) -> Ended:
    """Says what came of a run.

    Example:
        >>> conclude("SUCCEEDED", [], {"verdict": "hold", "explanation": "not proven better"})
        Ended(outcome='retained', message='not proven better', failed_stage=None)
    """
    failed = next((each for each in outcomes if each.outcome == "failed"), None)
    if failed:
        return Ended(FAILED, failed.message, failed.stage)
    if state != "SUCCEEDED":
        return Ended(FAILED, f"the pipeline ended as {state}; its stages' logs say why")
    if verdict is None:
        return Ended(RETAINED, "no ledger holds the verdict; the page of evaluate_challenger shows it")
    return Ended(PROMOTED if verdict["verdict"] == "promote" else RETAINED, str(verdict["explanation"]))


def _page(
    run_id: str,
    run: Mapping[str, Any] | None,
    outcomes: Sequence[StageOutcome],
    verdict: Mapping[str, Any] | None,
    ended: Ended,
) -> pages.RunPage:
    timezone = run["windows"]["timezone"] if run else "UTC"
    started = outcomes[0].started_at if outcomes else None
    return pages.RunPage(
        identity=pages.Identity(
            model=run["model"] if run else "unknown",
            run=run_id,
            as_of=run["as_of"].isoformat() if run else "",
            timezone=timezone,
            trigger_reason=run["reason"] if run else "unknown",
            mlflow_run=run["mlflow_run_id"] if run else None,
            champion_version=run["champion_version"] if run else None,
            challenger_version=verdict["challenger_version"] if verdict else None,
        ),
        outcome=ended.outcome,
        stages=tuple(
            pages.StageRow(
                each.stage,
                each.outcome,
                (each.finished_at - each.started_at).total_seconds(),
                each.message or None,
            )
            for each in outcomes
        ),
        judged=pages.Judged.from_dict(verdict["report"]) if verdict else None,
        started=started.isoformat() if started else None,
        seconds=(outcomes[-1].finished_at - started).total_seconds() if started else None,
        failed_stage=ended.failed_stage,
        message=ended.message,
    )
