"""Stage evaluate_challenger: both models anew on the same unseen rows, and all that is written of it."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ct_components.champion import make_champion
from ct_components.errors import DataError, ModelError, StateError
from ct_components.stage import Context
from ct_components.stages.evaluate_challenger import evaluate, outputs
from ct_components.stages.evaluate_challenger import rows as holdout_rows


def with_champion(trained, champion):
    """The context of a run that was judged against another champion."""
    return Context(**{**vars(trained.context), "champion": champion}).to_json()


@pytest.fixture
def holdout(two_models, tmp_path):
    """The strong run's holdout, its rows changed by a function."""

    def holdout(change):
        before = pq.read_table(two_models.strong.made.holdout.path)
        after = change(before).replace_schema_metadata(before.schema.metadata)
        pq.write_table(after, tmp_path / "holdout.parquet")
        return SimpleNamespace(path=str(tmp_path / "holdout.parquet"), metadata={})

    return holdout


def set_column(name, values):
    return lambda table: table.set_column(table.column_names.index(name), name, values(table))


def numbers(value):
    """All numbers of a JSON document."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from numbers(each)
    elif isinstance(value, int | float):
        yield value


def test_a_better_challenger_is_promoted(two_models):
    judged = two_models.evaluate(two_models.strong)
    report = judged.report
    assert (judged.verdict, report["verdict"], report["reason"]) == ("promote", "promote", "superior")
    assert (report["champion_version"], report["challenger_version"]) == ("1", "2")
    assert report["challenger_score"] > 0.75 > report["champion_score"] + 0.1
    assert (report["challenge"], report["clusters"], report["n"]) == (1, 14, 14 * 80)


def test_exchanged_models_negate_the_gain_and_change_the_verdict(two_models):
    forward = two_models.evaluate(two_models.strong)
    exchanged = with_champion(two_models.strong, "2")
    backward = two_models.evaluate(two_models.strong, challenger="1", context=exchanged)
    assert backward.report["gain"] == -forward.report["gain"]
    assert backward.report["challenger_score"] == forward.report["champion_score"]
    assert backward.report["champion_score"] == forward.report["challenger_score"]
    assert (forward.verdict, backward.verdict) == ("promote", "reject")
    assert backward.report["reason"] == "worse"


def test_a_model_does_not_beat_itself(two_models):
    itself = two_models.evaluate(two_models.strong, context=with_champion(two_models.strong, "2"))
    assert (itself.verdict, itself.report["gain"]) == ("hold", 0.0)


def test_a_first_model_has_no_champion_to_beat(two_models):
    first = two_models.evaluate(two_models.strong, context=with_champion(two_models.strong, ""))
    assert (first.verdict, first.report["reason"]) == ("promote", "first")
    assert first.report["champion_version"] is None
    assert all(day["champion"] is None for day in first.report["days"])


def test_the_champion_is_scored_on_its_own_columns_though_the_spec_dropped_them(two_models):
    make_champion(two_models.registry, two_models.ledger, "shop", "2", expected="1", run_id="run-strong")
    narrow = {**two_models.spec, "columns": {"target": "bought", "numeric": ["age"]}}
    trained = two_models.train("run-3", narrow)
    judged = two_models.evaluate(trained)
    assert judged.report["champion_score"] > 0.75 > judged.report["challenger_score"]
    assert judged.verdict == "reject"


def test_a_holdout_without_a_column_of_the_champion_says_whose_it_is(two_models, holdout):
    rows = holdout(lambda table: table.drop_columns(["age"]))
    weak_only = {"challenger": "1", "context": with_champion(two_models.strong, "1"), "holdout": rows}
    with pytest.raises(DataError, match=r"the challenger \(version 1\) cannot score the holdout: .*'age'"):
        evaluate.evaluate(
            Context.from_json(weak_only["context"]), rows.path, "1",
            two_models.strong.plan.windows, two_models.strong.plan.gates,
        )  # fmt: skip


def test_an_unseen_category_works(two_models, holdout):
    rows = holdout(set_column("region", lambda table: pa.array(["atlantis"] * table.num_rows)))
    assert two_models.evaluate(two_models.strong, holdout=rows).verdict in {"promote", "hold"}


def test_unlabelled_rows_do_not_count(two_models, holdout):
    def forget(table):
        return pc.if_else(pa.array(np.arange(table.num_rows) % 2 == 0), table["bought"], None)

    judged = two_models.evaluate(two_models.strong, holdout=holdout(set_column("bought", forget)))
    assert judged.report["n"] == judged.report["rows"]["holdout"] == 7 * 80


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        (lambda table: table.slice(0, 0), 0),
        (set_column("bought", lambda table: pa.nulls(table.num_rows, pa.int8())), 0),
        (set_column("bought", lambda table: pa.array([1] * table.num_rows)), 14 * 80),
        (set_column("bought", lambda table: pa.array([0] * table.num_rows)), 14 * 80),
        (lambda table: table.slice(0, 3 * 80), 3 * 80),
    ],
    ids=["empty", "unlabelled", "all positive", "all negative", "three days"],
)
def test_too_little_to_judge_is_insufficient_and_still_written_down(two_models, holdout, change, rows):
    judged = two_models.evaluate(two_models.strong, holdout=holdout(change))
    assert (judged.verdict, judged.report["n"]) == ("insufficient", rows)
    assert judged.report["lower"] is None
    assert all(math.isfinite(number) for number in numbers(judged.report))
    assert all(math.isfinite(number) for number in judged.metrics.metadata.values())
    assert two_models.ledger.verdict("run-strong")["verdict"] == "insufficient"
    assert two_models.ledger.challenges("shop", "1", besides="") == 0


def test_everything_written_is_finite(two_models):
    judged = two_models.evaluate(two_models.strong)
    curves = judged.curves.metadata
    assert all(math.isfinite(number) for number in numbers(judged.report))
    assert all(math.isfinite(number) for number in numbers(curves))
    assert all(type(number) is float for number in judged.metrics.metadata.values())
    assert {"gain", "gain_lower_limit", "champion_roc_auc"} <= set(judged.metrics.metadata)
    json.dumps([curves, judged.metrics.metadata], allow_nan=False)


def test_the_confusion_matrix_counts_all_rows_at_the_models_own_threshold(two_models):
    judged = two_models.evaluate(two_models.strong)
    cells = [row["row"] for row in judged.curves.metadata["confusionMatrix"]["rows"]]
    found = judged.report["confusion"]
    assert cells == [[found["tn"], found["fp"]], [found["fn"], found["tp"]]]
    assert (sum(map(sum, cells)), found["threshold"]) == (14 * 80, 0.5)


def test_the_page_shows_verdict_and_identities(two_models):
    judged = two_models.evaluate(two_models.strong)
    page = Path(judged.page.path).read_text()
    assert "Promote" in page
    assert two_models.strong.context.mlflow_run_id in page


def test_mlflow_has_verdict_metrics_and_page(two_models):
    judged = two_models.evaluate(two_models.strong)
    run = two_models.client.get_run(two_models.strong.context.mlflow_run_id)
    version = two_models.registry.version("shop", "2")
    assert run.data.metrics["gain"] == judged.report["gain"]
    assert run.info.status == "FINISHED"
    assert (version.tags["verdict"], version.tags["verdict_reason"]) == ("promote", "superior")
    assert version.tags["challenged"] == "1"
    text = two_models.registry.read_text(two_models.strong.context.mlflow_run_id, "verdict.json")
    assert json.loads(text) == judged.report


def _later(rows, timezone):
    """Which local days rows have, by their instants in UTC."""
    schema = pa.schema([("at", pa.timestamp("us", "UTC"))], {"kfp_ct.timestamp": "at"})
    instants = pa.array([np.datetime64(row, "us") for row in rows]).cast(pa.timestamp("us", "UTC"))
    return holdout_rows.local_days_of(pa.table([instants], schema), timezone).tolist()


def test_days_are_local_days_across_the_change_of_clocks():
    """New York: 25 hours on 2013-11-03, 23 on 2013-03-10."""
    autumn = ["2013-11-03T03:59", "2013-11-03T04:00", "2013-11-04T04:59", "2013-11-04T05:00"]
    assert _later(autumn, "America/New_York") == ["2013-11-02", "2013-11-03", "2013-11-03", "2013-11-04"]
    spring = ["2013-03-10T04:59", "2013-03-10T05:00", "2013-03-11T03:59", "2013-03-11T04:00"]
    assert _later(spring, "America/New_York") == ["2013-03-09", "2013-03-10", "2013-03-10", "2013-03-11"]


def test_clusters_are_days_of_the_spec_s_zone(two_models):
    windows = json.loads(two_models.strong.plan.windows) | {"timezone": "Asia/Kolkata"}
    judged = two_models.evaluate(two_models.strong, windows=json.dumps(windows))
    assert judged.report["clusters"] == 15
    assert judged.report["days"][0]["day"] == "2024-02-28"
    assert judged.report["days"][-1]["day"] == "2024-03-13"


def judged_with(stages, trained, **gates):
    """The judgement with other gates than the spec's own."""
    return stages.evaluate(trained, gates=json.dumps(json.loads(trained.plan.gates) | gates))


