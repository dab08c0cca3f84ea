"""Closing a run: what came of it, from the ledger, for people and for MLflow."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ct_components import connections, pages
from ct_components.channels import Told, read_channels, tell, told_text
from ct_components.errors import Duplicate, Unreachable
from ct_components.journal import tagged_candidates
from ct_components.ledger import StageOutcome
from ct_components.registry import Registry
from ct_components.stage import EXIT_STAGE, ledger_of
from ct_components.stages.notify import words
from ct_components.stages.notify.parameter import read_leniently
from ct_components.stages.notify.words import Ended, Known
from ct_components.storage import atomic_write
from ct_components.vocabulary import FAILED, PROMOTED, RETAINED

if TYPE_CHECKING:
    from ct_components.ledger import Candidate, Ledger

logger = logging.getLogger("kfp-ct")


@dataclass
class Closing:
    """A run that is to be closed.

    Attributes:
        run_id: The pipeline run.
        state: How KFP says that it ended: SUCCEEDED, FAILED, CANCELLED.
        page_path: Where the page goes.
        page_uri: What the page is called elsewhere.
        spec: The pipeline's parameter, for a run that is not on record.
        over: Whether people were told what there was to tell.
    """

    run_id: str
    state: str
    page_path: str
    page_uri: str = ""
    spec: str = ""
    over: bool = False


def close(closing: Closing) -> Ended:
    """Closes a run in ledger and MLflow, writes its page, tells people, and returns what came of it.

    Whatever is wrong with MLflow, people are told first; then the stage fails, and is tried again.

    Raises:
        Unreachable: If ledger or MLflow does not answer.
    """
    run_id = closing.run_id
    ledger = ledger_of(run_id)
    parameter = read_leniently(closing.spec)
    known = known_to_ledger(ledger, run_id) if ledger else _from_mlflow(run_id)
    ended = conclude(closing.state, known)
    if ledger and known.run:
        ledger.finish_run(
            run_id,
            state="failed" if ended.outcome == FAILED else "succeeded",
            outcome=ended.outcome,
            message=ended.message,
        )
    page = _page(run_id, known, ended)
    atomic_write(closing.page_path, pages.run_page(page))
    logger.info("%s: %s", ended.outcome, ended.message)
    try:
        # MLflow may be what is away; the page is there by now.
        if ended.outcome == FAILED and known.run.get("mlflow_run_id"):
            Registry(connections.from_environment()).finish_run(known.run["mlflow_run_id"], failed=True)
    finally:
        _tell(closing, known, ended, parameter, page)
    return ended


@contextmanager
def last_words(closing: Closing) -> Iterator[None]:
    """Tells people of a failed run that could not be closed, since the ledger itself may be what is away."""
    try:
        yield
    except SystemExit as error:
        if error.code == Unreachable.exit_code and closing.state != "SUCCEEDED" and not closing.over:
            known = Known({}, {})
            message = (
                f"{words.ended_as(closing.state)}; neither could it be closed: a service does not answer"
            )
            _tell(closing, known, Ended(FAILED, message), read_leniently(closing.spec))
        raise


def known_to_ledger(ledger: "Ledger", run_id: str) -> Known:
    """Returns what the ledger knows of a run."""
    # A first attempt of this stage is no part of what it closes.
    outcomes = [each for each in ledger.stage_outcomes(run_id) if each.stage != EXIT_STAGE]
    run, candidate = ledger.run(run_id) or {}, ledger.candidate_of_run(run_id)
    waiting = ledger.waiting(run["model"]) if run else []
    return Known(
        run,
        ledger.verdict(run_id) or {},
        outcomes,
        waits=candidate is not None and candidate.decision is None,
        void=_void(candidate),
        waiting=waiting[0].version if waiting else None,
    )


def _void(candidate: "Candidate | None") -> str:
    """Returns why a verdict of promotion came to nothing; "" if it did not."""
    if candidate is None or candidate.decision not in ("void", "rejected"):
        return ""
    return (
        f"version {candidate.version} won, and is {candidate.decision}: {candidate.note or 'no reason given'}"
    )


def _from_mlflow(run_id: str) -> Known:
    """Without a ledger, tags of MLflow are the record; they hold no outcomes of stages."""
    registry = Registry(connections.from_environment())
    found = registry.find_run(run_id)
    if found is None:
        return Known({}, {})
    tags = found.tags
    run = {
        "model": tags["model"],
        "as_of": datetime.fromisoformat(tags["as_of"]),
        "reason": tags["reason"],
        "key": tags.get("key", ""),
        "champion_version": tags.get("challenged") or None,
        "mlflow_run_id": found.mlflow_run_id,
    }
    if "verdict" not in tags:
        return Known(run, {})
    verdict = {name: tags[name] for name in ("verdict", "explanation")}
    verdict |= {"reason": tags["verdict_reason"], "challenger_version": tags["challenger"]}
    candidates = tagged_candidates(registry, tags["model"])
    return Known(
        run,
        verdict,
        waits=any(each.version == tags["challenger"] for each in candidates),
        waiting=candidates[0].version if candidates else None,
    )


def conclude(state: str, known: Known) -> Ended:
    """Says what came of a run.

    Example:
        >>> conclude("SUCCEEDED", Known({}, {"verdict": "hold", "explanation": "not proven better"}))
        Ended(outcome='retained', message='not proven better', failed_stage=None)
    """
    failed = next((each for each in known.outcomes if each.outcome == "failed"), None)
    verdict = known.verdict
    if failed:
        return Ended(FAILED, failed.message, failed.stage)
    if state != "SUCCEEDED":
        return Ended(FAILED, f"{words.ended_as(state)}; its stages' logs say why")
    if not verdict:
        return Ended(RETAINED, "no verdict is on record")
    if known.waits:
        version = verdict["challenger_version"]
        return Ended(RETAINED, f"version {version} won and waits in staging for kfp-ct promote")
    if known.void:
        return Ended(RETAINED, known.void)
    return Ended(PROMOTED if verdict["verdict"] == "promote" else RETAINED, str(verdict["explanation"]))


def _tell(
    closing: Closing,
    known: Known,
    ended: Ended,
    parameter: Mapping[str, Any],
    page: pages.RunPage | None = None,
) -> None:
    """Tells people, and puts on the page who was told. Nothing that goes wrong here fails the stage."""
    closing.over = True
    try:
        if _is_duplicate(known):
            return
        spec = known.run.get("spec") or parameter
        channels, began = read_channels(spec), datetime.now(UTC)
        message = words.message_of(closing.run_id, known, ended, spec, words.page_address(closing))
        told = tell(channels, message)
        if not told:
            return
        logger.info("%s", told_text(told))
        if page:
            row = _row(told, (datetime.now(UTC) - began).total_seconds())
            atomic_write(closing.page_path, pages.run_page(replace(page, stages=(*page.stages, row))))
    except Exception as error:  # noqa: BLE001 — the run is closed, and that is what counts
        # Not its text: nobody knows what it repeats.
        logger.warning("people are not told, for an error of ours: %s", type(error).__name__)


def _is_duplicate(known: Known) -> bool:
    """Another run does what this one was asked for: nothing to wake people for."""
    return any(each.exit_code == Duplicate.exit_code for each in known.outcomes)


def _row(told: Sequence[Told], seconds: float) -> pages.StageRow:
    outcome = "succeeded" if all(each.told for each in told) else "failed"
    return pages.StageRow("tell people", outcome, seconds, told_text(told))


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
        stages=tuple(map(_stage_row, outcomes)),
        judged=pages.Judged.from_dict(verdict.get("report", verdict)) if verdict else None,
        started=started.isoformat() if started else None,
        seconds=(outcomes[-1].finished_at - started).total_seconds() if started else None,
        failed_stage=ended.failed_stage,
        # A verdict is explained by the judgement already.
        message=None if ended.message == verdict.get("explanation") else ended.message,
    )


def _stage_row(each: StageOutcome) -> pages.StageRow:
    seconds = (each.finished_at - each.started_at).total_seconds()
    return pages.StageRow(each.stage, each.outcome, seconds, each.message or None)
