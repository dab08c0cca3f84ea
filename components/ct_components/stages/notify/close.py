"""Closing a run: what came of it, from the ledger, for people and for MLflow."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ct_components import connections, pages
from ct_components.ledger import StageOutcome
from ct_components.registry import Registry
from ct_components.stage import EXIT_STAGE, ledger_of
from ct_components.storage import atomic_write
from ct_components.vocabulary import FAILED, PROMOTED, RETAINED

if TYPE_CHECKING:
    from ct_components.ledger import Ledger

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Ended:
    """What came of a run: promoted, retained or failed, in one sentence, and where it failed."""

    outcome: str
    message: str
    failed_stage: str | None = None


@dataclass(frozen=True)
class Known:
    """What is on record of a run. Mappings are empty where nothing is."""

    run: Mapping[str, Any]
    verdict: Mapping[str, Any]
    outcomes: Sequence[StageOutcome] = ()


def close(run_id: str, state: str, page_path: str) -> Ended:
    """Closes a run in ledger and MLflow, writes its page, and returns what came of it.

    Args:
        run_id: The pipeline run.
        state: How KFP says that it ended: SUCCEEDED, FAILED, CANCELLED.
        page_path: Where the page goes.
    """
    ledger = ledger_of(run_id)
    known = _from_ledger(ledger, run_id) if ledger else _from_mlflow(run_id)
    ended = conclude(state, known.outcomes, known.verdict)
    if ledger and known.run:
        ledger.finish_run(
            run_id,
            state="failed" if ended.outcome == FAILED else "succeeded",
            outcome=ended.outcome,
            message=ended.message,
        )
    atomic_write(page_path, pages.run_page(_page(run_id, known, ended)))
    logger.info("%s: %s", ended.outcome, ended.message)
    # Last, since MLflow may be what is away; the page is there by then.
    if ended.outcome == FAILED and known.run.get("mlflow_run_id"):
        Registry(connections.from_environment()).finish_run(known.run["mlflow_run_id"], failed=True)
    return ended


def _from_ledger(ledger: "Ledger", run_id: str) -> Known:
    # A first attempt of this stage is no part of what it closes.
    outcomes = [each for each in ledger.stage_outcomes(run_id) if each.stage != EXIT_STAGE]
    return Known(ledger.run(run_id) or {}, ledger.verdict(run_id) or {}, outcomes)


def _from_mlflow(run_id: str) -> Known:
    """Without a ledger, the tags of the MLflow run are the record; they hold no outcomes of stages."""
    found = Registry(connections.from_environment()).find_run(run_id)
    if found is None:
        return Known({}, {})
    tags = found.tags
    run = {
        "model": tags["model"],
        "as_of": datetime.fromisoformat(tags["as_of"]),
        "reason": tags["reason"],
        "champion_version": tags.get("challenged") or None,
        "mlflow_run_id": found.mlflow_run_id,
    }
    if "verdict" not in tags:
        return Known(run, {})
    verdict = {name: tags[name] for name in ("verdict", "explanation")}
    return Known(run, {**verdict, "reason": tags["verdict_reason"], "challenger_version": tags["challenger"]})


def conclude(state: str, outcomes: Sequence[StageOutcome], verdict: Mapping[str, Any]) -> Ended:
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
    if not verdict:
        return Ended(RETAINED, "no verdict is on record")
    return Ended(PROMOTED if verdict["verdict"] == "promote" else RETAINED, str(verdict["explanation"]))


def _page(run_id: str, known: Known, ended: Ended) -> pages.RunPage:
    run, verdict, outcomes = known.run, known.verdict, known.outcomes
    started = outcomes[0].started_at if outcomes else None
    return pages.RunPage(
        identity=pages.Identity(
            model=run.get("model", "unknown"),
            run=run_id,
            as_of=run["as_of"].isoformat() if run else "",
            timezone=run["windows"]["timezone"] if "windows" in run else "UTC",
            trigger_reason=run.get("reason", "unknown"),
            mlflow_run=run.get("mlflow_run_id"),
            champion_version=run.get("champion_version"),
            challenger_version=verdict.get("challenger_version"),
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
        judged=pages.Judged.from_dict(verdict.get("report", verdict)) if verdict else None,
        started=started.isoformat() if started else None,
        seconds=(outcomes[-1].finished_at - started).total_seconds() if started else None,
        failed_stage=ended.failed_stage,
        # A verdict is explained by the judgement already.
        message=ended.message if ended.outcome == FAILED or not verdict else None,
    )
