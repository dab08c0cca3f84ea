"""What a run of a compiled pipeline leaves behind, and how it ends."""

import json
import signal

import pytest
import tiny

from ct_components.errors import SpecError, StageTimeout, StateError
from ct_pipelines.local import hooks
from ct_pipelines.local.runner import INLINE_LIMIT


def test_a_run_keeps_logs_and_artifacts_and_no_temporary_files(compile_tiny, run_tiny, recorder, warm_start):
    ended = run_tiny(compile_tiny(tiny.greeting), spec='{"a": 1}', warm_start=warm_start)

    assert ended.exit_codes == {"greet": 0}
    assert ended.exit_code == 0
    assert ended.failed_task is None
    assert ended.artifact("greet", "note").read_text() == '{"a": 1}'
    assert ended.artifact("greet", "nothing") is None
    assert "hello from greet" in (ended.folder / "logs" / "greet.log").read_text()
    assert recorder.told == [("started", "greet"), ("ended", "greet", 0)]
    assert sorted(path.name for path in ended.folder.iterdir()) == ["artifacts", "kfp.log", "logs"]


def test_stages_get_the_environment_that_is_given_beside_ours(
    compile_tiny, run_tiny, monkeypatch, warm_start
):
    monkeypatch.setenv("KFP_CT_TEST", "from outside")

    ended = run_tiny(compile_tiny(tiny.greeting), environment={"KFP_CT_TEST": "given"}, warm_start=warm_start)

    assert "Output: 'given'" in (ended.folder / "kfp.log").read_text()


def test_each_run_has_an_id_and_a_folder_of_its_own(compile_tiny, run_tiny):
    compiled = compile_tiny(tiny.greeting)

    first, second = run_tiny(compiled), run_tiny(compiled)

    assert first.run_id != second.run_id
    assert first.folder.name == first.run_id
    assert first.artifact("greet", "note").exists()


@pytest.mark.parametrize("code", [10, 11, 12, 13, 14, 15])
def test_bad_input_is_not_tried_again(compile_tiny, run_tiny, recorder, tmp_path, code):
    marks = tmp_path / "marks"

    ended = run_tiny(compile_tiny(tiny.ending), marks=str(marks), code=str(code))

    assert marks.read_text() == "x"
    assert (ended.failed_task, ended.exit_code) == ("end-with", code)
    assert "retried" not in {told[0] for told in recorder.told}


@pytest.mark.parametrize("code", [1, 20, 75])
def test_other_failures_are_tried_again(compile_tiny, run_tiny, recorder, tmp_path, code):
    marks = tmp_path / "marks"

    ended = run_tiny(compile_tiny(tiny.ending), marks=str(marks), code=str(code))

    assert marks.read_text() == "xxx"
    assert ended.exit_code == code
    assert recorder.told.count(("retried", "end-with", code)) == 2


def test_a_stage_that_works_at_the_second_attempt_is_no_failure(
    compile_tiny, run_tiny, recorder, tmp_path, warm_start
):
    ended = run_tiny(compile_tiny(tiny.retrying), marks=str(tmp_path / "marks"), warm_start=warm_start)

    assert (ended.exit_code, ended.failed_task) == (0, None)
    assert recorder.told == [
        ("started", "fail-once"),
        ("retried", "fail-once", 75),
        ("ended", "fail-once", 0),
    ]


def test_after_a_failure_only_the_exit_task_runs(compile_tiny, run_tiny, recorder, tmp_path, warm_start):
    ended = run_tiny(
        compile_tiny(tiny.ending), marks=str(tmp_path / "marks"), code="11", warm_start=warm_start
    )

    assert dict(ended.exit_codes) == {"end-with": 11, "after-all": 0}
    assert "state FAILED" in recorder.logs["after-all"]


def test_a_stage_that_was_killed_is_a_plain_failure(compile_tiny, run_tiny, tmp_path, warm_start):
    ended = run_tiny(
        compile_tiny(tiny.ending),
        marks=str(tmp_path / "marks"),
        code="-9",
        warm_start=warm_start,
    )

    assert ended.signal == signal.SIGKILL
    assert ended.exit_code == 1


