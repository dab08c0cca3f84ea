"""Stage validate_data: broken rows stop a run, odd ones are reported."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ct_components.errors import DataError, SourceError, SpecError
from ct_components.profiles import from_json, to_json
from ct_components.stages.validate_data import validate

COLUMNS = {"target": "late", "numeric": ["distance", "temp"], "categorical": ["carrier"], "id": "flight"}


def _table(**changes):
    columns = {
        "flight": list(range(200)),
        "late": [0, 1, 0, 1] * 50,
        "distance": [float(i) for i in range(200)],
        "temp": pa.array([20.0, None] * 100),
        "carrier": ["UA", "AA"] * 100,
        **changes,
    }
    return pa.table({name: values for name, values in columns.items() if values is not None})


@pytest.fixture
def run(tmp_path):
    """Validates sound rows; columns by name replace those of one window."""

    def run(training=None, holdout=None, rules=(), columns=COLUMNS, **limits):
        for name, changes in (("training", training), ("holdout", holdout)):
            pq.write_table(_table(**(changes or {})), tmp_path / f"{name}.parquet")
        paths = [str(tmp_path / f"{name}.parquet") for name in ("training", "holdout")]
        validation = {"min_rows": 100, "rules": list(rules), **limits}
        return validate.run(*paths, json.dumps(columns), json.dumps(validation))

    return run


def _found(checks):
    return [(check.window, check.rule, check.column) for check in checks]


def test_sound_rows_pass_and_are_described(run):
    found = run()
    found.raise_for_failures()
    assert found.failures == found.warnings == ()
    assert (found.labelled, found.label_coverage) == (200, 1.0)
    assert found.classes == {"negative": 100, "positive": 100}
    assert found.profile.columns["temp"].nulls == 100
    assert found.profile.columns["late"].categories == {"0": 100, "1": 100}
    assert from_json(to_json(found.profile)) == found.profile


def test_a_holdout_without_rows_is_left_to_the_gate(run):
    found = run(holdout={name: values[:0] for name, values in _table().to_pydict().items()})
    found.raise_for_failures()
    assert found.holdout_profile.rows == 0
    assert {check.window for check in found.checks} == {"training"}


def test_the_holdout_is_profiled_with_the_training_windows_edges(run):
    found = run(holdout={"distance": [-5.0] * 200})
    assert found.holdout_profile.columns["distance"].counts[0] == 200
    assert found.holdout_profile.edges == found.profile.edges


def test_every_check_that_passes_says_what_it_saw(run):
    checks = {(check.window, check.rule): check for check in run().checks}
    assert checks["training", "labelled rows"].value == 200
    assert checks["training", "labelled rows"].limit == "at least 100"
    assert checks["holdout", "label coverage"].value == 1.0
    assert checks["holdout", "numeric type"].value == "all 2 columns"


@pytest.mark.parametrize("window", ["training", "holdout"])
@pytest.mark.parametrize(
    ("changes", "rule", "column", "value"),
    [
        ({"distance": ["1"] * 200}, "numeric type", "distance", "string"),
        ({"carrier": [[1]] * 200}, "categorical type", "carrier", "list<element: int64>"),
        ({"distance": [1.0, float("inf")] * 100}, "infinity", "distance", "100 infinite"),
        ({"temp": pa.nulls(200, pa.float64())}, "values", "temp", "all null"),
        ({"temp": pa.nulls(200)}, "values", "temp", "all null"),
        ({"carrier": pa.nulls(200, pa.string())}, "values", "carrier", "all null"),
        ({"temp": pa.array([float("nan")] * 200)}, "values", "temp", "all null"),
        ({"late": [1, None, None, 0] * 50}, "label coverage", None, 0.5),
    ],
)
def test_rows_that_no_model_survives_fail_in_either_window(run, window, changes, rule, column, value):
    found = run(**{window: changes}, min_label_coverage=0.75)
    assert _found(found.failures) == [(window, rule, column)]
    assert found.failures[0].value == value


class TestTarget:
    def test_a_target_with_one_class_fails_in_training(self, run):
        found = run({"late": [0] * 200})
        assert _found(found.failures) == [("training", "classes", "late")]
        assert found.failures[0].value == "200 negative, 0 positive"
        assert found.failures[0].limit == "rows of both classes, 1 (columns.positive) being positive"

    def test_a_holdout_with_one_class_is_left_to_the_gate(self, run):
        found = run(holdout={"late": [0] * 200})
        assert found.failures == ()
        assert _found(found.warnings) == [("holdout", "classes", "late")]

    @pytest.mark.parametrize("window", ["training", "holdout"])
    def test_three_classes_fail_in_either_window_with_their_values(self, run, window):
        found = run(**{window: {"late": [0, 1, 2, 1] * 50}})
        assert _found(found.failures) == [(window, "classes", "late")]
        assert "3 classes: 0, 1, 2" in str(found.failures[0])

    def test_a_positive_class_that_is_not_there_fails(self, run):
        found = run(columns={**COLUMNS, "positive": "yes"})
        assert (
            "has 2 classes: 0, 1; allowed: rows of both classes, 'yes' (columns.positive) being positive"
            in str(found.failures[0])
        )

    def test_null_labels_are_reported(self, run):
        found = run({"late": [0, 1, 1, None] * 50})
        assert found.failures == ()
        assert _found(found.warnings) == [("training", "target nulls", "late")]
        assert found.warnings[0].value == 50
        assert (found.labelled, found.label_coverage) == (150, 0.75)

    def test_a_target_of_nulls_fails(self, run):
        found = run({"late": pa.nulls(200, pa.int64())})
        assert ("training", "classes", "late") in _found(found.failures)
        assert ("training", "label coverage", None) in _found(found.failures)

    def test_too_few_labelled_rows_fail_in_training_only(self, run):
        found = run(min_rows=201)
        assert _found(found.failures) == [("training", "labelled rows", None)]


WEIGHTED = {**COLUMNS, "weight": "w"}


class TestWeight:
    def test_weights_of_at_least_zero_pass(self, run):
        weights = {"w": [0.0, 1.0] * 100}
        assert run(weights, weights, columns=WEIGHTED).failures == ()

    @pytest.mark.parametrize(
        ("weights", "value"),
        [([1.0, -2.0] * 100, "smallest -2"), ([1.0, None] * 100, "100 nulls"), ([0.0] * 200, "all 0")],
    )
    def test_others_fail(self, run, weights, value):
        found = run({"w": pa.array(weights)}, {"w": [1.0] * 200}, columns=WEIGHTED)
        assert _found(found.failures) == [("training", "weight", "w")]
        assert found.failures[0].value == value

    def test_those_of_the_holdout_do_not_matter(self, run):
        found = run({"w": [1.0] * 200}, {"w": pa.nulls(200, pa.float64())}, columns=WEIGHTED)
        assert found.failures == ()


class TestUnseenCategories:
    def test_are_a_warning_that_names_them(self, run):
        found = run(holdout={"carrier": ["UA", "B6"] * 100})
        assert found.failures == ()
        assert _found(found.warnings) == [("holdout", "unseen categories", "carrier")]
        assert found.warnings[0].value == "1 in 100 rows: 'B6'"

    def test_nulls_are_none(self, run):
        assert run(holdout={"carrier": ["UA", None] * 100}).warnings == ()

    def test_cannot_be_told_when_training_has_more_than_a_profile_keeps(self, run):
        training = {name: list(column) * 10 for name, column in _table().to_pydict().items()}
        training["carrier"] = [f"c{i}" for i in range(2000)]
        assert run(training, {"carrier": ["c1999"] * 200}).warnings == ()


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "name", "value"),
        [
            ({"column": "distance", "min": 0.5}, "min", 0.0),
            ({"column": "distance", "max": 198.5}, "max", 199.0),
            ({"column": "temp", "nulls": 0.25}, "nulls", 0.5),
            ({"column": "carrier", "allowed": ["UA"]}, "allowed", "1 in 100 rows: 'AA'"),
            ({"column": "late", "allowed": ["0"]}, "allowed", "1 in 100 rows: '1'"),
            ({"column": "late", "max": 0}, "max", 1.0),
            ({"column": "flight", "min": 0}, "min", "no numbers"),
        ],
    )
    def test_a_limit_that_is_broken_fails_in_each_window(self, run, rule, name, value):
        found = run(rules=[rule])
        column = rule["column"]
        assert _found(found.failures) == [("training", name, column), ("holdout", name, column)]
        assert found.failures[0].value == value

    @pytest.mark.parametrize(
        "rule",
        [
            {"column": "distance", "min": 0, "max": 199, "nulls": 0.0},
            {"column": "temp", "nulls": 0.5},
            {"column": "late", "min": 0, "max": 1},
            {"column": "carrier", "allowed": ["UA", "AA", "B6"], "nulls": 0.0},
        ],
    )
    def test_limits_include_their_bound(self, run, rule):
        assert run(rules=[rule]).failures == ()

    def test_a_warning_does_not_stop_the_run(self, run):
        found = run(rules=[{"column": "distance", "max": 100, "severity": "warn"}])
        found.raise_for_failures()
        assert _found(found.warnings) == [("training", "max", "distance"), ("holdout", "max", "distance")]

    def test_a_column_without_a_role_is_named(self, run):
        found = run(rules=[{"column": "wingspan", "min": 0}])
        assert found.failures[0].column == "wingspan"
        assert "a column with a role" in str(found.failures[0])


def test_all_failures_are_in_one_message(run):
    found = run({"distance": [float("inf")] * 200}, {"late": [0, 1, 2, 3] * 50}, min_rows=500)
    with pytest.raises(DataError) as error:
        found.raise_for_failures()
    assert str(error.value).splitlines() == [
        "3 checks of the data failed:",
        "- training window: labelled rows: 200; allowed: at least 500",
        "- training window: infinity of column 'distance': 200 infinite; allowed: finite numbers and nulls",
        (
            "- holdout window: classes of column 'late': target column 'late' has 4 classes: 0, 1, 2, 3; "
            "allowed: rows of both classes, 1 (columns.positive) being positive"
        ),
    ]


def test_a_dataset_that_lacks_a_column_is_named(run):
    with pytest.raises(SourceError, match=r"training\.parquet' has no column 'carrier'"):
        run({"carrier": None})


def test_sections_are_validated(run):
    with pytest.raises(SpecError, match="min_row"):
        run(min_row=5)
    with pytest.raises(SpecError, match="columns"):
        run(columns={"target": "late"})
