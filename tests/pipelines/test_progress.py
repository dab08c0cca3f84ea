"""What a person sees while a pipeline runs."""

import io

import pytest
from rich.console import Console

from ct_pipelines.local.progress import Progress, tail_of

EXECUTOR_LOG = """\
[KFP Executor 2024-01-01 00:00:00,000 INFO]: Looking for component `train_model` in `/x`
[KFP Executor 2024-01-01 00:00:00,000 INFO]: Loading KFP component "train_model" from /x
[KFP Executor 2024-01-01 00:00:00,000 INFO]: Got executor_input:
{
    "inputs": {
        "parameterValues": {"spec": "secret of nobody"}
    }
}
INFO fitted

error: train_model: the estimator says no
"""


def show(console):
    text = console.file.getvalue()
    return [line.rstrip() for line in text.splitlines()]


@pytest.fixture
def plain():
    return Console(file=io.StringIO(), width=60)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "train-model.log"
    path.write_text(EXECUTOR_LOG)
    return path


def test_a_pipe_gets_one_line_for_each_stage_that_ended(plain, log):
    progress = Progress(plain)

    progress.started("train-model")
    assert show(plain) == []
    progress.ended("train-model", 0, 1.26, log)

    assert show(plain) == ["  ✓ train_model             1.3 s"]


def test_a_failed_stage_shows_the_end_of_its_log(plain, log):
    Progress(plain).ended("train-model", 13, 0.5, log)

    assert show(plain) == [
        "  ✗ train_model             0.5 s",
        "    │ INFO fitted",
        "    │ error: train_model: the estimator says no",
    ]


def test_a_retry_is_shown(plain):
    Progress(plain).retried("begin-run", 75)

    assert show(plain) == ["  … begin_run            ended with exit code 75; it is tried again"]


def test_a_terminal_shows_the_running_stage_and_then_its_line(log):
    terminal = Console(file=io.StringIO(), force_terminal=True, width=60)
    progress = Progress(terminal)

    progress.started("train-model")
    progress.retried("train-model", 75)
    progress.ended("train-model", 0, 2.0, log)

    shown = terminal.file.getvalue()
    assert "✓ train_model" in shown
    assert "tried again" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor comes back


def test_markup_and_long_lines_of_a_log_are_shown_as_they_are(plain, tmp_path):
    log = tmp_path / "a.log"
    log.write_text("[bold]not markup[/bold] " + "x" * 200)

    Progress(plain).ended("a", 1, 0.0, log)

    assert show(plain)[1] == "    │ [bold]not markup[/bold] " + "x" * 200


def test_the_tail_holds_the_last_lines_only(tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"\n".join(b"line %d \xff" % number for number in range(40)))

    assert tail_of(log, lines=2) == ["line 38 �", "line 39 �"]


def test_a_missing_and_an_empty_log_are_said(tmp_path):
    (tmp_path / "empty.log").write_text("")

    assert tail_of(tmp_path / "none.log") == ["(no log was written)"]
    assert tail_of(tmp_path / "empty.log") == ["(the log is empty)"]


def test_what_the_executor_says_of_outputs_is_left_out(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("[KFP Executor x]: Wrote executor output file to /x\nkept\n[KFP Executor x]: an error\n")

    assert tail_of(log) == ["kept", "an error"]
