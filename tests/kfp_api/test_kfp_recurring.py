"""A model's schedule on KFP: in the end exactly one of its recurring runs is enabled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ct_components.errors import CTError, Overtaken, SpecError, StateError, Unreachable
from ct_components.spec import dump_spec
from ct_pipelines.kfp_api.client import KfpClient
from ct_pipelines.kfp_api.cronjobs import CronJobs
from ct_pipelines.kfp_api.recurring import ensure_schedule, kfp_cron, remove_schedule

NONE = CronJobs()
CHANGES = {"create_recurring_run", "enable_recurring_run", "disable_recurring_run"}


def with_triggers(spec, **triggers):
    """Other triggers, unchecked: KFP's own limits are what is tested here."""
    return spec.model_copy(update={"triggers": spec.triggers.model_copy(update=triggers)})


@pytest.fixture
def later(spec):
    """The same model on another schedule."""
    return with_triggers(spec, schedule="0 4 * * 0")


@pytest.fixture
def schedule(client, package):
    def ensure(spec, **options):
        return ensure_schedule(client, spec, NONE, **{"package": package, **options})

    return ensure


@pytest.fixture
def enabled(fake):
    """Returns the cron of each enabled recurring run."""

    def find():
        rows = fake.things("recurring_runs")
        return [row["trigger"]["cron_schedule"]["cron"] for row in rows if row["status"] == "ENABLED"]

    return find


def test_a_schedule_is_made_as_asked(fake, spec, schedule):
    done = schedule(spec)

    [made] = fake.things("recurring_runs")
    assert done.action == "created"
    assert done.recurring_run_id == made["recurring_run_id"]
    assert made["display_name"] == "ct-schedule-churn"
    assert made["status"] == "ENABLED"
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * 0"}}
    assert made["no_catchup"] is True
    assert made["max_concurrency"] == "1"
    assert made["runtime_config"] == {"parameters": {"spec": dump_spec(spec), "reason": "schedule"}}
    [version] = fake.things("pipeline_versions")
    assert made["pipeline_version_reference"]["pipeline_version_id"] == version["pipeline_version_id"]


def test_a_schedule_that_is_as_it_should_be_is_left_alone(fake, spec, schedule):
    first = schedule(spec)
    fake.forget_requests()

    second = schedule(spec)

    assert (second.action, second.recurring_run_id) == ("unchanged", first.recurring_run_id)
    assert CHANGES.isdisjoint(fake.requests())


def test_a_schedule_that_somebody_disabled_is_enabled_again(client, spec, schedule, enabled):
    first = schedule(spec)
    client.recurring_runs.recurring_run_service_disable_recurring_run(first.recurring_run_id)

    second = schedule(spec)

    assert (second.action, second.recurring_run_id) == ("enabled", first.recurring_run_id)
    assert enabled() == ["0 0 3 * * 0"]


def test_another_schedule_replaces_the_old_one_which_stays_disabled(fake, spec, later, schedule, enabled):
    old = schedule(spec)
    fake.forget_requests()

    new = schedule(later)

    assert (new.action, new.disabled) == ("created", (old.recurring_run_id,))
    assert enabled() == ["0 0 4 * * 0"]
    assert len(fake.things("recurring_runs")) == 2
    changes = [each for each in fake.requests() if each in CHANGES]
    assert changes == ["create_recurring_run", "disable_recurring_run", "enable_recurring_run"]


def test_going_back_enables_the_one_that_was_there_before(fake, spec, later, schedule, enabled):
    first = schedule(spec)
    schedule(later)

    back = schedule(spec)

    assert (back.action, back.recurring_run_id) == ("enabled", first.recurring_run_id)
    assert enabled() == ["0 0 3 * * 0"]
    assert len(fake.things("recurring_runs")) == 2


def test_another_pipeline_setting_or_account_replaces_it_too(
    fake, settings, spec, schedule, package, other_package, enabled
):
    schedule(spec)

    assert schedule(spec, package=other_package).action == "created"
    assert schedule(with_triggers(spec, schedule="0 5 * * *"), package=other_package).action == "created"
    account = KfpClient(replace(settings, service_account="trainer"))
    assert ensure_schedule(account, spec, NONE, package=package).action == "created"
    assert ensure_schedule(account, spec, NONE, package=package).action == "unchanged"
    experiment = KfpClient(replace(settings, experiment="Churn"))
    assert ensure_schedule(experiment, spec, NONE, package=package).action == "created"
    assert len(fake.things("recurring_runs")) == 5
    assert len(enabled()) == 1


@pytest.mark.parametrize("kind", ["unreachable", "dies_after", "unavailable", "slow_after"])
@pytest.mark.parametrize("operation", sorted(CHANGES | {"list_recurring_runs"}))
def test_after_a_crash_between_any_two_steps_the_next_call_finishes(
    fake, spec, later, schedule, enabled, operation, kind
):
    schedule(spec)
    fake.fail(operation, kind, seconds=1.5)
    with pytest.raises(Unreachable):
        schedule(later)
    assert len(enabled()) <= 1

    schedule(later)

    assert enabled() == ["0 0 4 * * 0"]


def test_a_request_that_has_its_effect_twice_leaves_one_enabled(fake, spec, schedule, enabled):
    fake.fail("create_recurring_run", "twice")

    schedule(spec)

    assert len(fake.things("recurring_runs")) == 2
    assert enabled() == ["0 0 3 * * 0"]
    assert schedule(spec).action == "unchanged"


