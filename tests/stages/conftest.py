"""The stages one after another in this process, on small data, a real MLflow and a real ledger."""

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kfp import dsl

from ct_components import connections as addresses
from ct_components.champion import make_champion
from ct_components.ledger import open_ledger
from ct_components.registry import Registry
from ct_components.stage import Context
from ct_components.stages.begin_run.begin import Request, begin
from ct_components.stages.begin_run.component import begin_run
from ct_components.stages.compute_features.component import compute_features
from ct_components.stages.evaluate_challenger.component import evaluate_challenger
from ct_components.stages.fetch_data.component import fetch_data
from ct_components.stages.promote_challenger.component import promote_challenger
from ct_components.stages.train_model.component import train_model
from ct_components.stages.validate_data.component import validate_data

FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 80
ROWS_A_DAY = 80
# Training 2024-01-29 to 2024-02-28, holdout the two weeks up to here.
AS_OF = "2024-03-13"

SPEC = {
    "model": "shop",
    "task": "binary",
    "source": {"type": "parquet", "uri": "${SHOP_ROOT}/dt=*/*.parquet", "timestamp": "at"},
    "columns": {
        "target": "bought",
        "numeric": ["visits", "age"],
        "categorical": ["region"],
        "id": "customer",
    },
    "windows": {"train": "30d", "holdout": "14d"},
    "validation": {"min_rows": 100},
    "training": {"parameters": {"max_iter": 20}},
}
# A model that sees next to nothing of what decides.
WEAK = {**SPEC, "columns": {**SPEC["columns"], "numeric": ["age"]}}


def pytest_configure(config):
    """What MLflow is warned of, and what it warns of as it is imported, is not ours to mend."""
    config.addinivalue_line("filterwarnings", "ignore::Warning:mlflow.*")
    config.addinivalue_line("filterwarnings", "ignore:.*Any type hint is inferred as AnyType")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """On small data threads mostly wait for one another, and wait long where other tests run beside."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def one_day(day, number):
    """The rows of a day: `visits` and `region` decide, `age` hardly, and the classes overlap."""
    rng = np.random.default_rng(number)
    visits, age = rng.normal(size=ROWS_A_DAY), rng.normal(size=ROWS_A_DAY)
    region = rng.integers(0, 4, ROWS_A_DAY)
    latent = visits + 0.2 * age + 0.5 * (region == 1) + rng.normal(scale=0.2) + rng.normal(size=ROWS_A_DAY)
    seconds = np.sort(rng.integers(0, 86_400, ROWS_A_DAY))
    return pa.table(
        {
            "at": pa.array([day + timedelta(seconds=int(s)) for s in seconds], pa.timestamp("us", "UTC")),
            "customer": [f"{day:%m%d}-{row}" for row in range(ROWS_A_DAY)],
            "bought": pa.array((latent > 0.3).astype(np.int8)),
            "visits": visits,
            "age": pa.array(age, mask=rng.random(ROWS_A_DAY) < 0.1),
            "region": [[None, "north", "south", "east"][code] for code in region],
        }
    )


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A shop's customers, a Parquet partition a day."""
    root = tmp_path_factory.mktemp("shop")
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        folder = root / f"dt={day:%Y-%m-%d}"
        folder.mkdir()
        pq.write_table(one_day(day, number), folder / "part-0.parquet")
    return root


