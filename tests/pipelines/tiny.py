"""Components and pipelines of the runner's tests; KFP reads a component's source, so it needs a file."""

from kfp import dsl

from ct_components.component import component


@component()
def greet(spec: str, note: dsl.Output[dsl.Artifact]) -> str:
    import os
    import sys
    import tempfile
    from pathlib import Path

    sys.stdout.write("hello from greet\n")
    Path(note.path).write_text(spec)
    (Path(tempfile.gettempdir()) / "left-behind").write_text("a temporary file")
    return os.environ.get("KFP_CT_TEST", "not set")


@component()
def end_with(spec: str, code: str, marks: str):
    """Leaves a mark for each attempt, then ends with an exit code, or by a signal if `code` is negative."""
    import os
    import sys
    from pathlib import Path

    with Path(marks).open("a") as file:
        file.write("x")
    if int(code) < 0:
        os.kill(os.getpid(), -int(code))
    sys.exit(int(code))


@component()
def fail_once(spec: str, marks: str):
    import sys
    from pathlib import Path

    if not Path(marks).exists():
        Path(marks).write_text("x")
        sys.exit(75)


@component()
def hang(spec: str, ready: str):
    """Hangs, with a child that hangs too, deaf to anything polite."""
    import signal
    import subprocess
    import sys
    import time
    from pathlib import Path

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(ready).write_text("x")
    time.sleep(600)


@component()
def after_all(status: dsl.PipelineTaskFinalStatus):
    import sys

    sys.stdout.write(f"state {status.state}\n")


@dsl.pipeline(name="tiny-greeting")
def greeting(spec: str, note: str = ""):
    greet(spec=spec)


@dsl.pipeline(name="tiny-ending")
def ending(spec: str, marks: str, code: str = "1"):
    with dsl.ExitHandler(after_all()):
        first = end_with(spec=spec, code=code, marks=marks)
        first.set_retry(num_retries=2, backoff_duration="0s")
        greet(spec=spec).after(first)


@dsl.pipeline(name="tiny-retrying")
def retrying(spec: str, marks: str):
    fail_once(spec=spec, marks=marks).set_retry(num_retries=2, backoff_duration="0s")


@dsl.pipeline(name="tiny-hanging")
def hanging(spec: str, ready: str):
    hang(spec=spec, ready=ready).set_env_variable("KFP_CT_STAGE_TIMEOUT", "1")
