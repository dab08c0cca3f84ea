"""What surrounds every stage. Each is a process of its own here, as it is in a pipeline."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct_components.connections import sqlite_url
from ct_components.errors import SpecError, StageTimeout, Unreachable
from ct_components.ledger import Run, open_ledger
from ct_components.stage import Context

CONTEXT = Context(run_id="run-1", model="churn").to_json()


@pytest.fixture
def ledger_url(tmp_path):
    return sqlite_url(tmp_path / "ledger.db")


@pytest.fixture
def ledger(ledger_url):
    return open_ledger(ledger_url)


@pytest.fixture
def start(ledger_url, tmp_path):
    """Run a stage with this body, and return how the process ended."""

    def start(body, *, context=CONTEXT, limit="", url=ledger_url, after=""):
        script = tmp_path / "stage.py"
        indented = "\n".join(f"    {line}" for line in body.splitlines())
        script.write_text(
            "import sys, time\n"
            "from ct_components.errors import *\n"
            "from ct_components.stage import stage\n"
            f"with stage('train_model', {context!r}) as run:\n{indented}\n{after}\n"
        )
        environment = {"KFP_CT_LEDGER_URL": url, "KFP_CT_STAGE_TIMEOUT": limit}
        return subprocess.run(
            [sys.executable, script],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start


def _lines(ended):
    return ended.stderr.strip().splitlines()


class TestContext:
    @given(st.lists(st.text(), min_size=7, max_size=7))
    def test_it_travels_unchanged(self, values):
        context = Context(*values)
        assert Context.from_json(context.to_json()) == context

    def test_nothing_stands_for_a_stage_that_is_used_alone(self):
        assert Context.from_json("") == Context.from_json(" ") == Context()

    @pytest.mark.parametrize("text", ["{", "[]", "1", "null", '{"unknown": ""}', '{"run_id": 1}'])
    def test_nonsense_is_refused(self, text):
        with pytest.raises(SpecError, match="context: got"):
            Context.from_json(text)


class TestOutcomes:
    def test_success_is_recorded_with_its_times(self, start, ledger):
        ended = start("assert run.model == 'churn'")

        assert (ended.returncode, ended.stderr) == (0, "")
        outcome = ledger.stage_outcome("run-1", "train_model")
        assert (outcome.outcome, outcome.exit_code, outcome.message) == ("succeeded", 0, "")
        assert outcome.started_at <= outcome.finished_at

    @pytest.mark.parametrize(
        ("error", "code"),
        [("SpecError", 10), ("DataError", 11), ("StateError", 14), ("StageTimeout", 20), ("Unreachable", 75)],
    )
    def test_an_error_of_ours_becomes_its_exit_code_and_one_line(self, start, ledger, error, code):
        ended = start(f"raise {error}('column x: got 1')")

        assert ended.returncode == code
        assert ended.stderr == "error: train_model: column x: got 1\n"
        outcome = ledger.stage_outcome("run-1", "train_model")
        assert (outcome.outcome, outcome.exit_code, outcome.message) == ("failed", code, "column x: got 1")

    def test_a_bug_keeps_its_traceback_and_is_recorded(self, start, ledger):
        ended = start("numbers = []\nnumbers[3]")

        assert ended.returncode == 1
        assert "Traceback" in ended.stderr
        assert "numbers[3]" in ended.stderr
        assert _lines(ended)[-1] == "IndexError: list index out of range"
        outcome = ledger.stage_outcome("run-1", "train_model")
        assert (outcome.exit_code, outcome.message) == (1, "IndexError: list index out of range")

    @pytest.mark.parametrize(("raised", "code"), [("sys.exit(3)", 3), ("raise KeyboardInterrupt", -2)])
    def test_leaving_in_the_middle_is_no_success(self, start, ledger, raised, code):
        assert start(raised).returncode == code

        assert ledger.stage_outcome("run-1", "train_model").outcome == "failed"

    def test_a_message_of_any_length_is_recorded(self, start, ledger):
        ended = start("raise DataError('x' * 100_000)")

        assert ended.returncode == 11
        assert len(ledger.stage_outcome("run-1", "train_model").message) == 4_000

    def test_a_context_that_is_nonsense_is_bad_input(self, start):
        ended = start("print('ran')", context="{")

        assert (ended.returncode, ended.stdout) == (10, "")
        assert _lines(ended) == [
            "error: train_model: context: got '{'; allowed: what begin_run put out, or nothing"
        ]


class TestRetries:
    @pytest.mark.parametrize(("error", "code"), [("DataError", 11), ("StateError", 14), ("Duplicate", 15)])
    def test_bad_input_is_refused_without_running_the_body(self, start, ledger, error, code):
        start(f"raise {error}('as it was')")

        again = start("print('ran')")

        assert (again.returncode, again.stdout) == (code, "")
        assert again.stderr == "error: train_model: as it was\n"
        assert ledger.stage_outcome("run-1", "train_model").exit_code == code

    @pytest.mark.parametrize("body", ["raise Unreachable('away')", "raise StageTimeout('late')", "1 / 0"])
    def test_what_may_go_better_runs_again(self, start, ledger, body):
        start(body)

        again = start("print('ran')")

        assert (again.returncode, again.stdout) == (0, "ran\n")
        assert ledger.stage_outcome("run-1", "train_model").outcome == "succeeded"

    def test_a_closed_run_is_opened_again_by_whoever_retries_it(self, start, ledger):
        """In the KFP UI somebody mends the data and retries the run: the same id, the same stage."""
        now = datetime(2026, 6, 1, tzinfo=UTC)
        ledger.claim_run(Run("run-1", "churn", "key", "manual", now, None, {}, {}))
        start("raise DataError('bad')")
        ledger.finish_run("run-1", state="failed", outcome="failed", message="bad")

        again = start("print('ran')")

        assert (again.returncode, again.stdout) == (0, "ran\n")
        run = ledger.run("run-1")
        assert (run["state"], run["outcome"], run["finished_at"]) == ("running", None, None)

    def test_another_run_is_not_refused(self, start):
        start("raise DataError('bad')")

        assert start("print('ran')", context=Context(run_id="run-2").to_json()).returncode == 0


class TestAlone:
    @pytest.mark.parametrize("context", ["", "{}", Context(model="churn").to_json()])
    def test_nothing_is_recorded_and_no_sql_is_imported(self, start, tmp_path, context):
        ended = start("pass", context=context, after="print('sqlalchemy' in sys.modules)")

        assert (ended.returncode, ended.stdout) == (0, "False\n")
        assert not (tmp_path / "ledger.db").exists()

    def test_a_run_without_a_ledger_imports_no_sql_either(self, start):
        ended = start("pass", url="", after="print('sqlalchemy' in sys.modules)")

        assert (ended.returncode, ended.stdout) == (0, "False\n")

    def test_errors_keep_their_exit_codes(self, start):
        ended = start("raise DataError('bad')", context="")

        assert (ended.returncode, _lines(ended)) == (11, ["error: train_model: bad"])


class TestLedgerAway:
    def test_a_ledger_that_is_away_at_the_start_stops_the_stage(self, start, tmp_path):
        ended = start("print('ran')", url=sqlite_url(tmp_path))

        assert (ended.returncode, ended.stdout) == (14, "")
        assert len(_lines(ended)) == 1
        assert "unable to open database file" in ended.stderr

    def test_a_ledger_that_leaves_while_the_stage_fails_does_not_hide_the_error(self, start, tmp_path):
        path = tmp_path / "ledger.db"
        ended = start(f"import os\nos.remove({str(path)!r})\nraise DataError('column x')")

        assert ended.returncode == 11
        assert "WARNING the outcome of train_model is not in the ledger" in _lines(ended)[0]
        assert _lines(ended)[-1] == "error: train_model: column x"

    def test_a_ledger_that_leaves_before_a_bug_leaves_its_traceback(self, start, tmp_path):
        path = tmp_path / "ledger.db"
        ended = start(f"import os\nos.remove({str(path)!r})\n1 / 0")

        assert ended.returncode == 1
        assert _lines(ended)[-1] == "ZeroDivisionError: division by zero"

    def test_a_success_that_cannot_be_recorded_is_none(self, start, tmp_path):
        path = tmp_path / "ledger.db"
        ended = start(f"import os\nos.remove({str(path)!r})")

        assert ended.returncode == 14
        assert "Traceback" not in ended.stderr


class TestTimeLimit:
    BODIES = (
        "time.sleep(30)",
        "while True: pass",
        "import hashlib\nhashlib.pbkdf2_hmac('sha512', b'x', b'y', 10**9)",
        "import numpy\nx = numpy.ones((3000, 3000))\nwhile True: x @ x",
    )

    @pytest.mark.parametrize("body", BODIES, ids=["sleeping", "python", "c", "numpy"])
    def test_a_stage_that_takes_too_long_ends_with_its_own_exit_code(self, start, ledger, body):
        begun = time.monotonic()
        ended = start(body, limit="0.5")

        assert ended.returncode == StageTimeout.exit_code
        assert ended.stderr == "error: train_model: took longer than its 0.5 seconds\n"
        outcome = ledger.stage_outcome("run-1", "train_model")
        assert (outcome.outcome, outcome.exit_code) == ("failed", 20)
        assert outcome.message == "took longer than its 0.5 seconds"
        assert time.monotonic() - begun < 15

    @pytest.mark.parametrize("body", ["pass", "time.sleep(0.1)"])
    def test_a_stage_that_ends_in_time_is_left_alone(self, start, ledger, body):
        ended = start(body, limit="0.6", after="time.sleep(0.8)\nprint('after')\nsys.exit(5)")

        assert (ended.returncode, ended.stdout, ended.stderr) == (5, "after\n", "")
        assert ledger.stage_outcome("run-1", "train_model").outcome == "succeeded"

    def test_an_error_in_time_stays_what_it_is(self, start, ledger):
        ended = start("raise Unreachable('away')", limit="30")

        assert ended.returncode == Unreachable.exit_code
        assert ledger.stage_outcome("run-1", "train_model").message == "away"

    def test_it_holds_for_a_stage_that_is_used_alone(self, start):
        assert start("time.sleep(30)", limit="0.3", context="").returncode == 20

    def test_a_ledger_that_is_away_does_not_keep_it_alive(self, start, tmp_path):
        path = tmp_path / "ledger.db"
        ended = start(f"import os\nos.remove({str(path)!r})\ntime.sleep(30)", limit="0.5")

        assert ended.returncode == 20

    @pytest.mark.parametrize("limit", ["", "0", " "])
    def test_nothing_and_zero_are_no_limit(self, start, limit):
        assert start("time.sleep(0.1)", limit=limit).returncode == 0

    @pytest.mark.parametrize("limit", ["soon", "-1", "nan", "inf"])
    def test_a_limit_that_is_no_number_of_seconds_is_refused(self, start, limit):
        ended = start("print('ran')", limit=limit)

        assert (ended.returncode, ended.stdout) == (10, "")
        assert f"KFP_CT_STAGE_TIMEOUT: got {limit!r}" in ended.stderr
