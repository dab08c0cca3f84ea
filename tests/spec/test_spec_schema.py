import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

import ct_components.spec
from ct_components.spec import dump_spec, load_spec
from ct_components.spec.schema import schema

COMMITTED = Path(ct_components.spec.__file__).with_name("model-spec.schema.json")


@pytest.fixture
def validator():
    return Draft202012Validator(json.loads(COMMITTED.read_text()))


def test_the_committed_schema_is_the_generated_one(tmp_path):
    written = tmp_path / "schema.json"
    subprocess.run([sys.executable, "-W", "error", "-m", "ct_components.spec.schema", written], check=True)

    assert written.read_text() == COMMITTED.read_text(), "run python -m ct_components.spec.schema"


def test_it_is_a_schema_of_its_draft():
    Draft202012Validator.check_schema(schema())


def test_the_flights_spec_follows_it_as_written_and_as_dumped(validator, flights):
    validator.validate(yaml.safe_load(flights.read_text()))
    validator.validate(json.loads(dump_spec(load_spec(flights))))


def test_the_flights_spec_points_editors_to_it(flights):
    target = flights.read_text().splitlines()[0].partition("$schema=")[2]

    assert (flights.parent / target).resolve() == COMMITTED.resolve()


def test_every_key_has_a_description():
    sections = [schema(), *schema()["$defs"].values()]
    bare = [
        key
        for section in sections
        for key, node in section.get("properties", {}).items()
        if not ("description" in node or "$ref" in node)
    ]

    assert bare == []


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("model", "Flight/Delay"),
        ("windows", {"train": "0d"}),
        ("windows", {"trian": "90d"}),
        ("gates", {"alpha": 0.5}),
        ("gates", {"floors": {"auc": 0.5}}),
        ("training", {"estimator": "os.system"}),
        ("validation", {"rules": [{"column": "hour", "nulls": 2}]}),
    ],
)
def test_editors_see_the_mistakes_that_loading_would_refuse(section, values, validator, flights):
    spec = {**yaml.safe_load(flights.read_text()), section: values}

    assert not validator.is_valid(spec)


def test_defaults_in_the_schema_are_allowed_by_it():
    """An editor that fills in a default must not mark it as wrong."""
    whole = schema()
    parts = [whole, *whole["$defs"].values()]

    for part in parts:
        for field in part.get("properties", {}).values():
            if "default" in field:
                found = {"$defs": whole["$defs"], **field}
                Draft202012Validator(found).validate(field["default"])
