"""Datasets: the rows of a window out of many files, and what an estimator takes."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ct_components.datasets import (
    dataset_schema,
    dataset_window,
    encode,
    labels,
    model_frame,
    read_table,
    select_rows,
    time_span,
    write_dataset,
)
from ct_components.errors import DataError, SourceError
from ct_components.windows import Window

NEW_YORK = "America/New_York"


@pytest.fixture
def write(tmp_path):
    """Writes a Parquet file of the given columns, and returns its path."""

    def write(name="a.parquet", /, row_group_size=None, **columns):
        pq.write_table(pa.table(columns), tmp_path / name, row_group_size=row_group_size)
        return tmp_path / name

    return write


def _times(*texts, zone="UTC", unit="us"):
    return pa.array([datetime.fromisoformat(text) for text in texts], pa.timestamp(unit, zone))


def _window(start, end):
    return Window(
        datetime.fromisoformat(start).replace(tzinfo=UTC), datetime.fromisoformat(end).replace(tzinfo=UTC)
    )


APRIL = _window("2013-04-01", "2013-05-01")


def _select(files, columns, window=APRIL, timezone="UTC"):
    batches = select_rows(files, window, columns, "t", timezone)
    return pa.Table.from_batches(batches)


class TestSelectRows:
    def test_the_window_is_half_open(self, write):
        times = _times("2013-03-31T23:59:59", "2013-04-01", "2013-04-30T23:59:59", "2013-05-01")
        file = write(t=times, x=[1, 2, 3, 4])
        assert _select([file], ["x"])["x"].to_pylist() == [2, 3]

    def test_rows_keep_the_order_they_are_stored_in(self, write):
        one = write("b.parquet", t=_times("2013-04-03", "2013-04-01"), x=[3, 1])
        two = write("a.parquet", t=_times("2013-04-02"), x=[2])
        assert _select([one, two], ["x"])["x"].to_pylist() == [3, 1, 2]

    def test_columns_come_in_the_order_asked_and_the_timestamp_first_unless_asked(self, write):
        file = write(t=_times("2013-04-03"), x=[3], y=["a"], z=[0.5])
        assert _select([file], ["z", "x", "z"]).column_names == ["t", "z", "x"]
        assert _select([file], ["z", "t"]).column_names == ["z", "t"]

    def test_a_name_with_a_dot_is_a_name(self, write):
        file = write(**{"t": _times("2013-04-03"), "a.b": [7], "ä ö": [8]})
        assert _select([file], ["a.b", "ä ö"]).to_pylist()[0]["a.b"] == 7

    def test_a_nested_column_before_the_timestamp_does_not_shift_it(self, write):
        file = write(s=[{"p": 1, "q": 2}], t=_times("2013-04-03"), x=[3])
        assert _select([file], ["x"]).num_rows == 1

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    @pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
    def test_any_timestamp_becomes_microseconds_in_utc(self, write, unit, zone):
        rows = _select([write(t=_times("2013-04-03T12:00:00", zone=zone, unit=unit))], [])
        assert rows.schema.field("t").type == pa.timestamp("us", "UTC")
        assert rows["t"].to_pylist() == [datetime(2013, 4, 3, 12, tzinfo=UTC)]

    def test_a_naive_timestamp_is_taken_in_the_timezone(self, write):
        rows = _select([write(t=_times("2013-03-31T20:00", zone=None))], [], timezone=NEW_YORK)
        assert rows["t"].to_pylist() == [datetime(2013, 4, 1, 0, tzinfo=UTC)]

    def test_a_time_that_occurs_twice_is_the_earlier_instant(self, write):
        file = write(t=_times("2013-11-03T01:30", zone=None))
        rows = _select([file], [], _window("2013-11-01", "2013-12-01"), NEW_YORK)
        assert rows["t"].to_pylist() == [datetime(2013, 11, 3, 5, 30, tzinfo=UTC)]

    def test_a_time_that_does_not_occur_is_moved_later_by_the_gap(self, write):
        file = write(t=_times("2013-03-10T02:30", zone=None))
        rows = _select([file], [], _window("2013-03-01", "2013-04-01"), NEW_YORK)
        assert rows["t"].to_pylist() == [datetime(2013, 3, 10, 7, 30, tzinfo=UTC)]

    def test_a_row_without_timestamp_is_in_no_window(self, write):
        times = pa.array([None, datetime(2013, 4, 2, tzinfo=UTC)], pa.timestamp("us", "UTC"))
        assert _select([write(t=times, x=[1, 2])], ["x"])["x"].to_pylist() == [2]

    @pytest.mark.parametrize("zone", [None, "UTC"])
    def test_row_groups_outside_the_window_are_not_read(self, write, zone, monkeypatch):
        start = datetime(2013, 3, 1)
        times = pa.array([start + timedelta(days=day) for day in range(90)], pa.timestamp("ns", zone))
        file = write(row_group_size=10, t=times, x=list(range(90)))
        read = []
        original = pq.ParquetFile.iter_batches

        def spy(self, *args, row_groups, **kwargs):
            read.extend(row_groups)
            return original(self, *args, row_groups=row_groups, **kwargs)

        monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
        rows = _select([file], ["x"], timezone=NEW_YORK)
        assert rows.num_rows == 30
        assert read == [3, 4, 5, 6]

    def test_schema_says_timestamp_and_window(self, write, tmp_path):
        rows = select_rows([write(t=_times("2013-04-03"))], APRIL, [], "t", "UTC")
        write_dataset(rows, tmp_path / "out.parquet")
        window = dataset_window(read_table(tmp_path / "out.parquet").schema)
        assert window == ("2013-04-01T00:00:00+00:00", "2013-05-01T00:00:00+00:00")

    def test_a_day_without_rows_needs_no_types(self, write):
        empty = write("1.parquet", t=pa.nulls(0), x=pa.nulls(0))
        full = write("2.parquet", t=_times("2013-04-02"), x=[1])
        assert _select([empty, full], ["x"]).num_rows == 1

    def test_the_old_96_bit_timestamps_are_read(self, tmp_path):
        table = pa.table({"t": _times("2013-04-02", zone=None)})
        pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
        assert _select([tmp_path / "a.parquet"], []).num_rows == 1

    def test_no_rows_give_no_batch(self, write):
        assert list(select_rows([write(t=_times("2014-01-01"))], APRIL, [], "t", "UTC")) == []


class TestBadFiles:
    @pytest.mark.parametrize("content", [b"", b"PAR1" + b"x" * 100, b"a,b\n1,2\n"])
    def test_a_corrupt_file_is_named(self, tmp_path, content):
        (tmp_path / "bad.parquet").write_bytes(content)
        with pytest.raises(SourceError, match=r"bad\.parquet' cannot be read as Parquet: "):
            _select([tmp_path / "bad.parquet"], [])

    def test_a_file_with_corrupt_pages_is_named(self, write):
        file = write(t=_times(*["2013-04-03"] * 1000), x=np.random.default_rng(0).normal(size=1000))
        content = bytearray(file.read_bytes())
        content[4:2000] = b"\xff" * 1996
        file.write_bytes(content)
        with pytest.raises(SourceError, match=r"a\.parquet"):
            _select([file], ["x"])

    def test_a_file_that_is_cut_short_is_named(self, write):
        file = write(t=_times("2013-04-03"))
        file.write_bytes(file.read_bytes()[:-20])
        with pytest.raises(SourceError, match=r"a\.parquet' cannot be read"):
            _select([file], [])

    def test_a_file_that_vanished_is_named(self, tmp_path):
        with pytest.raises(SourceError, match=r"gone\.parquet' does not exist"):
            read_table(tmp_path / "gone.parquet")

    def test_a_missing_column_is_named_with_file_and_those_available(self, write):
        file = write(t=_times("2013-04-03"), distance=[1], carrier=["UA"])
        with pytest.raises(SourceError) as error:
            _select([file], ["distanse", "carrier"])
        assert str(error.value) == (
            f"file '{file}' has no column 'distanse' (nearest: 'distance'); "
            "available: 't', 'distance', 'carrier'"
        )

    def test_a_column_missing_in_a_later_file_is_found_before_any_row_is_read(self, write):
        one = write("1.parquet", t=_times("2013-04-03"), x=[1])
        two = write("2.parquet", t=_times("2013-04-04"))
        with pytest.raises(SourceError, match=r"2\.parquet' has no column 'x'"):
            next(select_rows([one, two], APRIL, ["x"], "t", "UTC"))

    def test_a_column_that_occurs_twice_is_refused(self, tmp_path):
        table = pa.Table.from_arrays([_times("2013-04-03"), pa.array([1]), pa.array([2])], ["t", "x", "x"])
        pq.write_table(table, tmp_path / "a.parquet")
        with pytest.raises(SourceError, match="column 'x' more than once"):
            _select([tmp_path / "a.parquet"], ["x"])

    @pytest.mark.parametrize(
        "times", [pa.array([date(2013, 4, 3)]), pa.array(["2013-04-03T00:00:00Z"]), pa.array([1364947200])]
    )
    def test_a_timestamp_column_of_another_type_is_refused(self, write, times):
        with pytest.raises(
            SourceError, match=r"timestamp column 't' has type .*; allowed: a Parquet timestamp"
        ):
            _select([write(t=times)], [])

    def test_text_that_is_not_utf8_is_refused_with_file_and_column(self, write):
        column = pa.array([b"\xff\xfe"]).view(pa.string())
        with pytest.raises(SourceError, match=r"column 'x' of file '.*a\.parquet'.*UTF8"):
            _select([write(t=_times("2013-04-03"), x=column)], ["x"])


class TestUnifiedTypes:
    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            (pa.int32(), pa.int64(), pa.int64()),
            (pa.int64(), pa.float64(), pa.float64()),
            (pa.float32(), pa.float64(), pa.float64()),
            (pa.int32(), pa.float32(), pa.float64()),
            (pa.uint64(), pa.int64(), pa.int64()),
            (pa.null(), pa.float64(), pa.float64()),
            (pa.decimal128(5, 2), pa.decimal128(9, 3), pa.decimal128(9, 3)),
        ],
    )
    def test_numbers_widen_whichever_comes_first(self, write, one, other, expected):
        value = None if pa.null() in (one, other) else Decimal(2) if pa.types.is_decimal(one) else 2
        files = [
            write("1.parquet", t=_times("2013-04-03"), x=pa.array([value], one)),
            write("2.parquet", t=_times("2013-04-03"), x=pa.array([value], other)),
        ]
        assert _select(files, ["x"])["x"].type == expected
        assert _select(files[::-1], ["x"])["x"].to_pylist() == [value, value]

    @pytest.mark.parametrize(
        "kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.null(), pa.string()]
    )
    def test_every_text_becomes_string(self, write, kind):
        value = None if kind == pa.null() else "UA"
        files = [
            write("1.parquet", t=_times("2013-04-03"), x=pa.array([value], kind)),
            write("2.parquet", t=_times("2013-04-03"), x=["AA"]),
        ]
        rows = _select(files, ["x"])
        assert rows["x"].type == pa.string()
        assert rows["x"].to_pylist() == [value, "AA"]

    @pytest.mark.parametrize(
        ("one", "other"),
        [(["UA"], [1]), ([True], [1]), (["UA"], [b"UA"]), (["UA"], [[1]]), ([datetime(2013, 1, 1)], [1])],
    )
    def test_types_that_do_not_unify_are_refused_with_both_files(self, write, one, other):
        files = [
            write("1.parquet", t=_times("2013-04-03"), x=pa.array(one)),
            write("2.parquet", t=_times("2013-04-03"), x=pa.array(other)),
        ]
        with pytest.raises(SourceError, match=r"column 'x' has type .*2\.parquet.*1\.parquet.*; allowed: "):
            _select(files, ["x"])

    def test_an_integer_that_a_double_cannot_hold_is_refused(self, write):
        files = [
            write("1.parquet", t=_times("2013-04-03"), x=[2**53 + 1]),
            write("2.parquet", t=_times("2013-04-03"), x=[0.5]),
        ]
        with pytest.raises(SourceError, match=r"column 'x' of file '.*1\.parquet' does not fit type double"):
            _select(files, ["x"])

    def test_naive_and_aware_timestamps_mix(self, write):
        files = [
            write("1.parquet", t=_times("2013-04-03T00:00", zone=None)),
            write("2.parquet", t=_times("2013-04-03T04:00", zone="UTC")),
        ]
        assert len(set(_select(files, [], timezone=NEW_YORK)["t"].to_pylist())) == 1

    def test_a_given_schema_holds_for_files_that_would_not_need_it(self, write):
        one = write("1.parquet", t=_times("2013-04-03"), x=[1])
        two = write("2.parquet", t=_times("2013-04-03"), x=[0.5])
        schema = dataset_schema([one, two], ["x"], "t")
        batches = select_rows([one], APRIL, ["x"], "t", "UTC", schema)
        assert next(batches).schema.field("x").type == pa.float64()


class TestWriteDataset:
    def test_says_what_was_written(self, write, tmp_path):
        file = write(t=_times("2013-04-03", "2013-04-02"), x=[1, 2])
        out = tmp_path / "out" / "data.parquet"
        info = write_dataset(select_rows([file], APRIL, ["x"], "t", "UTC"), out)
        assert (info.rows, info.bytes) == (2, out.stat().st_size)
        assert (info.first, info.last) == ("2013-04-02T00:00:00+00:00", "2013-04-03T00:00:00+00:00")
        assert info.fingerprint.startswith("sha256:")
        assert pq.ParquetFile(out).metadata.row_group(0).column(0).compression == "ZSTD"

    def test_equal_rows_give_equal_fingerprints_however_they_are_batched(self, tmp_path):
        table = pa.table({"x": np.random.default_rng(0).integers(0, 1000, 200_000), "y": ["abc"] * 200_000})
        whole = write_dataset(table.to_batches(), tmp_path / "1.parquet")
        parts = write_dataset(table.to_batches(max_chunksize=777), tmp_path / "2.parquet")
        other = write_dataset(table.slice(1).to_batches(), tmp_path / "3.parquet")
        assert whole == parts
        assert whole.fingerprint != other.fingerprint

    def test_rows_are_spread_over_row_groups(self, tmp_path):
        table = pa.table({"x": np.arange(2 * 131_072)})
        write_dataset(table.to_batches(max_chunksize=10_000), tmp_path / "a.parquet")
        metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
        assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [131_072, 131_072]
        assert read_table(tmp_path / "a.parquet").equals(table)

    def test_a_table_without_rows_can_be_written(self, tmp_path):
        empty = pa.RecordBatch.from_pydict({"x": pa.array([], pa.int64())})
        info = write_dataset([empty], tmp_path / "a.parquet")
        assert (info.rows, info.first, info.last) == (0, None, None)
        assert read_table(tmp_path / "a.parquet").num_rows == 0

    def test_no_batch_is_an_error(self, tmp_path):
        with pytest.raises(SourceError, match="no rows to write"):
            write_dataset([], tmp_path / "a.parquet")

    def test_an_error_while_reading_leaves_nothing_behind(self, tmp_path):
        batch = pa.RecordBatch.from_pydict({"x": [1]})

        def batches():
            yield batch
            raise SourceError("broken")

        with pytest.raises(SourceError, match="broken"):
            write_dataset(batches(), tmp_path / "out" / "a.parquet")
        assert list((tmp_path / "out").iterdir()) == []


class TestReadTable:
    def test_reads_columns_in_the_order_asked(self, write):
        file = write(x=[1], y=[2], z=[3])
        assert read_table(file, ["z", "x"]).column_names == ["z", "x"]
        assert read_table(file).column_names == ["x", "y", "z"]

    def test_a_missing_column_is_named(self, write):
        with pytest.raises(SourceError, match=r"has no columns 'v', 'w'.*; available: 'x'"):
            read_table(write(x=[1]), ["v", "x", "w"])

    def test_time_span_is_read_from_statistics(self, write):
        files = [
            write("1.parquet", t=_times("2013-04-03", "2013-04-05", unit="ns")),
            write("2.parquet", t=_times("2013-04-01", unit="ms")),
        ]
        assert time_span(files, "t") == (datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 5, tzinfo=UTC))
        assert time_span([write("3.parquet", x=[1])], "t") is None


class TestModelFrame:
    def test_numeric_columns_become_floats_and_nulls_nan(self):
        table = pa.table(
            {
                "bool": [True, None, False],
                "int": [1, None, 3],
                "decimal": [Decimal("1.5"), None, Decimal("-2.0")],
                "float": pa.array([0.5, None, float("nan")], pa.float32()),
                "null": pa.nulls(3),
                "dictionary": pa.array([7, None, 7]).dictionary_encode(),
            }
        )
        frame = model_frame(table, table.column_names, [])
        assert set(map(str, frame.dtypes)) == {"float64"}
        expected = [
            [1, 1, 1.5, 0.5, np.nan, 7],
            [np.nan] * 6,
            [0, 3, -2.0, np.nan, np.nan, 7],
        ]
        np.testing.assert_array_equal(frame.to_numpy(), expected)

    def test_categorical_columns_become_text_and_nulls_none(self):
        table = pa.table(
            {
                "text": ["UA", None, ""],
                "int": [1, None, 3],
                "bool": [True, None, False],
                "float": [1.0, float("nan"), 2.5],
                "null": pa.nulls(3),
                "dictionary": pa.array(["x", None, "x"]).dictionary_encode(),
            }
        )
        frame = model_frame(table, [], table.column_names)
        assert set(frame.dtypes) == {np.dtype(object)}
        assert frame.loc[0].tolist() == ["UA", "1", "True", "1", None, "x"]
        assert frame.loc[1].tolist() == [None] * 6
        assert frame.loc[2].tolist() == ["", "3", "False", "2.5", None, "x"]

    def test_numeric_columns_come_first_in_the_order_given(self):
        table = pa.table({"a": [1], "b": [2], "c": ["x"]})
        assert list(model_frame(table, ["b", "a"], ["c"]).columns) == ["b", "a", "c"]

    def test_sliced_and_chunked_tables_give_the_rows_they_show(self):
        whole = pa.table({"x": [1.0, None, 3.0, 4.0, None], "c": ["a", "b", None, "d", "a"]})
        table = pa.concat_tables([whole.slice(1, 2), whole.slice(4)])
        frame = model_frame(table, ["x"], ["c"])
        np.testing.assert_array_equal(frame["x"], [np.nan, 3.0, np.nan])
        assert frame["c"].tolist() == ["b", None, "a"]

    def test_no_rows_give_an_empty_frame(self):
        empty = pa.table({"x": pa.array([], pa.int64()), "c": pa.array([], pa.string())})
        frame = model_frame(empty, ["x"], ["c"])
        assert frame.shape == (0, 2)
        assert [str(kind) for kind in frame.dtypes] == ["float64", "object"]

    def test_the_frame_can_be_changed(self):
        frame = model_frame(pa.table({"x": [1.0, 2.0]}), ["x"], [])
        frame.loc[0, "x"] = 5.0
        assert frame["x"].tolist() == [5.0, 2.0]

    def test_text_in_a_numeric_column_is_refused_with_an_example(self):
        with pytest.raises(
            DataError, match=r"numeric column 'x' has type string \(for example 'n/a'\); allowed"
        ):
            model_frame(pa.table({"x": [None, "n/a"]}), ["x"], [])

    def test_infinities_are_counted_and_the_first_is_shown(self):
        table = pa.table({"x": [0.0, float("-inf"), float("inf")]})
        with pytest.raises(DataError, match=r"'x' holds 2 infinite of 3 values, the first -inf in row 1"):
            model_frame(table, ["x"], [])

    @pytest.mark.parametrize("value", [[1], {"a": 1}, b"x", date(2013, 1, 1)])
    def test_what_is_neither_number_nor_category_is_refused(self, value):
        table = pa.table({"x": [value]})
        with pytest.raises(DataError, match="numeric column 'x' has type"):
            model_frame(table, ["x"], [])
        with pytest.raises(DataError, match="categorical column 'x' has type"):
            model_frame(table, [], ["x"])

    def test_a_missing_column_is_named(self):
        with pytest.raises(DataError, match="rows have no column 'y'; available: 'x'"):
            model_frame(pa.table({"x": [1]}), ["y"], [])


class TestEncode:
    def test_values_of_one_text_share_a_code(self):
        codes, texts = encode(
            pa.chunked_array([pa.array([1.0, 2.5]), pa.array([None, float("nan"), 1.0])]), "c"
        )
        assert texts == ["1", "2.5"]
        assert codes.tolist() == [0, 1, 2, 2, 0]


class TestLabels:
    @pytest.mark.parametrize(
        ("values", "positive"),
        [
            ([1, 0, None], 1),
            ([1.0, 0.0, float("nan")], 1),
            ([True, False, None], 1),
            ([True, False, None], True),
            (["late", "on time", None], "late"),
            ([Decimal(1), Decimal(0), None], 1),
        ],
    )
    def test_nulls_are_unlabelled_and_the_positive_class_is_true(self, values, positive):
        labelled, y = labels(pa.table({"late": values}), "late", positive)
        assert labelled.tolist() == [True, True, False]
        assert y.tolist() == [True, False, False]

    def test_a_dictionary_is_its_values(self):
        column = pa.chunked_array(
            [pa.array(["n"]).dictionary_encode(), pa.array(["y", "n"]).dictionary_encode()]
        )
        labelled, y = labels(pa.table({"late": column}), "late", "y")
        assert labelled.all()
        assert y.tolist() == [False, True, False]

    @pytest.mark.parametrize("values", [[0, 0], [1, 1]])
    def test_one_class_is_left_to_the_caller(self, values):
        labelled, y = labels(pa.table({"late": values}), "late", 1)
        assert labelled.all()
        assert y.tolist() == [value == 1 for value in values]

    @pytest.mark.parametrize("column", [pa.nulls(2), pa.array([None, None], pa.int64())])
    def test_no_label_at_all_is_left_to_the_caller(self, column):
        labelled, y = labels(pa.table({"late": column}), "late", 1)
        assert not labelled.any()
        assert not y.any()

    def test_three_classes_are_refused_with_their_values(self):
        with pytest.raises(DataError, match=r"'late' has 3 classes: 0, 1, 2; allowed: two"):
            labels(pa.table({"late": [2, 0, 1]}), "late", 1)

    def test_many_classes_are_not_all_listed(self):
        with pytest.raises(DataError, match=r"has 1000 classes: .*, …; allowed"):
            labels(pa.table({"late": list(range(1000))}), "late", 1)

    def test_a_positive_class_that_is_not_there_is_refused(self):
        with pytest.raises(DataError, match=r"has 2 classes: '0', '1'; .*positive class 1$"):
            labels(pa.table({"late": ["0", "1"]}), "late", 1)

    def test_times_are_no_classes(self):
        with pytest.raises(DataError, match="target column 'late' has type"):
            labels(pa.table({"late": [datetime(2013, 1, 1, tzinfo=UTC)]}), "late", 1)


def test_reading_and_labels_import_no_pandas(write, tmp_path):
    """It takes longer to import than most stages take to work."""
    file = write(t=_times("2013-04-03", "2013-04-04"), x=[1, None], late=[1, 0], c=["a", None])
    program = f"""
import sys
from datetime import UTC, datetime
from pathlib import Path
from ct_components.datasets import encode, labels, numeric_values, read_table, select_rows, write_dataset
from ct_components.windows import Window
window = Window(datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 4, tzinfo=UTC))
rows = select_rows([Path({str(file)!r})], window, ["x", "late", "c"], "t", "UTC")
assert write_dataset(rows, {str(tmp_path / "out.parquet")!r}).rows == 1
table = read_table({str(file)!r})
labels(table, "late", 1), encode(table["c"], "c"), numeric_values(table["x"], "x")
print(sorted(sys.modules.keys() & {{"pandas", "pyarrow.dataset", "sklearn", "mlflow", "kfp"}}))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
