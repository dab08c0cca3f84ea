"""From flags and events to requests: what makes two of them the same reason."""

from datetime import UTC, datetime, timedelta

import pytest

from ct_components.errors import SpecError
from ct_components.events import TriggerEvent
from ct_components.spec import parse_spec
from ct_pipelines.triggers.requests import Flags, from_event, from_flags

NOW = datetime(2026, 11, 30, 12, 30, tzinfo=UTC)  # a Monday
SPEC = parse_spec(
    """\
model: churn
task: binary
source: {type: parquet, uri: data/*.parquet, timestamp: at, timezone: America/New_York}
columns: {target: left, numeric: [age]}
triggers: {schedule: "0 3 * * 0", timezone: UTC}
""",
    "model.yaml",
)


def key_of(reason="schedule", **flags):
    return from_flags(SPEC, Flags(reason, **flags), NOW).key


def job(instant):
    return f"churn-schedule-{int(instant.timestamp()) // 60}"


class TestKeys:
    def test_a_schedules_is_the_instant_in_its_jobs_name_however_late_the_job_is(self):
        assert key_of(job_name=job(datetime(2026, 11, 22, 3, tzinfo=UTC))) == "schedule-2026-11-22T03:00Z"

    @pytest.mark.parametrize("name", ["", "by-hand", "retrain-20261128", "retrain-999999999", "29399220"])
    def test_outside_of_a_cronjob_it_is_the_last_instant_that_there_was(self, name):
        assert key_of(job_name=name) == "schedule-2026-11-29T03:00Z"

    def test_a_replayed_schedule_has_the_key_of_its_own_instant_and_takes_nobody_elses(self):
        assert key_of(as_of="2013-06-05") == "schedule-2013-06-02T03:00Z"

    def test_a_monitors_is_the_day_on_the_models_own_clock(self):
        assert key_of("drift", as_of="2026-11-30T04:59Z") == "drift-2026-11-29"

    def test_two_people_never_mean_the_same(self):
        assert key_of("manual") != key_of("manual")


@pytest.mark.parametrize(
    "flags",
    [
        {"key": "a@2"},
        {"force": True},
        {"note": "x" * 2001},
        {"as_of": "soon"},
        {"hyperparameters": "{bad"},
        {"hyperparameters": "[" * 100_000},
        {"hyperparameters": '{"random_state": 1}'},
    ],
)
def test_what_is_not_allowed_is_refused(flags):
    with pytest.raises(SpecError, match=r"allowed|without a note|is no JSON"):
        from_flags(SPEC, Flags("manual", **flags), NOW)


def test_an_event_without_a_key_has_that_of_its_window():
    window = (NOW - timedelta(days=7), NOW)

    request = from_event(SPEC, TriggerEvent("churn", "drift", window, None, "alertmanager"))

    assert (request.key, request.window, request.origin) == ("drift-2026-11-30", window, "alertmanager")


def test_an_event_of_another_model_is_refused():
    with pytest.raises(SpecError, match="model is 'fraud'; allowed: 'churn'"):
        from_event(SPEC, TriggerEvent("fraud", "drift", None, "drift-2026-11-30", "cloudevent"))
