"""Which door this process goes through: to KFP where its host is named, else to this machine."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ct_components import connections
from ct_components.errors import StateError
from ct_pipelines.ledgers import open_ledger_here
from ct_pipelines.triggers.door import Door

if TYPE_CHECKING:
    from ct_components.spec import ModelSpec
    from ct_pipelines.local.session import Session


def open_door(
    environment: Mapping[str, str] = os.environ, *, as_json: bool = False, package: Path | None = None
) -> Door:
    """Opens the ledger, and finds the engine of runs.

    Args:
        environment: What names ledger and KFP.
        as_json: Whether a run on this machine prints JSON.
        package: A compiled pipeline to run instead of the installation's own.

    Raises:
        StateError: If a pod is given no KFP or no ledger: what it would use instead vanishes with it.
        Unreachable: If the ledger does not answer.
    """
    if leads_to_kfp(environment):
        from ct_pipelines.kfp_api.runs import KfpEngine
        from ct_pipelines.kfp_api.settings import KfpSettings

        settings = KfpSettings.from_environment(environment)
        return Door(open_ledger_here(environment), KfpEngine(settings, package))
    if connections.in_a_pod(environment):
        raise StateError(
            f"{connections.KFP_HOST} is not set, and a pod is no place to run a pipeline in; allowed: KFP's "
            "address, such as http://ml-pipeline.kubeflow.svc.cluster.local:8888"
        )
    return _local_door(environment, as_json=as_json, package=package)


def leads_to_kfp(environment: Mapping[str, str] = os.environ) -> bool:
    """Returns whether runs are KFP's, and not this machine's."""
    return bool(environment.get(connections.KFP_HOST, "").strip())


def _local_door(environment: Mapping[str, str], *, as_json: bool, package: Path | None) -> Door:
    from ct_pipelines.triggers.local import LocalEngine

    def make_session(spec: "ModelSpec") -> "Session":
        # Most of what is submitted has no run, and must not wait for what runs one.
        from ct_pipelines.local import warm
        from ct_pipelines.local.session import Session

        if warm.available():
            warm.prepare()
        return Session(spec, pipeline=package, as_json=as_json)

    ledger = open_ledger_here(environment)
    home = connections.state_home(environment)
    shared = connections.ledger_url(environment) is not None
    return Door(ledger, LocalEngine(make_session, ledger, home, shared=shared))
