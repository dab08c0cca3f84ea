"""The performance monitor on a source's rows: which of them count, and what they come to."""

import json
import shutil
import tracemalloc
from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from performance_world import (
    BAD,
    DAYS,
    GOOD,
    HOLDOUT,
    LINEAR,
    ROWS_A_DAY,
    SPEC,
    World,
    change_day,
    day_file,
    day_text,
    one_day,
    write_days,
)

from ct_components import connections as addresses
from ct_components.champion import pin_champion
from ct_components.errors import SourceError, SpecError
from ct_components.ledger import MetricRecord
from ct_components.monitoring.performance import look_at_performance, performance_settings
from ct_components.monitoring.performance_baseline import HoldoutMetrics, measure_holdout
from ct_components.monitoring.performance_rows import Day, Scorer, measure_rows
from ct_components.spec import PerformanceTrigger, parse_spec
from ct_components.statistics.metrics import Predicted, metrics_of
from ct_components.statistics.performance import Performance, Watched, sample_rows

pytestmark = [
    pytest.mark.filterwarnings("ignore::Warning:mlflow.*"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]

QUIET = day_text(50)
"""As of a day before the world turns."""


@pytest.fixture(scope="session")
def shop_rows(tmp_path_factory):
    root = tmp_path_factory.mktemp("performance") / "shop"
    write_days(root)
    return root


@pytest.fixture(scope="session")
def registered(tmp_path_factory, mlflow_template, shop_rows):
    """A state folder with three versions, none of them champion."""
    home = tmp_path_factory.mktemp("registered")
    shutil.copy(mlflow_template, home / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in addresses.embedded(home, {}).items():
            patch.setenv(name, value)
        patch.setenv("SHOP_ROOT", str(shop_rows))
        world = World(SPEC)
        assert world.register(["visits", "age"], max_iter=20) == GOOD
        assert world.register(["age"], max_iter=20) == BAD
        assert world.register(["visits"], "sklearn.linear_model.LogisticRegression") == LINEAR
    return home


@pytest.fixture
def world(tmp_path, monkeypatch, registered, shop_rows):
    """The shop with version 1 as champion since the end of its holdout."""
    home = tmp_path / "state"
    home.mkdir()
    shutil.copy(registered / "mlflow.db", home)
    for name, value in addresses.embedded(home, {}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SHOP_ROOT", str(shop_rows))
    world = World(SPEC)
    world.promote(GOOD)
    return world


@pytest.fixture
def own_rows(world, shop_rows, tmp_path, monkeypatch):
    """The world's rows, for this test to change."""
    shutil.copytree(shop_rows, tmp_path / "shop")
    monkeypatch.setenv("SHOP_ROOT", str(tmp_path / "shop"))
    return tmp_path / "shop"


def metric(look, name="roc_auc"):
    return next(each for each in look.report["metrics"] if each["metric"] == name)


def test_the_specs_defaults_are_the_statistics_own():
    spec = parse_spec(json.dumps({**SPEC, "triggers": {"performance": {}}}), "test")

    assert performance_settings(spec) == Performance({"roc_auc": Watched()})
    assert set(PerformanceTrigger.model_fields) == {
        *(name for name in vars(Performance({"roc_auc": Watched()})) if name not in {"task", "own"}),
        "check",
        "measure",
    }


def test_a_spec_that_watches_nothing_is_refused(world):
    watching = world.watching(QUIET)
    nothing = watching.spec.model_copy(
        update={"triggers": watching.spec.triggers.model_copy(update={"performance": None})}
    )

    with pytest.raises(SpecError, match=r"triggers\.performance is null.*allowed"):
        look_at_performance(replace(watching, spec=nothing))


def test_a_healthy_champion_is_fine_and_starts_nothing(world):
    look = world.look(QUIET)

    assert (look.verdict, look.reason) == ("fine", "good_enough")
    assert (look.fires, look.broken, look.key) == (False, False, None)
    assert (look.model, look.monitor, look.champion_version) == ("shop", "performance", GOOD)
    assert look.window.text("UTC") == f"{day_text(43)} 00:00 to {QUIET} 00:00 UTC"


def test_a_champion_that_the_world_left_fires_with_the_key_of_the_day(world):
    look = world.look(day_text(85))

    assert (look.verdict, look.reason, look.fires) == ("fire", "critical_degradation", True)
    assert look.key == f"performance-{day_text(85)}"
    assert metric(look)["baseline"] > 0.9 > metric(look)["critical"] > metric(look)["sequence_limit"]
    assert metric(look)["value"] < 0.6


def test_exchanged_versions_change_the_verdict(world):
    level = {"metrics": {"roc_auc": {"threshold": 0.7, "critical_degradation": None}}}
    good = world.look(QUIET, **level)
    world.registry.set_alias("shop", "champion", BAD)
    bad = world.look(QUIET, **level)

    assert (good.verdict, bad.verdict, bad.reason) == ("fine", "fire", "threshold")
    assert (good.champion_version, bad.champion_version) == (GOOD, BAD)
    assert metric(bad)["value"] < 0.6
    assert metric(good)["value"] > 0.8


def test_the_same_instant_says_the_same_whatever_was_looked_at_meanwhile(world):
    first = world.look(QUIET)
    world.look(day_text(85))

    assert world.look(QUIET) == first


def test_rows_count_from_the_promoting_runs_instant_and_in_whole_days(world, shop_rows):
    # Promoted at three in the morning, a week after the end of its holdout.
    world.promote(LINEAR, f"{day_text(35)}T03:00:00+00:00", expected=GOOD)

    look = world.look(QUIET)

    assert look.report["promoted"] == f"{day_text(35)}T03:00:00+00:00"
    assert look.report["since"] == {
        "start": f"{day_text(36)}T00:00:00+00:00",
        "end": f"{QUIET}T00:00:00+00:00",
    }
    assert look.report["coverage"]["since"]["rows"] == 14 * ROWS_A_DAY


def test_a_promotion_resets_the_windows_so_that_old_days_fire_no_more(world):
    world.promote(BAD, day_text(60) + "T00:00:00+00:00", expected=GOOD)
    assert world.look(day_text(88), metrics={"roc_auc": {"threshold": 0.7}}).fires
    world.promote(GOOD, day_text(86) + "T00:00:00+00:00", expected=BAD)

    look = world.look(day_text(88), metrics={"roc_auc": {"threshold": 0.7}})

    assert look.verdict == "insufficient"
    assert metric(look)["days"] == 2
    assert look.window.start.isoformat() == day_text(86) + "T00:00:00+00:00"


def test_without_a_ledger_rows_count_from_the_end_of_the_holdout(world, monkeypatch):
    monkeypatch.delenv(addresses.LEDGER_URL)

    look = world.look(QUIET)

    assert look.verdict == "fine"
    assert look.report["since"]["start"] == HOLDOUT.end.isoformat()


def test_an_alias_moved_by_hand_counts_from_the_holdout_on_in_a_replay(world):
    world.registry.set_alias("shop", "champion", BAD)

    assert world.look(QUIET).report["promoted"] == HOLDOUT.end.isoformat()


def test_a_promotion_by_hand_counts_from_when_it_was_noticed(world):
    world.registry.set_alias("shop", "champion", BAD)
    pin_champion(world.registry, world.ledger, "shop")

    now, replayed = world.look(""), world.look(QUIET)

    assert (now.verdict, now.reason) == ("insufficient", "no_matured_days")
    assert replayed.report["promoted"] == HOLDOUT.end.isoformat()


def test_labels_count_only_once_their_delay_has_passed_since_the_days_end(world):
    delayed = world.look(f"{QUIET}T12:00", sections={"source": {"label_delay": "60h"}})
    plain = world.look(day_text(48))

    # 60 hours before noon is midnight two days earlier.
    assert delayed.report["since"] == plain.report["since"]
    assert delayed.report["metrics"] == plain.report["metrics"]
    almost = world.look(f"{QUIET}T11:59", sections={"source": {"label_delay": "60h"}})
    assert almost.report["since"]["end"] == f"{day_text(47)}T00:00:00+00:00"


def test_days_are_those_of_the_sources_zone(world):
    zone = {"source": {"timezone": "America/New_York"}}

    look = world.look(QUIET, sections=zone)

    assert look.report["since"]["start"] == f"{day_text(28)}T05:00:00+00:00"
    assert look.report["since"]["end"] == f"{QUIET}T05:00:00+00:00"
    assert look.attachments["daily_values.csv"].splitlines()[1].startswith(f"roc_auc,{day_text(28)}")


def test_without_a_champion_there_is_nothing_to_look_at(world, tracking_uri, monkeypatch):
    monkeypatch.setenv(addresses.TRACKING_URI, tracking_uri)

    look = world.look(QUIET)

    assert (look.verdict, look.reason, look.champion_version) == ("insufficient", "no_champion", None)
    assert not look.fires
    assert not look.broken
    assert "no champion" in look.page


def test_on_the_day_of_the_promotion_no_day_has_matured(world):
    look = world.look(f"{day_text(28)}T18:00")

    assert (look.verdict, look.reason) == ("insufficient", "no_matured_days")
    assert "2024-01-29 00:00 UTC" in look.explanation


def test_a_source_without_rows_since_promotion_is_insufficient(world, own_rows):
    for number in range(27, DAYS):
        shutil.rmtree(day_file(own_rows, number).parent)

    assert world.look(QUIET).reason == "no_rows"


def test_a_source_that_is_gone_is_an_error(world, own_rows):
    shutil.rmtree(own_rows)

    with pytest.raises(SourceError, match="matches no file"):
        world.look(QUIET)


def test_without_any_label_the_verdict_is_insufficient(world, own_rows):
    for number in range(28, 50):
        change_day(own_rows, number, "bought", pa.nulls(ROWS_A_DAY, pa.int8()))

    look = world.look(QUIET)

    assert (look.verdict, look.reason) == ("insufficient", "no_labels")
    assert "None of 2640 rows has a label in 'bought'" in look.explanation


def test_one_class_alone_is_insufficient(world, own_rows):
    for number in range(28, 50):
        change_day(own_rows, number, "bought", pa.array([1] * ROWS_A_DAY, pa.int8()))

    look = world.look(QUIET)

    assert (look.verdict, look.reason) == ("insufficient", "too_few_rows_of_a_class")


def test_unlabelled_rows_are_not_judged_and_show_in_the_coverage(world, own_rows):
    for number in range(28, 50):
        values = one_day(number)["bought"].to_pylist()
        change_day(own_rows, number, "bought", pa.array([*[None] * 30, *values[30:]], pa.int8()))

    look = world.look(QUIET)

    assert look.report["coverage"]["since"] == {"rows": 22 * 120, "labelled": 22 * 90, "share": 0.75}
    assert (metric(look)["n"], metric(look)["coverage"]) == (7 * 90, 0.75)
    assert "75.0 %" in look.page


def test_labels_of_a_third_class_are_broken_though_no_day_holds_three(world, own_rows):
    values = one_day(40)["bought"].to_pylist()
    change_day(own_rows, 40, "bought", pa.array([2 if value else 0 for value in values], pa.int8()))

    look = world.look(QUIET)

    assert (look.verdict, look.reason, look.broken, look.fires) == ("broken", "broken_data", True, False)
    assert "target column 'bought' has 3 classes" in look.explanation
    assert "target column" in look.page


def test_what_never_matured_cannot_break_a_look(world, own_rows):
    change_day(own_rows, 50, "bought", pa.array([7] * ROWS_A_DAY, pa.int8()))

    assert world.look(QUIET).verdict == "fine"


def test_missing_and_infinite_features_are_the_champions_own_affair(world, own_rows):
    visits = one_day(45)["visits"].to_pylist()
    change_day(own_rows, 45, "visits", pa.array([np.inf, None, *visits[2:]]))
    trees = world.look(QUIET)
    world.registry.set_alias("shop", "champion", LINEAR)
    linear = world.look(QUIET)

    assert trees.verdict == "fine"
    assert (linear.verdict, linear.broken) == ("broken", True)
    assert "infinite values in 'visits'" in linear.explanation


def test_a_feature_that_is_gone_is_named(world, own_rows):
    path = day_file(own_rows, 45)
    pq.write_table(one_day(45).drop_columns(["visits"]), path)

    with pytest.raises(SourceError, match="no column 'visits'"):
        world.look(QUIET)


def test_daily_values_accumulate_in_the_ledger_once(world):
    look = world.look(day_text(45))
    written = world.ledger.metrics("shop")
    world.look(day_text(45))
    world.look(QUIET)

    values = world.values()
    assert list(values) == [day_text(number) for number in range(28, 50)]
    assert {source for _, _, source in values.values()} == {"monitor"}
    assert values[day_text(30)] == (
        float(look.attachments["daily_values.csv"].splitlines()[3].split(",")[4]),
        ROWS_A_DAY,
        "monitor",
    )
    assert world.ledger.metrics("shop")[: len(written)] == written


def test_a_look_that_is_to_leave_nothing_writes_no_value(world):
    look = look_at_performance(world.watching(QUIET), keep=False)

    assert look == world.look(QUIET)
    assert len(world.values()) == 22
    assert look_at_performance(world.watching(day_text(55)), keep=False).verdict == "fine"
    assert len(world.values()) == 22


def test_what_a_scoring_service_wrote_stays(world):
    service = MetricRecord(
        "shop", GOOD, "roc_auc", date(2024, 2, 10), 0.5, 7, "service", datetime(2024, 3, 1, tzinfo=UTC)
    )
    world.ledger.add_metrics([service])

    world.look(QUIET)

    assert world.values()[day_text(40)] == (0.5, 7, "service")
    assert world.values()[day_text(41)][2] == "monitor"


def test_a_late_label_rewrites_its_own_day_alone(world, own_rows):
    labels = one_day(40)["bought"].to_pylist()
    change_day(own_rows, 40, "bought", pa.array([None, *labels[1:]], pa.int8()))
    world.look(QUIET)
    before = world.ledger.metrics("shop")
    change_day(own_rows, 40, "bought", pa.array(labels, pa.int8()))
    world.look(QUIET)

    after = world.ledger.metrics("shop")
    changed = [new.day for old, new in zip(before, after, strict=True) if old != new]
    assert [str(day) for day in changed] == [day_text(40)]
    assert world.values()[day_text(40)][1] == ROWS_A_DAY


def test_the_kept_baseline_is_what_the_holdouts_rows_say(world):
    kept = world.look(QUIET)
    world.registry._client.delete_model_version_tag("shop", GOOD, "kfp_ct.holdout_metrics")

    anew = world.look(QUIET)

    assert kept.report["baseline"]["origin"] == "logged"
    assert anew.report["baseline"]["origin"] == "measured"
    assert anew.report["metrics"] == kept.report["metrics"]
    assert "measured anew on 1,680 rows of 14 days" in anew.page


def test_without_a_baseline_the_page_says_so_and_a_threshold_still_counts(world, own_rows):
    world.registry._client.delete_model_version_tag("shop", GOOD, "kfp_ct.holdout_metrics")
    for number in range(28):
        shutil.rmtree(day_file(own_rows, number).parent)

    bare, threshold = world.look(QUIET), world.look(QUIET, metrics={"roc_auc": {"threshold": 0.7}})

    assert (bare.verdict, bare.reason) == ("insufficient", "no_level")
    assert "Baseline unknown" in bare.page
    assert (threshold.verdict, metric(threshold)["baseline"]) == ("fine", None)


def test_a_baseline_of_the_spec_needs_no_holdout(world):
    look = world.look(QUIET, metrics={"roc_auc": {"baseline": 0.5}})

    assert metric(look)["baseline"] == 0.5
    assert look.report["baseline"]["origin"] == "unneeded"


def test_all_metrics_of_the_catalogue_are_measured_in_both_ways():
    rng = np.random.default_rng(3)
    truth = rng.random(800) < 0.4
    predicted = Predicted.binary(np.clip(0.3 * truth + 0.5 * rng.random(800), 0, 1))
    days = np.repeat(np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]"), 80)

    found = measure_holdout(truth, predicted, days)

    assert (found.rows, found.days, list(found.metrics)) == (800, 10, list(metrics_of("binary")))
    for name, each in metrics_of("binary").items():
        assert found.metrics[name] == sample_rows(each, truth, predicted, days).baseline
    assert HoldoutMetrics.from_json(found.to_json()) == found


def test_a_holdout_of_one_class_leaves_null_and_no_nan():
    found = measure_holdout(np.ones(20, dtype=bool), Predicted.binary(np.full(20, 0.7)), ["2024-01-01"] * 20)

    content = json.loads(found.to_json(), parse_constant=pytest.fail)
    assert content["metrics"]["roc_auc"] == {"of_rows": None, "of_days": None, "rows": 20}


def test_several_metrics_share_alpha_and_each_has_a_baseline_measured_its_way(world):
    look = world.look(QUIET, metrics={"f1": {}, "recall": {}, "log_loss": {}})

    watched = look.report["metrics"]
    assert [each["metric"] for each in watched] == ["f1", "recall", "log_loss"]
    assert [each["alpha"] for each in watched] == [0.05 / 3] * 3
    assert all(each["by_day"] and each["baseline"] is not None for each in watched)
    assert not look.fires


def test_rows_declared_independent_and_one_look_judge_all_rows_at_once(world):
    look = world.look(QUIET, looks="once", cluster="none", metrics={"roc_auc": {}, "accuracy": {}})

    assert look.verdict == "fine"
    assert [each["by_day"] for each in look.report["metrics"]] == [False, False]
    assert [each["sequence_limit"] for each in look.report["metrics"]] == [None, None]


def test_report_and_page_hold_no_nan_and_no_infinity(world):
    for as_of in (day_text(29), QUIET, day_text(85)):
        look = world.look(as_of, metrics={"roc_auc": {}, "precision": {"threshold": 0.5}})

        json.dumps(look.report, allow_nan=False)
        assert "nan" not in look.attachments["daily_values.csv"].lower()
        assert "<script" not in look.page


def test_daily_values_do_not_change_as_days_follow(world):
    early = world.look(day_text(45), metrics={"f1": {}}).attachments["daily_values.csv"].splitlines()
    late = world.look(day_text(85), metrics={"f1": {}}).attachments["daily_values.csv"].splitlines()

    assert late[: len(early)] == early
    assert len(late) > len(early)


def test_memory_does_not_grow_with_the_days_since_promotion():
    model = SimpleNamespace(predict_proba=None)
    scorer = Scorer(model, [], [], "bought", 1)
    performance = Performance({"roc_auc": Watched(), "recall": Watched()})

    def peak(days):
        def made():
            rng = np.random.default_rng(0)
            for number in range(days):
                scores = rng.random(20_000)
                day = np.datetime64("2024-01-01") + np.timedelta64(number, "D")
                yield Day(day, 20_000, rng.random(20_000) < scores, scores)

        tracemalloc.start()
        measure_rows(made(), scorer, performance, np.datetime64("2024-01-01") + np.timedelta64(days - 7, "D"))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(150) < 1.2 * peak(15)