def test_a_stage_that_hangs_is_ended_with_all_its_children(
    compile_tiny, run_tiny, tmp_path, monkeypatch, living, warm_start
):
    monkeypatch.setattr(hooks, "_GRACE_SECONDS", 1.0)
    mark = f"KFP_CT_TEST_MARK={tmp_path}"

    ended = run_tiny(
        compile_tiny(tiny.hanging),
        ready=str(tmp_path / "ready"),
        environment=dict([mark.split("=", 1)]),
        warm_start=warm_start,
    )

    assert (tmp_path / "ready").exists()
    assert ended.exit_code == StageTimeout.exit_code
    assert "did not end itself" in next(ended.folder.glob("logs/*.log")).read_text()
    assert living(mark) == []


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(json.dumps({"text": "x" * INLINE_LIMIT}), id="long"),
        pytest.param(json.dumps({"text": "a {{b}} c"}), id="braces"),
    ],
)
def test_a_spec_that_no_parameter_can_hold_travels_as_a_file(compile_tiny, run_tiny, spec):
    ended = run_tiny(compile_tiny(tiny.greeting), spec=spec)

    assert ended.exit_code == 0
    travelled = ended.artifact("greet", "note").read_text()
    assert travelled == str(ended.folder / "spec.json")
    assert json.loads((ended.folder / "spec.json").read_text()) == json.loads(spec)


def test_a_spec_that_fits_travels_inline(compile_tiny, run_tiny):
    spec = json.dumps({"text": "x" * (INLINE_LIMIT - 20)})

    ended = run_tiny(compile_tiny(tiny.greeting), spec=spec)

    assert ended.artifact("greet", "note").read_text() == spec


def test_what_kfp_would_expand_is_refused(compile_tiny, run_tiny):
    with pytest.raises(SpecError, match=r"note.*'\{\{\$'"):
        run_tiny(compile_tiny(tiny.greeting), note="{{$.inputs}}")


def test_hooks_are_undone_afterwards(compile_tiny, run_tiny):
    from kfp.local import placeholder_utils, subprocess_task_handler
    from kfp.local.orchestrator import task_executor

    def hooked():
        return (
            task_executor.execute_single_task,
            subprocess_task_handler.run_local_subprocess,
            placeholder_utils.make_random_id,
        )

    before = hooked()

    run_tiny(compile_tiny(tiny.greeting))
    with pytest.raises(SpecError):
        run_tiny(compile_tiny(tiny.greeting), unknown="parameter")

    assert hooked() == before


def test_a_run_prints_nothing_of_its_own(compile_tiny, run_tiny, capfd):
    run_tiny(compile_tiny(tiny.greeting))

    assert capfd.readouterr() == ("", "")


def test_parameters_that_the_pipeline_does_not_take_are_named(compile_tiny, run_tiny):
    with pytest.raises(SpecError, match=r"does not take these parameters.*unknown"):
        run_tiny(compile_tiny(tiny.greeting), unknown="x")


def test_a_missing_compiled_pipeline_is_named(run_tiny, tmp_path):
    with pytest.raises(SpecError, match=r"nowhere.yaml.*no such file.*kfp-ct compile"):
        run_tiny(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("text", ["", "a: [", "just: yaml", "- a\n- b"])
def test_a_file_that_is_no_pipeline_is_refused_and_named(run_tiny, tmp_path, text):
    broken = tmp_path / "broken.yaml"
    broken.write_text(text)

    with pytest.raises(SpecError, match=r"broken\.yaml.*cannot be loaded"):
        run_tiny(broken)


def test_a_state_folder_that_cannot_be_written_is_named(compile_tiny, run_tiny, tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")

    with pytest.raises(StateError, match=r"state folder .*file.* cannot be written"):
        run_tiny(compile_tiny(tiny.greeting), home=in_the_way)


@pytest.mark.parametrize("name", ["with space", "größer Ünï ☃", "quote'd", "x" * 120])
def test_a_state_folder_may_have_any_name(compile_tiny, run_tiny, tmp_path, name, warm_start):
    ended = run_tiny(compile_tiny(tiny.greeting), home=tmp_path / name, warm_start=warm_start)

    assert ended.exit_code == 0
    assert ended.artifact("greet", "note").exists()
