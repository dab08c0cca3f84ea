"""A model that hangs, eats memory, dies, or answers nonsense is named, ended, and harms nobody else."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import staging_samples as samples

from ct_components.errors import ModelError, StageTimeout
from ct_components.models import store
from ct_components.spec import Check
from ct_components.staging import supervise

pytestmark = pytest.mark.slow


def refused(job, message, **limits):
    with pytest.raises(ModelError, match=message):
        supervise.run(job, Check(**limits))


def figures(job):
    return {each.check: each for each in supervise.run(job, Check())}


@pytest.fixture
def marked(tmp_path, monkeypatch, living):
    """The living processes that were started by this test, which are known by their TMPDIR."""
    mark = tmp_path / "temporary"
    mark.mkdir()
    monkeypatch.setenv("TMPDIR", str(mark))
    return lambda: living(str(mark))


def gone(processes, seconds=10):
    ends = time.monotonic() + seconds
    while processes() and time.monotonic() < ends:
        time.sleep(0.05)
    return not processes()


class TestTime:
    """A model that hangs is ended."""

    def test_while_it_loads(self, odd_model, marked):
        begun = time.monotonic()
        refused(odd_model(load="time.sleep(600)"), "^load: not done after 0.5 s, its limit", load_seconds=0.5)
        assert time.monotonic() - begun < 60
        assert gone(marked)

    def test_while_it_loads_and_lets_no_other_thread_run(self, odd_model, marked):
        """No clock within the process would end this."""
        job = odd_model(load="import re; re.match(r'(a+)+$', 'a' * 64 + 'b')")
        refused(job, "^load: not done after 0.5 s, its limit", load_seconds=0.5)
        assert gone(marked)

    def test_while_it_predicts(self, odd_model, monkeypatch, marked):
        monkeypatch.setattr(supervise, "_STEP_SECONDS", 0.5)
        refused(odd_model(predict="time.sleep(600)"), "^sample: not done after 0.5 s, its limit")
        assert gone(marked)

    def test_slow_rows_are_timed(self, odd_model):
        job = odd_model(predict="time.sleep(0.05)\nreturn np.full((len(rows), 2), 0.5)")
        refused(
            job, r"^latency: [5-9]\d\.\d+ ms, limit 20 ms \(the median of 11 single rows\)$", latency_ms=20
        )

    def test_mlflow_that_takes_minutes_to_import_is_not_the_models_fault(self, odd_model, monkeypatch):
        monkeypatch.setattr(supervise, "_START_SECONDS", 0.3)
        with pytest.raises(StageTimeout, match=r"start: not done after 0\.3 s"):
            supervise.run(odd_model(), Check())


class TestMemory:
    """A model that eats memory is ended, and the machine lives on."""

    @pytest.fixture
    def greedy(self, odd_model):
        """Takes what it can get in the time that it is given, at most 8 GiB, and keeps it."""
        return odd_model(load="kept = []\nfor _ in range(128): kept.append(np.ones(2**23))\ntime.sleep(60)")

    def test_block_by_block(self, greedy, marked):
        refused(greedy, r"^memory: [5-9]\d\d MiB in load, limit 500 MiB; it was ended$", memory_mb=500)
        assert gone(marked)

    def test_where_there_is_no_proc(self, greedy, monkeypatch):
        """As on macOS, where ps is asked."""
        monkeypatch.setattr(
            supervise._Watch, "_by_ps", property(lambda _: True, lambda *_: None), raising=False
        )
        refused(greedy, r"^memory: \d+ MiB in load, limit 500 MiB; it was ended$", memory_mb=500)

    @pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory that holds")
    def test_all_at_once(self, odd_model):
        """More than any machine has, and refused before any of it is used."""
        job = odd_model(load="np.ones(2**40)")
        refused(job, r"^memory: MemoryError: Unable to allocate 8\.00 TiB .*, in load; limit 4096 MiB")

    @pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory that holds")
    def test_between_two_looks(self, odd_model, monkeypatch):
        """Where the supervisor cannot look, the limit behind it holds."""
        monkeypatch.setattr(supervise._Watch, "_look", lambda _: None)
        monkeypatch.setattr(supervise, "_RESERVED_MIB", 1024)
        refused(
            odd_model(load="kept = []\nwhile True: kept.append(np.ones(2**23))"),
            r"^memory: MemoryError: Unable to allocate 64\.0 MiB .*, in load; limit 1000 MiB",
            memory_mb=1000,
        )

    @pytest.mark.parametrize(
        ("limit", "use"),
        [
            ("memory.max", "memory.stat"),
            ("memory/memory.limit_in_bytes", "memory/memory.stat"),
        ],
    )
    def test_what_a_container_has_left(self, greedy, monkeypatch, tmp_path, limit, use):
        """The kernel would end the container, the stage with it, and nobody would learn why."""
        (tmp_path / "memory").mkdir()
        (tmp_path / limit).write_text(f"{1000 * 2**20}\n")
        (tmp_path / use).write_text(f"file 7\nanon {500 * 2**20}\ntotal_rss {500 * 2**20}\n")
        monkeypatch.setattr(supervise, "_CGROUP", tmp_path)
        refused(
            greedy, r"^memory: \d+ MiB in load, limit 475 MiB, which is what the container has left of 4096"
        )

    def test_a_peak_that_is_over(self, odd_model):
        """What was used for a moment counts: a container would have been ended for it."""
        job = odd_model(predict="np.ones(2**26)\nreturn np.full((len(rows), 2), 0.5)")
        refused(job, r"^memory: \d+ MiB in \w+, limit 500 MiB", memory_mb=500)


class TestAnswers:
    """A model that answers nonsense, or not at all, is named with the row that it was asked for."""

    @pytest.mark.parametrize(
        ("predict", "message"),
        [
            (
                "return np.where(np.isnan(rows[['visits']]) & (len(rows) < 9), np.nan, [[0.5, 0.5]])",
                r"^missing_values: a row without 'visits' gets \[nan, nan\]; allowed: finite scores",
            ),
            (
                "return np.where(rows[['region', 'age']].isna().all(axis=1).to_frame(), 2.0, [[0.5, 0.5]])",
                r"^missing_values: a row without any value gets \[2\.0, 2\.0\]",
            ),
            (
                """
                if not rows.region.isin(["north", "south", None, np.nan]).all():
                    raise KeyError("region")
                return np.full((len(rows), 2), 0.5)
                """,
                "^unseen_category: a row with an unseen 'region': KeyError: 'region'$",
            ),
            (
                "return np.full((len(rows), 2), 0.5) if len(rows) != 1 else np.full(2, 0.5)",
                r"^one_row: 1 rows get an answer of shape \(2,\); allowed: \(1, 2\)",
            ),
            (
                "return np.full((len(rows) or 1, 2), 0.5)",
                r"^empty_frame: 0 rows get an answer of shape \(1, 2\); allowed: \(0, 2\)",
            ),
            (
                "1 / len(rows)\nreturn np.full((len(rows), 2), 0.5)",
                "^empty_frame: ZeroDivisionError: division by zero",
            ),
            (
                """
                if not len(rows):
                    self.broken = True
                    raise ValueError("empty")
                return np.full((len(rows), 2), np.inf if hasattr(self, "broken") else 0.5)
                """,
                r"^empty_frame: a row after an empty frame gets \[inf, inf\]",
            ),
        ],
        ids=["nan", "out of range", "unseen", "shape", "made up", "other error", "broken by it"],
    )
    def test_a_wrong_one(self, odd_model, predict, message):
        refused(odd_model(predict=predict), message)

    def test_an_empty_answer_to_an_empty_frame_is_right(self, odd_model):
        assert figures(odd_model())["empty_frame"].note == "answered with an empty prediction"

    @pytest.mark.parametrize(
        ("load", "message"),
        [
            ("os._exit(0)", "^load: the process ended early, with exit code 0$"),
            ("print('so long', flush=True); os._exit(3)", "^load: .* exit code 3: so long$"),
            ("os.kill(os.getpid(), 11)", "^load: the process was ended by SIGSEGV"),
            ("os.kill(os.getpid(), 9)", "^load: .* by SIGKILL, as the kernel does where memory is short"),
            ("sys.exit('no')", "^load: SystemExit: no"),
            ("raise RuntimeError('one\\ntwo')", "^load: RuntimeError: one$"),
            ("raise RuntimeError('http://me:secret@host')", r"^load: RuntimeError: http://me:\*\*\*@host$"),
        ],
    )
    def test_an_end_without_any(self, odd_model, load, message):
        refused(odd_model(load=load), message)


class TestRequirements:
    """What is installed here and is no requirement of the model cannot be imported, as on its server."""

    @pytest.mark.parametrize("name", ["ct_components", "pytest"])
    def test_what_is_no_requirement_is_not_there(self, odd_model, name):
        refused(
            odd_model(load=f"import {name}"),
            f"^load: ModuleNotFoundError: No module named '{name}'; only MLflow, the model's requ",
        )

    def test_what_is_a_requirement_is_there_with_what_it_requires(self, odd_model):
        assert figures(odd_model(load="import pytest, pluggy", requirements="pytest>=8"))

    def test_packages_that_are_hidden_are_not_listed_either(self, odd_model):
        load = """
            import importlib.metadata, importlib.util
            assert importlib.util.find_spec("pytest") is None
            names = {each.metadata["Name"] for each in importlib.metadata.distributions()}
            assert "numpy" in names and "pytest" not in names, names
        """
        assert figures(odd_model(load=load))

    def test_a_requirement_for_another_system_is_none(self, odd_model):
        assert figures(odd_model(requirements="pywin32==1; sys_platform == 'win32'"))

    def test_no_connection_of_ours_is_in_its_environment(self, odd_model, monkeypatch):
        for name in ("KFP_CT_LEDGER_URL", "MLFLOW_TRACKING_URI", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "http://secret")
        load = "assert 'secret' not in str(dict(os.environ)), sorted(os.environ)"
        assert figures(odd_model(load=load))


@pytest.mark.parametrize(
    "estimator", ["sklearn.linear_model.LogisticRegression", "sklearn.svm.LinearSVC"], ids=["odds", "classes"]
)
def test_other_estimators_pass(stored, estimator):
    """Probabilities, and classes where an estimator has none."""
    assert figures(stored(estimator))["missing_values"].figure == 4


def test_a_model_that_takes_no_missing_values(stored):
    """As scikit-learn's are without the imputer that the stages put before them."""
    job = stored("sklearn.linear_model.LogisticRegression", imputed=False)
    refused(job, "^missing_values: a row without 'visits': ValueError: Input X contains NaN")


