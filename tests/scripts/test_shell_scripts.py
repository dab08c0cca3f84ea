"""The commands a person types, in a copy of the project whose parts only print what they were told."""

import fcntl
import os
import shutil
import subprocess
import sys
import time

import pytest

PRINT_CALL = (
    '#!/bin/sh\necho "$(basename "$0") $*"; echo "home=$KFP_CT_HOME data=$DATA_ROOT path=$PYTHONPATH"\n'
)


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def project(root, tmp_path):
    """A project in a folder with a space, with a current .venv that holds a fake kfp-ct."""
    project = tmp_path / "a project"
    shutil.copytree(root / "scripts", project / "scripts")
    for name in ("constraints.txt", "pyproject.toml"):
        shutil.copy(root / name, project)
    (project / "scripts" / "prepare_flights.py").write_text("print('prepared')\n")
    programs = project / ".venv" / "bin"
    write_program(programs / "kfp-ct", PRINT_CALL)
    write_program(programs / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    stamp = sourced(
        project, "wanted_stamp", "root=$1; eval \"$(sed -n '/^wanted_stamp/,/^}/p' scripts/setup)\""
    )
    (project / ".venv" / ".stamp").write_text(stamp)
    return project


def sourced(project, command, prelude="source scripts/setup"):
    """What a command prints in a shell that has sourced the set-up."""
    script = f"{prelude}; {command}"
    return subprocess.run(
        ["bash", "-c", script, "bash", str(project)], cwd=project, text=True, capture_output=True, check=True
    ).stdout


def call(project, name, *arguments, cwd="/", **env):
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    return subprocess.run(
        [str(project / "scripts" / name), *arguments],
        cwd=cwd,
        env=inherited | env,
        text=True,
        capture_output=True,
        check=False,
    )


def test_run_trains_at_nine_dates_with_its_own_folders_and_passes_options_on(project):
    done = call(project, "run", "--verbose")
    assert done.returncode == 0, done.stderr
    prepared, command, environment = done.stdout.splitlines()
    assert prepared == "prepared"
    dates = " ".join(f"--as-of 2013-{month:02}-01" for month in range(4, 13))
    assert command == f"kfp-ct run manifests/models/flight-delay/model.yaml {dates} --verbose"
    assert environment == f"home={project}/.kfp-ct/demo data={project}/data path="


def test_run_starts_from_a_fresh_state_folder_and_leaves_others_alone(project):
    for name in ("demo", "mine"):
        (project / ".kfp-ct" / name).mkdir(parents=True)
        (project / ".kfp-ct" / name / "ledger.db").touch()
    assert call(project, "run").returncode == 0
    assert not (project / ".kfp-ct" / "demo").exists()
    assert (project / ".kfp-ct" / "mine" / "ledger.db").exists()


def test_a_second_run_says_that_one_is_under_way_and_removes_nothing(project):
    (project / ".kfp-ct" / "demo").mkdir(parents=True)
    with (project / ".kfp-ct" / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = call(project, "run")
    assert done.returncode == 1
    assert "another one is under way" in done.stderr
    assert (project / ".kfp-ct" / "demo").exists()


def test_what_other_programs_set_for_python_does_not_reach_ours(project):
    done = call(project, "run", PYTHONPATH="/nonsense", PYTHONDONTWRITEBYTECODE="1")
    assert done.stdout.splitlines()[-1].endswith(" path=")


def test_a_failing_job_fails_the_command(project):
    write_program(project / ".venv" / "bin" / "kfp-ct", "#!/bin/sh\nexit 7\n")
    assert call(project, "run").returncode == 7


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ((), "-m not slow and not service"),
        (("--all",), "-m "),
        (("-k", "a b", "--all"), "-m  -k a b"),
    ],
)
def test_test_chooses_the_fast_tests_unless_told(project, arguments, passed):
    python = project / ".venv" / "bin" / "python"
    real = python.read_text()
    write_program(python, real.replace("exec", 'if [ "$2" = pytest ]; then echo "$*"; exit; fi\nexec', 1))
    done = call(project, "test", *arguments)
    assert done.stdout == f"-m pytest -n 2 {passed}\n"


def test_setup_that_is_current_does_nothing_and_is_quick(project):
    started = time.monotonic()
    done = call(project, "setup")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "set-up: .venv is current\n")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("change", ["constraints.txt", "pyproject.toml", ".venv/.unfinished"])
def test_setup_is_not_current_after_a_change_or_an_interruption(project, change):
    with (project / change).open("a") as file:
        file.write("# changed\n")
    no_python = project / "no-python"
    done = call(project, "setup", PYTHON=str(no_python))
    assert done.returncode == 1
    assert f"PYTHON={no_python} is no Python from 3.11 to 3.13" in done.stderr


def test_setup_is_not_current_in_a_folder_that_was_moved(project):
    moved = project.with_name("moved")
    project.rename(moved)
    assert call(moved, "setup", PYTHON="/no-python").returncode == 1


def test_setup_without_a_python_that_fits_says_what_it_needs(project, tmp_path):
    shutil.rmtree(project / ".venv")
    programs = tmp_path / "bin"
    for name in ("bash", "dirname", "env"):
        programs.mkdir(exist_ok=True)
        (programs / name).symlink_to(shutil.which(name))
    write_program(programs / "python3", '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2"; exit 1\n')
    done = call(project, "setup", PATH=str(programs))
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13 with venv; found: Python 3.9.2" in done.stderr


def test_golden_files_that_differ_are_shown_and_left_alone(project):
    write_program(project / ".venv" / "bin" / "kfp-ct", '#!/bin/sh\necho "new: 1" > "$3"\n')
    (project / "components" / "ct_components" / "stages").mkdir(parents=True)
    python = project / ".venv" / "bin" / "python"
    real = python.read_text()
    write_program(
        python,
        real.replace(
            "exec",
            '[ "$2" = ct_components.spec.schema ] && exec touch "$3"\n'
            '[ "$1" = scripts/reference.py ] && exit 0\nexec',
            1,
        ),
    )
    compiled = project / "pipelines" / "compiled" / "continuous_training.yaml"
    compiled.parent.mkdir(parents=True)
    compiled.write_text("old: 1\n")

    checked = call(project, "golden", "--check")
    assert checked.returncode == 1
    assert "-old: 1\n+new: 1\n" in checked.stdout
    assert compiled.read_text() == "old: 1\n"

    assert call(project, "golden").returncode == 0
    assert compiled.read_text() == "new: 1\n"
    assert call(project, "golden", "--check").returncode == 0
