from typing import get_args

import pytest
from pydantic import ValidationError

from ct_components.spec import Columns, Duration, Gates, Training, Validation, WindowLengths, parse_spec
from ct_components.spec.model import Metric
from ct_components.statistics.metrics import metrics_of
from ct_components.statistics.settings import Gate


def test_what_is_left_out_has_the_documented_default(small):
    spec = parse_spec(small, "model.yaml")

    assert spec.windows == WindowLengths(
        train=Duration(90, "d"), holdout=Duration(14, "d"), embargo=Duration(0, "d")
    )
    assert spec.source.timezone == "UTC"
    assert spec.source.label_delay == Duration(0, "d")
    assert spec.columns == Columns(target="left", positive=1, numeric=["age"], categorical=["plan"])
    assert spec.validation == Validation(min_rows=1000, min_label_coverage=0.5, rules=[])
    assert spec.training.estimator == "sklearn.ensemble.HistGradientBoostingClassifier"
    assert spec.gates == Gates(
        metric="roc_auc",
        min_improvement=0.01,
        alpha=0.05,
        strict=False,
        spending="quadratic",
        cluster="day",
        floors={},
        min_clusters=10,
        min_per_class=50,
    )


def test_a_spec_is_not_changed_after_it_was_read(small):
    spec = parse_spec(small, "model.yaml")

    with pytest.raises(ValidationError, match="frozen"):
        spec.model = "other"  # type: ignore[misc]


def test_defaults_are_not_shared_between_specs(small):
    parse_spec(small, "one").gates.floors["roc_auc"] = 0.75
    parse_spec(small, "one").validation.rules.clear()

    assert parse_spec(small, "two").gates.floors == {}


@pytest.mark.parametrize("positive", [1, 0, True, False, "yes", ""])
def test_the_positive_class_keeps_its_type(positive):
    columns = Columns(target="left", positive=positive, numeric=["age"])

    assert type(columns.positive) is type(positive)
    assert columns.positive == positive


@pytest.mark.parametrize("value", [None, True, 3, 0.25, "text", [1, "x", None], [[0, 1], [2]]])
def test_estimator_parameters_are_plain_values(value):
    assert Training(parameters={"p": value}).parameters["p"] == value
    assert type(Training(parameters={"p": value}).parameters["p"]) is type(value)


def test_sections_made_in_code_obey_the_same_contradictions():
    with pytest.raises(
        ValidationError, match=r"columns\.numeric\[0\]: got 'left'; allowed: a column that has no"
    ):
        Columns(target="left", numeric=["left"])


@pytest.mark.parametrize("name", ["a", "flight-delay", "m2", "a" * 50])
def test_model_names_are_dns_labels(name, small):
    assert parse_spec(small.replace("churn", name), "model.yaml").model == name


@pytest.mark.parametrize(
    "name", ["'2m'", "a/b", "Churn", "a_b", "a-", "-a", "''", "ä", '"a\\n"', "a" * 51, "a" * 300]
)
def test_other_model_names_are_refused(name, small, refused):
    (line,) = refused(small.replace("churn", name))

    assert line.startswith("model (line 1): got '")
    assert line.endswith(
        "allowed: 1 to 50 lower-case letters, digits and -, a letter first and no - at the end"
    )
    assert len(line) < 200


def test_a_holdout_may_just_hold_the_clusters_that_are_needed(small, refused):
    gates = "gates: {min_clusters: 10}\nwindows: {holdout: %s}\n"

    assert parse_spec(small + gates % "9d", "model.yaml")  # ten days of the calendar when as-of is at noon
    assert refused(small + gates % "8d") == [
        (
            "windows.holdout (line 9): got '8d'; allowed: at least 9d, or a smaller gates.min_clusters: "
            "with 10 days needed, every verdict would be insufficient"
        )
    ]
    assert parse_spec(small + "gates: {min_clusters: 2}\nwindows: {holdout: 36h}\n", "model.yaml")


def test_gates_left_out_are_the_statistics_own():
    """Twice typed, since reading a spec must not wait for numpy; so compared here."""
    gate, section = Gate(), Gates()

    assert section.metric == gate.decides.name
    shared = set(Gates.model_fields) - {"metric", "slices"}
    assert {key: getattr(section, key) for key in shared} == {key: getattr(gate, key) for key in shared}
    assert set(get_args(Metric)) == set(metrics_of("binary"))
