"""The performance monitor on the flights of 2013: a winter's model, watched until summer."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from performance_world import World

from ct_components import connections as addresses

ROOT = Path(__file__).parents[2]
PROMOTED = "2013-03-15"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::Warning:mlflow.*"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]


class Curves:
    """Takes what KFP's classification metrics take, and keeps nothing."""

    def log_roc_curve(self, *_):
        """Nobody looks."""

    def log_confusion_matrix(self, *_):
        """Nobody looks."""


def promote(spec, work, run_id):
    """The pipeline's stages in this process, as of the day of the promotion."""
    from ct_components.stages.begin_run.component import begin_run
    from ct_components.stages.compute_features.component import compute_features
    from ct_components.stages.evaluate_challenger.component import evaluate_challenger
    from ct_components.stages.fetch_data.component import fetch_data
    from ct_components.stages.promote_challenger.component import promote_challenger
    from ct_components.stages.train_model.component import train_model
    from ct_components.stages.validate_data.component import validate_data

    def made(name):
        return SimpleNamespace(path=str(work / name), metadata={})

    training, holdout, profile, features = map(made, ("training", "holdout", "profile", "features"))
    resolved = made("resolved")
    plan = begin_run.python_func(json.dumps(spec), run_id, resolved, PROMOTED)
    about = {"context": plan.context}
    fetch_data.python_func(plan.source, plan.columns, plan.windows, training, holdout, plan.also, **about)
    checked = profile, made("validation"), made("checks")
    validate_data.python_func(
        training, holdout, plan.columns, plan.windows, plan.validation, *checked, **about
    )
    compute_features.python_func(training, plan.columns, features, **about)
    fitted = features, profile, resolved, plan.columns, plan.training, made("model"), made("fitting")
    version = train_model.python_func(*fitted, plan.context)
    judged = made("report"), made("verdict"), made("scores"), Curves()
    verdict = evaluate_challenger.python_func(
        holdout, version, plan.windows, plan.gates, plan.context, *judged
    )
    assert verdict == "promote"
    assert promote_challenger.python_func(version, plan.context) == "1"


@pytest.fixture(scope="module")
def flights(tmp_path_factory, mlflow_template):
    """A model of January and February, champion since the middle of March."""
    root = tmp_path_factory.mktemp("flights")
    prepare = ROOT / "scripts" / "prepare_flights.py"
    subprocess.run([sys.executable, prepare, root / "data"], check=True, capture_output=True)
    home, work = root / "state", root / "work"
    home.mkdir()
    work.mkdir()
    (home / "mlflow.db").write_bytes(mlflow_template.read_bytes())
    spec = yaml.safe_load((ROOT / "manifests/models/flight-delay/model.yaml").read_text())
    spec["windows"] = {"train": "60d", "holdout": "14d"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in addresses.embedded(home, {}).items():
            patch.setenv(name, value)
        patch.setenv("DATA_ROOT", str(root / "data"))
        promote(spec, work, "run-1")
        yield World(spec)


def metric(look):
    return look.report["metrics"][0]


def test_a_winters_model_is_left_alone_for_weeks_and_fires_in_summer(flights):
    brier = {"metrics": {"brier_score": {}}}
    weeks = [flights.look(f"2013-{day}", **brier) for day in ("03-22", "03-29", "04-05", "04-12", "05-31")]
    summer = flights.look("2013-07-13", **brier)

    assert not any(look.fires for look in weeks)
    assert {look.verdict for look in weeks} <= {"insufficient", "uncertain", "fine"}
    assert (summer.verdict, summer.reason) == ("fire", "critical_degradation")
    assert summer.key == "performance-2013-07-13"
    assert summer.report["baseline"]["origin"] == "logged"
    assert metric(summer)["sequence_limit"] > metric(summer)["critical"] > metric(summer)["baseline"]


def test_a_threshold_of_log_loss_fires_for_that_reason(flights):
    threshold = {"metrics": {"log_loss": {"threshold": 0.53, "critical_degradation": None}}}
    spring, summer = flights.look("2013-04-12", **threshold), flights.look("2013-07-13", **threshold)

    assert (spring.fires, summer.verdict, summer.reason) == (False, "fire", "threshold")


def test_flights_of_the_last_days_do_not_count_while_their_labels_may_come(flights):
    delayed = flights.look("2013-04-12", sections={"source": {"label_delay": "7d"}})
    earlier = flights.look("2013-04-05")

    assert delayed.window == earlier.window
    assert delayed.report["metrics"] == earlier.report["metrics"]


def test_days_are_new_yorks_and_cancelled_flights_have_no_label(flights):
    look = flights.look("2013-04-12")

    assert look.report["since"]["start"] == "2013-03-15T04:00:00+00:00"
    assert look.window.end.isoformat() == "2013-04-12T04:00:00+00:00"
    coverage = look.report["coverage"]["since"]
    assert 0.95 < coverage["share"] < 1
    assert look.report["values"] == {"roc_auc": 28}


def test_the_baseline_measured_anew_is_what_the_evaluation_kept(flights):
    kept = flights.look("2013-04-12")
    client = flights.registry._client
    client.delete_model_version_tag("flight-delay", "1", "kfp_ct.holdout_metrics")
    anew = flights.look("2013-04-12")
    flights.registry.tag_version(
        flights.registry.version("flight-delay", "1"), {"holdout_metrics": "holdout_metrics.json"}
    )

    assert anew.report["baseline"]["origin"] == "measured"
    assert anew.report["metrics"] == kept.report["metrics"]


def test_the_same_instant_says_the_same_and_writes_nothing_new(flights):
    first = flights.look("2013-04-12")
    before = flights.ledger.metrics("flight-delay")

    assert flights.look("2013-04-12") == first
    assert flights.ledger.metrics("flight-delay") == before
