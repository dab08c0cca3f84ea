"""Alarms of the drift monitor on real flights, where it is known whether anything changed."""

import logging
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from drift_world import CATEGORICAL, NUMERIC, ZONE, read_window

from ct_components.monitoring.current import profile_current
from ct_components.monitoring.drift import compare_windows
from ct_components.profiles import profile_dataset, profile_days
from ct_components.spec import DriftTrigger
from ct_components.statistics.drift.settings import Verdict

FEATURES = [*NUMERIC, *CATEGORICAL]
log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def april(flights, tmp_path_factory):
    """The rows of one month."""
    path = tmp_path_factory.mktemp("april") / "rows.parquet"
    return pq.read_table(read_window(flights, date(2013, 4, 1), date(2013, 5, 1), path))


def halves(rows, seed, folder):
    """Two files with halves of the rows, which chance alone tells apart."""
    order = np.random.default_rng(seed).permutation(rows.num_rows)
    paths = [folder / f"{half}.parquet" for half in ("reference", "current")]
    for path, places in zip(paths, np.array_split(order, 2), strict=True):
        pq.write_table(rows.take(np.sort(places)), path)
    return paths


def judge(reference_path, current_path, **settings):
    """What the monitor decides about two files, by the functions it uses."""
    reference = profile_dataset(reference_path, NUMERIC, CATEGORICAL)
    days = profile_days(reference_path, reference, ZONE)
    current = profile_current(current_path, reference, FEATURES)
    trigger = DriftTrigger(**settings)
    return compare_windows(reference, days, current, trigger, ZONE, names=FEATURES).detection


def drifted(detection):
    return {feature.name for feature in detection.features if feature.drifted}


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{}, {"psi_threshold": 0.0, "drift_share": 0.0}], ids=["default", "bare"]
)
def test_between_halves_of_a_shuffled_month_there_is_no_alarm(april, tmp_path, settings):
    """The bare settings leave the p-values alone with it: 0.05 of alarms are theirs by right."""
    verdicts = [judge(*halves(april, seed, tmp_path), **settings).verdict for seed in range(100)]

    alarms = sum(verdict is not Verdict.NO_DRIFT for verdict in verdicts)
    log.info("alarms between halves of a shuffled month, %s: %d of 100", settings, alarms)
    assert alarms <= (5 if not settings else 12)


@pytest.mark.parametrize(
    ("shift", "found"), [(0.0, set()), (0.1, set()), (0.6, {"temp"}), (1.0, {"temp"})], ids=str
)
def test_a_shift_of_known_size_is_found_when_it_matters_and_nothing_else_is(april, tmp_path, shift, found):
    """A normal feature that moves by half a standard deviation has a PSI of 0.25; the limit is 0.2.

    Thermometers report whole degrees, and a shift that takes them off these is another fault: so they are
    spread over the degree first.
    """
    temperature = np.array(april["temp"].to_numpy(), dtype=np.float64)
    spread = temperature + np.random.default_rng(1).uniform(-1, 1, temperature.size)
    place = april.column_names.index("temp")
    reference, current = halves(april.set_column(place, "temp", pa.array(spread)), 0, tmp_path)
    rows = pq.read_table(current)
    moved = pa.array(np.array(rows["temp"].to_numpy()) + shift * np.nanstd(temperature))
    pq.write_table(rows.set_column(place, "temp", moved), current)

    detection = judge(reference, current, drift_share=0.0)

    assert drifted(detection) == found
    assert detection.retrain == bool(found)


def test_a_category_that_takes_over_is_found(april, tmp_path):
    reference, current = halves(april, 0, tmp_path)
    rows = pq.read_table(current)
    carriers = rows["carrier"].to_pylist()
    taken = pa.array(["ZZ" if i % 5 == 0 else carrier for i, carrier in enumerate(carriers)])
    pq.write_table(rows.set_column(rows.column_names.index("carrier"), "carrier", taken), current)

    assert drifted(judge(reference, current)) == {"carrier"}


@pytest.mark.slow
def test_weeks_after_the_winter_are_quiet_until_the_season_turns(flights, tmp_path):
    """Exact weeks: the first eight after the training window, then each until the alarm."""
    learned = read_window(flights, date(2013, 1, 1), date(2013, 3, 18), tmp_path / "winter.parquet")
    verdicts = {}
    for week in range(16):
        first = date(2013, 3, 18) + timedelta(weeks=week)
        rows = read_window(flights, first, first + timedelta(weeks=1), tmp_path / "week.parquet")
        verdicts[str(first)] = judge(learned, rows).verdict

    alarms = [first for first, verdict in verdicts.items() if verdict is Verdict.DRIFT]
    log.info("weeks with an alarm: %s", alarms)
    assert alarms
    assert alarms[0] >= "2013-05-13"
