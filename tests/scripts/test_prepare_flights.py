"""On the real data: what a model may know, and nothing more, comes out."""

import json
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="session")
def script(load_script):
    return load_script("prepare_flights")


@pytest.fixture(scope="session")
def source(script):
    return script.read_source()


@pytest.fixture(scope="session")
def rows(script, source):
    return script.prepare(*source)


def row_of(rows, flight_id):
    return rows.filter(pc.equal(rows["flight_id"], flight_id)).to_pylist()[0]


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def tiny_flights(**changes):
    """One departure at 01:30 on the day New York's clocks go forward."""
    columns = {"time_hour": utc(2013, 3, 10, 6), "minute": 30, "sched_arr_time": 430, "dest": "BOS"} | changes
    return pa.table({name: [value] for name, value in columns.items()})


def test_every_flight_of_the_year_is_there_once(rows):
    assert rows.num_rows == 336_776
    assert pc.count_distinct(rows["flight_id"]).as_py() == 336_776
    assert pc.count_distinct(rows["dt"]).as_py() == 365


def test_nothing_that_is_known_only_after_departure_is_kept(rows):
    assert rows.column_names == [
        *("flight_id", "scheduled", "carrier", "origin", "dest", "hour", "minute", "weekday", "month"),
        *("distance", "scheduled_minutes", "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust"),
        *("precip", "pressure", "visib", "late", "dt"),
    ]


def test_the_order_is_that_of_the_schedule_and_not_of_actual_departure(rows):
    keys = rows.select(["scheduled", "flight_id"])
    assert keys.equals(keys.sort_by([("scheduled", "ascending"), ("flight_id", "ascending")]))


def test_a_flight_checked_by_hand(rows):
    """UA 1545 from Newark 05:15 EST to Houston 08:19 CST, 11 minutes late."""
    flight = row_of(rows, "2013-01-01-UA-1545-EWR")
    assert flight["scheduled"] == utc(2013, 1, 1, 10, 15)
    assert flight["scheduled_minutes"] == 244
    assert (flight["hour"], flight["minute"], flight["weekday"], flight["month"]) == (5, 15, 1, 1)
    assert (flight["temp"], flight["dewp"], flight["wind_gust"]) == (39.02, 28.04, None)
    assert flight["late"] == 0
    assert flight["dt"] == date(2013, 1, 1)


def test_late_means_more_than_fifteen_minutes(script):
    delays = pa.chunked_array([[-3, 15, 16, None]])
    assert script.late(delays).to_pylist() == [0, 0, 1, None]


def test_cancelled_and_diverted_flights_have_no_label(rows, source):
    assert rows["late"].null_count == source[0]["arr_delay"].null_count == 9_430


def test_late_flights_are_as_many_as_in_the_source(rows, source):
    assert pc.sum(rows["late"]).as_py() == pc.sum(pc.greater(source[0]["arr_delay"], 15)).as_py() == 77_630


def test_hours_without_weather_keep_their_flights_with_nulls(rows):
    unmatched = rows.filter(pc.is_null(rows["visib"]))
    assert unmatched.num_rows == 1_556
    assert unmatched["temp"].null_count == 1_556


@pytest.mark.parametrize(
    ("flight_day", "first_hour_in_utc"),
    [
        (date(2013, 3, 9), 10),
        (date(2013, 3, 10), 9),  # the clocks go forward
        (date(2013, 11, 2), 9),
        (date(2013, 11, 3), 10),  # and back
    ],
)
def test_the_instant_follows_the_clocks_of_new_york(rows, flight_day, first_hour_in_utc):
    of_day = rows.filter(pc.equal(rows["dt"], flight_day)).select(["scheduled", "hour", "minute"]).to_pylist()
    for row in of_day:
        wall = row["scheduled"].astimezone(NEW_YORK)
        assert (wall.date(), wall.hour, wall.minute) == (flight_day, row["hour"], row["minute"])
    at_five = {row["scheduled"].hour for row in of_day if row["hour"] == 5}
    assert at_five == {first_hour_in_utc}


def test_scheduled_minutes_are_plausible_for_every_flight(rows):
    """A time zone that is wrong by an hour would show: no jet is scheduled at 60 or at 600 miles an hour."""
    speed = pc.divide(rows["distance"], pc.divide(rows["scheduled_minutes"].cast(pa.float64()), 60))
    assert rows["scheduled_minutes"].null_count == 0
    assert pc.min_max(rows["scheduled_minutes"]).as_py() == {"min": 50, "max": 700}
    assert pc.max(speed).as_py() < 500
    assert pc.quantile(speed, q=0.001)[0].as_py() > 60


