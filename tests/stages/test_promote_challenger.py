"""Stage promote_challenger: staging → checked in a clean process → champion, however often it is begun."""

import json
import pkgutil
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skops.io
import yaml

from ct_components.errors import ModelError, SpecError, StateError
from ct_components.journal import tagged_candidates
from ct_components.registry import Registry
from ct_components.stage import Context
from ct_components.stages.promote_challenger import promote


def the_promotion(stages, trained=None):
    trained = trained or stages.strong
    return promote.promote(trained.context, trained.version)


@pytest.fixture
def unchecked(monkeypatch):
    """Skips the check, which takes seconds, where it is not what is tested."""
    monkeypatch.setattr(promote, "check", lambda *_: None)


@pytest.mark.slow
def test_a_challenger_becomes_champion(two_models):
    assert two_models.promote(two_models.strong) == "2"
    assert two_models.champion() == "2"
    assert two_models.registry.alias("shop", "staging").number == "2"
    assert two_models.registry.version("shop", "2").tags["promoted_by"] == "run-strong"
    latest = two_models.ledger.champion("shop")
    assert (latest.version, latest.previous_version, latest.run_id) == ("2", "1", "run-strong")
    assert two_models.ledger.stage_outcome("run-strong", "promote_challenger").outcome == "succeeded"


def test_a_repetition_changes_nothing(two_models, unchecked):
    the_promotion(two_models)
    before = two_models.ledger.champion("shop")
    assert the_promotion(two_models) == "2"
    assert two_models.ledger.champion("shop") == before


def test_without_a_ledger_the_alias_alone_is_moved(two_models, unchecked, no_ledger):
    assert the_promotion(two_models) == "2"
    assert two_models.champion() == "2"
    assert the_promotion(two_models) == "2"


@pytest.mark.parametrize("ledger", [True, False])
def test_the_verdict_is_void_when_the_champion_changed_since(two_models, unchecked, monkeypatch, ledger):
    if not ledger:
        monkeypatch.delenv("KFP_CT_LEDGER_URL")
    judged_against_none = Context(**{**vars(two_models.strong.context), "champion": ""})
    with pytest.raises(
        StateError, match="void: it was judged against champion none, and the champion is now 1"
    ):
        promote.promote(judged_against_none, "2")
    assert two_models.champion() == "1"


def test_an_alias_moved_by_hand_meanwhile_voids_the_verdict(two_models, unchecked):
    trained = two_models.train("run-3")
    two_models.registry.set_alias("shop", "champion", trained.version)
    with pytest.raises(StateError, match="the champion is now 3"):
        the_promotion(two_models)
    assert two_models.champion() == "3"


STEPS = [
    "ct_components.registry.Registry.set_alias",
    "ct_components.stages.promote_challenger.promote.check",
    "ct_components.ledger.Ledger.record_promotion",
    "ct_components.ledger.Ledger.mark_projected",
    "ct_components.registry.Registry.tag_version",
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.rpartition(".")[2])
def test_a_crash_at_any_step_is_resumed(two_models, unchecked, monkeypatch, step, after):
    original = pkgutil.resolve_name(step)

    def crash(*arguments, **settings):
        if after:
            original(*arguments, **settings)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(step, crash)
        with pytest.raises(KeyboardInterrupt):
            the_promotion(two_models)
    assert the_promotion(two_models) == "2"
    history = two_models.ledger.history("shop")["promotions"]
    assert two_models.champion() == "2"
    assert [each["version"] for each in history] == ["1", "2"]
    assert all(each["projected_at"] for each in history)
    assert two_models.registry.version("shop", "2").tags["promoted_by"] == "run-strong"


def test_a_crash_between_ledger_and_alias_does_not_void_the_promotion(two_models, unchecked, monkeypatch):
    """The ledger has it and the alias has not: that is no other champion, but this one."""

    def crash(*_):
        raise KeyboardInterrupt

    set_alias = two_models.registry.__class__.set_alias
    with monkeypatch.context() as patch:
        patch.setattr(
            "ct_components.registry.Registry.set_alias",
            lambda self, name, alias, number: (crash if alias == "champion" else set_alias)(
                self, name, alias, number
            ),
        )
        with pytest.raises(KeyboardInterrupt):
            the_promotion(two_models)
    assert two_models.champion() == "1"
    assert the_promotion(two_models) == "2"
    assert two_models.champion() == "2"


