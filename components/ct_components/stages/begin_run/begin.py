"""Resolving a run: spec, instant, windows, champion and claim, each exactly once."""

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ct_components import connections
from ct_components.champion import find_anchor, pin_champion
from ct_components.datasets import source_span
from ct_components.errors import SourceError, SpecError
from ct_components.keys import schedule_key
from ct_components.ledger import Ledger, Run, open_ledger
from ct_components.registry import Registry, Version, model_metadata
from ct_components.spec import ModelSpec, Section, read_spec, resolve_references, with_hyperparameters
from ct_components.spec.cron import last_firing
from ct_components.stage import Context
from ct_components.statistics.settings import Claim
from ct_components.storage import atomic_write, list_files, list_partitions
from ct_components.vocabulary import REASONS
from ct_components.windows import Window, Windows, parse_as_of, plan_windows

_KEY = re.compile(r"[A-Za-z0-9_.:/@+-]{1,200}")
_RUN_ID = re.compile(r"[\w.:/@+-]{1,64}")

# The spec's sections that stages are given as they are.
_HANDED_ON = ("source", "columns", "validation", "training", "gates", "registry", "serving")

# A parameter is an argument of the next stage's process, and Linux ends at 128 KiB for one.
_LONGEST_PARAMETER = 100_000

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class Request:
    """What somebody asked for, as the pipeline's parameters say it."""

    spec: str
    run_id: str
    as_of: str = ""
    reason: str = "manual"
    key: str = ""
    hyperparameters: str = ""
    run_name: str = ""


class Plan(NamedTuple):
    """What the later stages are given: the context, and sections of the resolved spec, as JSON."""

    context: str
    source: str
    columns: str
    also: str
    windows: str
    validation: str
    training: str
    gates: str
    registry: str
    serving: str


@dataclass(frozen=True)
class Champion:
    """What a run must know of the champion, and of its anchor, without loading them.

    Attributes:
        version: The champion's number.
        columns: What either takes.
        cutoff: Where the later of their training windows ends.
        training: The champion's settings.
    """

    version: str
    columns: tuple[str, ...]
    cutoff: datetime
    training: Mapping[str, Any]


def begin(request: Request, resolved_path: str) -> Plan:
    """Resolves a request and claims its key.

    Raises:
        SpecError: If a parameter or the spec is not allowed.
        SourceError: If the source has nothing for these windows.
        Duplicate: If another run holds the key.
        Unreachable: If MLflow or the ledger does not answer.
    """
    spec = resolve_references(
        with_hyperparameters(read_spec(request.spec), request.hyperparameters), os.environ
    )
    instant = parse_as_of(request.as_of, spec.source.timezone, datetime.now(UTC))
    _check_run_id(request.run_id)
    reason, key = _reason(request.reason), _key(request, spec)
    found = connections.from_environment()
    ledger = open_ledger(found.ledger_url)
    if ledger is None:
        logger.info("no ledger: %s is not set; promotion is compare-then-set", connections.LEDGER_URL)
    registry = Registry(found)
    begun = ledger.run(request.run_id) if ledger else _begun(registry, request.run_id)
    # A retry works on what the first attempt recorded, though the clock and the champion moved on.
    instant, key = (begun["as_of"], begun["key"]) if begun else (instant, key)
    champion = _champion(_pinned(registry, ledger, spec.model, begun), registry, spec.gates.claim)
    windows = _windows(spec, instant, champion)
    context = Context(
        run_id=request.run_id,
        model=spec.model,
        as_of=instant.isoformat(),
        key=key,
        reason=reason,
        champion=champion.version if champion else "",
    )
    # Before the checks, so that a run which fails them is on record.
    context = _claim(ledger, context, spec, windows, request.run_name)
    _check_estimator(spec, champion)
    _check_source(spec, windows)
    context = _start_mlflow_run(registry, ledger, context, windows)
    logger.info("as-of %s: training %s, holdout %s", instant.isoformat(), windows.training, windows.holdout)
    logger.info("champion: %s", f"version {champion.version}" if champion else "none yet")
    _write_resolved(resolved_path, spec, windows, context)
    return _plan(spec, windows, context, champion)


def _check_run_id(run_id: str) -> None:
    if not _RUN_ID.fullmatch(run_id):
        raise SpecError(f"run_id: got {run_id[:80]!r}; allowed: 1 to 64 letters, digits and . _ : / @ + -")


def _reason(reason: str) -> str:
    if reason not in REASONS:
        raise SpecError(f"reason: got {reason!r}; allowed: {', '.join(REASONS)}")
    return reason


def _key(request: Request, spec: ModelSpec) -> str:
    """A key that nobody gave is the run's own.

    A recurring run can hand over no instant, so its key is that of the schedule's last firing: two that KFP
    starts for one instant have the same.
    """
    schedule = spec.triggers.schedule
    if request.reason == "schedule" and not request.key and schedule:
        timezone = spec.triggers.timezone or spec.source.timezone
        return schedule_key(last_firing(schedule, timezone, datetime.now(UTC)))
    key = request.key or f"{request.reason}-{request.run_id}"
    if not _KEY.fullmatch(key):
        raise SpecError(f"key: got {key[:80]!r}; allowed: 1 to 200 letters, digits and . _ : / @ + -")
    return key


