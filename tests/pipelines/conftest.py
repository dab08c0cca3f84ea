"""Tiny pipelines of components made here, compiled and run as the real one is."""

import sys

import pytest

from ct_pipelines.local.runner import run_pipeline


@pytest.fixture
def compile_tiny(tmp_path):
    """Compiles a pipeline function to YAML."""

    def compile_it(pipeline, name="tiny.yaml"):
        from kfp import compiler

        path = tmp_path / name
        compiler.Compiler().compile(pipeline, str(path))
        return path

    return compile_it


class Recorder:
    """An observer that remembers what it was told."""

    def __init__(self):
        self.told = []
        self.logs = {}

    def started(self, task):
        self.told.append(("started", task))

    def retried(self, task, exit_code):
        self.told.append(("retried", task, exit_code))

    def ended(self, task, exit_code, seconds, log):
        assert seconds >= 0
        self.told.append(("ended", task, exit_code))
        self.logs[task] = log.read_text() if log.exists() else ""


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["cold", "warm"])
def warm_start(request):
    if request.param and sys.platform != "linux":
        pytest.skip("stages are forked on Linux only")
    return request.param


@pytest.fixture
def run_tiny(tmp_path, recorder):
    """Runs a compiled pipeline on a state folder of the test's own."""

    def run(compiled, spec="{}", home=None, environment=None, warm_start=False, **arguments):
        return run_pipeline(
            compiled,
            {"spec": spec, **arguments},
            home or tmp_path / "state",
            environment or {},
            recorder,
            warm_start=warm_start,
        )

    return run
