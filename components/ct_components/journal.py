"""Who was champion when: from the ledger, else from the versions' own tags.

A version's tags say of its latest promotion what people look for in MLflow. Without a ledger they are the
journal, too: one tag lists all promotions of the version, since it may become champion more than once.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ct_components.ledger.records import Candidate, Promotion
from ct_components.registry import CHAMPION, Registry, Version

# What MLflow keeps of a tag here; the oldest entries make room.
_LONGEST_TAG = 5000
LONGEST_NOTE = 500
_JOURNAL = "promotions"
_WAITING = "waiting"
_ENTRY = ("run_id", "kind", "previous_version", "reason", "note", "windows")

logger = logging.getLogger("kfp-ct")


def describe(registry: Registry, version: Version, promotion: Promotion, *, journal: bool) -> None:
    """Writes a promotion to the version's tags; writing it again changes nothing.

    Args:
        registry: Where the version is.
        version: Who became champion.
        promotion: How.
        journal: Whether the tags are the only record of it.
    """
    tags = {
        "promoted_at": promotion.created_at.isoformat(),
        "promoted_after": promotion.previous_version or "",
        "promoted_by": promotion.run_id or "",
        "promoted_as": promotion.kind,
        "promoted_because": promotion.note or promotion.reason or "",
    }
    if promotion.windows:
        tags["windows"] = json.dumps(promotion.windows)
    if journal:
        tags[_JOURNAL] = _with_entry(version, promotion)
    if version.tags.get(_WAITING):
        tags[_WAITING] = ""
    changed = {name: text for name, text in tags.items() if text != version.tags.get(name)}
    if changed:
        registry.tag_version(version, changed)


def _with_entry(version: Version, promotion: Promotion) -> str:
    content = {name: getattr(promotion, name) for name in _ENTRY if getattr(promotion, name)}
    if promotion.note:
        content["note"] = promotion.note[:LONGEST_NOTE]
    entries = [*_entries(version), {"at": promotion.created_at.isoformat(), **content}]
    while len(text := json.dumps(entries)) > _LONGEST_TAG and len(entries) > 1:
        entries = entries[1:]
    return text


def _entries(version: Version) -> list[dict[str, Any]]:
    """Anybody can write a tag; what is no journal is left out, with a word."""
    text = version.tags.get(_JOURNAL) or "[]"
    try:
        entries = json.loads(text)
        for each in entries:
            datetime.fromisoformat(each["at"]).astimezone(UTC)
    except (ValueError, TypeError, KeyError):
        logger.warning("%s: its tag of promotions is unreadable, and left out: %s", version.uri, text[:80])
        return []
    return list(entries)


def tagged_promotions(registry: Registry, model: str) -> list[Promotion]:
    """Returns the promotions that the versions' tags tell of, oldest first.

    If the alias names another version than the last of them, it was moved by hand: the last entry says so,
    and is of this moment, since nobody knows when that was.
    """
    told = [_promotion(version, entry) for version in registry.versions(model) for entry in _entries(version)]
    told.sort(key=lambda each: each.created_at)
    promotions = [replace(each, sequence=number) for number, each in enumerate(told, 1)]
    champion = registry.alias(model, CHAMPION)
    if champion is None or (promotions and promotions[-1].version == champion.number):
        return promotions
    return [*promotions, next_promotion(model, champion.number, promotions[-1:], kind="external")]


def _promotion(version: Version, entry: Mapping[str, Any]) -> Promotion:
    at = datetime.fromisoformat(entry["at"]).astimezone(UTC)
    about: dict[str, Any] = {name: entry.get(name) for name in _ENTRY}
    return Promotion(
        model=version.name,
        sequence=0,
        version=version.number,
        created_at=at,
        projected_at=at,
        **{**about, "kind": about["kind"] or "promotion"},
    )


def next_promotion(
    model: str, version: str, before: Sequence[Promotion], *, kind: str, **about: Any
) -> Promotion:
    """Returns the promotion that follows the last of `before`, as of now."""
    now, last = datetime.now(UTC), before[-1] if before else None
    return Promotion(
        model=model,
        sequence=last.sequence + 1 if last else 1,
        version=version,
        previous_version=last.version if last else None,
        kind=kind,
        created_at=max(now, last.created_at) if last else now,
        projected_at=None,
        **{"run_id": None, **about},
    )


def in_charge_at(promotions: Sequence[Promotion], instant: datetime) -> Promotion | None:
    """Returns the promotion of whoever was champion at an instant; None if nobody was."""
    return next((each for each in reversed(promotions) if each.created_at <= instant), None)


def earlier_champions(promotions: Sequence[Promotion]) -> list[str]:
    """Returns the versions to roll back to, the nearest first: each champion before the present one.

    What was rolled back is none of them; it left because it was no good.

    >>> def after(*steps):
    ...     at = datetime(2013, 4, 1, tzinfo=UTC)
    ...     return earlier_champions(
    ...         [Promotion("churn", i, v, None, None, kind, at, at) for i, (v, kind) in enumerate(steps, 1)]
    ...     )
    >>> after(("1", "promotion"), ("2", "manual"), ("3", "promotion"))
    ['2', '1']
    >>> after(("1", "promotion"), ("2", "manual"), ("3", "promotion"), ("2", "rollback"))
    ['1']
    """
    stack: list[str] = []
    for each in promotions:
        if each.kind == "rollback":
            stack = stack[: stack.index(each.version)] if each.version in stack else stack[:-1]
        stack.append(each.version)
    present = stack[-1] if stack else ""
    return list(dict.fromkeys(each for each in reversed(stack) if each != present))


def let_wait(registry: Registry, version: Version) -> None:
    """Says in a version's tags that it waits for a person."""
    if not version.tags.get(_WAITING):
        registry.tag_version(version, {_WAITING: datetime.now(UTC).isoformat()})


def stop_waiting(registry: Registry, version: Version) -> None:
    """Says in a version's tags that it waits no longer."""
    if version.tags.get(_WAITING):
        registry.tag_version(version, {_WAITING: ""})


def tagged_candidates(registry: Registry, model: str) -> list[Candidate]:
    """Returns the versions that wait for a person by their tags, the latest first."""
    found = [
        Candidate(
            model=model,
            version=version.number,
            run_id=version.tags.get("run_id", ""),
            expected=version.tags.get("challenged") or None,
            created_at=datetime.fromisoformat(version.tags[_WAITING]),
        )
        for version in registry.versions(model)
        if version.tags.get(_WAITING)
    ]
    return sorted(found, key=lambda each: each.created_at, reverse=True)
