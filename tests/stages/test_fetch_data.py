"""Stage fetch_data: the rows of both windows, each as one dataset."""

import json
import logging
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ct_components.datasets import read_table
from ct_components.errors import SourceError, SpecError
from ct_components.stages.fetch_data import fetch
from ct_components.windows import Window, Windows

COLUMNS = {"target": "late", "numeric": ["distance"], "categorical": ["carrier"], "id": "flight"}
FIRST = datetime(2013, 3, 1, tzinfo=UTC)


def _day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _windows(training=("2013-03-10", "2013-03-20"), holdout=("2013-03-20", "2013-03-25")):
    spans = [Window(_day(start), _day(end)) for start, end in (training, holdout)]
    return Windows(_day("2013-04-01"), *spans, timezone="UTC").to_json()


def _write_day(root, day, **changes):
    """One partition of 24 rows, one an hour."""
    times = [day + timedelta(hours=hour) for hour in range(24)]
    columns = {
        "scheduled": pa.array(times, pa.timestamp("us", "UTC")),
        "flight": [f"{day:%m-%d} {hour}" for hour in range(24)],
        "late": [hour % 2 for hour in range(24)],
        "distance": list(range(24)),
        "carrier": ["UA", "AA"] * 12,
        "aircraft": ["A320"] * 24,
    }
    path = root / f"dt={day:%Y-%m-%d}" / "part-0.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({k: v for k, v in (columns | changes).items() if v is not None}), path)
    return path


@pytest.fixture
def flights(tmp_path):
    """March 2013, a partition a day."""
    for day in range(31):
        _write_day(tmp_path / "flights", FIRST + timedelta(days=day))
    return tmp_path / "flights"


@pytest.fixture
def run(flights, tmp_path):
    """Runs the stage on the flights; arguments replace its own."""

    def run(windows=None, columns=COLUMNS, also="[]", uri=f"{flights}/dt=*/*.parquet", **source):
        source = {"type": "parquet", "uri": uri, "timestamp": "scheduled", **source}
        out = [str(tmp_path / "out" / f"{name}.parquet") for name in ("training", "holdout")]
        return fetch.run(json.dumps(source), json.dumps(columns), also, windows or _windows(), *out)

    return run


def _written(tmp_path):
    out = tmp_path / "out"
    return sorted(path.name for path in out.iterdir()) if out.exists() else []


def test_each_row_goes_where_its_instant_says(run, tmp_path):
    summary = run()
    training = read_table(tmp_path / "out" / "training.parquet")
    holdout = read_table(tmp_path / "out" / "holdout.parquet")
    assert (training.num_rows, holdout.num_rows) == (10 * 24, 5 * 24)
    assert (
        max(training["scheduled"].to_pylist()) < _day("2013-03-20") <= min(holdout["scheduled"].to_pylist())
    )
    assert summary["training"]["rows"] == 240
    assert summary["training"]["fingerprint"].startswith("sha256:")
    assert summary["training_span"] == ["2013-03-10T00:00:00+00:00", "2013-03-19T23:00:00+00:00"]
    assert summary["partial"] is False
    assert json.loads(json.dumps(summary)) == summary


def test_only_the_columns_with_a_role_are_read_and_those_the_champion_needs(run, tmp_path):
    run(also='["aircraft", "carrier"]')
    assert read_table(tmp_path / "out" / "training.parquet").column_names == [
        "scheduled", "flight", "late", "distance", "carrier", "aircraft",
    ]  # fmt: skip


def test_the_same_run_gives_the_same_fingerprints(run):
    assert run() == run()


def test_only_partitions_near_the_windows_are_read(run, flights):
    (flights / "dt=2013-03-01" / "part-0.parquet").write_bytes(b"corrupt")
    assert run()["files"] == {"training": 12, "holdout": 7}


def test_a_window_that_begins_before_the_source_is_partial(run):
    early = _windows(training=("2013-01-01", "2013-03-20"))
    summary = run(early)
    assert summary["partial"] is True
    assert summary["training"]["first"] == "2013-03-01T00:00:00+00:00"


def test_both_datasets_have_one_schema(run, flights, tmp_path):
    _write_day(flights, _day("2013-03-22"), distance=[0.5] * 24)
    run()
    kinds = [
        read_table(tmp_path / "out" / f"{n}.parquet", ["distance"]).schema for n in ("training", "holdout")
    ]
    assert [kind.field("distance").type for kind in kinds] == [pa.float64(), pa.float64()]


