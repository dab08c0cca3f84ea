"""The compiled pipeline: what the YAML says is what runs, here and on a cluster."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
import yaml

from ct_components.stage import TIMEOUT
from ct_pipelines.compile import compile_pipeline, compiled_path
from ct_pipelines.pipeline import NEEDS, PIPELINE_NAME, Stages, continuous_training

GOLDEN = Path(__file__).parents[2] / "pipelines" / "compiled" / "continuous_training.yaml"
STAGES = (
    "begin-run",
    "fetch-data",
    "validate-data",
    "compute-features",
    "train-model",
    "evaluate-challenger",
    "promote-challenger",
    "deploy-model",
    "notify",
)
SERVICE_STAGES = {
    "begin-run",
    "fetch-data",
    "train-model",
    "evaluate-challenger",
    "promote-challenger",
    "deploy-model",
    "notify",
}


@pytest.fixture(scope="module")
def documents():
    """The pipeline, and its kubernetes document."""
    return list(yaml.safe_load_all(GOLDEN.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def tasks(documents):
    """Every task of the pipeline by its name, wherever it is nested."""
    found = dict(documents[0]["root"]["dag"]["tasks"])
    for component in documents[0]["components"].values():
        found |= component.get("dag", {}).get("tasks", {})
    return found


@pytest.fixture(scope="module")
def containers(documents):
    executors = documents[0]["deploymentSpec"]["executors"]
    return {name.removeprefix("exec-"): executor["container"] for name, executor in executors.items()}


@pytest.fixture(scope="module")
def kubernetes(documents):
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return {name.removeprefix("exec-"): executor for name, executor in executors.items()}


def test_two_compiles_are_equal_to_the_byte_and_to_the_golden_file(tmp_path):
    compile_pipeline(tmp_path / "a.yaml")
    compile_pipeline(tmp_path / "b.yaml")

    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()
    assert (tmp_path / "a.yaml").read_bytes() == GOLDEN.read_bytes(), "run scripts/golden"


def test_the_golden_file_is_the_one_that_runs():
    assert compiled_path() == GOLDEN


def test_the_pipeline_has_every_stage(containers, tasks):
    assert set(containers) == set(STAGES)
    assert set(STAGES) < set(tasks)


def test_the_parameters_are_few_and_documented(documents):
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]

    assert set(parameters) == {"spec", "as_of", "reason", "key", "hyperparameters"}
    assert all(parameter["description"] for parameter in parameters.values())
    assert "defaultValue" not in parameters["spec"]


def test_notify_runs_whatever_happened(tasks):
    policy = tasks["notify"]["triggerPolicy"]

    assert policy["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    assert tasks["notify"]["dependentTasks"] == ["exit-handler-1"]
    assert tasks["notify"]["inputs"]["parameters"]["status"] == {
        "taskFinalStatus": {"producerTask": "exit-handler-1"}
    }


def test_only_the_verdict_promote_promotes(tasks):
    (condition,) = [task for name, task in tasks.items() if name.startswith("condition")]

    assert condition["triggerPolicy"]["condition"].endswith("== 'promote'")
    assert "evaluate-challenger" in condition["dependentTasks"]
    assert "triggerPolicy" not in tasks["promote-challenger"]


def test_nothing_is_answered_from_a_cache(tasks):
    assert [name for name in STAGES if tasks[name].get("cachingOptions", {}).get("enableCache")] == []


def test_caching_can_be_asked_for(tmp_path):
    compile_pipeline(tmp_path / "cached.yaml", caching=True)

    text = (tmp_path / "cached.yaml").read_text()
    assert text.count("enableCache: true") == len(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_only_stages_that_talk_to_services_are_retried(tasks, stage):
    policy = tasks[stage].get("retryPolicy")

    assert (policy is not None) == (stage in SERVICE_STAGES)
    if policy:
        assert policy["maxRetryCount"] == 2
        assert policy["backoffDuration"] == "10s"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_asks_for_cpu_and_memory(containers, stage):
    resources = containers[stage]["resources"]

    assert resources["resourceCpuRequest"]
    assert resources["resourceMemoryRequest"]
    assert resources["resourceMemoryLimit"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_ends_itself_before_its_pod_is_ended(containers, kubernetes, stage):
    environment = {each["name"]: each["value"] for each in containers[stage]["env"]}

    own, pods = int(environment[TIMEOUT]), kubernetes[stage]["activeDeadlineSeconds"]

    assert own == NEEDS[stage.replace("-", "_")].minutes * 60
    assert own < int(pods)


@pytest.mark.parametrize("stage", STAGES)
def test_a_component_is_a_short_call_into_its_image(containers, stage):
    source = containers[stage]["command"][-1]

    assert "pip install" not in " ".join(containers[stage]["command"][:-1])
    body = re.split(r'""".*?"""', source, maxsplit=1, flags=re.DOTALL)[1].split("\n")
    body = [line for line in body if line.strip()]
    assert len(body) <= 10, f"the body of {stage} has {len(body)} lines"


def test_a_stage_can_be_replaced(tmp_path):
    from kfp import compiler, dsl

    @dsl.component(base_image="somebody/else:1")
    def own_features(
        training: dsl.Input[dsl.Dataset], columns: str, context: str, features: dsl.Output[dsl.Dataset]
    ):
        raise NotImplementedError("features of my own")

    stages = Stages(compute_features=own_features)
    compiler.Compiler().compile(continuous_training(stages), str(tmp_path / "own.yaml"))

    text = (tmp_path / "own.yaml").read_text()
    assert "somebody/else:1" in text
    assert "features of my own" in text
    assert "ct_components.stages.compute_features" not in text
    assert "ct_components.stages.train_model" in text


def test_every_stage_has_a_component_and_needs():
    stages = [field.name for field in dataclasses.fields(Stages)]

    assert stages == list(NEEDS)
    assert {name.replace("_", "-") for name in stages} == set(STAGES)


def test_a_models_spec_becomes_the_default(tmp_path):
    spec = json.dumps({"model": "shop", "note": 'it\'s "quoted" – and ünï'})

    compile_pipeline(tmp_path / "deep" / "shop.yaml", spec=spec)

    document = next(yaml.safe_load_all((tmp_path / "deep" / "shop.yaml").read_text(encoding="utf-8")))
    assert document["root"]["inputDefinitions"]["parameters"]["spec"]["defaultValue"] == spec
    assert document["pipelineInfo"]["name"] == PIPELINE_NAME


def test_a_compile_that_fails_leaves_the_old_file(tmp_path):
    target = tmp_path / "p.yaml"
    target.write_text("old")

    with pytest.raises(TypeError):
        compile_pipeline(target, spec={"not": "a string"})

    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["p.yaml"]
