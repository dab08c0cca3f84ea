"""A look at drift on real flights: alarms, broken data, and what is neither."""

from dataclasses import fields

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from drift_world import SPRING, SUMMER, drifted, make_spec, without_ledger

from ct_components.errors import SourceError, SpecError, StateError
from ct_components.monitoring.drift import look_at_drift, settings_of
from ct_components.monitoring.look import begin_watching, record
from ct_components.registry import REFERENCE_DAYS, REFERENCE_PROFILE, RESOLVED_SPEC
from ct_components.spec import DriftTrigger
from ct_components.statistics.drift.settings import Drift


def replaced(name, make):
    """Alters one column of a day's table."""
    return lambda day: day.set_column(day.column_names.index(name), name, make(day[name]))


def test_a_week_of_the_next_month_has_not_drifted(world):
    world.supply(SPRING)

    look = world.look(SPRING)

    assert (look.verdict, look.reason, look.fires, look.broken) == (
        "no_drift",
        "nothing_drifted",
        False,
        False,
    )
    assert look.champion_version == "1"
    assert look.window.text("America/New_York") == "2013-03-25 00:00 to 2013-04-01 00:00 America/New_York"
    assert (look.share, look.key) == (0.0, None)
    assert look.report["reference_days"] == 76
    assert {each["dependence"] for each in look.report["features"]} == {"days"}
    assert "<!doctype html>" in look.page


def test_when_the_season_turns_the_alarm_names_what_the_season_changes(world):
    world.supply(SUMMER)

    look = world.look(SUMMER)

    assert (look.verdict, look.fires, look.drifted) == ("drift", True, True)
    # Airlines give their flights less time when the jet stream is weak.
    assert drifted(look) == ["temp", "dewp", "scheduled_minutes"]
    assert look.key == "drift-2013-07-15"
    assert "temp with PSI" in look.explanation
    assert "drift-2013-07-15" in look.page


def test_the_share_must_be_exceeded(world):
    world.supply(SUMMER)

    look = world.look(SUMMER, drift_share=0.3)

    assert (look.verdict, look.reason, look.fires) == ("no_drift", "below_share", False)
    assert look.share == 3 / 11


def test_weights_decide_which_features_count(world):
    world.supply(SUMMER)

    assert world.look(SUMMER, weights={"temp": 1.0, "distance": 3.0}).share == 0.25
    assert world.look(SUMMER, weights={"carrier": 1.0}).share == 0.0


def test_miles_that_became_kilometres_are_broken_data(world):
    world.supply(SPRING, replaced("distance", lambda miles: pc.multiply(miles.cast(pa.float64()), 1.609344)))

    look = world.look(SPRING)

    assert (look.verdict, look.reason, look.broken, look.fires) == ("broken", "unit_change", True, False)
    assert "distance looks multiplied by 1.609, miles to kilometres" in look.explanation
    assert (look.drifted, look.share, look.key) == (None, None, None)


def test_minutes_that_became_seconds_are_broken_data_also_when_the_season_turned(world):
    world.supply(SUMMER, replaced("scheduled_minutes", lambda minutes: pc.multiply(minutes, 60)))

    look = world.look(SUMMER)

    assert (look.verdict, look.reason) == ("broken", "unit_change")
    assert "scheduled_minutes" in look.explanation


def test_a_column_gone_null_is_broken_data(world):
    world.supply(SPRING, replaced("temp", lambda temp: pa.nulls(len(temp), temp.type)))

    look = world.look(SPRING)

    assert (look.verdict, look.reason, look.fires) == ("broken", "missing_values", False)
    assert "temp is missing in 100.0% of rows" in look.explanation


def test_a_column_that_is_gone_or_became_text_is_broken_data(world):
    def spoil(day):
        distance = day["distance"].cast(pa.string())
        return day.drop_columns(["temp"]).set_column(day.column_names.index("distance"), "distance", distance)

    world.supply(SPRING, spoil)

    look = world.look(SPRING)

    assert (look.verdict, look.reason, look.broken) == ("broken", "schema", True)
    assert "temp is gone" in look.explanation
    assert "distance was numeric and is string" in look.explanation
    assert look.report["problems"] == ["distance was numeric and is string", "temp is gone"]


def test_a_column_that_is_gone_on_one_day_is_broken_data(world):
    days = iter(range(7))
    world.supply(SPRING, lambda day: day.drop_columns(["dest"]) if next(days) == 3 else day)

    assert "dest is gone" in world.look(SPRING).explanation


def test_a_window_without_a_partition_cannot_be_looked_at(world):
    world.supply(SPRING)

    with pytest.raises(SourceError, match=r"current window 2013-07-08 00:00 to .* has no rows in source"):
        world.look(SUMMER)