@pytest.mark.parametrize("seed", range(5))
def test_of_four_at_once_one_stays(fake, settings, spec, later, package, enabled, seed):
    barrier = threading.Barrier(4)

    def ensure(wanted):
        barrier.wait()
        try:
            return ensure_schedule(KfpClient(settings), wanted, NONE, package=package).action
        except (Overtaken, CTError) as error:
            return type(error).__name__

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ensure, [spec, later, spec, later]))

    assert len(enabled()) == 1, answers
    assert set(answers) <= {"created", "enabled", "unchanged", "Overtaken"}


def test_others_recurring_runs_are_left_alone(fake, spec, schedule):
    schedule(spec)
    [ours] = fake.things("recurring_runs")
    for name in ("ct-schedule-churn-2", "CT-Schedule-Churn", "Clone of ct-schedule-churn"):
        fake.put("recurring_runs", **ours | {"recurring_run_id": name, "display_name": name})

    schedule(with_triggers(spec, schedule="0 5 * * *"))

    status = {each["recurring_run_id"]: each["status"] for each in fake.things("recurring_runs")}
    assert status.pop(ours["recurring_run_id"]) == "DISABLED"
    assert set(status.values()) == {"ENABLED"}


def test_remove_disables_all_of_the_models_and_nothing_else(fake, client, spec, later, schedule, enabled):
    first = schedule(spec)
    [ours] = fake.things("recurring_runs")
    fake.put("recurring_runs", **ours | {"recurring_run_id": "second"})
    fake.put("recurring_runs", **ours | {"recurring_run_id": "other", "display_name": "ct-schedule-other"})

    done = remove_schedule(client, "churn")

    assert done.action == "removed"
    assert set(done.disabled) == {first.recurring_run_id, "second"}
    assert [
        each["recurring_run_id"] for each in fake.things("recurring_runs") if each["status"] == "ENABLED"
    ] == ["other"]
    assert remove_schedule(client, "churn").disabled == ()


def test_beside_a_cronjob_nothing_is_made(fake, client, spec, package):
    beside = CronJobs(("churn-schedule",), "ct")

    with pytest.raises(
        StateError, match="'churn' has a schedule already: CronJob churn-schedule in namespace 'ct'"
    ):
        ensure_schedule(client, spec, beside, package=package)
    assert fake.requests() == []


def test_a_spec_without_a_schedule_is_refused(spec):
    with pytest.raises(SpecError, match=r"triggers.schedule: got null"):
        kfp_cron(with_triggers(spec, schedule=None))


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ("0 3 * * 0", "0 0 3 * * 0"),
        ("*/15  0-6,22 1-7/2 JAN-mar,12 *", "0 */15 0-6,22 1-7/2 JAN-mar,12 *"),
        ("5/20 * * * MON-FRI", "0 5/20 * * * MON-FRI"),
        ("0 3 * * */2", "0 0 3 * * */2"),
    ],
)
def test_five_fields_become_kfps_six(spec, schedule, cron):
    assert kfp_cron(with_triggers(spec, schedule=schedule)) == cron


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("0 3 * * 7", "weekday 7: KFP counts from 0 to 6"),
        ("0 3 * * 5-7", "weekday 5-7"),
        ("0 3 * * 1/2", "weekday 1/2"),
        ("0 3 L * *", "KFP does not know L"),
        ("0 3 LW * *", "KFP does not know L"),
        ("0 3 * * 5L", "KFP does not know L"),
        ("0 3 * * MON#1", "KFP does not know L"),
        ("0 3 1 * 0", "day 1 with weekday 0"),
        ("0 3 */2 * 0", "some crons take both, some either"),
    ],
)
def test_what_kfp_reads_otherwise_than_cron_is_refused(spec, schedule, said):
    with pytest.raises(SpecError, match=f"triggers.schedule: got .*{said}.*allowed: cron's five fields"):
        kfp_cron(with_triggers(spec, schedule=schedule))


@pytest.mark.parametrize("schedule", ["0 0 3 * * 0", "@daily", "", "0 3 31 2 *", "61 3 * * *", "* * * *"])
def test_six_fields_and_what_never_fires_are_refused(spec, schedule):
    with pytest.raises(SpecError, match=r"triggers.schedule: got"):
        kfp_cron(with_triggers(spec, schedule=schedule))


def test_the_schedules_clock_must_be_the_servers(spec):
    berlin = with_triggers(spec, timezone="Europe/Berlin")

    with pytest.raises(
        SpecError, match=r"got 'Europe/Berlin', but KFP reads cron in 'UTC'; allowed: triggers.timezone"
    ):
        kfp_cron(berlin)
    assert kfp_cron(berlin, "Europe/Berlin") == "0 0 3 * * 0"
    with pytest.raises(
        SpecError, match=r"by default source.timezone.*got 'UTC', but KFP reads cron in 'Europe/Berlin'"
    ):
        kfp_cron(spec, "Europe/Berlin")
    assert kfp_cron(with_triggers(spec, timezone="Etc/UTC")) == "0 0 3 * * 0"


def test_a_spec_that_kfp_would_change_is_refused_before_anything_is_sent(fake, spec, schedule):
    source = spec.source.model_copy(update={"uri": "data/[[RunUUID]]/*.parquet"})

    with pytest.raises(SpecError, match="parameter 'spec': got"):
        schedule(spec.model_copy(update={"source": source}))
    assert fake.requests() == []
