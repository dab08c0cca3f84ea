"""What came of a run, in the terminal."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Any
from zoneinfo import ZoneInfo

from ct_components import connections
from ct_components.spec import Duration
from ct_components.vocabulary import FAILED, RETAINED
from ct_components.windows import Windows
from ct_pipelines.gains import gain_text


@dataclass(frozen=True)
class Result:
    """One run, its verdict, and its pages. Mappings are rows of the ledger, empty where there is none."""

    run_id: str
    run: Mapping[str, Any]
    verdict: Mapping[str, Any]
    seconds: float
    pages: Mapping[str, Path]
    failed_stage: str | None

    @property
    def report(self) -> Mapping[str, Any]:
        """The judgement in full."""
        report: Mapping[str, Any] = self.verdict.get("report") or {}
        return report

    def to_dict(self) -> dict[str, Any]:
        """For scripts: what the lines for people say."""
        return {
            "run_id": self.run_id,
            "model": self.run.get("model"),
            "as_of": self.run["as_of"].isoformat() if self.run else None,
            "outcome": self.run.get("outcome") or (FAILED if self.failed_stage else None),
            "failed_stage": self.failed_stage,
            "message": self.run.get("message"),
            "verdict": self.verdict.get("verdict"),
            "report": self.report,
            "seconds": round(self.seconds, 3),
            "pages": {name: str(path) for name, path in self.pages.items()},
        }


def run_lines(result: Result) -> Iterator[str]:
    """Says what one run found."""
    report = result.report
    if not report:
        yield f"  outcome    {result.run.get('outcome', 'unknown')}: {result.run.get('message', '')}"
        return
    rows, notes = report["rows"], _notes(result)
    for name in ("training", "holdout"):
        yield f"  {name:<10} {rows[name]:>8,} labelled rows  {_window(report['windows'], name)}{notes[name]}"
    yield f"  {'champion':<10} {_score(report, 'champion')}"
    yield f"  {'challenger':<10} {_score(report, 'challenger')}"
    yield f"  {'gain':<10} {_gain(report)}"
    yield f"  {'verdict':<10} {report['verdict']} ({report['reason']}): {report['explanation']}"
    if result.verdict.get("verdict") == "promote" and result.run.get("outcome") == RETAINED:
        yield f"  {'outcome':<10} {RETAINED}: {result.run.get('message') or 'the champion stays'}"
    yield f"  {'took':<10} {result.seconds:.1f} s"


def _notes(result: Result) -> dict[str, str]:
    """Says of each window where it is not what the model spec asks for."""
    windows = Windows.from_json(json.dumps(result.report["windows"]))
    length = Duration.parse(result.run["spec"]["windows"]["holdout"])
    planned = length.subtract(windows.holdout.end, windows.timezone)
    return {
        "training": ", partial: the source begins later" if result.report["rows"]["training_partial"] else "",
        "holdout": ", cut: the champion has seen the rows before" if windows.holdout.start > planned else "",
    }


def closing_lines(results: Sequence[Result], home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Shows all runs in one table, and says where to look further."""
    if len(results) > 1:
        yield ""
        yield from _table(results)
    yield ""
    yield f"pages   {results[-1].pages['index']}" if results else f"pages   {home / 'pages'}"
    index = (home / "pages" / "index.html").as_uri()
    yield f"        open them: {_executable('python')} -m webbrowser {quote(index)}"
    yield from _mlflow_lines(environment[connections.TRACKING_URI])
    yield f"ledger  KFP_CT_HOME={quote(str(home))} {_executable('kfp-ct')} history"


def _mlflow_lines(address: str) -> Iterator[str]:
    yield f"MLflow  {connections.redact(address)}"
    if not address.startswith(("http://", "https://")):
        # MLflow keeps artifacts by their full paths, so its server needs no more than the store.
        command = f"{_executable('mlflow')} server --backend-store-uri {quote(connections.redact(address))}"
        yield f"        open it:   {command} --port 5000"


def _table(results: Sequence[Result]) -> Iterator[str]:
    head = (
        "as-of",
        "training",
        "holdout",
        "champion",
        "challenger",
        "gain",
        "limit",
        "verdict",
        "reason",
        "seconds",
    )
    form = "{:<10}  {:>9}  {:>8}  {:>12}  {:>12}  {:>8}  {:>8}  {:<12}  {:<22}  {:>7}"
    yield form.format(*head)
    for each in results:
        report = each.report
        rows = report["rows"]
        yield form.format(
            _day(each.run["as_of"].isoformat(), report["windows"]["timezone"]),
            f"{rows['training']:,}",
            f"{rows['holdout']:,}",
            _versioned(report, "champion"),
            _versioned(report, "challenger"),
            gain_text(report["gain"], relative=report["relative"]),
            gain_text(report["lower"], relative=report["relative"]),
            report["verdict"],
            report["reason"],
            f"{each.seconds:.1f}",
        ).rstrip()


def _window(windows: Mapping[str, Any], name: str) -> str:
    zone = windows["timezone"]
    return f"{_day(windows[name]['start'], zone)} to {_day(windows[name]['end'], zone)} {zone}"


def _day(iso: str, timezone: str) -> str:
    """A midnight is shown as its day; another instant with its minutes."""
    local = datetime.fromisoformat(iso).astimezone(ZoneInfo(timezone))
    return f"{local:%Y-%m-%d}" if (local.hour, local.minute) == (0, 0) else f"{local:%Y-%m-%dT%H:%M}"


def _score(report: Mapping[str, Any], role: str) -> str:
    score, version = report[f"{role}_score"], report[f"{role}_version"]
    if version is None:
        return "none yet"
    return f"version {version}, {report['metric']} {'–' if score is None else f'{score:.4f}'}"


def _versioned(report: Mapping[str, Any], role: str) -> str:
    score, version = report[f"{role}_score"], report[f"{role}_version"]
    return "–" if version is None else f"v{version} {'–' if score is None else f'{score:.4f}'}"


def _gain(report: Mapping[str, Any]) -> str:
    if report["gain"] is None and report["champion_version"] is not None:
        return "–"
    if report["gain"] is None:
        gain, lower = (
            gain_text(report[key], relative=report["relative"]) for key in ("baseline_gain", "baseline_lower")
        )
        return f"{gain} over the baseline predictor, lower limit {lower}"
    spent = f"alpha {report['alpha']:.4f}, challenge {report['challenge']}"
    gain, lower = (gain_text(report[key], relative=report["relative"]) for key in ("gain", "lower"))
    return f"{gain}, lower limit {lower} at {spent}"


def _executable(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    return quote(str(beside)) if beside.exists() else name
