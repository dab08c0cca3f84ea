"""`kfp-ct metrics`: what a scoring service measured goes into the ledger, all of it or nothing."""

import contextlib
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ct_components.connections import sqlite_url
from ct_components.errors import SourceError, SpecError
from ct_components.ledger import open_ledger
from ct_pipelines.cli.metrics import command

KFP_CT = Path(sys.executable).with_name("kfp-ct")
HEADER = "model,version,metric,day,value,n"
LINE = "churn,1,roc_auc,2013-04-01,0.75,500"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KFP_CT_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("KFP_CT_LEDGER_URL", raising=False)
    return tmp_path / "state"


@pytest.fixture
def call(home):
    def run(*arguments):
        command.main(list(map(str, arguments)), standalone_mode=False)

    return run


@pytest.fixture
def add(call):
    """Record a value, with what is said otherwise."""

    def run(model="churn", **changes):
        usual = {"version": "1", "metric": "roc_auc", "value": "0.75", "rows": "500", "day": "2013-04-01"}
        options = [f"--{name}={value}" for name, value in {**usual, **changes}.items()]
        call("add", model, *options)

    return run


@pytest.fixture
def import_(call, tmp_path):
    """Import a text."""

    def run(text, *options, name="daily.csv"):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        call("import", file, *options)

    return run


@pytest.fixture
def recorded(home):
    """What the ledger holds of churn."""

    def read():
        return open_ledger(sqlite_url(home / "ledger.db")).metrics("churn")

    return read


def _json_line(**changes):
    usual = {
        "model": "churn",
        "version": "1",
        "metric": "roc_auc",
        "day": "2013-04-01",
        "value": 0.75,
        "n": 500,
    }
    return json.dumps({**usual, **changes})


class TestAdd:
    def test_a_value_is_recorded_in_a_ledger_that_is_made_for_it(self, add, recorded, capsys):
        begun = datetime.now(UTC)
        add()

        (found,) = recorded()
        assert (found.version, found.metric, found.day) == ("1", "roc_auc", date(2013, 4, 1))
        assert (found.value, found.n, found.source) == (0.75, 500, "kfp-ct")
        assert begun <= found.written_at <= datetime.now(UTC)
        assert capsys.readouterr().out == "recorded roc_auc of churn version 1 on 2013-04-01\n"

    def test_no_value_is_none_and_not_zero(self, add, recorded):
        add(value="", rows="0")
        add(value="0", day="2013-04-02")

        assert [each.value for each in recorded()] == [None, 0.0]

    @pytest.mark.parametrize(
        ("text", "value"), [("-1.5e-3", -0.0015), (".5", 0.5), ("+2.", 2.0), ("-0", 0.0)]
    )
    def test_numbers_are_taken_as_they_are_usually_written(self, add, recorded, text, value):
        add(value=text)

        assert recorded()[0].value == value

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"model": "Churn"}, "MODEL: got 'Churn'; allowed: a model's name"),
            ({"version": "0"}, "--version: got '0'; allowed: the number of a version"),
            ({"version": "champion"}, "--version: got 'champion'"),
            ({"metric": "roc auc"}, "--metric: got 'roc auc'"),
            ({"metric": "$(id)"}, r"--metric: got '\$\(id\)'"),
            ({"value": "nan"}, "--value: got 'nan'; allowed: a finite number, or nothing"),
            ({"value": "inf"}, "--value: got 'inf'"),
            ({"value": "1e999"}, "--value: got '1e999'"),
            ({"value": "1_0"}, "--value: got '1_0'"),
            ({"value": "٣"}, "--value: got '٣'"),
            ({"rows": "-1"}, "--rows: got '-1'; allowed: a whole number of rows, 0 or more"),
            ({"rows": "1.5"}, "--rows: got '1.5'"),
            ({"rows": "9" * 19}, "--rows: got '9999999999999999999'"),
            ({"day": "2013-02-30"}, "--day: got '2013-02-30'; allowed: a day such as 2013-06-01"),
            ({"day": "20130401"}, "--day: got '20130401'"),
            ({"source": "a b"}, "--source: got 'a b'"),
        ],
        ids=str,
    )
    def test_what_is_not_allowed_is_named_with_what_is(self, add, home, changes, message):
        with pytest.raises(SpecError, match=f"^{message}"):
            add(**changes)
        assert not home.exists()

    def test_all_mistakes_are_named_at_once(self, add):
        with pytest.raises(SpecError, match=r"--version: .*; --day: .*; --rows: "):
            add(version="x", day="x", rows="x")

    def test_what_is_missing_is_a_misuse(self, call):
        with pytest.raises(click.MissingParameter):
            call("add", "churn", "--version", "1")