class TestGates:
    """The gates beside the one limit: what each is told of the rows, and what it says."""

    def test_another_metric_decides_in_its_own_unit(self, two_models):
        judged = judged_with(two_models, two_models.strong, metric="log_loss")
        report = judged.report
        assert (judged.verdict, report["metric"], report["relative"]) == ("promote", "log_loss", True)
        assert report["gain"] == pytest.approx(1 - report["challenger_score"] / report["champion_score"])
        assert "log loss" in Path(judged.page.path).read_text()
        assert {"challenger_log_loss", "champion_log_loss"} <= set(judged.metrics.metadata)

    def test_the_baseline_knows_the_training_rows_share_of_positives(self, two_models):
        report = judged_with(two_models, two_models.strong, metric="brier_score").report
        training = two_models.client.get_run(two_models.strong.context.mlflow_run_id).data.metrics
        share = training["training_positive_share"]
        positive = report["positives"] / report["n"]
        assert report["baseline_score"] == pytest.approx(
            positive * (1 - share) ** 2 + (1 - positive) * share**2
        )

    def test_a_guardrail_is_held_against_its_own_margin(self, two_models):
        judged = judged_with(two_models, two_models.strong, guardrails={"brier_score": 0.05})
        (guardrail,) = judged.report["guardrails"]
        assert (judged.verdict, guardrail["name"], guardrail["margin"]) == ("promote", "brier_score", 0.05)
        assert guardrail["lower"] > 0
        assert "Guardrails" in Path(judged.page.path).read_text()
        backward = two_models.evaluate(
            two_models.strong,
            challenger="1",
            context=with_champion(two_models.strong, "2"),
            gates=json.dumps({"claim": "non_inferior", "margin": 0.9, "guardrails": {"brier_score": 0.0}}),
        )
        assert backward.report["reason"] in {"worse", "guardrail"}

    def test_slices_are_the_categories_of_a_column_the_missing_one_too(self, two_models):
        judged = judged_with(two_models, two_models.strong, slices=["region"], min_slice_rows=100)
        slices = {each["name"]: each["n"] for each in judged.report["slices"]}
        assert set(slices) == {"region north", "region south", "region east", "region missing"}
        assert sum(slices.values()) == judged.report["n"]
        assert "region north" in Path(judged.page.path).read_text()

    def test_a_slice_of_no_column_is_named(self, two_models, capfd):
        with pytest.raises(SystemExit) as exit_code:
            judged_with(two_models, two_models.strong, slices=["height"])
        assert exit_code.value.code == DataError.exit_code
        assert "gates.slices: the holdout has no column 'height'" in capfd.readouterr().err

    def test_small_losses_are_counted_from_the_anchor(self, two_models):
        """The champion was promoted as no worse than version 2; so version 2 judges its successors, too."""
        registry = two_models.registry
        two_models.evaluate(two_models.strong)
        assert registry.version("shop", "2").tags["anchor"] == "2"
        registry.tag_version(registry.version("shop", "1"), {"anchor": "2"})
        weak = {"columns": two_models.spec["columns"] | {"numeric": ["age"]}}
        twin = two_models.train("run-3", two_models.spec | weak | {"gates": {"claim": "non_inferior"}})
        alone = judged_with(two_models, twin, claim="non_inferior", margin=0.05)
        assert (alone.verdict, alone.report["reason"]) == ("hold", "behind_anchor")
        assert alone.report["anchor_lower"] < -0.05

        registry.tag_version(registry.version("shop", "1"), {"anchor": "1"})
        free = judged_with(two_models, twin, claim="non_inferior", margin=0.05)
        assert (free.verdict, free.report["reason"]) == ("promote", "non_inferior")
        assert registry.version("shop", "3").tags["anchor"] == "1"


