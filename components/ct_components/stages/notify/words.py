"""What is said of a run: its title, its figures, its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ct_components.channels import Figures, Message, find_secret
from ct_components.errors import StateError
from ct_components.ledger import StageOutcome
from ct_components.pages import formats
from ct_components.pages.words import metric_name
from ct_components.vocabulary import FAILED, PROMOTED

if TYPE_CHECKING:
    from ct_components.stages.notify.close import Closing

WAITING = "waiting"
KFP_UI = "KFP_CT_KFP_UI_URL"
"""Where people's browsers find the KFP UI; without it they are told the page's URI."""


@dataclass(frozen=True)
class Ended:
    """What came of a run: promoted, retained or failed, in one sentence, and where it failed."""

    outcome: str
    message: str
    failed_stage: str | None = None


@dataclass(frozen=True)
class Known:
    """What is on record of a run. Mappings are empty where nothing is.

    Attributes:
        run: Its row.
        verdict: Its verdict's row.
        outcomes: Its stages'.
        waits: Whether the version that it judged waits for a person.
        void: Why its verdict of promotion came to nothing; "" if it did not.
        waiting: The version of its model that waits for a person, whichever run judged it.
    """

    run: Mapping[str, Any]
    verdict: Mapping[str, Any]
    outcomes: Sequence[StageOutcome] = ()
    waits: bool = False
    void: str = ""
    waiting: str | None = None


def ended_as(state: str) -> str:
    """Returns what KFP said, where no stage said more."""
    return f"the pipeline ended as {state}"


def message_of(run_id: str, known: Known, ended: Ended, spec: Mapping[str, Any], page: str | None) -> Message:
    """Returns what people are told of a run."""
    run, failed = known.run, ended.outcome == FAILED
    explanation = str(known.verdict.get("explanation", ""))
    event = ended.outcome if failed or not known.waits else WAITING
    said = "" if failed or ended.message == explanation else ended.message
    return Message(
        model=str(run.get("model") or spec.get("model") or "unknown"),
        event=event,
        title=_title(event, known, ended, spec),
        reason=". ".join(each for each in (said.rstrip("."), explanation) if each),
        run_id=run_id,
        figures=_figures(known),
        failed_stage=ended.failed_stage,
        failure=ended.message if failed else None,
        page=page,
        as_of=run["as_of"].isoformat() if "as_of" in run else "",
        trigger_reason=str(run.get("reason", "")),
        key=str(run.get("key", "")),
        waiting=known.waiting,
    )


def _title(event: str, known: Known, ended: Ended, spec: Mapping[str, Any]) -> str:
    model = known.run.get("model") or spec.get("model") or "a model"
    challenger, champion = known.verdict.get("challenger_version"), known.run.get("champion_version")
    if event == FAILED:
        return f"{model}: the run failed" + (f" in {ended.failed_stage}" if ended.failed_stage else "")
    if event == PROMOTED:
        return f"{model}: version {challenger} is champion"
    if event == WAITING:
        return f"{model}: version {challenger} won and waits for a person"
    return f"{model}: version {champion} stays champion" if champion else f"{model}: no champion yet"


def _figures(known: Known) -> Figures | None:
    verdict = known.verdict
    if not verdict:
        return None
    report = verdict.get("report") or {}
    figures = Figures(
        metric=report.get("metric"),
        champion_version=known.run.get("champion_version"),
        champion_score=verdict.get("champion_score"),
        challenger_version=verdict.get("challenger_version"),
        challenger_score=verdict.get("challenger_score"),
        gain=verdict.get("gain"),
        lower=verdict.get("lower"),
        relative=bool(report.get("relative", False)),
    )
    return Figures(**{**vars(figures), "text": _figures_text(figures)})


def _figures_text(figures: Figures) -> str:
    parts = [
        _scored("champion", figures.champion_version, figures.champion_score),
        _scored("challenger", figures.challenger_version, figures.challenger_score),
        _gained("gain", figures.gain, relative=figures.relative),
        _gained("lower limit", figures.lower, relative=figures.relative),
    ]
    shown = ", ".join(part for part in parts if part)
    return f"{metric_name(figures.metric)}: {shown}" if figures.metric else shown


def _scored(role: str, version: str | None, score: float | None) -> str:
    if version is None:
        return ""
    return f"{role} version {version}" + ("" if score is None else f" {formats.fixed(score)}")


def _gained(name: str, value: float | None, *, relative: bool) -> str:
    return "" if value is None else f"{name} {formats.gain(value, relative)}"


def page_address(closing: "Closing") -> str | None:
    """Returns where people find the page: in the KFP UI if it is known where that is."""
    try:
        ui = find_secret(KFP_UI)
    except StateError:
        ui = None
    return f"{ui.rstrip('/')}/#/runs/details/{closing.run_id}" if ui else closing.page_uri or None