def _begun(registry: Registry, run_id: str) -> Mapping[str, Any] | None:
    """Without a ledger, the first attempt's MLflow run says what was decided."""
    found = registry.find_run(run_id)
    if found is None:
        return None
    return {
        "as_of": datetime.fromisoformat(found.tags["as_of"]),
        "key": found.tags["key"],
        "champion_version": found.tags.get("challenged") or None,
    }


def _pinned(
    registry: Registry, ledger: Ledger | None, model: str, begun: Mapping[str, Any] | None
) -> Version | None:
    if begun is None:
        return pin_champion(registry, ledger, model)
    version = begun["champion_version"]
    return registry.version(model, version) if version else None


def _champion(version: Version | None, registry: Registry, claim: str) -> Champion | None:
    if version is None:
        return None
    metadata = model_metadata(registry.download(version))
    anchor = find_anchor(registry, version) if claim == Claim.NON_INFERIOR else None
    judges = [metadata, model_metadata(registry.download(anchor))] if anchor else [metadata]
    return Champion(
        version=version.number,
        columns=tuple(name for each in judges for name in (*each["numeric"], *each["categorical"])),
        cutoff=max(datetime.fromisoformat(each["windows"]["training"]["end"]) for each in judges),
        training=metadata["training"],
    )


def _windows(spec: ModelSpec, as_of: datetime, champion: Champion | None) -> Windows:
    return plan_windows(
        as_of,
        spec.source.timezone,
        train=spec.windows.train,
        holdout=spec.windows.holdout,
        embargo=spec.windows.embargo,
        label_delay=spec.source.label_delay,
        champion_cutoff=champion.cutoff if champion else None,
    )


def _check_estimator(spec: ModelSpec, champion: Champion | None) -> None:
    """A wrong estimator is better refused now than after the rows were read; the champion's own is right."""
    training = spec.training.model_dump(mode="json")
    weighted = spec.columns.weight is not None
    if champion and champion.training == {**training, "weighted": weighted}:
        return
    from ct_components.models.build import build_classifier, check_takes_weights

    classifier = build_classifier(spec.training.estimator, spec.training.parameters, spec.training.seed)
    if weighted:
        check_takes_weights(classifier, spec.training.estimator)


def _check_source(spec: ModelSpec, windows: Windows) -> None:
    source = spec.source
    whole = Window(windows.training.start, windows.holdout.end)
    if not list_partitions(source.uri, whole, source.timezone):
        raise SourceError(
            f"source {source.uri!r} has no files for {whole.text(source.timezone)}; "
            f"it has {source_span(list_files(source.uri), source.timestamp)}"
        )


def _claim(
    ledger: Ledger | None, context: Context, spec: ModelSpec, windows: Windows, run_name: str
) -> Context:
    """Claims the key; a clone of an earlier run gets one of its own."""
    if ledger is None:
        return context
    claimed = ledger.claim_run(
        Run(
            run_id=context.run_id,
            model=context.model,
            key=context.key,
            reason=context.reason,
            as_of=datetime.fromisoformat(context.as_of),
            champion_version=context.champion or None,
            spec=spec.model_dump(mode="json"),
            windows=json.loads(windows.to_json()),
        ),
        run_name,
    )
    if claimed.key != context.key:
        logger.warning("key %s had its run: this one is a clone of it, and a manual trigger", context.key)
    return replace(context, key=claimed.key, reason=claimed.reason)


def _start_mlflow_run(
    registry: Registry, ledger: Ledger | None, context: Context, windows: Windows
) -> Context:
    tags = {
        "model": context.model,
        "key": context.key,
        "reason": context.reason,
        "as_of": context.as_of,
        "challenged": context.champion,
    }
    name = f"{windows.local_day()} {context.reason}"
    mlflow_run_id = registry.start_run(context.model, name, context.run_id, tags)
    if ledger:
        ledger.set_mlflow_run(context.run_id, mlflow_run_id)
    return replace(context, mlflow_run_id=mlflow_run_id)


def _write_resolved(path: str, spec: ModelSpec, windows: Windows, context: Context) -> None:
    content = {
        "spec": spec.model_dump(mode="json"),
        "windows": json.loads(windows.to_json()),
        "context": json.loads(context.to_json()),
    }
    atomic_write(path, json.dumps(content, indent=2, sort_keys=True))


def _plan(spec: ModelSpec, windows: Windows, context: Context, champion: Champion | None) -> Plan:
    sections = {name: section.model_dump_json() for name, section in spec if isinstance(section, Section)}
    own = {*spec.columns.numeric, *spec.columns.categorical}
    also = sorted(set(champion.columns) - own) if champion else []
    plan = Plan(
        context=context.to_json(),
        also=json.dumps(also),
        windows=windows.to_json(),
        **{name: sections[name] for name in _HANDED_ON},
    )
    for name, text in plan._asdict().items():
        if len(text.encode()) > _LONGEST_PARAMETER:
            raise SpecError(
                f"{name}: {len(text.encode())} bytes as JSON; allowed: {_LONGEST_PARAMETER}, "
                "what KFP hands from one stage to the next"
            )
    return plan
