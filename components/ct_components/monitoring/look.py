"""What a monitor looks at, and what a look comes to: whatever the monitor is.

A look depends on the spec, the instant and the champion, and on nothing else: taken again for the same
instant it says the same. It changes nothing. `publish` writes its page, `record` puts it on record.
"""

import errno
import json
import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from ct_components import connections
from ct_components.errors import DataError, StateError
from ct_components.keys import day_key
from ct_components.ledger import open_ledger
from ct_components.registry import CHAMPION, Registry, Version
from ct_components.spec import ModelSpec, resolve_references
from ct_components.storage import atomic_write
from ct_components.windows import Window, parse_as_of

if TYPE_CHECKING:
    from ct_components.ledger import Ledger

Monitor = Literal["drift", "performance"]

PAGE, REPORT = "page.html", "report.json"
INSUFFICIENT, NO_CHAMPION = "insufficient", "no_champion"
_MOST_LOOKS_AT_ONCE = 50

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Watching:
    """What a look starts from.

    Attributes:
        spec: The model spec, its references resolved.
        as_of: The instant that the look pretends is now; aware, in UTC.
        registry: Where the champion's files are.
        ledger: Where earlier looks and metrics are; None without a ledger.
        champion: The version in charge; None when there is none yet.
    """

    spec: ModelSpec
    as_of: datetime
    registry: Registry
    ledger: "Ledger | None"
    champion: Version | None

    @property
    def timezone(self) -> str:
        """The zone whose calendar days count: the source's."""
        return self.spec.source.timezone

    @property
    def no_champion(self) -> str:
        """What there is to say without a champion: mostly that somebody stands in another folder."""
        return f"{self.spec.model} has no champion yet in MLflow at {self.registry.place}."

    @property
    def current(self) -> Window:
        """The current window, which ends at as-of."""
        return Window(self.spec.windows.current.subtract(self.as_of, self.timezone), self.as_of)


@dataclass(frozen=True)
class Look:
    """What one look came to.

    Attributes:
        model: The model's name.
        monitor: drift or performance.
        champion_version: The version that was looked at; None without a champion.
        as_of: The instant that the look pretended is now; aware, in UTC.
        window: The rows that were looked at.
        verdict: What was decided, in one stable word.
        reason: Why, likewise.
        explanation: Why, in one sentence.
        fires: Whether the model should be retrained.
        broken: Whether the data are at fault: people are told, and nothing is retrained.
        drifted: Whether the window drifted, which later looks count; None when that cannot be said.
        share: Drifted share of the features; None likewise.
        key: The trigger's key, one for all looks of a day; None unless it fires.
        report: All that it rests on, in JSON's own types.
        page: A whole HTML document for people.
        attachments: Further files for people, text by name.
    """

    model: str
    monitor: Monitor
    champion_version: str | None
    as_of: datetime
    window: Window
    verdict: str
    reason: str
    explanation: str
    fires: bool
    broken: bool
    drifted: bool | None
    share: float | None
    key: str | None
    report: Mapping[str, Any]
    page: str
    attachments: Mapping[str, str] = field(default_factory=dict)


