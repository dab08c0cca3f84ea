"""The section `triggers`: its defaults are those of the statistics, and it can be kept."""

from dataclasses import asdict

import pytest

from ct_components.spec import DriftTrigger, PerformanceTrigger, WatchedMetric, parse_spec
from ct_components.statistics.drift.settings import Drift
from ct_components.statistics.performance.settings import Performance, Watched


def triggers_of(small: str, text: str):
    return parse_spec(f"{small}triggers: {text}\n", "model.yaml").triggers


def test_without_the_section_a_model_is_retrained_by_hand_only(small):
    triggers = parse_spec(small, "model.yaml").triggers

    assert (triggers.schedule, triggers.drift, triggers.performance) == (None, None, None)
    assert (str(triggers.cooldown), triggers.budget.runs, str(triggers.budget.per)) == ("24h", 20, "30d")


def test_an_empty_mapping_takes_all_defaults(small):
    triggers = triggers_of(small, "{drift: {}, performance: {}}")

    assert triggers.drift == DriftTrigger()
    assert triggers.performance == PerformanceTrigger()


def test_drift_has_the_defaults_of_its_statistics():
    ours = DriftTrigger().model_dump(exclude={"check", "same_weekday"})

    assert ours == asdict(Drift())


def test_performance_has_the_defaults_of_its_statistics():
    ours = PerformanceTrigger().model_dump(exclude={"check", "measure", "metrics"})

    theirs = asdict(Performance({"roc_auc": Watched()}))
    assert ours == {name: theirs[name] for name in ours}
    assert WatchedMetric().model_dump() == asdict(Watched())


@pytest.mark.parametrize("schedule", ["0 3 * * 0", "*/15 2-4 1,15 * 1-5", "0 3 * JAN-MAR SUN"])
def test_a_schedule_of_five_fields_is_taken(schedule, small):
    assert triggers_of(small, f"{{schedule: '{schedule}', cooldown: 0m, budget: {{runs: 400}}}}")


@pytest.mark.parametrize(
    "schedule", ["0 0 3 * * 0", "0 3 * *", "@daily", "0 3 31 2 *", "0 25 * * *", "", "a b c d e"]
)
@pytest.mark.parametrize(
    "place", ["schedule: '{}'", "drift: {{check: '{}'}}", "performance: {{check: '{}'}}"]
)
def test_what_is_none_is_refused_with_what_is(schedule, place, small, refused):
    (line,) = refused(f"{small}triggers: {{{place.format(schedule)}}}\n")

    assert f"got '{schedule}'; allowed: cron's five fields" in line


def test_a_cooldown_that_suppresses_the_schedule_is_refused(small, refused):
    (line,) = refused(f"{small}triggers: {{schedule: '0 3 * * *', budget: {{runs: 30}}}}\n")

    allowed = "less than 24h, the shortest time between two runs of triggers.schedule"
    assert line == f"triggers.cooldown (line 8): got '24h'; allowed: {allowed}"


def test_a_budget_that_suppresses_the_schedule_is_refused(small, refused):
    (line,) = refused(f"{small}triggers: {{schedule: '0 3 * * *', cooldown: 23h}}\n")

    allowed = "at least 30, as triggers.schedule alone asks for so many in 30d"
    assert line == f"triggers.budget.runs (line 8): got 20; allowed: {allowed}"


def test_a_cooldown_that_suppresses_the_schedule_on_the_day_of_23_hours_is_refused(small, refused):
    new_york = "timezone: America/New_York, budget: {runs: 30}"
    (line,) = refused(f"{small}triggers: {{schedule: '0 3 * * *', cooldown: 23h, {new_york}}}\n")

    assert "got '23h'; allowed: less than 23h, the shortest time between two runs" in line
    assert triggers_of(small, f"{{schedule: '0 3 * * *', cooldown: 22h, {new_york}}}")


@pytest.mark.parametrize("section", ["cooldown: {}", "budget: {{per: {}}}", "breaker: {{pause: {}}}"])
def test_what_is_longer_than_the_ledger_looks_back_is_refused(section, small, refused):
    (line,) = refused(f"{small}triggers: {{{section.format('367d')}}}\n")

    assert line.endswith("got '367d'; allowed: at most 366d")
    assert triggers_of(small, f"{{{section.format('366d')}}}")


def test_weights_are_of_features(small, refused):
    misspelt, target = refused(f"{small}triggers: {{drift: {{weights: {{aeg: 1, left: 0}}}}}}\n")

    allowed = "allowed: a feature in columns.numeric or columns.categorical: age, plan"
    assert misspelt == f"triggers.drift.weights.aeg (line 8): got 'aeg'; did you mean 'age'? {allowed}"
    assert target == f"triggers.drift.weights.left (line 8): got 'left'; {allowed}"


def test_weights_that_are_all_zero_are_refused(small, refused):
    (line,) = refused(f"{small}triggers: {{drift: {{weights: {{age: 0}}}}}}\n")

    assert line.endswith("allowed: at least one weight above 0")


def test_unknown_keys_are_answered_with_those_of_a_section_that_may_be_null(small, refused):
    (line,) = refused(f"{small}triggers: {{drift: {{psi: 0.2}}}}\n")

    assert line.startswith(
        "triggers.drift.psi (line 8): unknown key; allowed here: check, psi_threshold, alpha"
    )


def test_a_threshold_that_no_model_reaches_is_refused(small, refused):
    (line,) = refused(f"{small}triggers: {{performance: {{metrics: {{roc_auc: {{threshold: 60}}}}}}}}\n")

    place = "triggers.performance.metrics.roc_auc.threshold (line 8)"
    assert line == f"{place}: got 60; allowed: below 1, as no model scores more"


def test_a_loss_may_have_any_threshold(small):
    watched = triggers_of(small, "{performance: {metrics: {log_loss: {threshold: 1.5}}}}").performance.metrics

    assert watched["log_loss"].threshold == 1.5
