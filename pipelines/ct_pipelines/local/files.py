"""The pages of local runs, as files that a browser opens: one folder a run, and an index of all."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ct_components import pages
from ct_components.storage import atomic_write
from ct_pipelines.gains import is_relative

if TYPE_CHECKING:
    from ct_components.ledger import Ledger
    from ct_pipelines.local.runner import LocalRun

# Artifact of a stage → its file's name. KFP gives artifacts no suffix, and no browser takes that for a page.
_PAGES = {
    ("notify", "page"): "run.html",
    ("validate-data", "page"): "validation.html",
    ("evaluate-challenger", "page"): "verdict.html",
    ("evaluate-challenger", "report"): "verdict.json",
}


def publish_pages(run: "LocalRun", ledger: "Ledger", home: Path) -> dict[str, Path]:
    """Copies a run's pages beside those of the others, and writes the index anew.

    Returns:
        The page's file by its name without suffix, and the index under "index".
    """
    folder = home / "pages" / run.run_id
    found = {name: run.artifact(task, artifact) for (task, artifact), name in _PAGES.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in found.items():
        if source:
            shutil.copyfile(source, folder / name)
    index = home / "pages" / "index.html"
    rows = [_row(each, home) for each in reversed(ledger.history()["runs"])]
    atomic_write(index, pages.index_page(rows))
    published = {
        Path(name).stem: folder / name for name, source in found.items() if source and name.endswith("html")
    }
    return {**published, "index": index}


def _row(run: Mapping[str, Any], home: Path) -> pages.RunRow:
    verdict = run["verdict"] or {}
    ended = run["finished_at"]
    return pages.RunRow(
        model=run["model"],
        run=run["run_id"],
        as_of=run["as_of"].isoformat(),
        outcome=run["outcome"] or run["state"],
        timezone=run["windows"]["timezone"],
        trigger_reason=run["reason"],
        verdict=verdict.get("verdict"),
        reason=verdict.get("reason"),
        champion_score=verdict.get("champion_score"),
        challenger_score=verdict.get("challenger_score"),
        gain=verdict.get("gain"),
        lower=verdict.get("lower"),
        relative=is_relative(verdict),
        seconds=(ended - run["created_at"]).total_seconds() if ended else None,
        href=_link(home, run["run_id"], "run.html"),
        verdict_href=_link(home, run["run_id"], "verdict.html"),
    )


def _link(home: Path, run_id: str, name: str) -> str | None:
    return f"{run_id}/{name}" if (home / "pages" / run_id / name).exists() else None
