"""staging → checked in a clean process → champion."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ct_components import connections
from ct_components.champion import make_champion
from ct_components.errors import ModelError
from ct_components.models.store import check_description
from ct_components.registry import PREDICTION_SAMPLE, STAGING, Registry, Version
from ct_components.stage import Context, ledger_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHECK = Path(__file__).with_name("check.py")
_CHECK_SECONDS = 300

logger = logging.getLogger("kfp-ct")


def promote(run: Context, challenger: str) -> str:
    """Promotes the challenger, and returns the champion's version.

    Raises:
        ModelError: If the stored model does not load, or does not predict what the fitted one did.
        StateError: If another version became champion since the challenger was judged.
        Unreachable: If MLflow or the ledger does not answer.
    """
    registry = Registry(connections.from_environment())
    version = registry.version(run.model, challenger)
    registry.set_alias(run.model, STAGING, version.number)
    check_in_clean_process(registry, version)
    make_champion(
        registry, ledger_of(run.run_id), run.model, version.number, expected=run.champion, run_id=run.run_id
    )
    registry.tag_version(version, {"promoted_by": run.run_id})
    logger.info("%s: version %s is champion, after %s", run.model, version.number, run.champion or "none")
    return version.number


def check_in_clean_process(registry: Registry, version: Version) -> None:
    """Loads a version by its number in a new process, without this package, and compares its predictions.

    Raises:
        ModelError: With the process's own last words.
    """
    sample = registry.read_text(version.mlflow_run_id, PREDICTION_SAMPLE)
    folder = registry.download(version)
    # MLflow would load whatever the model's own file asks for.
    check_description(folder)
    try:
        ended = _run([sys.executable, "-I", str(_CHECK), str(folder)], sample)
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{version.uri} fails its check in a clean process: it took longer than {_CHECK_SECONDS} seconds"
        ) from error
    if ended.returncode:
        words = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ModelError(
            f"{version.uri} fails its check in a clean process (exit code {ended.returncode}): {words}"
        )
    logger.info("%s loads and predicts in a clean process: %s", version.uri, ended.stdout.strip())


def _run(command: list[str], sample: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        command,
        input=sample,
        capture_output=True,
        text=True,
        timeout=_CHECK_SECONDS,
        check=False,
        env=_environment(),
    )


def _environment() -> "Mapping[str, str]":
    """What a serving process would have: no connection of ours."""
    kept = (
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "OMP_NUM_THREADS",
        "OMP_WAIT_POLICY",
        "LD_LIBRARY_PATH",
    )
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
