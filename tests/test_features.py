"""What an estimator learns from, and that a model scores raw rows and their features alike."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ct_components.datasets import model_frame
from ct_components.errors import DataError, SpecError
from ct_components.features import feature_table, read_learnable
from ct_components.models.build import Features, build_pipeline
from ct_components.models.score import fit, score
from ct_components.spec import Columns
from ct_components.stages.compute_features.component import compute_features
from ct_components.stages.compute_features.features import compute

COLUMNS = Columns(target="late", numeric=["distance"], categorical=["carrier"])
WEIGHTED = COLUMNS.model_copy(update={"weight": "mass"})


def raw(late=(1, 0, 1, 0), **columns):
    """Four rows, unless the arguments say otherwise."""
    defaults = {"distance": [1.0, None, 3.0, 4.0], "carrier": ["UA", "AA", None, "UA"]}
    return pa.table({"late": list(late), **(defaults | columns)})


def test_features_are_materialised_in_their_model_types():
    table = feature_table(raw(distance=[1, None, 3, 4]), COLUMNS)
    assert table.schema.field("distance").type == pa.float64()
    assert table["distance"].to_pylist() == [1.0, None, 3.0, 4.0]
    assert table["carrier"].to_pylist() == ["UA", "AA", None, "UA"]
    assert table["__positive__"].to_pylist() == [True, False, True, False]
    assert "__weight__" not in table.column_names


def test_rows_without_a_label_are_left_out():
    table = feature_table(raw(late=[1, None, 0, None]), COLUMNS)
    assert table["distance"].to_pylist() == [1.0, 3.0]
    assert table["carrier"].to_pylist() == ["UA", None]
    assert table["__positive__"].to_pylist() == [True, False]


@pytest.mark.parametrize(
    ("late", "message"),
    [
        (
            [1, 1, 1, 1],
            "all 4 labelled rows are of one class; needed: rows with the positive class 1 and others",
        ),
        ([0, 0, None, None], "all 2 labelled rows are of one class"),
        ([None] * 4, "no row is labelled"),
        ([2, 3, 2, 3], "2 classes: 2, 3; allowed: two, one of them the positive class 1"),
        ([0, 1, 2, 0], "has 3 classes: 0, 1, 2"),
    ],
)
def test_a_target_that_is_not_two_classes_is_refused(late, message):
    with pytest.raises(DataError, match=message):
        feature_table(raw(late=pa.array(late, pa.int64())), COLUMNS)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([True, False, None, True], [1.0, 0.0, None, 1.0]),
        ([Decimal("1.50"), None, Decimal("-2.25"), Decimal("0.00")], [1.5, None, -2.25, 0.0]),
        (pa.array([1, 2, None, 3], pa.uint8()), [1.0, 2.0, None, 3.0]),
        (pa.array([0.5, 2, None, 3], pa.float32()), [0.5, 2.0, None, 3.0]),
        (pa.array([1, 2, None, 2]).dictionary_encode(), [1.0, 2.0, None, 2.0]),
        ([1.0, float("nan"), None, 4.0], [1.0, None, None, 4.0]),
    ],
)
def test_whatever_is_a_number_becomes_a_float_and_nan_a_null(column, expected):
    assert feature_table(raw(distance=column), COLUMNS)["distance"].to_pylist() == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([True, False, None, True], ["True", "False", None, "True"]),
        ([1, 2, None, 1], ["1", "2", None, "1"]),
        ([1.0, 2.5, float("nan"), None], ["1", "2.5", None, None]),
        (pa.array(["a", "b", None, "a"]).dictionary_encode(), ["a", "b", None, "a"]),
        (pa.array(["", "é", None, "🛫"], pa.large_string()), ["", "é", None, "🛫"]),
    ],
)
def test_whatever_is_a_category_becomes_text(column, expected):
    assert feature_table(raw(carrier=column), COLUMNS)["carrier"].to_pylist() == expected


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"distance": ["1", "2", "3", "4"]}, "numeric column 'distance' has type string"),
        ({"distance": [1.0, float("inf"), -float("inf"), 2.0]}, "column 'distance' holds 2 infinities"),
        ({"carrier": [["UA"], [], None, ["AA"]]}, "categorical column 'carrier' has type list"),
    ],
)
def test_a_column_that_is_no_feature_of_its_kind_is_refused(columns, message):
    with pytest.raises(DataError, match=message):
        feature_table(raw(**columns), COLUMNS)


@pytest.mark.parametrize("column", [[1, 2, 0, 4], [Decimal("0.5"), Decimal(1), Decimal(0), Decimal(2)]])
def test_weights_go_with_their_rows(column):
    table = feature_table(raw(late=[1, None, 0, 1], mass=column), WEIGHTED)
    assert table["__weight__"].to_pylist() == [float(column[0]), float(column[2]), float(column[3])]


@pytest.mark.parametrize(
    ("mass", "message"),
    [
        ([1.0, -1.0, None, float("inf")], "3 of 4 weights are missing, negative or infinite"),
        ([1.0, float("nan"), 1.0, 1.0], "1 of 4 weights are missing"),
        ([0.0, 0.0, 0.0, 0.0], "all are zero"),
        (["1", "2", "3", "4"], "numeric column 'mass' has type string"),
    ],
)
def test_bad_weights_are_refused(mass, message):
    with pytest.raises(DataError, match=message):
        feature_table(raw(mass=mass), WEIGHTED)


def test_the_weight_of_a_row_without_label_does_not_matter():
    assert feature_table(raw(late=[1, None, 0, 1], mass=[1.0, -5.0, 1.0, 1.0]), WEIGHTED).num_rows == 3


@pytest.mark.parametrize("name", ["__positive__", "__weight__"])
def test_a_feature_must_not_be_taken_for_the_label(name):
    columns = Columns(target="late", numeric=[name])
    with pytest.raises(SpecError, match=f"a feature is called '{name}'"):
        feature_table(raw(**{name: [1.0, 2.0, 3.0, 4.0]}), columns)


def _write(table, path):
    pq.write_table(table, path)
    return str(path)


def test_the_stage_writes_one_file_with_its_fingerprint(tmp_path):
    class Artifact:
        def __init__(self, path):
            self.path, self.metadata = str(path), {}

    training, features = Artifact(_write(raw(), tmp_path / "raw.parquet")), Artifact(tmp_path / "features")
    compute_features.python_func(training, COLUMNS.model_dump_json(), features)
    assert features.metadata["rows"] == 4
    assert features.metadata["fingerprint"].startswith("sha256:")
    assert read_learnable(features.path, COLUMNS).positive.tolist() == [True, False, True, False]


def test_nothing_is_written_when_rows_cannot_be_learned_from(tmp_path):
    path = _write(raw(late=[1, 1, 1, 1]), tmp_path / "raw.parquet")
    with pytest.raises(DataError):
        compute(path, COLUMNS.model_dump_json(), str(tmp_path / "features"))
    assert [each.name for each in tmp_path.iterdir()] == ["raw.parquet"]


@pytest.mark.parametrize(
    "estimator",
    ["sklearn.ensemble.HistGradientBoostingClassifier", "sklearn.linear_model.LogisticRegression"],
)
def test_the_model_scores_raw_rows_as_it_scores_features(tmp_path, estimator):
    """raw → model equals features → estimator, to the bit: serving cannot differ from training."""
    rng = np.random.default_rng(0)
    n = 400
    table = pa.table(
        {
            "late": pa.array(rng.integers(0, 2, n), mask=rng.random(n) < 0.2),
            "mass": rng.random(n) + 0.5,
            "distance": pa.array(rng.integers(0, 900, n), pa.int16(), mask=rng.random(n) < 0.1),
            "on_time": pa.array(rng.random(n) < 0.5),
            "price": pa.array([Decimal(int(cents)) / 100 for cents in rng.integers(0, 9999, n)]),
            "carrier": pa.array(rng.choice(["UA", "AA"], n), mask=rng.random(n) < 0.1).dictionary_encode(),
            "gate": pa.array(rng.integers(0, 5, n), mask=rng.random(n) < 0.1),
        }
    )  # fmt: skip
    columns = Columns(
        target="late",
        numeric=["distance", "on_time", "price"],
        categorical=["carrier", "gate"],
        weight="mass",
    )
    path = str(tmp_path / "features")
    compute(_write(table, tmp_path / "raw.parquet"), columns.model_dump_json(), path)
    learnable = read_learnable(path, columns)
    model = build_pipeline(estimator, {}, 0, Features(columns.numeric, columns.categorical), weighted=True)
    fit(model, learnable.frame, learnable.positive, learnable.weight)
    labelled = table.filter(pa.array(np.asarray(table["late"].is_valid())))
    raw_frame = model_frame(labelled, columns.numeric, columns.categorical)
    assert learnable.weight.tolist() == labelled["mass"].to_pylist()
    assert (score(model, raw_frame) == score(model, learnable.frame)).all()
