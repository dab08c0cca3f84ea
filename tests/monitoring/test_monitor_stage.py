"""Stage monitor_drift as KFP runs it: its artifacts, its exit code, what it records and sends."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest
from drift_world import SPRING, SUMMER, make_spec

from ct_components.ledger import open_ledger
from ct_components.spec import dump_spec
from ct_components.stages.monitor_drift.component import monitor_drift


@dataclass
class Artifact:
    """What KFP hands to a component."""

    path: str
    uri: str = ""
    metadata: dict = field(default_factory=dict)


@pytest.fixture
def run(world, tmp_path):
    """Runs the component; returns its verdict, and its artifacts by name."""

    def run(as_of, spec=None, **drift):
        names = ("page", "report", "evidently_report", "metrics")
        made = {name: Artifact(str(tmp_path / name), f"s3://bucket/{name}") for name in names}
        text = spec or dump_spec(make_spec(world.root, **drift))
        run.artifacts = made
        return monitor_drift.python_func(text, "run-1", **made, as_of=as_of, evidently=False), made

    return run


def text_of(artifact):
    return Path(artifact.path).read_text(encoding="utf-8")


def test_a_quiet_look_has_page_report_and_metrics_and_is_recorded(run, world, connections):
    world.supply(SPRING)

    verdict, made = run(SPRING)

    assert verdict == "no_drift"
    assert "No drift" in text_of(made["page"])
    assert json.loads(text_of(made["report"]))["run_id"] == "run-1"
    assert made["metrics"].metadata["drifted_share"] == 0.0
    assert "was left out" in text_of(made["evidently_report"])
    [look] = open_ledger(connections.ledger_url).looks("flight-delay", "drift")
    assert look.report_uri == "s3://bucket/page"
    assert look.report["run_id"] == "run-1"


@pytest.mark.service
def test_an_alarm_goes_to_the_webhook(run, world, receiver):
    world.supply(SUMMER)

    assert run(SUMMER)[0] == "drift"
    assert [event["data"]["key"] for _, event in receiver] == ["drift-2013-07-15"]


def test_without_a_webhook_an_alarm_is_on_record_and_says_that_nothing_was_sent(
    run, world, connections, caplog
):
    world.supply(SUMMER)

    assert run(SUMMER)[0] == "drift"
    assert "no webhook is configured, so nothing was sent" in caplog.text
    assert [look.key for look in open_ledger(connections.ledger_url).looks("flight-delay", "drift")] == [
        "drift-2013-07-15"
    ]


def test_broken_data_end_the_stage_with_11_after_page_and_record(run, world, connections, capsys):
    world.supply(
        SPRING,
        lambda day: day.set_column(
            day.column_names.index("temp"), "temp", pa.nulls(day.num_rows, pa.float64())
        ),
    )

    with pytest.raises(SystemExit) as ended:
        run(SPRING)

    assert ended.value.code == 11
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert errors[0].startswith("error: monitor_drift: The data are broken, not drifted: temp is missing")
    assert "Broken data" in text_of(run.artifacts["page"])
    assert [look.verdict for look in open_ledger(connections.ledger_url).looks("flight-delay", "drift")] == [
        "broken"
    ]


@pytest.mark.parametrize(
    ("spec", "message"),
    [("", "the spec parameter is empty"), ("nowhere.yaml", "no such file"), ("{", "the spec parameter")],
)
def test_a_spec_that_cannot_be_read_ends_with_10(run, capsys, spec, message):
    with pytest.raises(SystemExit) as ended:
        run(SPRING, spec=spec or " ")

    assert ended.value.code == 10
    assert message in capsys.readouterr().err


def test_a_spec_may_be_a_file(run, world, tmp_path):
    world.supply(SPRING)
    path = tmp_path / "a model.json"
    path.write_text(dump_spec(make_spec(world.root)))

    assert run(SPRING, spec=str(path))[0] == "no_drift"
    assert run(SPRING, spec=path.as_uri())[0] == "no_drift"
