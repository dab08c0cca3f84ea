"""Stage detect_drift: drift of rows against a profile, in a pipeline that has nothing else of ours."""

import json
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ct_components.errors import SourceError, SpecError
from ct_components.profiles import profile_dataset, to_json
from ct_components.stages.detect_drift import detect
from ct_components.stages.detect_drift.component import detect_drift


@dataclass
class Artifact:
    """What KFP hands to a component."""

    path: str
    metadata: dict = field(default_factory=dict)


def write_rows(path, seed, shift=0.0, **changes):
    rng = np.random.default_rng(seed)
    columns = {
        "size": rng.normal(shift, 1, 4000),
        "colour": pa.array(rng.choice(["red", "green"], 4000).tolist()),
        "sold": rng.integers(0, 2, 4000),
    }
    table = {name: values for name, values in (columns | changes).items() if values is not None}
    pq.write_table(pa.table(table), path)
    return str(path)


@pytest.fixture
def reference(tmp_path):
    rows = write_rows(tmp_path / "reference.parquet", 0)
    path = tmp_path / "profile.json"
    path.write_text(to_json(profile_dataset(rows, ["size"], ["colour", "sold"])))
    return str(path)


@pytest.fixture
def run(reference, tmp_path):
    """Runs the component on current rows; returns verdict, page, report and metrics."""

    def run(current, **parameters):
        page, report, metrics = (Artifact(str(tmp_path / name)) for name in ("page", "report", "metrics"))
        verdict = detect_drift.python_func(
            Artifact(reference), Artifact(current), page, report, metrics, **parameters
        )
        texts = [(tmp_path / name).read_text() for name in ("page", "report")]
        return verdict, texts[0], json.loads(texts[1]), metrics.metadata

    return run


def test_equal_rows_have_not_drifted(run, tmp_path):
    verdict, page, report, metrics = run(
        write_rows(tmp_path / "now.parquet", 1), name="Bestellungen für März"
    )

    assert verdict == report["verdict"] == "no_drift"
    assert "Bestellungen für März" in page
    assert metrics == {
        "drifted_share": 0.0,
        "drift_share_limit": 0.2,
        "features_drifted": 0.0,
        "current_rows": 4000.0,
        "reference_rows": 4000.0,
    }


def test_a_shift_is_drift(run, tmp_path):
    verdict, _, report, metrics = run(write_rows(tmp_path / "now.parquet", 1, shift=1.0))

    assert verdict == "drift"
    assert [each["name"] for each in report["features"] if each["drifted"]] == ["size"]
    assert metrics["drifted_share"] == 1 / 3


def test_broken_data_are_a_verdict_that_the_pipeline_can_act_on(run, tmp_path):
    verdict, page, report, _ = run(write_rows(tmp_path / "now.parquet", 1, size=None))

    assert (verdict, report["problems"]) == ("broken", ["size is gone"])
    assert "size is gone" in page


def test_features_name_the_columns_to_compare(run, tmp_path):
    now = write_rows(tmp_path / "now.parquet", 1, sold=None)

    assert run(now)[0] == "broken"
    assert run(now, features='["size", "colour"]')[0] == "no_drift"


def test_settings_are_those_of_the_specs_section(run, tmp_path):
    now = write_rows(tmp_path / "now.parquet", 1, shift=1.0)

    assert run(now, settings='{"drift_share": 0.5}')[0] == "no_drift"
    assert run(now, settings='{"min_rows": 5000}')[0] == "insufficient"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": '{"windows": "2 of 3"}'}, "settings.windows: got '2 of 3'; allowed: '1 of 1'"),
        ({"settings": '{"psi": 1}'}, "psi"),
        ({"features": '["weight"]'}, "features: got"),
        (
            {"features": "size"},
            "allowed: a JSON list of columns that the reference profiles: size, colour, sold",
        ),
        ({"timezone": "Atlantis"}, "Atlantis"),
    ],
)
def test_a_parameter_that_is_not_allowed_is_named(reference, tmp_path, changes, message):
    asked = {"settings": "{}", "features": "[]", "timezone": "UTC", "name": "rows", **changes}
    now = write_rows(tmp_path / "now.parquet", 1)

    with pytest.raises(SpecError, match=message.replace("[", r"\[")):
        detect.run(reference, now, detect.Asked(**asked), str(tmp_path / "p"), str(tmp_path / "r"))


def test_a_missing_reference_is_named(tmp_path):
    now = write_rows(tmp_path / "now.parquet", 1)

    with pytest.raises(SourceError, match=r"reference .*nowhere.* cannot be read"):
        detect.run(str(tmp_path / "nowhere"), now, detect.Asked("{}", "[]", "UTC", "rows"), "page", "report")
