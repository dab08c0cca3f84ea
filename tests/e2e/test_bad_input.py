"""Bad input: one message with what, where and what was allowed, and an exit code of its kind.

Nothing is half-written, promoted or registered, and no dataset is left behind.
"""

import os
import re
import socket
import time

import numpy as np
import pyarrow as pa
import pytest
from shop import FIRST_AS_OF, SECOND_AS_OF, make_data, stages_shown

pytestmark = pytest.mark.slow

SPEC, DATA, SOURCE, MODEL, STATE, DUPLICATE, TRY_AGAIN = 10, 11, 12, 13, 14, 15, 75


def set_column(name, value, days=None):
    """A change of the data: a column of one value, on some days or all."""

    def change(day, table):
        if days and day.day not in days:
            return table
        column = pa.array([value] * table.num_rows, type=table.schema.field(name).type)
        return table.set_column(table.schema.get_field_index(name), name, column)

    return change


def assert_refused(ended, code, *patterns):
    """One message on standard error, the exit code, and no traceback."""
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    assert re.search(r'File ".*", line \d+', ended.stderr) is None
    (message,) = re.findall(r"^error: (.*(?:\n.*)*)", ended.stderr, re.MULTILINE)
    for pattern in patterns:
        assert re.search(pattern, message), f"{pattern!r} is not in {message!r}"


def assert_nothing_was_learned(shell):
    """The ledger knows of no champion and of no run that is still under way."""
    history = shell.history()
    assert history["promotions"] == []
    assert [run["outcome"] for run in history["runs"]] == ["failed"] * len(history["runs"])
    assert list(shell.home.glob("mlflow-artifacts/*/models/*")) == []
    assert list(shell.home.glob("runs/*/tmp")) == []