@dataclass
class Stages:
    """Runs stages on the state in one folder, which is what the environment names.

    Attributes:
        state: Where MLflow's and the ledger's SQLite files are.
        work: Where the runs' artifacts go.
    """

    state: Path
    work: Path
    spec: dict = field(default_factory=lambda: SPEC)

    @property
    def registry(self):
        return Registry(addresses.from_environment())

    @property
    def ledger(self):
        return open_ledger(addresses.ledger_url())

    @property
    def client(self):
        import mlflow

        return mlflow.MlflowClient(addresses.from_environment().tracking_uri)

    def artifact(self, run_id, name):
        path = self.work / run_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return SimpleNamespace(path=str(path), metadata={})

    def begin(self, run_id="run-1", spec=None, as_of=AS_OF, **request):
        """The logic of begin_run, whose errors can be told apart."""
        text = spec if isinstance(spec, str) else json.dumps(spec or self.spec)
        return begin(Request(text, run_id, as_of, **request), str(self.work / "resolved" / f"{run_id}.json"))

    def train(self, run_id="run-1", spec=None, as_of=AS_OF, **request):
        """All stages up to the registered challenger, as the pipeline passes things on."""
        resolved = self.artifact(run_id, "resolved.json")
        text = json.dumps(spec or self.spec)
        plan = begin_run.python_func(text, run_id, resolved, as_of, **request)
        names = ("training", "holdout", "profile", "page", "features", "model", "metrics")
        made = SimpleNamespace(**{name: self.artifact(run_id, name) for name in names}, resolved=resolved)
        about = {"context": plan.context}
        fetch_data.python_func(
            plan.source, plan.columns, plan.windows, made.training, made.holdout, plan.also, **about
        )
        validated = made.profile, made.page, self.artifact(run_id, "validation metrics")
        validate_data.python_func(
            made.training, made.holdout, plan.columns, plan.windows, plan.validation, *validated, **about
        )
        compute_features.python_func(made.training, plan.columns, made.features, **about)
        return self.fit(SimpleNamespace(run_id=run_id, plan=plan, made=made))

    def fit(self, begun):
        """train_model alone; repeats it for a run that was trained."""
        made, plan = begun.made, begun.plan
        inputs = made.features, made.profile, made.resolved, plan.columns, plan.training
        begun.version = train_model.python_func(*inputs, made.model, made.metrics, plan.context)
        begun.context = Context.from_json(plan.context)
        return begun

    def evaluate(self, trained, **changes):
        """evaluate_challenger of a trained run; `changes` replace its inputs."""
        made = SimpleNamespace(
            report=self.artifact(trained.run_id, "report.json"),
            page=self.artifact(trained.run_id, "verdict.html"),
            metrics=self.artifact(trained.run_id, "metrics"),
            curves=dsl.ClassificationMetrics(name="curves", uri=str(self.work / "curves")),
        )
        inputs = {
            "holdout": trained.made.holdout,
            "challenger": trained.version,
            "windows": trained.plan.windows,
            "gates": trained.plan.gates,
            "context": trained.plan.context,
        }
        made.verdict = evaluate_challenger.python_func(**{**inputs, **changes}, **vars(made))
        made.report = json.loads(Path(made.report.path).read_text())
        return made

    def promote(self, trained):
        return promote_challenger.python_func(trained.version, trained.plan.context)

    def champion(self):
        found = self.registry.alias("shop", "champion")
        return found.number if found else None


def _use(monkeypatch, state, shop):
    for name, value in addresses.embedded(state, {}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SHOP_ROOT", str(shop))


@pytest.fixture(scope="session")
def empty_state(tmp_path_factory, mlflow_template):
    """A state folder with an empty MLflow, which takes seconds to make its tables."""
    state = tmp_path_factory.mktemp("state")
    shutil.copy(mlflow_template, state / "mlflow.db")
    return state


@pytest.fixture(scope="session")
def two_models_state(tmp_path_factory, empty_state, shop):
    """A weak champion, and a strong challenger that was trained and not judged yet."""
    state = tmp_path_factory.mktemp("two-models") / "state"
    shutil.copytree(empty_state, state)
    with pytest.MonkeyPatch.context() as patch:
        _use(patch, state, shop)
        stages = Stages(state, state.with_name("work"))
        weak = stages.train("run-weak", WEAK, "2024-02-28")
        make_champion(stages.registry, stages.ledger, "shop", "1", expected="", run_id="run-weak")
        strong = stages.train("run-strong", SPEC)
    return SimpleNamespace(state=state, weak=weak, strong=strong)


@pytest.fixture
def stages(tmp_path, monkeypatch, empty_state, shop):
    """The stages on empty databases of their own."""
    _use(monkeypatch, tmp_path / "state", shop)
    shutil.copytree(empty_state, tmp_path / "state")
    return Stages(tmp_path / "state", tmp_path / "work")


@pytest.fixture
def two_models(tmp_path, monkeypatch, two_models_state, shop):
    """The stages on a copy of both databases, with the weak champion and the trained strong challenger.

    The models' files are shared between tests: not to be changed.
    """
    _use(monkeypatch, tmp_path / "state", shop)
    shutil.copytree(two_models_state.state, tmp_path / "state", ignore=shutil.ignore_patterns("*artifacts"))
    stages = Stages(tmp_path / "state", tmp_path / "work")
    stages.weak, stages.strong = two_models_state.weak, two_models_state.strong
    return stages


@pytest.fixture
def no_ledger(monkeypatch):
    """No ledger is configured. Ask for it after the stages."""
    monkeypatch.delenv(addresses.LEDGER_URL)