class TestTheCheck:
    """A model that does not load or predict alone never becomes champion."""

    @pytest.fixture
    def trained(self, stages):
        columns = {**stages.spec["columns"], "numeric": ["visits"], "categorical": ["region"]}
        return stages.train(spec={**stages.spec, "columns": columns})

    @pytest.fixture
    def folder(self, stages, trained):
        return stages.registry.download(stages.registry.version("shop", trained.version))

    def refused(self, stages, trained, message):
        with pytest.raises(ModelError, match=message):
            the_promotion(stages, trained)
        assert stages.champion() is None
        assert stages.ledger.champion("shop") is None

    @pytest.mark.slow
    def test_a_model_that_was_exchanged_predicts_otherwise(self, stages, trained, folder):
        path = folder / "model.skops"
        types = skops.io.get_untrusted_types(file=path)
        model = skops.io.load(path, trusted=types)
        model[-1]._baseline_prediction += 0.01
        skops.io.dump(model, path)
        self.refused(stages, trained, "models:/shop/1 fails its check in staging: .*differ")

    @pytest.mark.slow
    def test_a_model_file_that_was_cut_off(self, stages, trained, folder):
        path = folder / "model.skops"
        path.write_bytes(path.read_bytes()[:500])
        self.refused(stages, trained, "models:/shop/1 fails its check in staging: load.*BadZipFile")

    def test_a_model_that_asks_for_other_code(self, stages, trained, folder):
        content = yaml.safe_load((folder / "MLmodel").read_text())
        content["flavors"]["python_function"]["loader_module"] = "evil"
        (folder / "MLmodel").write_text(yaml.safe_dump(content))
        self.refused(stages, trained, "python_function.loader_module: 'evil'; allowed: mlflow.sklearn")

    def test_a_sample_that_is_gone(self, stages, trained):
        run = stages.client.get_run(trained.context.mlflow_run_id)
        (Path(urlsplit(run.info.artifact_uri).path) / "prediction_sample.json").unlink()
        with pytest.raises(StateError, match="prediction_sample"):
            the_promotion(stages, trained)
        assert stages.champion() is None


ODD_NAMES = ["1", "2024-01-01", "two words", "naïve", "index", "columns"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "training",
    [
        {"parameters": {"max_iter": 10}},
        {"estimator": "sklearn.linear_model.LogisticRegression"},
        {"estimator": "sklearn.linear_model.RidgeClassifier"},
        {"estimator": "sklearn.svm.LinearSVC"},
        {"estimator": "sklearn.neighbors.NearestCentroid"},
    ],
    ids=lambda training: training.get("estimator", "trees").rpartition(".")[2],
)
def test_odd_names_and_tiny_numbers_pass_the_check(stages, shop, tmp_path, monkeypatch, training):
    """The sample says every number to the last bit, and names are text however they look."""
    for part in sorted(shop.glob("dt=2024-01-*/*.parquet")):
        table = pq.read_table(part)
        for power, name in zip((-20, 20, -5, 0, 3, 1), ODD_NAMES, strict=True):
            noise = [value * 10.0**power for value in table["visits"].to_pylist()]
            table = table.append_column(name, pa.array(noise))
        (tmp_path / "odd" / part.parent.name).mkdir(parents=True)
        pq.write_table(table, tmp_path / "odd" / part.parent.name / part.name)
    monkeypatch.setenv("SHOP_ROOT", str(tmp_path / "odd"))
    columns = {"target": "bought", "numeric": ODD_NAMES, "categorical": ["region"]}
    windows = {"train": "20d", "holdout": "11d"}
    spec = {**stages.spec, "columns": columns, "windows": windows, "training": training}
    trained = stages.train(spec=spec, as_of="2024-02-01")
    assert stages.promote(trained) == "1"


class TestBadInput:
    """Each is named, and none is promoted."""

    def refused(self, stages, kind, message, version="2", settings="{}"):
        with pytest.raises(kind, match=message):
            promote.promote(stages.strong.context, version, settings)
        assert stages.champion() == "1"
        assert [each.version for each in stages.ledger.promotions("shop")] == ["1"]

    def test_an_unknown_version(self, two_models):
        self.refused(two_models, StateError, "model 'shop' has no version '9'", "9")

    def test_the_version_of_another_run(self, two_models):
        self.refused(
            two_models,
            StateError,
            "models:/shop/1 was registered by run run-weak, and this is run run-strong",
            "1",
        )

    @pytest.mark.parametrize("text", ['{"promotion": "perhaps"}', "[]", "auto"])
    def test_settings_that_no_spec_has(self, two_models, text):
        self.refused(two_models, SpecError, "registry", settings=text)

    def test_a_version_of_another_model(self, two_models, monkeypatch):
        """Somebody registered the files of a churn model under this name."""
        read_text = Registry.read_text
        monkeypatch.setattr(
            Registry,
            "read_text",
            lambda self, run, path: read_text(self, run, path).replace('"model": "shop"', '"model": "churn"'),
        )
        self.refused(two_models, StateError, "models:/shop/2 was made by a run of model 'churn'")

    def test_files_that_are_gone(self, stages):
        trained = stages.train()
        folder = stages.registry.download(stages.registry.version("shop", trained.version))
        shutil.rmtree(folder)

        with pytest.raises(StateError, match="model version models:/shop/1 cannot be read"):
            the_promotion(stages, trained)
        assert stages.champion() is None

    @pytest.mark.slow
    def test_a_signature_that_was_changed(self, stages):
        trained = stages.train()
        folder = stages.registry.download(stages.registry.version("shop", trained.version))
        content = yaml.safe_load((folder / "MLmodel").read_text())
        content["signature"]["inputs"] = content["signature"]["inputs"].replace('"age"', '"years"')
        (folder / "MLmodel").write_text(yaml.safe_dump(content))

        with pytest.raises(ModelError, match=r"fails its check in staging: signature.*age"):
            the_promotion(stages, trained)
        assert stages.champion() is None


