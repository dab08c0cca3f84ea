"""A stage's README says what its docstring and metadata say, without importing it."""

import pytest

COMPONENT = '''
import functools

from kfp import dsl


@functools.partial(dsl.component, base_image="not imported")
def count_rows(
    data: dsl.Input[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
    column: str = "a|b",
    *,
    limit: int,
) -> str:
    """Count the rows of a dataset.

    Nulls count too.

    Args:
        data: The rows.
        report: A page with
            the count.
        column: What to count.
        limit (int): At most so many.

    Returns:
        The count in words.
    """
'''
METADATA = """
name: count_rows
stability: alpha
dependencies:
  kubeflow:
    - name: Pipelines
      version: ">=2.17"
  external_services: []
lastVerified: 2026-01-02T00:00:00Z
tags: [rows, example]
"""


@pytest.fixture(scope="session")
def script(load_script):
    return load_script("stage_readmes")


@pytest.fixture
def stages(tmp_path):
    stage = tmp_path / "stages" / "count_rows"
    stage.mkdir(parents=True)
    (stage / "component.py").write_text(COMPONENT)
    (stage / "metadata.yaml").write_text(METADATA)
    return stage.parent


def readme(script, stages):
    target = stages.with_name("target")
    assert script.main([str(stages), str(target)]) == 0
    return (target / "count_rows" / "README.md").read_text()


def test_inputs_show_type_default_and_text(script, stages):
    text = readme(script, stages)
    assert "| `data` | `Dataset` | required | The rows. |" in text
    assert "| `column` | `str` | `'a\\|b'` | What to count. |" in text
    assert "| `limit` | `int` | required | At most so many. |" in text


def test_outputs_are_the_artifacts_and_the_returned_value(script, stages):
    outputs = readme(script, stages).split("## Outputs")[1].split("##")[0]
    assert "| `report` | `HTML` | A page with the count. |" in outputs
    assert "| `Output` | `str` | The count in words. |" in outputs
    assert "`data`" not in outputs


def test_the_description_keeps_its_paragraphs(script, stages):
    assert "Count the rows of a dataset.\n\nNulls count too.\n\n## Inputs" in readme(script, stages)


def test_the_usage_passes_what_is_required(script, stages):
    text = readme(script, stages)
    assert "from ct_components.stages.count_rows.component import count_rows" in text
    assert 'task = count_rows(\n    data=earlier.outputs["data"],\n    limit=limit,\n)\n' in text


def test_the_metadata_are_listed(script, stages):
    assert "- Stability: alpha\n- Needs Pipelines >=2.17\n- Last verified: 2026-01-02\n" in readme(
        script, stages
    )


def test_fields_of_an_inline_named_tuple_are_outputs(script):
    source = (
        '@component()\ndef f() -> NamedTuple("Outputs", [("rows", int), ("path", str)]):\n'
        '    """Do it.\n\n    Returns:\n        rows: How many.\n        path: Where.\n    """\n'
    )
    outputs = script.parse_component(source, "f.py").outputs
    assert [(port.name, port.type, port.text) for port in outputs] == [
        ("rows", "int", "How many."),
        ("path", "str", "Where."),
    ]


def test_fields_without_a_text_of_their_own_show_the_whole(script):
    signature = '@component()\ndef f() -> NamedTuple("Outputs", [("rows", int)]):\n'
    source = signature + '    """Do it.\n\n    Returns:\n        All of it.\n    """\n'
    assert script.parse_component(source, "f.py").outputs[0].text == "All of it."


def test_the_status_that_kfp_fills_in_is_no_input(script):
    source = '@component()\ndef f(status: dsl.PipelineTaskFinalStatus):\n    """Do it."""\n'
    assert script.parse_component(source, "f.py").inputs == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def helper(): ...\n", "has 0 decorated functions"),
        ("@component()\ndef f(): ...\n", "f has no docstring"),
        ('@component()\ndef f(rows: int):\n    """Do it."""\n', "Args lack rows"),
    ],
)
def test_a_component_without_its_documentation_is_refused(script, source, message):
    with pytest.raises(script.ReadmeError, match=message):
        script.parse_component(source, "f.py")


def test_missing_metadata_are_named(script, stages, capsys):
    (stages / "count_rows" / "metadata.yaml").unlink()
    assert script.main([str(stages), str(stages.with_name("target"))]) == 1
    assert "count_rows/metadata.yaml: missing" in capsys.readouterr().err
