"""The performance monitor on what a scoring service wrote to the ledger: nothing is read or scored."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from performance_world import FIRST_DAY, PROMOTED, SPEC, World, day_text

from ct_components import connections as addresses
from ct_components.champion import make_champion
from ct_components.errors import StateError, Unreachable
from ct_components.ledger import MetricRecord, Run
from ct_components.monitoring import performance_champion
from ct_components.registry import Registry

GOOD, BAD = "1", "2"
WRITTEN = datetime(2024, 3, 1, tzinfo=UTC)


class ServiceWorld(World):
    """Two versions without files: of stored metrics, only what `train_model` wrote of them is needed."""

    def promote(self, version, as_of=PROMOTED, expected=""):
        run_id = f"run-{version}-{as_of}"
        at = datetime.fromisoformat(as_of)
        self.ledger.claim_run(Run(run_id, "shop", run_id, "manual", at, expected or None, self.spec, {}))
        make_champion(self.registry, self.ledger, "shop", version, expected=expected, run_id=run_id)

    def look(self, as_of, sections=None, **performance):
        threshold = {"metrics": {"roc_auc": {"threshold": 0.7}}}
        return super().look(as_of, sections, **{"measure": "metrics", **threshold, **performance})

    def write(self, days, value, version=GOOD, metric="roc_auc", n=200, written=WRITTEN, source="service"):
        """Writes one value a day, as `kfp-ct metrics add` does."""
        rng = np.random.default_rng(0)
        self.ledger.add_metrics(
            MetricRecord(
                "shop",
                version,
                metric,
                date.fromisoformat(day_text(number)),
                None if value is None else float(np.clip(value + rng.normal(scale=0.02), 0, 1)),
                n,
                source,
                written,
            )
            for number in days
        )


@pytest.fixture
def world(tmp_path, connections, monkeypatch):
    """Version 1 is champion since day 28; its holdout's scores were not kept, and its rows are gone."""
    monkeypatch.setenv("SHOP_ROOT", str(tmp_path / "nowhere"))
    client = Registry(connections)._client
    client.create_registered_model("shop")
    known = {"windows": {"holdout": {"start": FIRST_DAY.isoformat(), "end": PROMOTED}}}
    for number in (GOOD, BAD):
        folder = tmp_path / f"model-{number}"
        folder.mkdir()
        (folder / "MLmodel").write_text(json.dumps({"metadata": {"kfp_ct": json.dumps(known)}}))
        client.create_model_version("shop", folder.as_uri())
    world = ServiceWorld(SPEC)
    world.promote(GOOD)
    return world


def judged(look):
    return look.report["metrics"][0]


def test_values_well_above_the_threshold_are_fine(world):
    world.write(range(28, 50), 0.85)

    look = world.look(day_text(50))

    assert (look.verdict, look.reason, look.broken) == ("fine", "good_enough", False)
    assert (judged(look)["n"], judged(look)["days"]) == (7 * 200, 22)
    assert look.report["coverage"] == {"window": None, "since": None}
    assert "daily values in the ledger" in look.page


def test_values_well_below_the_threshold_fire_with_the_key_of_the_day(world):
    world.write(range(28, 50), 0.5)

    look = world.look(day_text(50))

    assert (look.verdict, look.reason, look.fires) == ("fire", "threshold", True)
    assert look.key == f"performance-{day_text(50)}"


def test_exchanged_versions_change_the_verdict(world):
    world.write(range(28, 50), 0.85, version=GOOD)
    world.write(range(28, 50), 0.5, version=BAD)
    good = world.look(day_text(50))
    world.registry.set_alias("shop", "champion", BAD)
    bad = world.look(day_text(50))

    assert (good.verdict, bad.verdict) == ("fine", "fire")


def test_values_written_in_plain_sql_count_like_any_other(world):
    path = addresses.ledger_url().removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO ct_model_metrics (model, version, metric, day, value, n, source) "
            "VALUES ('shop', '1', 'roc_auc', ?, ?, 200, 'scoring-service')",
            [(day_text(number), 0.5 + 0.01 * (number % 3)) for number in range(28, 50)],
        )

    assert world.look(day_text(50)).verdict == "fire"


def test_only_the_champions_days_since_its_promotion_count(world):
    world.write(range(20, 40), 0.5)
    world.write(range(40, 50), 0.85, version=BAD)
    world.promote(BAD, day_text(40) + "T00:00:00+00:00", expected=GOOD)

    look = world.look(day_text(50))

    assert (look.verdict, look.champion_version, judged(look)["days"]) == ("fine", BAD, 10)