def begin_watching(
    spec: ModelSpec,
    as_of: str = "",
    now: datetime | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Watching:
    """Resolves spec and instant, connects, and finds the champion; nothing is mended by a look.

    Args:
        spec: The model spec as it was written.
        as_of: As for a run: a date in the source's zone, or ISO 8601; "" is now.
        now: Aware; None is the clock's.
        environment: What names the services, and gives the spec's references their values.

    Raises:
        SpecError: If a reference is not set, or the instant is none or in the future.
        StateError: If no MLflow is named, or it or the ledger refuses.
        Unreachable: If either does not answer.
    """
    resolved = resolve_references(spec, environment)
    instant = parse_as_of(as_of, resolved.source.timezone, now or datetime.now(UTC))
    found = connections.from_environment(environment)
    ledger = open_ledger(found.ledger_url)
    registry = Registry(found)
    return Watching(resolved, instant, registry, ledger, registry.alias(resolved.model, CHAMPION))


def fired_key(monitor: Monitor, window: Window, timezone: str) -> str:
    """Returns the key of what a monitor saw: one for each day on which its windows end."""
    return day_key(monitor, window.end, timezone)


def publish(look: Look, root: Path) -> Path:
    """Writes a look's page, report and attachments into a folder of its own, all or nothing.

    A later look at the same instant takes the place of an earlier one.

    Args:
        look: The look.
        root: Where looks of all models are kept, such as `connections.report_root()`.

    Returns:
        The folder: root/model/monitor/as-of.

    Raises:
        StateError: If it cannot be written.
    """
    folder = root / look.model / look.monitor / f"{look.as_of:%Y%m%dT%H%M%SZ}"
    files = {PAGE: look.page, REPORT: report_json(look), **look.attachments}
    draft = folder.with_name(f".{uuid4().hex}.tmp")
    try:
        draft.mkdir(parents=True)
        try:
            for name, text in files.items():
                (draft / name).write_bytes(text.encode("utf-8", "replace"))
            _take_place(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise StateError(f"cannot write {str(folder)!r}: {error.strerror or error}") from error
    return folder


def report_json(look: Look) -> str:
    """Returns the report as JSON text."""
    return json.dumps(look.report, indent=2, ensure_ascii=False, allow_nan=False)


def conclude_stage(look: Look, ledger: "Ledger | None", page: Any, report: Any) -> None:
    """Writes page and report as artifacts of a KFP task, records the look, and sends its event if it fires.

    Args:
        look: The look.
        ledger: Where it goes on record; None without a ledger.
        page: KFP artifact, with path and uri.
        report: Likewise.

    Raises:
        DataError: If the data are broken, after all that.
        StateError: If ledger or webhook refuse.
        Unreachable: If either does not answer.
    """
    atomic_write(page.path, look.page)
    atomic_write(report.path, report_json(look))
    logger.info("%s: %s", look.verdict, look.explanation)
    if ledger:
        record(look, ledger, page.uri)
    if look.fires and not send(look):
        logger.warning("no webhook is configured, so nothing was sent; the look is on record as %s", look.key)
    raise_if_broken(look)


def send(look: Look) -> str:
    """Sends the event of a look that fires, and returns where it went; "" if no webhook is configured.

    Raises:
        StateError: If the webhook refuses it.
        Unreachable: If it does not take it after all tries.
    """
    from ct_components.events import trigger_event
    from ct_components.webhook import WebhookSettings
    from ct_components.webhook import send as post

    settings = WebhookSettings.from_environment()
    if settings is None:
        return ""
    span = (look.window.start, look.window.end)
    post(trigger_event(look.model, look.monitor, span, look.key, datetime.now(UTC)), settings)
    logger.info("sent %s to %s", look.key, settings.place)
    return settings.place


def raise_if_broken(look: Look) -> None:
    """Raises a DataError if a look found broken data, which is what makes people be told."""
    if look.broken:
        raise DataError(look.explanation)


def record(look: Look, ledger: "Ledger", report_uri: str | None) -> None:
    """Puts a look on record, with where its page lies."""
    from ct_components.ledger import LookRecord

    ledger.record_look(
        LookRecord(
            model=look.model,
            monitor=look.monitor,
            champion_version=look.champion_version,
            as_of=look.as_of,
            window_start=look.window.start,
            window_end=look.window.end,
            verdict=look.verdict,
            reason=look.reason,
            explanation=look.explanation,
            drifted=look.drifted,
            share=look.share,
            key=look.key,
            report=look.report,
            report_uri=report_uri,
            looked_at=datetime.now(UTC),
        )
    )


def _take_place(draft: Path, folder: Path) -> None:
    """A folder is replaced by moving the old one aside: only an empty one can be renamed over.

    Between the two, another look at the same instant may take the place, and is moved aside as well.
    """
    for last in (False,) * _MOST_LOOKS_AT_ONCE + (True,):
        aside = folder.with_name(f".{uuid4().hex}.old")
        with suppress(FileNotFoundError):
            folder.rename(aside)
        try:
            draft.rename(folder)
        except OSError as error:
            if last or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
        finally:
            shutil.rmtree(aside, ignore_errors=True)
