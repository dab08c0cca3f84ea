"""What a person reads who made a mistake: these lines are part of the interface."""

import pytest

from ct_components.statistics.metrics import metrics_of

METRICS = list(metrics_of("binary"))
SECTIONS = (
    "model, task, source, columns, windows, validation, training, gates, triggers, registry, serving, notify"
)


def test_all_problems_are_told_at_once_in_the_order_of_the_file(refused):
    text = """\
model: Flight/Delay
task: regression
source: {type: csv, uri: "", timestamp: t, timezone: America/NewYork}
columns:
  target: late
  numeric: [distance, late]
  categorical: [carrier]
windows: {trian: 90d, holdout: 14}
validation:
  min_rows: "1000"
  rules:
    - {column: distnce, min: 0}
    - {column: distance, min: 2, max: 1}
"""
    name = "1 to 50 lower-case letters, digits and -, a letter first and no - at the end"
    assert refused(text) == [
        f"model (line 1): got 'Flight/Delay'; allowed: {name}",
        "task (line 2): got 'regression'; allowed: 'binary'",
        "source.type (line 3): got 'csv'; allowed: 'parquet'",
        (
            "source.uri (line 3): got ''; allowed: a path or URI of Parquet files, such as "
            "'${DATA_ROOT}/flights/dt=*/*.parquet'"
        ),
        (
            "source.timezone (line 3): got 'America/NewYork'; allowed: an IANA time zone such as "
            "'America/New_York' or 'UTC'; did you mean 'America/New_York'?"
        ),
        (
            "columns.numeric[1] (line 6): got 'late'; allowed: a column that has no other role; "
            "this one is columns.target already"
        ),
        "windows.holdout (line 8): got 14; allowed: a duration such as 90d, 2w, 36h or 30m, at most 36525d",
        (
            "windows.trian (line 8): unknown key; did you mean 'train'? allowed here: train, holdout, "
            "embargo, current"
        ),
        "validation.min_rows (line 10): got '1000'; allowed: a whole number from 1",
        (
            "validation.rules[0].column (line 12): got 'distnce'; did you mean 'distance'? allowed: "
            "a column that the spec declares: late, distance, carrier"
        ),
        "validation.rules[1].min (line 13): got 2; allowed: at most the rule's max, 1",
    ]


@pytest.mark.parametrize(
    ("added", "found", "allowed"),
    [
        (
            "gates: {alpha: 0.5}",
            "gates.alpha (line 8): got 0.5",
            "allowed: a finite number above 0 and below 0.5",
        ),
        (
            "gates: {alpha: .nan}",
            "gates.alpha (line 8): got NaN",
            "allowed: a finite number above 0 and below 0.5",
        ),
        (
            "gates: {strict: yes}",
            "gates.strict (line 8): got 'yes'",
            "allowed: true or false",
        ),
        (
            "gates: {floors: {auc: 0.5}}",
            "gates.floors.auc (line 8): unknown key",
            f"did you mean 'roc_auc'? allowed here: {', '.join(METRICS)}",
        ),
        (
            "gates: {floors: {roc_auc: 2}}",
            "gates.floors.roc_auc (line 8): got 2",
            "allowed: 0 to 1, as no model scores more",
        ),
        (
            "gates: {slices: [height]}",
            "gates.slices[0] (line 8): got 'height'",
            "allowed: one of columns.categorical: plan",
        ),
        (
            "gates: {guardrails: {log_loss: 1}}",
            "gates.guardrails.log_loss (line 8): got 1",
            "allowed: a finite number from 0 and below 1",
        ),
        (
            "gates: {claim: equal}",
            "gates.claim (line 8): got 'equal'",
            "allowed: 'superior' or 'non_inferior'",
        ),
        (
            "gates: {spending: even}",
            "gates.spending (line 8): got 'even'",
            "allowed: 'quadratic', or 'even:N' with N from 1 to 9999, such as 'even:12'",
        ),
        (
            "windows: {train: 0d}",
            "windows.train (line 8): got '0d'",
            "allowed: a duration above zero such as 90d, 2w, 36h or 30m, at most 36525d",
        ),
        (
            "windows: {embargo: -1d}",
            "windows.embargo (line 8): got '-1d'",
            "allowed: a duration such as 90d, 2w, 36h or 30m, at most 36525d",
        ),
        (
            "windows:",
            "windows (line 8): got nothing (null)",
            "allowed: a mapping with the keys train, holdout, embargo, current",
        ),
        (
            "training: {estimator: os.system}",
            "training.estimator (line 8): got 'os.system'",
            (
                "allowed: the dotted path of a scikit-learn class, such as "
                "'sklearn.linear_model.LogisticRegression'"
            ),
        ),
        (
            "training: {parameters: {p: {q: 1}}}",
            'training.parameters.p (line 8): got {"q": 1}',
            "allowed: text, a finite number, true, false, null or a list of these",
        ),
        (
            "training: {parameters: {p: [.inf]}}",
            "training.parameters.p (line 8): got [Infinity]",
            "allowed: text, a finite number, true, false, null or a list of these",
        ),
        (
            "training: {parameters: {random_state: 1}}",
            "training.parameters.random_state (line 8): got 1",
            "allowed: training.seed, which sets it",
        ),
        (
            "training: {seed: 4294967296}",
            "training.seed (line 8): got 4294967296",
            "allowed: a whole number from 0 to 4294967295",
        ),
        (
            "validation: {rules: [{column: age}]}",
            "validation.rules[0] (line 8): no limit",
            "allowed: at least one of min, max, nulls, allowed",
        ),
        (
            "validation: {rules: [{column: plan, max: 1}]}",
            "validation.rules[0].max (line 8): got 1",
            "allowed: 'allowed' or 'nulls', as 'plan' is categorical",
        ),
        (
            "validation: {rules: [{column: age, allowed: [a]}]}",
            'validation.rules[0].allowed (line 8): got ["a"]',
            "allowed: 'min', 'max' or 'nulls', as 'age' is numeric",
        ),
        (
            "validation: {rules: [{column: plan, allowed: [1]}]}",
            "validation.rules[0].allowed[0] (line 8): got 1",
            "allowed: text",
        ),
        (
            "validation: {rules: [age]}",
            "validation.rules[0] (line 8): got 'age'",
            "allowed: a mapping with the keys column, min, max, nulls, allowed, severity",
        ),
        (
            "  id: 5",
            "columns.id (line 8): got 5",
            "allowed: the name of a column",
        ),
        (
            "  id: age",
            "columns.numeric[0] (line 6): got 'age'",
            "allowed: a column that has no other role; this one is columns.id already",
        ),
        (
            "  weight: seen",
            "columns.weight (line 8): got 'seen'",
            "allowed: a column that has no other role; this one is source.timestamp already",
        ),
        (
            "  positive: 1.5",
            "columns.positive (line 8): got 1.5",
            "allowed: a whole number, text, true or false",
        ),
        (
            "model: again",
            "model (line 8): the key is there already, in line 1",
            "allowed: once",
        ),
        (
            "notifications: {}",
            "notifications (line 8): unknown key",
            f"allowed here: {SECTIONS}",
        ),
        (
            "Gates: {}",
            "Gates (line 8): unknown key",
            (
                "did you mean 'gates'? allowed here: model, task, source, columns, windows, "
                "validation, training, gates, triggers, registry, serving, notify"
            ),
        ),
        (
            "a.b: 1",
            "['a.b'] (line 8): unknown key",
            f"allowed here: {SECTIONS}",
        ),
    ],
)
def test_one_mistake_is_one_line(added, found, allowed, small, refused):
    assert refused(small + added + "\n") == [f"{found}; {allowed}"]