def test_scheduled_minutes_follow_a_clock_that_changes_on_the_way(script):
    flights = tiny_flights()
    flights = flights.append_column("scheduled", script.scheduled(flights))
    assert script.scheduled_minutes(flights, {"BOS": "America/New_York"}).to_pylist() == [120]


def test_an_arrival_after_midnight_is_on_the_next_day(script):
    flights = tiny_flights(time_hour=utc(2013, 1, 2, 4), sched_arr_time=15)
    flights = flights.append_column("scheduled", script.scheduled(flights))
    assert script.scheduled_minutes(flights, {"BOS": "America/New_York"}).to_pylist() == [45]


def test_a_destination_without_a_time_zone_is_named(script):
    flights = tiny_flights(dest="XXX")
    with pytest.raises(script.FlightsError, match="destinations XXX"):
        script.scheduled_minutes(flights, {"BOS": "America/New_York"})


def test_an_instant_that_contradicts_the_local_hour_is_refused(script, source):
    flights, weather, airports = source
    first = flights.slice(0, 5)
    shifted = first.set_column(first.schema.get_field_index("hour"), "hour", pc.add(first["hour"], 1))
    with pytest.raises(script.FlightsError, match="contradicts hour in 5 rows"):
        script.prepare(shifted, weather, airports)


def test_a_repeated_flight_is_refused(script, source):
    flights, weather, airports = source
    twice = pa.concat_tables([flights.slice(0, 2), flights.slice(0, 1)])
    with pytest.raises(script.FlightsError, match=r"flight_id is not unique: .*2013-01-01-UA-1545-EWR"):
        script.prepare(twice, weather, airports)


def test_weather_that_would_multiply_flights_is_refused(script, source):
    flights, weather, airports = source
    twice = pa.concat_tables([weather, weather.slice(0, 1)])
    with pytest.raises(script.FlightsError, match=r"weather.csv: origin, time_hour is not unique"):
        script.prepare(flights.slice(0, 5), twice, airports)


def test_the_partitions_hold_the_rows_of_their_local_day(script, rows, tmp_path):
    folder = tmp_path / "flights"
    script.replace_folder(folder, rows)
    partitions = sorted(folder.glob("dt=*/*.parquet"))
    assert len(partitions) == 365
    assert sum(pq.read_metadata(path).num_rows for path in partitions) == 336_776
    evening = pq.ParquetFile(folder / "dt=2013-07-04" / "part-0.parquet").read()
    assert evening.schema.equals(script.SCHEMA)
    assert evening["scheduled"][-1].as_py() > utc(2013, 7, 5)
    assert evening["scheduled"][-1].as_py().astimezone(NEW_YORK).date() == date(2013, 7, 4)


@pytest.fixture
def small(script, rows, monkeypatch):
    """The script with two days instead of a year."""
    monkeypatch.setattr(script, "read_source", lambda: (None, None, None))
    monkeypatch.setattr(script, "prepare", lambda *_: rows.slice(0, 1_700))
    return script


def test_a_second_preparation_finds_the_first_complete(small, tmp_path, capsys):
    assert small.main([str(tmp_path)]) == 0
    written = (tmp_path / "flights" / small.MARKER).stat().st_mtime_ns
    assert small.main([str(tmp_path)]) == 0
    assert "complete" in capsys.readouterr().out
    assert (tmp_path / "flights" / small.MARKER).stat().st_mtime_ns == written


def test_an_interrupted_preparation_leaves_nothing_and_is_done_again(small, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(small, "summarise", interrupted)
        with pytest.raises(KeyboardInterrupt):
            small.main([str(tmp_path)])
    assert not (tmp_path / "flights").exists()
    assert small.main([str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".flights.lock", "flights"]


def test_files_of_an_older_version_are_prepared_again(small, tmp_path):
    small.main([str(tmp_path)])
    marker = tmp_path / "flights" / small.MARKER
    marker.write_text(json.dumps({"version": small.VERSION - 1}))
    assert small.main([str(tmp_path)]) == 0
    assert json.loads(marker.read_text())["version"] == small.VERSION


def test_a_folder_of_somebody_else_is_left_alone(small, tmp_path, capsys):
    (tmp_path / "flights").mkdir()
    (tmp_path / "flights" / "mine.txt").write_text("precious")
    assert small.main([str(tmp_path)]) == 1
    assert "is not this script's" in capsys.readouterr().err
    assert (tmp_path / "flights" / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["a", "b"]])
def test_anything_but_one_folder_shows_the_usage(script, arguments, capsys):
    assert script.main(arguments) == 2
    assert "usage: prepare_flights.py DATA_ROOT" in capsys.readouterr().err