def test_a_version_that_comes_back_does_not_answer_for_its_earlier_reign(world):
    world.write(range(28, 60), 0.5)
    world.promote(BAD, day_text(50) + "T00:00:00+00:00", expected=GOOD)
    world.promote(GOOD, day_text(58) + "T00:00:00+00:00", expected=BAD)

    look = world.look(day_text(60))

    assert (look.verdict, judged(look)["days"]) == ("insufficient", 2)


def test_values_of_days_whose_labels_are_not_due_wait(world):
    world.write(range(28, 45), 0.85)
    world.write(range(45, 50), 0.1)

    delayed = {"source": {"label_delay": "5d"}}
    assert judged(world.look(day_text(50), sections=delayed))["days"] == 17
    assert judged(world.look(day_text(50)))["days"] == 22


def test_a_value_written_again_replaces_the_first(world):
    world.write(range(28, 50), 0.5)
    world.write(range(28, 50), 0.85, written=WRITTEN + timedelta(hours=1))

    assert world.look(day_text(50)).verdict == "fine"


def test_a_day_without_a_value_is_left_out(world):
    world.write(range(28, 49), 0.85)
    world.write([49], None)

    look = world.look(day_text(50))

    assert (look.verdict, judged(look)["days"], judged(look)["n"]) == ("fine", 21, 6 * 200)
    assert f"{day_text(49)},200,," in look.attachments["daily_values.csv"]


def test_a_metric_that_nobody_wrote_is_insufficient(world):
    world.write(range(28, 50), 0.85, metric="accuracy")

    look = world.look(day_text(50))

    assert (look.verdict, look.reason, look.broken) == ("insufficient", "no_metrics", False)
    assert "no daily value of roc_auc" in look.explanation


def test_all_is_fine_only_if_every_metric_is(world):
    both = {"metrics": {"roc_auc": {"threshold": 0.7}, "log_loss": {"threshold": 0.6}}}
    world.write(range(28, 50), 0.85)
    half = world.look(day_text(50), **both)
    world.write(range(28, 50), 0.4, metric="log_loss")

    assert half.verdict == "insufficient"
    assert world.look(day_text(50), **both).verdict == "fine"


def test_a_loss_fires_above_its_threshold(world):
    world.write(range(28, 50), 0.9, metric="log_loss")

    assert world.look(day_text(50), metrics={"log_loss": {"threshold": 0.6}}).fires


def test_a_value_that_no_roc_auc_can_have_is_broken(world):
    world.write(range(28, 49), 0.85)
    world.ledger.add_metrics(
        [MetricRecord("shop", GOOD, "roc_auc", date(2024, 2, 19), 7.5, 200, "service", WRITTEN)]
    )

    look = world.look(day_text(50))

    assert (look.verdict, look.broken, look.fires) == ("broken", True, False)
    assert "7.5" in look.explanation


def test_without_a_ledger_it_says_what_is_missing(world, monkeypatch):
    monkeypatch.delenv(addresses.LEDGER_URL)

    with pytest.raises(StateError, match=r"measure is 'metrics', and KFP_CT_LEDGER_URL is not set"):
        world.look(day_text(50))


def test_a_baseline_that_cannot_be_known_is_unknown_and_no_failure(world):
    world.write(range(28, 50), 0.85)

    look = world.look(day_text(50), metrics={"roc_auc": {}})

    assert (look.verdict, look.reason) == ("insufficient", "no_level")
    assert "Baseline unknown" in look.page


def test_a_registry_that_is_away_is_no_unknown_baseline(world, monkeypatch):
    def away(*_):
        raise Unreachable("MLflow does not answer")

    world.write(range(28, 50), 0.85)
    monkeypatch.setattr(performance_champion, "measure_holdout", away)
    monkeypatch.setattr(performance_champion.Champion, "scorer", property(away))

    with pytest.raises(Unreachable):
        world.look(day_text(50), metrics={"roc_auc": {}})


def test_the_monitor_leaves_a_services_values_alone(world):
    world.write(range(28, 50), 0.85)
    before = world.ledger.metrics("shop")

    world.look(day_text(50))

    assert world.ledger.metrics("shop") == before


def test_before_enough_days_have_a_value_nothing_is_called_fine(world):
    world.write(range(28, 40), 0.85)

    verdicts = [world.look(day_text(number)).verdict for number in (28, 29, 31, 32, 33, 40)]

    assert verdicts == ["insufficient"] * 4 + ["fine"] * 2


def test_old_evidence_alone_asks_for_no_run(world):
    world.write(range(28, 50), 0.45)
    fires, later = world.look(day_text(50)), world.look(day_text(59))

    assert (fires.verdict, fires.fires) == ("fire", True)
    assert (later.verdict, later.reason, later.fires) == ("insufficient", "nothing_current", False)