class TestChallenges:
    """Each challenge of a champion spends α, whoever counts them."""

    def challenge(self, stages, run_id="run-3"):
        trained = stages.train(run_id, stages.spec | {"training": {"seed": 5, "parameters": {"max_iter": 5}}})
        return trained, stages.evaluate(trained).report["challenge"]

    def test_the_ledger_counts_them_and_a_retry_keeps_its_own(self, two_models):
        assert two_models.evaluate(two_models.strong).report["challenge"] == 1
        trained, second = self.challenge(two_models)
        assert second == 2
        assert two_models.evaluate(trained).report["challenge"] == 2
        assert two_models.evaluate(two_models.strong).report["challenge"] == 1

    def test_tags_count_them_without_a_ledger(self, two_models, monkeypatch):
        monkeypatch.delenv("KFP_CT_LEDGER_URL")
        assert two_models.evaluate(two_models.strong).report["challenge"] == 1
        trained, second = self.challenge(two_models)
        assert second == 2
        assert two_models.evaluate(trained).report["challenge"] == 2

    @pytest.mark.parametrize("ledger", [True, False])
    def test_attempts_to_become_the_first_champion_are_counted(self, stages, monkeypatch, ledger):
        if not ledger:
            monkeypatch.delenv("KFP_CT_LEDGER_URL")
        attempts = [stages.evaluate(stages.train(f"run-{number}")).report for number in (1, 2)]
        assert [each["challenge"] for each in attempts] == [1, 2]
        assert attempts[1]["alpha"] == pytest.approx(attempts[0]["alpha"] / 4)

    @pytest.mark.parametrize("ledger", [True, False])
    def test_an_insufficient_verdict_is_not_counted(self, two_models, holdout, monkeypatch, ledger):
        if not ledger:
            monkeypatch.delenv("KFP_CT_LEDGER_URL")
        two_models.evaluate(two_models.strong, holdout=holdout(lambda table: table.slice(0, 10)))
        assert self.challenge(two_models)[1] == 1

    def test_who_is_overtaken_is_judged_again_as_the_next_one(self, two_models, monkeypatch):
        other = two_models.train("run-3")
        still_to_come = [other]

        def overtaken(*arguments):
            evidence = evaluate.evaluate(*arguments)
            if still_to_come:
                two_models.evaluate(still_to_come.pop())
            return evidence

        monkeypatch.setattr(outputs, "evaluate", overtaken)
        judged = two_models.evaluate(two_models.strong)

        assert two_models.ledger.verdict("run-3")["challenge"] == 1
        assert judged.report["challenge"] == two_models.ledger.verdict("run-strong")["challenge"] == 2
        version = two_models.registry.version("shop", "2")
        assert version.tags["challenge"] == "2"


