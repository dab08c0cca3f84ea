"""Files of a source: found, pruned by day, written all or nothing."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ct_components.errors import SourceError, SpecError, StateError
from ct_components.storage import atomic_path, atomic_write, list_files, list_partitions, partition_day
from ct_components.windows import Window


@pytest.fixture
def flights(tmp_path):
    """Three daily partitions of one file each."""
    for day in ("2013-04-01", "2013-04-02", "2013-04-03"):
        _touch(tmp_path / "flights" / f"dt={day}" / "part-0.parquet")
    return tmp_path / "flights"


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def _days(files):
    return [partition_day(file) for file in files]


def _window(start: str, end: str) -> Window:
    return Window(
        datetime.fromisoformat(start).replace(tzinfo=UTC), datetime.fromisoformat(end).replace(tzinfo=UTC)
    )


def _write_half(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt


class TestListFiles:
    def test_a_glob_gives_absolute_paths_in_order(self, flights):
        assert list_files(f"{flights}/dt=*/*.parquet") == [
            flights / f"dt=2013-04-0{day}" / "part-0.parquet" for day in (1, 2, 3)
        ]

    def test_a_relative_path_starts_at_the_current_folder(self, flights, monkeypatch):
        monkeypatch.chdir(flights.parent)
        assert len(list_files("flights/dt=*/*.parquet")) == 3
        assert all(file.is_absolute() for file in list_files("flights/dt=*/*.parquet"))

    def test_a_file_uri_is_the_path_it_names(self, flights):
        assert list_files(f"file://{flights}/dt=*/*.parquet") == list_files(f"{flights}/dt=*/*.parquet")

    def test_a_folder_stands_for_the_parquet_files_beneath(self, flights):
        _touch(flights / "notes.txt")
        assert list_files(str(flights)) == list_files(f"{flights}/**/*.parquet")
        assert len(list_files(f"{flights}/dt=*")) == 3

    def test_one_file_needs_no_wildcard(self, flights):
        file = flights / "dt=2013-04-01" / "part-0.parquet"
        assert list_files(str(file)) == [file]

    @pytest.mark.parametrize("name", ["with space", "Flüge ✈", "a[1]b", "100%", "what?", "x#y"])
    def test_any_folder_name_works(self, tmp_path, name):
        file = _touch(tmp_path / name / "dt=2013-04-01" / "a.parquet")
        assert list_files(f"{tmp_path / name}/dt=*/*.parquet") == [file]

    def test_a_file_uri_is_percent_decoded(self, tmp_path):
        file = _touch(tmp_path / "with space" / "a.parquet")
        assert list_files(f"file://{tmp_path}/with%20space/*.parquet") == [file]

    def test_unfinished_files_and_markers_are_not_data(self, flights):
        _touch(flights / "dt=2013-04-01" / ".hidden.parquet")
        _touch(flights / "dt=2013-04-01" / "_metadata.parquet")
        _touch(flights / "_temporary" / "a.parquet")
        assert len(list_files(f"{flights}/dt=*/*.parquet")) == 3
        assert len(list_files(str(flights))) == 3

    def test_a_missing_folder_is_named_with_what_exists_nearest(self, flights):
        with pytest.raises(SourceError) as error:
            list_files(f"{flights.parent}/fligths/dt=*/*.parquet")
        assert f"{flights.parent}/fligths/dt=*/*.parquet" in str(error.value)
        assert f"folder '{flights.parent}' holds 'flights'" in str(error.value)

    def test_no_match_names_the_deepest_folder_that_does(self, flights):
        with pytest.raises(SourceError, match=r"dt=2013-04-01' holds 'part-0.parquet'"):
            list_files(f"{flights}/dt=*/*.csv")

    def test_an_empty_folder_is_said_to_hold_nothing(self, tmp_path):
        with pytest.raises(SourceError, match="holds nothing"):
            list_files(str(tmp_path))

    def test_a_file_used_as_a_folder_is_named(self, flights):
        file = _touch(flights / "a.txt")
        with pytest.raises(SourceError, match=r"a.txt' is no folder"):
            list_files(f"{file}/*.parquet")

    def test_gs_is_not_supported_yet(self):
        with pytest.raises(SpecError, match=r"gs:// is not supported yet; allowed: a local path or file://"):
            list_files("gs://bucket/flights/*.parquet")

    @pytest.mark.parametrize("uri", ["s3://bucket/x", "file://host/x", "", " ", "a\0b"])
    def test_other_uris_are_refused(self, uri):
        with pytest.raises(SpecError, match="allowed: "):
            list_files(uri)


class TestListPartitions:
    def test_days_surely_outside_are_dropped_with_a_day_of_margin(self, tmp_path):
        for day in range(1, 11):
            _touch(tmp_path / f"dt=2013-04-{day:02}" / "a.parquet")
        window = _window("2013-04-05T00:00", "2013-04-06T00:00")
        files = list_partitions(f"{tmp_path}/dt=*/*.parquet", window, "UTC")
        assert _days(files) == [date(2013, 4, day) for day in (4, 5, 6)]

    def test_days_are_those_of_the_timezone(self, tmp_path):
        for day in range(1, 11):
            _touch(tmp_path / f"dt=2013-04-{day:02}" / "a.parquet")
        window = _window("2013-04-05T00:00", "2013-04-06T00:00")  # 4 April 20:00 to 5 April 20:00 in New York
        files = list_partitions(f"{tmp_path}/dt=*/*.parquet", window, "America/New_York")
        assert _days(files) == [date(2013, 4, day) for day in (3, 4, 5, 6)]

    @pytest.mark.parametrize("folder", ["dt=unknown", "dt=2013-02-30", "year=2013", "plain"])
    def test_files_without_a_day_are_kept(self, tmp_path, folder):
        file = _touch(tmp_path / folder / "a.parquet")
        window = _window("2020-01-01", "2020-01-02")
        assert list_partitions(str(tmp_path), window, "UTC") == [file]

    def test_a_window_that_no_partition_belongs_to_gives_none(self, flights):
        assert list_partitions(f"{flights}/dt=*/*.parquet", _window("2020-01-01", "2020-02-01"), "UTC") == []


class TestAtomicWrite:
    def test_writes_text_and_bytes_and_makes_folders(self, tmp_path):
        atomic_write(tmp_path / "new" / "a.txt", "Flüge")
        atomic_write(tmp_path / "new" / "b.bin", b"\0")
        assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "Flüge"
        assert (tmp_path / "new" / "b.bin").read_bytes() == b"\0"

    def test_an_error_leaves_the_old_file_and_nothing_else(self, tmp_path):
        path = tmp_path / "a.txt"
        atomic_write(path, "old")
        with pytest.raises(KeyboardInterrupt):
            _write_half(path)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_readers_see_the_old_file_until_the_end(self, tmp_path):
        path = tmp_path / "a.txt"
        atomic_write(path, "old")
        with atomic_path(path) as temporary:
            temporary.write_text("new")
            assert path.read_text() == "old"
        assert path.read_text() == "new"

    def test_the_longest_allowed_name_works(self, tmp_path):
        atomic_write(tmp_path / ("n" * 255), "x")
        assert (tmp_path / ("n" * 255)).read_text() == "x"

    def test_a_place_that_cannot_be_written_is_named(self, tmp_path):
        _touch(tmp_path / "file")
        with pytest.raises(StateError, match=r"cannot write '.*file/a\.txt'"):
            atomic_write(tmp_path / "file" / "a.txt", "x")
