"""Whether a run's process lives is told by its lock, also to many who ask at once."""

import fcntl

from ct_pipelines.local.alive import alive, is_alive


def test_a_run_lives_as_long_as_its_process_holds_the_lock(tmp_path):
    folder = tmp_path / "run"

    before = is_alive(folder)
    with alive(folder):
        during = is_alive(folder)

    assert (before, during, is_alive(folder)) == (False, True, False)


def test_somebody_else_who_asks_is_not_taken_for_the_run(tmp_path):
    folder = tmp_path / "run"
    with alive(folder):
        pass
    with (tmp_path / ".run.lock").open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)

        assert not is_alive(folder)