@pytest.mark.parametrize(
    ("changes", "patterns"),
    [
        ({"colour": "red"}, [r"colour", r"model\.yaml", "line"]),
        ({"training": {"paramters": {}}}, [r"training\.paramters", r"parameters"]),
        (
            {"task": "guess", "windows": {"train": "soon"}, "gates": {"alpha": 2}},
            [r"3 problems in .*model\.yaml", r"task.*'guess'", r"windows\.train.*'soon'", r"gates\.alpha.*2"],
        ),
        ({"model": "team/shop"}, [r"model .*'team/shop'"]),
        ({"model": "s" * 300}, [r"model .*sss", r"300 characters", "1 to 50"]),
        ({"training": {"estimator": "sklearn.ensemble.NoForest"}}, [r"training\.estimator", "NoForest"]),
        ({"training": {"parameters": {"max_itr": 5}}}, ["max_itr", "max_iter"]),
        ({"training": {"parameters": {"C": "much"}}}, ["C", "much"]),
        ({"source": {"uri": "${NOWHERE}/x/*.parquet"}}, [r"source\.uri", "NOWHERE"]),
        ({"source": {"uri": "gs://bucket/x/*.parquet"}}, [r"gs://"]),
        ({"source": {"uri": "${DATA_ROOT}/{{$.inputs}}/*.parquet"}}, [r"\{\{\$"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_spec(shell, write_spec, changes, patterns):
    ended = shell("run", write_spec(**changes), "--as-of", FIRST_AS_OF)

    assert_refused(ended, SPEC, *patterns)


@pytest.mark.parametrize(
    ("change", "changes", "code", "patterns"),
    [
        pytest.param(
            lambda _, table: table.drop_columns("price"),
            {},
            SOURCE,
            ["'price'", r"rows\.parquet", "visits"],
            id="a missing column",
        ),
        pytest.param(
            set_column("bought", 1), {}, DATA, ["bought", "class", "training"], id="a target with one class"
        ),
        pytest.param(
            set_column("visits", None), {}, DATA, ["visits", "null", "training"], id="an all-null feature"
        ),
        pytest.param(
            set_column("price", float("inf"), days={20}), {}, DATA, ["price", "infin"], id="infinity"
        ),
        pytest.param(
            lambda _, table: table.set_column(2, "price", pa.array(["dear"] * table.num_rows)),
            {},
            DATA,
            ["price", "string|text"],
            id="text in a number",
        ),
        pytest.param(
            None,
            {"validation": {"min_rows": 10**6}},
            DATA,
            ["1000000|1,000,000", "5600|5,600"],
            id="few rows",
        ),
        pytest.param(
            None,
            {"source": {"timestamp": "when"}},
            SOURCE,
            ["'when'", "price"],
            id="a timestamp that is not there",
        ),
        pytest.param(
            None,
            {"source": {"uri": "${DATA_ROOT}/shoop/dt=*/*.parquet"}},
            SOURCE,
            ["shoop"],
            id="a folder that is not there",
        ),
    ],
)
def test_wrong_rows(make_shell, shell, write_spec, tmp_path, change, changes, code, patterns):
    spoilt = make_shell(shell.home, make_data(tmp_path / "spoilt", change))

    ended = spoilt("run", write_spec(**changes), "--as-of", FIRST_AS_OF)

    assert_refused(ended, code, *patterns)
    assert_nothing_was_learned(spoilt)
    (run,) = shell.history()["runs"] or [None]
    if run:
        assert (shell.home / "pages" / run["run_id"] / "run.html").exists()


def test_a_corrupt_file(make_shell, shell, write_spec, tmp_path):
    data = make_data(tmp_path / "spoilt")
    broken = data / "shop" / "dt=2024-01-20" / "rows.parquet"
    broken.write_bytes(broken.read_bytes()[:200])

    ended = make_shell(shell.home, data)("run", write_spec(), "--as-of", FIRST_AS_OF)

    assert_refused(ended, SOURCE, re.escape(str(broken)))
    assert_nothing_was_learned(shell)
    assert list(shell.home.glob("runs/*/artifacts/*/fetch-data/*")) == []


@pytest.mark.parametrize("as_of", ["2024-05-15", "2020-01-01"])
def test_an_empty_window(shell, write_spec, as_of):
    ended = shell("run", write_spec(), "--as-of", as_of)

    assert_refused(ended, SOURCE, "shop", as_of)
    assert_nothing_was_learned(shell)


@pytest.mark.parametrize(
    ("as_of", "patterns"),
    [("2224-01-01", ["'2224-01-01'", "future"]), ("soon", ["'soon'", "2013-04-01|ISO"])],
)
def test_a_wrong_as_of(shell, write_spec, as_of, patterns):
    ended = shell("run", write_spec(), "--as-of", FIRST_AS_OF, "--as-of", as_of)

    assert_refused(ended, SPEC, "as-of", *patterns)
    assert stages_shown(ended.stderr) == {}  # not even the first instant's run was begun


def test_an_unreachable_mlflow_server(shell, write_spec, closed_port):
    begun = time.monotonic()

    ended = shell(
        "run", write_spec(), "--as-of", FIRST_AS_OF, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{closed_port}"
    )

    assert_refused(ended, TRY_AGAIN, f"MLflow at http://127.0.0.1:{closed_port} does not answer")
    assert time.monotonic() - begun < 40


def test_an_mlflow_server_that_never_answers(shell, write_spec):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        ended = shell(
            "run", write_spec(), "--as-of", FIRST_AS_OF, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}"
        )

    assert_refused(ended, TRY_AGAIN, f"MLflow at http://127.0.0.1:{port} does not answer")


def test_an_unreachable_ledger(shell, write_spec, tmp_path):
    ended = shell(
        "run", write_spec(), "--as-of", FIRST_AS_OF, KFP_CT_LEDGER_URL="sqlite:////proc/nowhere/l.db"
    )

    assert_refused(ended, STATE, "ledger at sqlite:////proc/nowhere/l.db")


def test_data_root_is_not_set(shell, write_spec):
    ended = shell("run", write_spec(), "--as-of", FIRST_AS_OF, DATA_ROOT=None)

    assert_refused(ended, SPEC, r"source\.uri", "DATA_ROOT", "not set")


def test_a_missing_spec_file(shell, tmp_path):
    ended = shell("run", tmp_path / "modle.yaml")

    assert_refused(ended, SPEC, r"modle\.yaml", "no such file")


@pytest.mark.parametrize(
    ("text", "patterns"), [("not json", ["hyperparameters", "JSON"]), ('{"nix": 1}', ["'nix'", "max_iter"])]
)
def test_wrong_hyperparameters(shell, write_spec, text, patterns):
    ended = shell("run", write_spec(), "--as-of", FIRST_AS_OF, "--hyperparameters", text)

    assert_refused(ended, SPEC, *patterns)
    assert_nothing_was_learned(shell)


@pytest.mark.parametrize("key", ["spaced out", "k" * 201, "{{$.inputs}}"])
def test_a_wrong_key(shell, write_spec, key):
    ended = shell("run", write_spec(), "--as-of", FIRST_AS_OF, "--key", key)

    assert_refused(ended, SPEC, "key")
    assert_nothing_was_learned(shell)


def test_a_key_that_is_used_twice(shell, write_spec):
    spec = write_spec()
    first = shell("run", spec, "--as-of", FIRST_AS_OF, "--key", "monday")
    assert first.returncode == 0, first.stderr

    second = shell("run", spec, "--as-of", SECOND_AS_OF, "--key", "monday")

    assert_refused(second, DUPLICATE, "'monday'", shell.history()["runs"][0]["run_id"])
    history = shell.history()
    assert [run["outcome"] for run in history["runs"]] == ["promoted", "duplicate"]


def test_a_category_that_training_never_saw_is_no_error(make_shell, shell, write_spec, tmp_path):
    def invent(day, table):
        if day.month == 1:
            return table
        colours = np.array(table["colour"].to_pylist(), dtype=object)
        colours[:20] = "ultraviolet"
        return table.set_column(4, "colour", pa.array(colours.tolist()))

    ended = make_shell(shell.home, make_data(tmp_path / "unseen", invent))(
        "run", write_spec(), "--as-of", FIRST_AS_OF
    )

    assert ended.returncode == 0, ended.stderr
    assert "promote" in ended.stdout


def test_a_state_folder_that_is_a_file(make_shell, write_spec, tmp_path):
    (tmp_path / "in the way").write_text("")

    ended = make_shell(tmp_path / "in the way")("run", write_spec(), "--as-of", FIRST_AS_OF)

    assert_refused(ended, STATE, "in the way")


def test_a_state_folder_that_cannot_be_made(make_shell, write_spec):
    ended = make_shell("/proc/nowhere")("run", write_spec(), "--as-of", FIRST_AS_OF)

    assert_refused(ended, STATE, "/proc/nowhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_state_folder(make_shell, write_spec, tmp_path):
    home = tmp_path / "read-only"
    home.mkdir(mode=0o555)

    ended = make_shell(home)("run", write_spec(), "--as-of", FIRST_AS_OF)

    assert_refused(ended, STATE, "read-only")
    assert list(home.iterdir()) == []