@pytest.mark.parametrize("uri", ["${", "${}", "${A", "${A-B}", "${1}", "x/${A}/${B"])
def test_half_a_reference_is_refused(uri, small, refused):
    (line,) = refused(small.replace("data/*.parquet", f"'{uri}'"))

    assert line == (
        f"source.uri (line 3): got '{uri}'; allowed: references of the form ${{NAME}}, "
        "with a name of letters, digits and _"
    )


def test_no_features_is_a_problem_of_the_columns(small, refused):
    bare = small.replace("  numeric: [age]\n  categorical: [plan]\n", "")

    assert refused(bare) == [
        "columns (line 4): no features; allowed: at least one column in numeric or categorical"
    ]


def test_missing_keys_say_what_belongs_there(refused):
    assert refused("model: churn\n\ncolumns: {numeric: [age]}\n") == [
        "task: missing; allowed: 'binary'",
        "source: missing; allowed: a mapping with the keys type, uri, timestamp, timezone, label_delay",
        "columns.target (line 3): missing; allowed: the name of a column",
    ]


@pytest.mark.parametrize(
    ("text", "found"), [("", "empty"), ("# nothing\n", "empty"), ("hello", "got 'hello'")]
)
def test_what_is_no_mapping_is_refused_with_the_keys_of_a_spec(text, found, refused):
    assert refused(text) == [
        (
            f"{found}; allowed: a mapping with the keys model, task, source, columns, windows, "
            "validation, training, gates, triggers, registry, serving, notify"
        )
    ]


@pytest.mark.parametrize("jargon", ["pydantic", "Input should", "type=", "input_", "extra_forbidden", "loc"])
def test_no_message_speaks_the_language_of_the_library(jargon, refused):
    wrong = "[1, x, {a: b}, null, 1.5, true]"
    keys = ["model", "task", "source", "columns", "windows", "validation", "training", "gates", "none"]
    sections = {key: "\n".join(refused(f"{key}: {wrong}\n")) for key in keys}

    assert not [key for key, message in sections.items() if jargon in message]


def test_a_long_value_is_cut(small, refused):
    (line,) = refused(small + f"gates: {{metric: {'x' * 3000}}}\n")
    listed = f"{', '.join(map(repr, METRICS[:-1]))} or {METRICS[-1]!r}"

    assert line == f"gates.metric (line 8): got '{'x' * 59}…' (3000 characters); allowed: {listed}"
