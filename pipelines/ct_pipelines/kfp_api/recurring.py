"""A model's schedule as a recurring run of Kubeflow Pipelines: of its own, exactly one is enabled.

KFP has no call that changes a recurring run, and deleting one ends its runs. So another one is made,
disabled; then the old one is disabled, and the new one enabled. A crash between any two of these leaves at
most one enabled, and the next call finishes what the last one began.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ct_components.errors import Overtaken, SpecError, StateError
from ct_components.spec import ModelSpec, dump_spec
from ct_components.spec.cron import is_cron
from ct_pipelines.kfp_api.client import KfpClient, NotFound, equals
from ct_pipelines.kfp_api.cronjobs import CronJobs
from ct_pipelines.kfp_api.pipelines import PipelineVersion, ensure_version
from ct_pipelines.kfp_api.runs import check_arguments, ensure_experiment

SERVER_TIMEZONE = "UTC"
"""The zone in which KFP reads cron, unless its CRON_SCHEDULE_TIMEZONE says otherwise."""

_UTC = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"})
_FIELDS = 5
_MOST_DESCRIPTION = 200
_MOST_LOOKS = 20
_FIELD = re.compile(r"(\*|[0-9]+(-[0-9]+)?|[A-Z]{3}(-[A-Z]{3})?)(/[0-9]+)?", re.IGNORECASE)
_ALLOWED_CRON = (
    "cron's five fields of numbers, names, lists, ranges and steps, Sunday as 0 or SUN, "
    "and days either of the month or of the week"
)


@dataclass(frozen=True)
class Schedule:
    """What became of a model's schedule.

    Attributes:
        action: created, enabled or unchanged; or removed.
        recurring_run_id: The one that is enabled now; None if none is.
        cron: KFP's six fields.
        disabled: Ids of those that were disabled.
    """

    action: Literal["created", "enabled", "unchanged", "removed"]
    recurring_run_id: str | None
    cron: str
    disabled: tuple[str, ...] = ()


def ensure_schedule(
    client: KfpClient,
    spec: ModelSpec,
    cronjobs: CronJobs,
    *,
    package: Path | None = None,
    name: str | None = None,
    server_timezone: str = SERVER_TIMEZONE,
) -> Schedule:
    """Makes the model's recurring run, or replaces it, and leaves one alone that is as it should be.

    Args:
        client: The connection.
        spec: The model spec, whose triggers.schedule says when.
        cronjobs: The model's CronJobs, beside which there must be no recurring run.
        package: The compiled pipeline; None for the installation's own.
        name: The pipeline's name on KFP; None for the one that the package says.
        server_timezone: The zone in which KFP reads cron.

    Raises:
        SpecError: If the spec has no schedule, or one that KFP would not keep.
        StateError: If a CronJob keeps the schedule already, or KFP refuses.
        Overtaken: If another call made another schedule at the same time.
    """
    cron = kfp_cron(spec, server_timezone)
    parameters = schedule_parameters(spec)
    _refuse_cronjobs(spec.model, cronjobs)
    wanted = _wanted(client, spec, cron, parameters, ensure_version(client, package, name))
    found = _existing(client, spec.model)
    kept = _same(found, wanted)
    kept_id = str(kept.recurring_run_id) if kept else _create(client, wanted)
    disabled = _disable(client, [each for each in found if each.recurring_run_id != kept_id])
    is_new, was_enabled = kept is None, kept is not None and _is_enabled(kept)
    if not was_enabled:
        _enable(client, kept_id)
    disabled += _settle(client, spec.model, kept_id)
    return Schedule(
        "created" if is_new else "unchanged" if was_enabled else "enabled", kept_id, cron, disabled
    )


def remove_schedule(client: KfpClient, model: str) -> Schedule:
    """Disables all of the model's recurring runs; their runs stay."""
    return Schedule("removed", None, "", _disable(client, _existing(client, model)))


def schedule_name(model: str) -> str:
    """Returns the display name of a model's recurring runs, by which they are found.

    >>> schedule_name("flight-delay")
    'ct-schedule-flight-delay'
    """
    return f"ct-schedule-{model}"


def schedule_parameters(spec: ModelSpec) -> dict[str, str]:
    """Returns the parameters of a scheduled run.

    They hold no key. KFP expands [[ScheduledTime]] in none of the two ways in which it starts a pipeline of
    version 2 by itself (a workflow that was compiled beforehand, or a run without a scheduled time), so that
    all runs would claim the same. `begin_run` knows which instant was scheduled last.
    """
    parameters = {"spec": dump_spec(spec), "reason": "schedule"}
    check_arguments(parameters)
    return parameters


def kfp_cron(spec: ModelSpec, server_timezone: str = SERVER_TIMEZONE) -> str:
    """Returns the spec's schedule in KFP's six fields, of which the first is seconds.

    Raises:
        SpecError: If there is none, KFP would read it otherwise than cron does, or on another clock.
    """
    schedule = spec.triggers.schedule
    if schedule is None:
        raise SpecError(
            "triggers.schedule: got null; allowed: when the model is retrained, such as '0 3 * * 0'"
        )
    _check_cron(schedule)
    _check_zone(spec, server_timezone)
    return " ".join(["0", *schedule.split()])