@pytest.mark.usefixtures("unchecked")
class TestManual:
    """The version waits in staging, and the run is over."""

    MANUAL = '{"promotion": "manual"}'

    def wait(self, stages):
        return promote.promote(stages.strong.context, "2", self.MANUAL)

    def test_it_stops_at_staging(self, two_models):
        assert self.wait(two_models) == ""
        assert self.wait(two_models) == ""

        assert two_models.champion() == "1"
        assert two_models.registry.alias("shop", "staging").number == "2"
        (waiting,) = two_models.ledger.waiting("shop")
        assert (waiting.version, waiting.run_id, waiting.expected) == ("2", "run-strong", "1")
        assert two_models.registry.version("shop", "2").tags["waiting"]

    def test_the_verdict_is_void_when_the_champion_changed_since(self, two_models):
        other = two_models.train("run-3")
        two_models.registry.set_alias("shop", "champion", other.version)

        with pytest.raises(StateError, match=r"is void: .* the champion is now 3"):
            self.wait(two_models)

        assert two_models.ledger.candidate("shop", "2").decision == "void"
        assert two_models.champion() == "3"

    def test_a_stage_that_is_repeated_after_the_decision_returns_who_is_champion(self, two_models):
        self.wait(two_models)
        the_promotion(two_models)

        assert self.wait(two_models) == "2"
        assert two_models.ledger.candidate("shop", "2").decision == "promoted"
        assert two_models.registry.version("shop", "2").tags["waiting"] == ""

    def test_without_a_ledger_the_tags_say_that_it_waits(self, two_models, monkeypatch):
        monkeypatch.delenv("KFP_CT_LEDGER_URL")
        assert self.wait(two_models) == ""
        assert self.wait(two_models) == ""

        (waiting,) = tagged_candidates(two_models.registry, "shop")
        assert (waiting.version, waiting.run_id) == ("2", "run-strong")
        assert two_models.champion() == "1"


def test_the_promotion_says_why(two_models, unchecked):
    two_models.evaluate(two_models.strong)

    the_promotion(two_models)

    promotion = two_models.ledger.champion("shop")
    tags = two_models.registry.version("shop", "2").tags
    assert (promotion.kind, promotion.reason) == ("promotion", "superior")
    assert promotion.windows["training"]["end"] == "2024-02-28T00:00:00+00:00"
    assert json.loads(tags["windows"]) == promotion.windows
    assert (tags["verdict"], tags["promoted_because"], tags["promoted_by"]) == (
        "promote",
        "superior",
        "run-strong",
    )


@pytest.mark.slow
def test_a_person_promotes_and_rolls_back_with_nothing_but_mlflow_and_the_ledger(two_models, tmp_path):
    """The models are loaded and checked as they are; KFP, the spec and the data are not at hand."""

    def kfp_ct(*arguments):
        program = Path(sys.executable).with_name("kfp-ct")
        ended = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        return ended.returncode, ended.stdout if ended.returncode == 0 else ended.stderr

    assert promote.promote(two_models.strong.context, "2", TestManual.MANUAL) == ""
    begun = datetime.now(UTC).isoformat()

    code, said = kfp_ct("promote", "shop", "--note", "agreed")
    assert (code, said) == (0, "shop: version 2 is champion, after version 1: promoted by hand\n")
    code, said = kfp_ct("rollback", "shop", "--note", "alarms", "--json")
    assert code == 0
    assert json.loads(said) == {
        "model": "shop",
        "version": "1",
        "before": "2",
        "changed": True,
        "text": "shop: version 1 is champion, after version 2: rolled back",
        "kind": "rollback",
        "note": "alarms",
        "serving": None,
        "told": "",
    }
    code, said = kfp_ct("rollback", "shop", "--note", "still alarms")
    assert code == 14
    assert "shop has no earlier champion to roll back to; version 1 is champion" in said
    code, said = kfp_ct("champion", "shop", "--at", begun, "--json")
    assert (json.loads(said)["version"], json.loads(said)["run_id"]) == ("1", "run-weak")
    assert "staging_check.json" in [each.path for each in files_of(two_models, "2")]


def files_of(stages, version):
    return stages.client.list_artifacts(stages.registry.version("shop", version).mlflow_run_id)
