import contextlib
import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ct_components.errors import SpecError
from ct_components.spec import (
    Columns,
    DriftTrigger,
    Duration,
    Gates,
    ModelSpec,
    Rule,
    Source,
    Training,
    Triggers,
    Validation,
    WindowLengths,
    dump_spec,
    load_spec,
    parse_section,
    parse_spec,
    resolve_references,
)

names = st.text(
    st.characters(exclude_characters="$", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
durations = st.builds(Duration, st.integers(10, 900), st.sampled_from("dw"))
cooldowns = st.builds(Duration, st.integers(0, 52), st.sampled_from("mhdw"))


@st.composite
def specs(draw):
    columns = draw(st.lists(names, min_size=4, max_size=8, unique=True))
    timestamp, target, plan, *numeric = columns
    rule = Rule(
        column=plan, allowed=draw(st.lists(names, min_size=1, max_size=3)), nulls=draw(st.floats(0, 1))
    )
    return ModelSpec(
        model="churn",
        task="binary",
        source=Source(type="parquet", uri=draw(names), timestamp=timestamp, timezone="Asia/Kolkata"),
        columns=Columns(
            target=target,
            positive=draw(st.integers() | st.booleans() | names),
            numeric=numeric,
            categorical=[plan],
        ),
        windows=WindowLengths(train=draw(durations), holdout=draw(durations)),
        validation=Validation(rules=[rule]),
        training=Training(parameters=draw(st.dictionaries(names, scalars | st.lists(scalars), max_size=3))),
        gates=Gates(alpha=draw(st.floats(1e-12, 0.49)), spending="even:12"),
        triggers=Triggers(drift=DriftTrigger(weights={plan: 1}), cooldown=draw(cooldowns)),
    )


@given(specs())
def test_a_spec_survives_being_written_and_read(spec):
    text = dump_spec(spec)

    assert parse_spec(text, "dump") == spec
    assert dump_spec(parse_spec(text, "dump")) == text


@given(specs())
def test_json_written_by_others_is_the_same_spec(spec):
    foreign = json.dumps(json.loads(dump_spec(spec)), indent=2, ensure_ascii=True)

    assert parse_spec(foreign, "foreign") == spec


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the path is always the same
@given(data=st.data())
def test_whatever_is_wrong_no_other_error_escapes(data, flights):
    spec = yaml.safe_load(flights.read_text())
    section = data.draw(st.sampled_from([spec, *(part for part in spec.values() if isinstance(part, dict))]))
    keys = [
        "holdout",
        "min_clusters",
        "rules",
        "numeric",
        "target",
        "parameters",
        "gates",
        "windows",
        "triggers",
        "schedule",
        "weights",
        *section,
    ]
    values = (
        scalars
        | st.sampled_from(
            [
                "30d",
                {"min_clusters": 40},
                {"holdout": "2d"},
                ["late"],
                [{"column": "hour"}],
                {"random_state": 1},
            ]
        )
        | st.sampled_from(
            [
                "0 3 * * *",
                {"schedule": "* * * * *"},
                {"drift": {"weights": {"hour": 0}}},
                {"budget": {"runs": 1}},
            ]
        )
    )
    section.update(data.draw(st.dictionaries(st.sampled_from(keys), values, min_size=1, max_size=3)))

    with contextlib.suppress(SpecError):  # and nothing else
        parse_spec(json.dumps(spec), "mutated")


def test_contradictions_with_defaults_are_found_in_sections_that_are_partly_given(small, refused):
    (line,) = refused(small + "windows: {train: 30d}\ngates: {min_clusters: 40}\n")

    assert line.startswith("windows.holdout (line 8): got '14d'; allowed: at least 39d, or a smaller")


def test_the_dump_is_canonical_and_holds_the_defaults(small):
    dumped = json.loads(dump_spec(parse_spec(small, "model.yaml")))

    assert list(dumped) == sorted(dumped)
    assert dumped["windows"] == {"current": "7d", "embargo": "0d", "holdout": "14d", "train": "90d"}
    assert dumped["gates"]["floors"] == {}


def test_a_file_is_read_with_or_without_a_byte_order_mark(small, tmp_path):
    path = tmp_path / "größe model.yaml"
    path.write_text(small, encoding="utf-8-sig")

    assert load_spec(path) == load_spec(str(path)) == parse_spec(small, "text")


def test_problems_name_the_file(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text("model: churn\n")

    with pytest.raises(SpecError) as caught:
        load_spec(path)

    assert str(caught.value).startswith(f"3 problems in {path}\n")
    assert caught.value.exit_code == 10


def test_a_missing_file_is_answered_with_those_that_exist(tmp_path):
    (tmp_path / "churn.yaml").touch()

    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "chrun.yaml")

    assert str(caught.value) == (
        f"model spec '{tmp_path}/chrun.yaml': no such file; YAML files in '{tmp_path}': churn.yaml"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "is a folder; allowed: a YAML file"),
        (lambda path: path.write_bytes(b"model: \xff"), "byte 7 is not UTF-8; allowed: YAML text in UTF-8"),
        (lambda path: path.write_bytes(b" " * 1_000_001), "1000001 bytes; allowed: .* at most 1000000 bytes"),
        (lambda path: path.write_text(""), "1 problem in .*\n  empty; allowed: a mapping"),
        (lambda path: path.with_name("other").touch(), "no such file"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_a_spec_is_refused(make, message, tmp_path):
    make(path := tmp_path / "model.yaml")

    with pytest.raises(SpecError, match=message):
        load_spec(path)


@pytest.mark.parametrize("path", ["no/such/folder/model.yaml", "x" * 300, "a\0b"])
def test_a_path_that_leads_nowhere_is_refused(path):
    with pytest.raises(SpecError, match=r"^model spec '"):
        load_spec(path)


def test_a_section_is_read_alone():
    source = parse_section(
        Source, '{"type": "parquet", "uri": "x", "timestamp": "t"}', "the parameter 'source'"
    )

    assert source == Source(type="parquet", uri="x", timestamp="t")


def test_the_problems_of_a_section_have_paths_within_it():
    with pytest.raises(SpecError) as caught:
        parse_section(Columns, '{"target": "left", "numeric": ["left"], "ids": 1}', "the parameter 'columns'")

    assert str(caught.value).splitlines() == [
        "2 problems in the parameter 'columns'",
        (
            "  ids: unknown key; did you mean 'id'? "
            "allowed here: target, positive, numeric, categorical, id, weight"
        ),
        (
            "  numeric[0]: got 'left'; allowed: a column that has no other role; "
            "this one is columns.target already"
        ),
    ]


@pytest.fixture
def two_references(small):
    return parse_spec(
        small.replace("data/*.parquet", "'${DATA_ROOT}/${stage_2}/$HOME/*.parquet'"), "model.yaml"
    )


def test_references_are_taken_from_the_environment_and_nothing_else_is_templated(two_references):
    resolved = resolve_references(
        two_references, {"DATA_ROOT": "gs://ünï code", "stage_2": "$HOME", "HOME": "/root"}
    )

    assert resolved.source.uri == "gs://ünï code/$HOME/$HOME/*.parquet"
    assert resolved.columns == two_references.columns
    assert parse_spec(dump_spec(resolved), "again") == resolved


def test_a_spec_without_references_is_left_alone(small):
    spec = parse_spec(small, "model.yaml")

    assert resolve_references(spec, {}) == spec


def test_all_unset_references_are_named_with_what_is_set_instead(two_references):
    with pytest.raises(SpecError) as caught:
        resolve_references(two_references, {"DATA_ROOTS": "x"})

    role = "source.uri: '${DATA_ROOT}/${stage_2}/$HOME/*.parquet' needs"
    assert str(caught.value).splitlines() == [
        (
            f"{role} DATA_ROOT, which is not set in the environment; did you mean 'DATA_ROOTS'? "
            "allowed: export DATA_ROOT=…"
        ),
        f"{role} stage_2, which is not set in the environment; allowed: export stage_2=…",
    ]


@pytest.mark.parametrize("value", ["", "  ", "${OTHER}"])
def test_a_reference_to_nothing_or_to_a_reference_is_refused(value, two_references):
    with pytest.raises(
        SpecError, match=r"needs DATA_ROOT, which is set to .*; allowed: text that is not empty"
    ):
        resolve_references(two_references, {"DATA_ROOT": value, "stage_2": "x"})


def test_the_flights_spec_is_right_and_keeps_the_default_gates(flights):
    spec = load_spec(flights)

    assert spec.model == "flight-delay"
    assert spec.gates == Gates()
    assert spec.source.timezone == "America/New_York"
    assert len(spec.columns.numeric) == 15
    assert flights.read_text().startswith("# yaml-language-server: $schema=")


def test_reading_specs_imports_nothing_heavy():
    heavy = {"numpy", "pandas", "pyarrow", "scipy", "sklearn", "sqlalchemy", "jinja2", "mlflow", "kfp"}
    code = "import sys, ct_components.spec, ct_components.windows; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert not heavy & set(loaded.split())