class TestImport:
    def test_csv_and_json_lines_say_the_same(self, import_, recorded):
        import_(f"{HEADER}\n{LINE}\nchurn,1,f1,2013-04-01,,0\n")
        from_csv = recorded()
        import_(
            _json_line(metric="f1", value=None, n=0) + "\n\n" + _json_line(version=1, value=0.5) + "\n",
            "--source",
            "scorer",
            name="daily.jsonl",
        )

        assert [(each.metric, each.value, each.n) for each in from_csv] == [
            ("roc_auc", 0.75, 500),
            ("f1", None, 0),
        ]
        assert sorted((each.metric, each.value, each.source) for each in recorded()) == [
            ("f1", None, "scorer"),
            ("roc_auc", 0.5, "scorer"),
        ]

    def test_columns_may_come_in_any_order_from_a_spreadsheet(self, import_, recorded):
        text = "n,value,day,metric,version,model\r\n500,0.75,2013-04-01,roc_auc,1,churn\r\n"
        import_(text.encode("utf-8-sig"))

        assert recorded()[0].n == 500

    def test_of_two_lines_for_one_day_the_later_counts(self, import_, recorded, capsys):
        import_(f"{HEADER}\n{LINE}\n{LINE.replace('0.75', '0.5')}\n")

        assert [each.value for each in recorded()] == [0.5]
        assert capsys.readouterr().out.startswith("recorded 2 values from ")

    def test_each_bad_line_is_named_with_its_number_and_nothing_is_recorded(self, import_, home):
        lines = [HEADER, LINE, LINE.replace("0.75", "nan"), LINE.replace("500", "-3"), "churn,1", LINE]
        with pytest.raises(SourceError) as caught:
            import_("\n".join(lines))

        value, rows, columns = str(caught.value).splitlines()[1:]
        assert value.startswith("  line 3: value: got 'nan'; allowed: a finite number, or nothing where")
        assert rows == "  line 4: n: got '-3'; allowed: a whole number of rows, 0 or more"
        assert columns == "  line 5: got 2 columns; allowed: 6, as the header"
        assert "cannot be imported, and nothing of it was" in str(caught.value)
        assert not home.exists()

    def test_a_bad_line_keeps_what_was_recorded_before(self, import_, recorded):
        import_(f"{HEADER}\n{LINE}\n")
        with pytest.raises(SourceError):
            import_(f"{HEADER}\n{LINE.replace('0.75', '0.5')}\nx\n")

        assert [each.value for each in recorded()] == [0.75]

    def test_of_many_bad_lines_the_first_are_shown(self, import_):
        with pytest.raises(SourceError, match=r"line 21: .*\n  and 80 more$"):
            import_(f"{HEADER}\n" + "x\n" * 100)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "line 1: got ''; allowed: model,version,metric,day,value,n"),
            (f"{HEADER}\n", "has no values; allowed: CSV with a header, or JSON lines"),
            (HEADER.replace("day", "date") + f"\n{LINE}", "line 1: got 'model,version,metric,date,value,n'"),
            (f"{HEADER},n\n{LINE},3", "line 1: got 'model,version,metric,day,value,n,n'"),
            (f'{HEADER}\nchurn,"1', "line 2: is no CSV"),
            (f"{HEADER}\nchurn,1,{'x' * 200_000},2013-04-01,0.75,500", "line 2: is no CSV: field larger"),
            (f"{HEADER}\nchurn,1,{'x' * 1_000},2013-04-01,0.75,500", "line 2: metric: got 'x{79}…; allowed"),
            ("{", "line 1: is no JSON"),
            (_json_line() + "\n[1]", r"line 2: got \[1\]; allowed: a JSON object"),
            (_json_line() + "\n" + '{"a":' * 100_000, "line 2: is no JSON"),
            ('{"model": "churn"}', "line 1: got the columns 'model'; allowed: model, version, metric, day"),
            (_json_line(extra=1), "line 1: got the columns 'model, .*extra'; allowed"),
            (_json_line(value=float("nan")), "line 1: value: got NaN; allowed: a finite number"),
            (_json_line(value=-float("inf")), "line 1: value: got -Infinity"),
            (_json_line(value=True), "line 1: value: got True"),
            (_json_line(value=[0.5]), r"line 1: value: got \[0.5\]"),
            (_json_line(n=1.5), "line 1: n: got 1.5"),
            (_json_line(n=None), "line 1: n: got None"),
            (_json_line(n=10**400), "line 1: n: got 1000"),
            (_json_line(model=7), "line 1: model: got 7"),
            (_json_line(day="2013-04-01; DROP TABLE ct_runs"), "line 1: day: got '2013-04-01; DROP"),
            (b"\xff\xfe", "cannot be read: .*; allowed: a file in UTF-8"),
        ],
        ids=lambda each: each[:40] if isinstance(each, str) else "bytes",
    )
    def test_what_is_no_such_file_is_named(self, import_, home, text, message):
        with pytest.raises(SourceError, match=message) as caught:
            import_(text)
        assert len(str(caught.value)) < 1_000
        assert not home.exists()

    def test_a_file_that_is_not_there_is_named(self, call, tmp_path):
        with pytest.raises(SourceError, match=r"nowhere\.csv' cannot be read: .*No such file"):
            call("import", tmp_path / "nowhere.csv")

    def test_a_source_that_is_not_allowed_is_named(self, import_):
        with pytest.raises(SpecError, match=r"^--source: got 'a b'; allowed: "):
            import_(f"{HEADER}\n{LINE}\n", "--source", "a b")

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(text=st.one_of(st.text(), st.binary(), st.text().map(lambda tail: f"{HEADER}\n{LINE}\n{tail}")))
    def test_any_file_is_imported_or_refused_and_never_a_bug(self, import_, text):
        with contextlib.suppress(SourceError):
            import_(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)


def test_a_person_sees_a_message_and_an_exit_code(tmp_path):
    file = tmp_path / "daily.csv"
    file.write_text(f"{HEADER}\n{LINE.replace('500', 'many')}\n")

    ended = subprocess.run(
        [KFP_CT, "metrics", "import", file],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KFP_CT_HOME": str(tmp_path)},
    )

    assert ended.returncode == 12
    assert ended.stderr.startswith(f"error: {file} cannot be imported")
    assert "line 2: n: got 'many'" in ended.stderr
    assert "Traceback" not in ended.stderr
