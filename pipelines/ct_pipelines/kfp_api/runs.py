"""Pipeline runs on Kubeflow Pipelines, found and made by name."""

import json
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from ct_components.errors import CTError, SpecError
from ct_pipelines.kfp_api.client import Conflict, KfpClient, NotFound, equals, made_by_another
from ct_pipelines.kfp_api.pipelines import PipelineVersion, ensure_version, read_package
from ct_pipelines.kfp_api.settings import KfpSettings
from ct_pipelines.triggers.engine import RunState

LONGEST_SPEC = 8_000
"""Most characters of a model spec as a parameter."""

LONGEST_PARAMETERS = 10_000
"""Most bytes of all parameters together, as KFP stores them: its MAX_PARAMETER_BYTES."""

_STATES = {
    "PENDING": RunState.LIVE,
    "RUNNING": RunState.LIVE,
    "CANCELING": RunState.LIVE,
    "PAUSED": RunState.LIVE,
    "SUCCEEDED": RunState.SUCCEEDED,
    "FAILED": RunState.FAILED,
    "CANCELED": RunState.FAILED,
    "SKIPPED": RunState.FAILED,
}
# KFP and Argo put other text in the place of {{…}} and [[Word]], in any parameter: a run must get what was
# asked for. JSON's lists of lists begin with [[ as well, but with no such word, and are left as they are.
_EXPANDED = re.compile(r'\{\{|\[\[(?!\s*(?:["\[\]{0-9-]|true\b|false\b|null\b))')


class KfpEngine:
    """Runs of one compiled pipeline on Kubeflow Pipelines, which it is uploaded to when it is missing there.

    KFP is connected to when something is asked of it: what is suppressed asks nothing.

    Args:
        settings: How KFP is reached.
        package: The compiled pipeline; None for the installation's own.
        name: The pipeline's name on KFP; None for the one that the package says.

    Attributes:
        pipeline: Its name and version, as triggers have it on record.

    Raises:
        SpecError: If the package cannot be read.
    """

    # A run has only been asked for when it is created.
    failure: CTError | None = None

    def __init__(self, settings: KfpSettings, package: Path | None = None, name: str | None = None) -> None:
        found = read_package(package, name)
        self.pipeline = f"{found.name}@{found.version}"
        self._settings = settings
        self._package = package, name

    def find(self, name: str) -> str | None:
        """Returns the id of the newest run of exactly this name, or None."""
        found = self._client.listed(
            self._client.runs.run_service_list_runs,
            "runs",
            namespace=self._client.settings.namespace,
            filter=equals("display_name", name),
            sort_by="created_at desc",
        )
        return next((str(run.run_id) for run in found if run.display_name == name and run.run_id), None)

    def create(self, name: str, arguments: Mapping[str, str]) -> str:
        """Starts a run, and returns its id.

        Args:
            name: The run's display name.
            arguments: The pipeline's parameters.

        Raises:
            SpecError: If KFP would not take, or would change, the parameters; nothing was sent.
        """
        import kfp_server_api as kfp

        check_arguments(arguments)
        run = kfp.V2beta1Run(
            display_name=name,
            experiment_id=self._experiment,
            pipeline_version_reference=self._version.reference(),
            runtime_config=kfp.V2beta1RuntimeConfig(parameters=dict(arguments)),
            service_account=self._client.settings.service_account,
        )
        made = self._client.call(self._client.runs.run_service_create_run, run)
        return self._client.identity(made.run_id, "a run")

    def state(self, run_id: str) -> RunState | None:
        """Returns the state of a run; None if KFP does not know it, or has forgotten it."""
        if not run_id:
            return None
        try:
            run = self._client.call(self._client.runs.run_service_get_run, run_id)
        except NotFound:
            return None
        self._client.identity(run.run_id, "a run")
        # A state that is not known yet, or was thought of later, has not ended.
        return _STATES.get(str(run.state), RunState.LIVE)

    @cached_property
    def _client(self) -> KfpClient:
        return KfpClient(self._settings)

    @cached_property
    def _version(self) -> PipelineVersion:
        return ensure_version(self._client, *self._package)

    @cached_property
    def _experiment(self) -> str:
        return ensure_experiment(self._client)


def check_arguments(arguments: Mapping[str, str]) -> None:
    """Checks that KFP takes a run's parameters, and passes them on as they are.

    Raises:
        SpecError: If one holds what KFP would expand, or they are too long.
    """
    for name, value in arguments.items():
        found = _EXPANDED.search(value)
        if found:
            around = value[max(0, found.start() - 20) : found.start() + 40]
            raise SpecError(
                f"parameter {name!r}: got {around!r}, and KFP puts other text in the place of {found[0]}…; "
                "allowed: text without {{ and [[, lists of lists aside"
            )
    spec = arguments.get("spec", "")
    if len(spec) > LONGEST_SPEC:
        raise SpecError(
            f"parameter 'spec': got {len(spec):,} characters; allowed: {LONGEST_SPEC:,}, {_PLACE}"
        )
    stored = len(json.dumps(dict(arguments), ensure_ascii=False, separators=(",", ":")).encode())
    if stored > LONGEST_PARAMETERS:
        longest = max(arguments, key=lambda name: len(arguments[name]))
        raise SpecError(
            f"parameters: got {stored:,} bytes as JSON, most of them in {longest!r}; allowed: "
            f"{LONGEST_PARAMETERS:,} in all, {_PLACE}"
        )


_PLACE = "or the place of the model spec's file instead of its text"


def ensure_experiment(client: KfpClient) -> str:
    """Returns the id of the experiment that runs are put into, which is made if it is missing."""
    import kfp_server_api as kfp

    found = _find_experiment(client)
    if found:
        return found
    settings = client.settings
    wanted = kfp.V2beta1Experiment(display_name=settings.experiment, namespace=settings.namespace)
    try:
        made = client.call(client.experiments.experiment_service_create_experiment, wanted)
    except Conflict as conflict:
        return made_by_another(lambda: _find_experiment(client), conflict)
    return client.identity(made.experiment_id, "an experiment")


def _find_experiment(client: KfpClient) -> str | None:
    settings = client.settings
    found = client.listed(
        client.experiments.experiment_service_list_experiments,
        "experiments",
        namespace=settings.namespace,
        filter=equals("display_name", settings.experiment),
    )
    return next((str(each.experiment_id) for each in found if each.display_name == settings.experiment), None)
