"""staging → checked in a clean process → champion, or left in staging for a person."""

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ct_components import connections
from ct_components.champion import Grounds, make_candidate, make_champion
from ct_components.errors import StateError
from ct_components.registry import CHAMPION, RESOLVED_SPEC, STAGING, Registry, Version
from ct_components.spec import RegistrySettings, parse_section
from ct_components.stage import Context, ledger_of
from ct_components.staging import STAGING_CHECK, check_staging

if TYPE_CHECKING:
    from ct_components.ledger import Ledger
    from ct_components.spec import Check

logger = logging.getLogger("kfp-ct")


def promote(run: Context, challenger: str, settings: str = "{}") -> str:
    """Promotes the challenger, or lets it wait in staging, and returns the champion's version.

    Args:
        run: The run that judged it.
        challenger: Its registered version.
        settings: The spec's section `registry`, as JSON.

    Returns:
        The challenger's version if it is champion now; else "": it waits for a person, or was replaced since
        an earlier attempt of this stage promoted it.

    Raises:
        SpecError: If the settings are not what the spec allows.
        ModelError: If the stored model does not do in staging what a champion must.
        StateError: If there is no such version of this model, or another version became champion since the
            challenger was judged.
        Unreachable: If MLflow or the ledger does not answer.
    """
    chosen = parse_section(RegistrySettings, settings, "registry")
    registry, ledger = Registry(connections.from_environment()), ledger_of(run.run_id)
    version = _challenger(registry, run, challenger)
    registry.set_alias(run.model, STAGING, version.number)
    check(registry, version, chosen.check)
    if chosen.promotion == "manual":
        return _wait(registry, ledger, run, version)
    champion = make_champion(
        registry,
        ledger,
        run.model,
        version.number,
        expected=run.champion,
        run_id=run.run_id,
        grounds=find_grounds(registry, ledger, version, run.run_id),
    )
    if champion != version.number:
        logger.warning(
            "%s: version %s was promoted by this run, and version %s is champion since",
            run.model,
            version.number,
            champion,
        )
        return ""
    logger.info("%s: version %s is champion, after %s", run.model, version.number, run.champion or "none")
    return version.number


def check(registry: Registry, version: Version, settings: "Check") -> None:
    """Checks a version in staging, and keeps the report with its MLflow run.

    Args:
        registry: Where the version is.
        version: The version, by its number.
        settings: What it must do.

    Raises:
        ModelError: At the first thing that it does not do.
        StateError: If its files are not there any more.
        Unreachable: If MLflow does not answer.
    """
    _check_model(registry, version)
    report = check_staging(registry, version, settings)
    registry.log(version.mlflow_run_id, files={STAGING_CHECK: json.dumps(report.to_dict(), indent=2)})


def find_grounds(
    registry: Registry,
    ledger: "Ledger | None",
    version: Version,
    run_id: str,
    kind: str = "promotion",
    note: str | None = None,
) -> Grounds:
    """Returns why a version becomes champion: its verdict's reason, and the windows of its run."""
    verdict = ledger.verdict(run_id) if ledger else None
    reason = verdict["reason"] if verdict else version.tags.get("verdict_reason")
    return Grounds(kind, reason, note, _windows(registry, ledger, version, run_id))


def _windows(
    registry: Registry, ledger: "Ledger | None", version: Version, run_id: str
) -> Mapping[str, Any] | None:
    recorded = ledger.run(run_id) if ledger else None
    content = recorded or resolved(registry, version)
    windows: Mapping[str, Any] | None = content.get("windows")
    return windows


def resolved(registry: Registry, version: Version) -> Mapping[str, Any]:
    """What `begin_run` resolved for the run that made a version; empty if it is not there any more."""
    try:
        content = json.loads(registry.read_text(version.mlflow_run_id, RESOLVED_SPEC))
    except (StateError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _check_model(registry: Registry, version: Version) -> None:
    """Anybody can register any files as a version; their run knows whose they are."""
    spec = resolved(registry, version).get("spec")
    owner = spec.get("model", version.name) if isinstance(spec, dict) else version.name
    if owner != version.name:
        raise StateError(
            f"{version.uri} was made by a run of model {owner!r}; allowed: a version that a run of "
            f"{version.name!r} made"
        )


def _challenger(registry: Registry, run: Context, number: str) -> Version:
    """A number alone says little: it may be that of another run's version."""
    version = registry.version(run.model, number)
    owner = version.tags.get("run_id", "")
    if owner and owner != run.run_id:
        raise StateError(
            f"{version.uri} was registered by run {owner}, and this is run {run.run_id}; allowed: the "
            "version that this run registered"
        )
    return version


def _wait(registry: Registry, ledger: "Ledger | None", run: Context, version: Version) -> str:
    candidate = make_candidate(registry, ledger, version, expected=run.champion, run_id=run.run_id)
    if candidate.decision is None:
        logger.info("%s: version %s won and waits in staging for kfp-ct promote", run.model, version.number)
        return ""
    logger.info("%s: version %s was %s already", run.model, version.number, candidate.decision)
    champion = registry.alias(run.model, CHAMPION)
    return version.number if champion and champion.number == version.number else ""