def test_mlflow_keeps_all_metrics_of_the_holdout_for_the_performance_monitor(two_models):
    judged = two_models.evaluate(two_models.strong)
    text = two_models.registry.read_text(two_models.strong.context.mlflow_run_id, "holdout_metrics.json")
    kept = json.loads(text, parse_constant=pytest.fail)
    assert kept["metrics"]["roc_auc"]["of_rows"] == judged.report["challenger_score"]
    by_day = [day["challenger"] for day in judged.report["days"]]
    assert kept["metrics"]["roc_auc"]["of_days"] == pytest.approx(np.mean(by_day))
    assert (kept["rows"], kept["days"], len(kept["metrics"])) == (14 * 80, 14, 9)
    assert two_models.registry.version("shop", "2").tags["holdout_metrics"] == "holdout_metrics.json"


def test_metrics_without_a_value_on_the_holdout_are_null_for_the_monitor(two_models, holdout):
    one_class = holdout(set_column("bought", lambda table: pa.array([1] * table.num_rows)))
    two_models.evaluate(two_models.strong, holdout=one_class)
    text = two_models.registry.read_text(two_models.strong.context.mlflow_run_id, "holdout_metrics.json")
    kept = json.loads(text, parse_constant=pytest.fail)
    assert kept["metrics"]["roc_auc"] == {"of_rows": None, "of_days": None, "rows": 14 * 80}


def test_a_version_that_does_not_exist_is_named(two_models):
    strong = two_models.strong
    with pytest.raises(StateError, match="no version '77'"):
        evaluate.evaluate(
            strong.context, strong.made.holdout.path, "77", strong.plan.windows, strong.plan.gates
        )


def test_a_model_that_was_tampered_with_is_refused(stages):
    trained = stages.train()
    model = stages.registry.download(stages.registry.version("shop", "1")) / "model.skops"
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be loaded: BadZipFile"):
        evaluate.evaluate(
            trained.context, trained.made.holdout.path, "1", trained.plan.windows, trained.plan.gates
        )