def _check_cron(schedule: str) -> None:
    """Refuses what KFP's cron would read in another way, or not at all."""
    fields = schedule.split()
    problem = ""
    if len(fields) != _FIELDS:
        problem = f" ({len(fields)} fields; the seconds that KFP wants first are put there by kfp-ct)"
    elif not is_cron(schedule) or not all(
        _FIELD.fullmatch(term) for field in fields for term in field.split(",")
    ):
        problem = " (KFP does not know L, W, #, ? and @, and it must fire at all)"
    elif re.search("[78]", re.sub("/[0-9]+", "", fields[4])) or re.search(r"(^|,)\w+/", fields[4]):
        problem = f" (weekday {fields[4]}: KFP counts from 0 to 6)"
    elif {"*"}.isdisjoint((fields[2], fields[4])):
        problem = f" (day {fields[2]} with weekday {fields[4]}: some crons take both, some either)"
    if problem:
        raise SpecError(f"triggers.schedule: got {schedule[:80]!r}{problem}; allowed: {_ALLOWED_CRON}")


def _check_zone(spec: ModelSpec, server_timezone: str) -> None:
    zone = spec.triggers.timezone or spec.source.timezone
    if zone == server_timezone or {zone, server_timezone} <= _UTC:
        return
    role = "triggers.timezone" if spec.triggers.timezone else "triggers.timezone (by default source.timezone)"
    raise SpecError(
        f"{role}: got {zone!r}, but KFP reads cron in {server_timezone!r}; allowed: triggers.timezone: "
        f"{server_timezone} with the schedule on that clock, or --server-timezone {zone} if that is what "
        "CRON_SCHEDULE_TIMEZONE of KFP's controller says"
    )


def _refuse_cronjobs(model: str, cronjobs: CronJobs) -> None:
    if cronjobs.names:
        raise StateError(
            f"model {model!r} has a schedule already: CronJob {', '.join(cronjobs.names)} in namespace "
            f"{cronjobs.namespace!r}; allowed: one of both, so suspend or delete the CronJob first"
        )


def _wanted(
    client: KfpClient, spec: ModelSpec, cron: str, parameters: Mapping[str, str], version: PipelineVersion
) -> Any:
    import kfp_server_api as kfp

    account = client.settings.service_account
    description = (
        f"kfp-ct schedule: model {spec.model}, {version.name} {version.version}, "
        f"service account {account or 'of KFP'}"
    )
    return kfp.V2beta1RecurringRun(
        display_name=schedule_name(spec.model),
        description=description[:_MOST_DESCRIPTION],
        experiment_id=ensure_experiment(client),
        pipeline_version_reference=version.reference(),
        runtime_config=kfp.V2beta1RuntimeConfig(parameters=dict(parameters)),
        trigger=kfp.V2beta1Trigger(cron_schedule=kfp.V2beta1CronSchedule(cron=cron)),
        max_concurrency="1",
        no_catchup=True,
        mode="DISABLE",
        service_account=account,
    )


def _existing(client: KfpClient, model: str) -> list[Any]:
    """Returns the model's recurring runs, newest first."""
    name = schedule_name(model)
    found = client.listed(
        client.recurring_runs.recurring_run_service_list_recurring_runs,
        "recurring_runs",
        namespace=client.settings.namespace,
        filter=equals("display_name", name),
        sort_by="created_at desc",
    )
    return [each for each in found if each.display_name == name]


def _same(found: Sequence[Any], wanted: Any) -> Any:
    """Returns the one that is as wanted, an enabled one first; its description names the service account."""
    same = [each for each in found if _features(each) == _features(wanted)]
    return next((each for each in same if _is_enabled(each)), same[0] if same else None)


def _features(recurring: Any) -> tuple[Any, ...]:
    reference, trigger = recurring.pipeline_version_reference, recurring.trigger
    schedule = trigger and trigger.cron_schedule
    return (
        schedule and (schedule.cron, schedule.start_time, schedule.end_time),
        reference and (reference.pipeline_id, reference.pipeline_version_id),
        recurring.runtime_config and recurring.runtime_config.parameters,
        recurring.experiment_id,
        recurring.description,
        int(recurring.max_concurrency or 0),
        bool(recurring.no_catchup),
    )


def _create(client: KfpClient, wanted: Any) -> str:
    made = client.call(client.recurring_runs.recurring_run_service_create_recurring_run, wanted)
    return client.identity(made.recurring_run_id, "a recurring run")


def _disable(client: KfpClient, found: Sequence[Any]) -> tuple[str, ...]:
    ids = tuple(str(each.recurring_run_id) for each in found if _is_enabled(each))
    for each in ids:
        with suppress(NotFound):  # somebody deleted it meanwhile
            client.call(client.recurring_runs.recurring_run_service_disable_recurring_run, each)
    return ids


def _enable(client: KfpClient, recurring_run_id: str) -> None:
    client.call(client.recurring_runs.recurring_run_service_enable_recurring_run, recurring_run_id)


def _settle(client: KfpClient, model: str, kept: str) -> tuple[str, ...]:
    """Looks until exactly one is enabled, and returns the ids of those that it disabled.

    Of several calls at once each may have enabled its own, and disabled the others'. All of them look again
    after their last change, and all leave the newest; so whichever looks last sees exactly one.
    """
    disabled: tuple[str, ...] = ()
    for _ in range(_MOST_LOOKS):
        enabled = [each for each in _existing(client, model) if _is_enabled(each)]
        if not enabled:
            _enable(client, kept)
        elif len(enabled) > 1:
            disabled += _disable(client, enabled[1:])
        elif enabled[0].recurring_run_id == kept:
            return disabled
        else:
            break
    raise Overtaken(
        f"another schedule of model {model!r} was made at the same time, and stays; "
        "kfp-ct schedule again to replace it"
    )


def _is_enabled(recurring: Any) -> bool:
    return bool(recurring.status == "ENABLED")