def test_progress_is_logged(run, caplog):
    with caplog.at_level(logging.INFO, logger="kfp-ct"):
        run()
    assert (
        "training window 2013-03-10 00:00 to 2013-03-20 00:00 UTC: reading 12 of 31 files" in caplog.messages
    )
    assert any(message.startswith("holdout rows: 120, from 2013-03-20") for message in caplog.messages)


class TestBadInput:
    """One message, and nothing half-written."""

    @pytest.mark.parametrize(
        ("windows", "message"),
        [
            (
                _windows(training=("2012-01-01", "2012-02-01")),
                "training window 2012-01-01 00:00 to 2012-02-01",
            ),
            (_windows(holdout=("2013-05-01", "2013-05-15")), "holdout window 2013-05-01 00:00 to 2013-05-15"),
        ],
    )
    def test_an_empty_window_is_named_with_the_span_of_the_source(self, run, tmp_path, windows, message):
        with pytest.raises(SourceError) as error:
            run(windows)
        assert message in str(error.value)
        assert "has no rows" in str(error.value)
        assert "partitions from 2013-03-01 to 2013-03-31" in str(error.value)
        assert _written(tmp_path) == []

    def test_rows_that_are_all_outside_leave_nothing_behind(self, run, tmp_path):
        """The partitions are near enough to be read, and the training rows are there."""
        with pytest.raises(SourceError, match=r"holdout window 2013-04-01 00:00 to 2013-04-02.* has no rows"):
            run(_windows(holdout=("2013-04-01", "2013-04-02")))
        assert _written(tmp_path) == []

    def test_the_span_of_a_source_without_partitions_is_that_of_its_rows(self, run, tmp_path, flights):
        file = (flights / "dt=2013-03-05" / "part-0.parquet").rename(tmp_path / "flat.parquet")
        with pytest.raises(SourceError, match="rows from 2013-03-05 00:00 to 2013-03-05 23:00"):
            run(uri=str(file))

    def test_a_holdout_without_length_has_no_rows_and_is_left_to_the_gate(self, run):
        summary = run(_windows(holdout=("2013-03-20", "2013-03-20")))
        assert summary["holdout"]["rows"] == 0
        assert summary["training"]["rows"] > 0

    def test_a_missing_source_is_named(self, run, tmp_path):
        with pytest.raises(SourceError, match="matches no file; nearest: folder"):
            run(uri=f"{tmp_path}/nowhere/*.parquet")

    def test_a_missing_column_is_named_with_its_file(self, run, flights, tmp_path):
        _write_day(flights, _day("2013-03-15"), distance=None)
        with pytest.raises(SourceError, match=r"dt=2013-03-15/part-0\.parquet' has no column 'distance'"):
            run()
        assert _written(tmp_path) == []

    def test_a_column_only_the_champion_needs_is_missed_too(self, run):
        with pytest.raises(SourceError, match="has no column 'engines'"):
            run(also='["engines"]')

    def test_a_corrupt_file_is_named_and_nothing_is_written(self, run, flights, tmp_path):
        file = flights / "dt=2013-03-24" / "part-0.parquet"
        file.write_bytes(file.read_bytes()[:100])
        with pytest.raises(SourceError, match=r"dt=2013-03-24/part-0\.parquet' cannot be read as Parquet"):
            run()
        assert _written(tmp_path) == []

    def test_a_failure_leaves_the_datasets_of_before(self, run, flights, tmp_path):
        run()
        before = (tmp_path / "out" / "training.parquet").read_bytes()
        content = bytearray((flights / "dt=2013-03-24" / "part-0.parquet").read_bytes())
        content[4:300] = b"\xff" * 296
        (flights / "dt=2013-03-24" / "part-0.parquet").write_bytes(content)
        _write_day(flights, _day("2013-03-12"), distance=[100] * 24)
        with pytest.raises(SourceError, match="2013-03-24"):
            run()
        assert (tmp_path / "out" / "training.parquet").read_bytes() == before
        assert _written(tmp_path) == ["holdout.parquet", "training.parquet"]

    @pytest.mark.parametrize("also", ["{}", "[1]", "x", '[""]'])
    def test_a_list_of_columns_that_is_none_is_refused(self, run, also):
        with pytest.raises(SpecError, match=r"also: got .*; allowed: a JSON list of column names"):
            run(also=also)

    def test_sections_are_validated(self, run):
        with pytest.raises(SpecError, match="columns"):
            run(columns={"target": "late", "numerik": []})
        with pytest.raises(SpecError, match="Mars"):
            run(timezone="Mars/Olympus")
        with pytest.raises(SpecError, match="windows: got"):
            run(windows="{}")