def test_the_process_ends_with_a_supervisor_that_is_killed(odd_model, marked, tmp_path):
    job = odd_model(load=f"open({str(tmp_path / 'loads')!r}, 'w').close()\ntime.sleep(600)")
    program = (
        "import json, sys; from ct_components.spec import Check; "
        "from ct_components.staging.supervise import run; run(json.loads(sys.argv[1]), Check())"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program, json.dumps(job)])
    while not (tmp_path / "loads").exists():
        assert supervisor.poll() is None
        time.sleep(0.05)
    assert len(marked()) == 2
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.wait()
    assert gone(marked)


@pytest.fixture
def stored(tmp_path):
    """Fits a model on a few rows, stores it as the stages do, and returns the job to check it."""
    import mlflow.sklearn
    import pandas as pd
    from sklearn.preprocessing import StandardScaler

    from ct_components.models.build import Features, build_pipeline
    from ct_components.models.score import fit, score

    def make(estimator, *, imputed=True):
        rng = np.random.default_rng(0)
        rows = pd.DataFrame(samples.ROWS * 20, columns=list(samples.COLUMNS)).astype({"region": object})
        rows = rows.fillna({"age": 30.0}) if not imputed else rows
        model = build_pipeline(estimator, {}, 0, Features(["visits", "age"], ["region"]))
        if not imputed:
            model[0].transformers[1] = ("numeric", StandardScaler(), ["visits", "age"])
        fit(model, rows, rng.random(60) < 0.5, None)
        known = pd.DataFrame(samples.ROWS, columns=list(samples.COLUMNS)).astype({"region": object})
        known = known if imputed else known.fillna({"age": 30.0})
        predict = "predict_proba" if hasattr(model, "predict_proba") else "predict"
        mlflow.sklearn.save_model(
            model, tmp_path / "model", serialization_format="skops",
            skops_trusted_types=store._dumped_types(model), pyfunc_predict_fn=predict,
            signature=store._signature(predict, known), pip_requirements=store.serving_requirements(),
        )  # fmt: skip
        job = samples.job(tmp_path / "model", score(model, known).tolist())
        if not imputed:
            job["sample"]["rows"]["data"] = [[v, a or 30.0, r] for v, a, r in samples.ROWS]
        return job

    return make