def test_too_few_rows_are_insufficient_and_never_no_drift(world):
    world.supply(SPRING, lambda day: day.slice(0, 10))

    look = world.look(SPRING)

    assert (look.verdict, look.reason, look.fires, look.drifted) == (
        "insufficient",
        "too_few_rows",
        False,
        None,
    )


def test_without_a_champion_there_is_nothing_to_compare_with(empty_world):
    look = empty_world.look(SPRING)

    assert (look.verdict, look.reason, look.champion_version) == ("insufficient", "no_champion", None)
    assert (look.fires, look.broken, look.key) == (False, False, None)
    assert "no champion yet" in look.page


def test_a_spec_without_the_section_has_no_drift_monitor(empty_world):
    spec = make_spec(empty_world.root)
    spec = spec.model_copy(update={"triggers": spec.triggers.model_copy(update={"drift": None})})

    with pytest.raises(SpecError, match=r"triggers\.drift is null"):
        look_at_drift(begin_watching(spec, SPRING))


def test_a_champion_that_train_model_did_not_make_is_refused(empty_world):
    empty_world.promote({"note.txt": "made by hand"})
    empty_world.supply(SPRING)

    with pytest.raises(StateError, match=r"resolved.json of MLflow run .* cannot be read"):
        empty_world.look(SPRING)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"spec": 1}', "{"])
@pytest.mark.parametrize("name", [RESOLVED_SPEC, REFERENCE_PROFILE, REFERENCE_DAYS])
def test_a_champion_whose_files_are_spoilt_is_refused_and_no_rows_are_called_broken(
    name, text, empty_world, winter
):
    empty_world.promote({**winter, name: text})

    with pytest.raises(StateError, match="version 1 of flight-delay: what train_model logged"):
        empty_world.look(SPRING)


def test_a_champion_from_before_daily_profiles_is_compared_by_rows_and_the_page_says_so(empty_world, winter):
    empty_world.promote({name: text for name, text in winter.items() if name != REFERENCE_DAYS})
    empty_world.supply(SPRING)

    look = empty_world.look(SPRING, same_weekday=True)

    assert {each["dependence"] for each in look.report["features"]} == {"rows"}
    assert "The reference has no daily profiles" in look.page
    assert look.report["notes"] == [
        "There are no daily profiles to choose weekdays from; all days are the reference."
    ]


def test_same_weekday_takes_those_days_alone(world):
    world.supply(SPRING, days=1)
    monday = world.watch(SPRING, same_weekday=True)
    monday = monday.__class__(**{**vars(monday), "spec": _daily(monday.spec)})

    look = look_at_drift(monday)

    assert look.report["reference_rows"] < 67_692 / 6
    assert look.verdict != "insufficient"


def _daily(spec):
    current = spec.windows.train.parse("1d")
    return spec.model_copy(update={"windows": spec.windows.model_copy(update={"current": current})})


def test_a_look_is_the_same_however_often_it_is_taken(world):
    world.supply(SUMMER)

    assert world.look(SUMMER) == world.look(SUMMER)


def test_a_replay_sees_nothing_that_came_after(world):
    world.supply(SPRING)
    before = world.look(SPRING)

    world.supply("2013-07-15", days=100)

    assert world.look(SPRING) == before


class TestKOfN:
    """Earlier looks of the same champion are in the ledger."""

    @pytest.fixture
    def july(self, world):
        world.supply("2013-07-22", days=21)
        return world

    def look_and_record(self, world, as_of, windows="2 of 3"):
        watching = world.watch(as_of, drift_share=0.1, windows=windows)
        look = look_at_drift(watching)
        record(look, watching.ledger, None)
        return look

    def test_the_first_window_does_not_fire_and_the_second_does(self, july):
        first, second = (self.look_and_record(july, as_of) for as_of in ("2013-07-15", "2013-07-22"))

        assert (first.verdict, first.reason, first.drifted) == ("no_drift", "not_yet", True)
        assert (second.verdict, second.fires) == ("drift", True)

    def test_windows_that_share_rows_are_one(self, july):
        days = ("2013-07-15", "2013-07-15", "2013-07-16", "2013-07-19")

        assert {self.look_and_record(july, as_of).reason for as_of in days} == {"not_yet"}

    def test_looks_at_another_champion_do_not_count(self, july, winter):
        self.look_and_record(july, "2013-07-15")
        july.promote(winter)

        assert self.look_and_record(july, "2013-07-22").reason == "not_yet"

    def test_without_a_ledger_the_window_counts_alone_and_the_page_says_so(self, july):
        watching = without_ledger(july.watch("2013-07-22", drift_share=0.1, windows="2 of 3"))

        look = look_at_drift(watching)

        assert look.reason == "not_yet"
        assert "There is no ledger" in look.page


def test_the_specs_defaults_are_those_of_the_statistics():
    assert settings_of(DriftTrigger()) == Drift()
    assert {field.name for field in fields(Drift)} <= set(DriftTrigger.model_fields)
