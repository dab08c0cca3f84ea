"""A version that the stages trained passes its check; one that was tampered with is refused by name."""

import json

import pytest
import skops.io

from ct_components.errors import ModelError, StateError
from ct_components.spec import Check
from ct_components.staging import check_staging

NAMES = [
    "requirements", "start", "load", "signature", "sample", "one_row", "empty_frame", "missing_values",
    "unseen_category", "latency", "memory",
]  # fmt: skip


def refused(registry, version, message, error=ModelError, **limits):
    with pytest.raises(error, match=message) as caught:
        check_staging(registry, version, Check(**limits))
    return str(caught.value)


@pytest.mark.slow
def test_a_version_that_was_trained_here_passes_every_check_with_its_figure(registry, version):
    report = check_staging(registry, version, Check()).to_dict()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["version"] == "models:/shop/1"
    assert [each["check"] for each in report["checks"]] == NAMES
    assert all(each["passed"] for each in report["checks"])
    figures = {each["check"]: each["figure"] for each in report["checks"]}
    assert figures["signature"] == 3
    assert figures["sample"] == 0
    assert figures["missing_values"] == 4
    assert figures["unseen_category"] == 1
    assert 0 < figures["latency"] < 1000
    assert 100 < figures["memory"] < 4096


@pytest.mark.slow
def test_scikit_learn_refuses_an_empty_frame_and_goes_on(registry, version):
    """What trust.md says of it; should scikit-learn answer one day, that page is to be changed."""
    report = check_staging(registry, version, Check())
    notes = {each.check: each.note for each in report.findings}
    assert notes["empty_frame"].startswith("refused: Found array with 0 sample(s)")


@pytest.mark.slow
def test_a_model_that_was_exchanged_differs_from_the_recorded_scores(registry, version, folder):
    path = folder / "model.skops"
    model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    model[-1]._baseline_prediction += 0.01
    skops.io.dump(model, path)
    refused(
        registry,
        version,
        r"models:/shop/1 fails its check in staging: sample: 0\.00\d+, limit 1e-06 \(the larg",
    )
    assert check_staging(registry, version, Check(tolerance=0.01)).findings


@pytest.mark.slow
def test_recorded_scores_that_are_wrong(registry, version, records):
    sample = json.loads((records / "prediction_sample.json").read_text())
    sample["scores"][7] += 0.25
    (records / "prediction_sample.json").write_text(json.dumps(sample))
    refused(registry, version, r"sample: 0\.25, limit 1e-06")


@pytest.mark.slow
def test_a_model_that_predicts_no_numbers(registry, version, folder):
    path = folder / "model.skops"
    model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    model[-1]._baseline_prediction *= float("nan")
    skops.io.dump(model, path)
    refused(registry, version, "sample: nan, limit 1e-06")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda inputs: inputs[1].update(type="long"), "signature: 'age' was double and is long$"),
        (lambda inputs: inputs[1].update(required=False), "'age' was double and is optional double$"),
        (lambda inputs: inputs.pop(), "signature: 'region' was string and is not there$"),
        (
            lambda inputs: inputs[2].update(name="Region"),
            "'region' was string and is not there; 'Region' was not there and is string$",
        ),
    ],
)
def test_a_changed_signature_is_named(registry, version, describe, change, message):
    def sign(content):
        inputs = json.loads(content["signature"]["inputs"])
        change(inputs)
        content["signature"]["inputs"] = json.dumps(inputs)

    describe(sign)
    refused(registry, version, f"models:/shop/1 fails its check in staging: .*{message}")


@pytest.mark.slow
def test_a_model_without_a_signature(registry, version, describe):
    describe(lambda content: content.pop("signature"))
    refused(registry, version, "signature: 'visits' was double and is not there")


@pytest.mark.slow
def test_a_model_that_gives_classes_where_its_signature_says_probabilities(registry, version, describe):
    describe(lambda content: content["flavors"]["python_function"].update(predict_fn="predict"))
    refused(registry, version, r"sample: 20 rows get an answer of shape \(20,\); allowed: \(20, 2\)")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.skops", "load: .*model.skops"),
        ("MLmodel", "the MLmodel file in .* cannot be read"),
        ("requirements.txt", "requirements: requirements.txt cannot be read"),
    ],
)
def test_a_file_that_is_gone_is_named(registry, version, folder, name, message):
    (folder / name).unlink()
    refused(registry, version, f"models:/shop/1 fails its check in staging: {message}")


@pytest.mark.slow
def test_a_file_that_was_cut_off(registry, version, folder):
    content = (folder / "model.skops").read_bytes()
    (folder / "model.skops").write_bytes(content[:500])
    refused(registry, version, "load: BadZipFile")


@pytest.mark.parametrize("name", ["prediction_sample.json", "resolved.json"])
def test_a_record_that_is_gone_or_damaged(registry, version, records, name):
    (records / name).write_text('{"rows": {}, "spec"')
    refused(registry, version, f"{name} of MLflow run .* is damaged", StateError)
    (records / name).write_text("[]")
    refused(registry, version, "is not what train_model wrote", StateError)
    (records / name).unlink()
    refused(registry, version, f"{name} of MLflow run .* cannot be read", StateError)


def test_a_model_that_asks_for_other_code_is_refused_before_any_process_starts(
    registry, version, describe, monkeypatch
):
    describe(lambda content: content["flavors"]["python_function"].update(loader_module="evil"))
    monkeypatch.setattr("ct_components.staging.check.run", None)
    refused(registry, version, "models:/shop/1 fails .*loader_module: 'evil'; allowed: mlflow.sklearn")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not-on-any-index==1.0", "requirements: not-on-any-index==1.0 is asked for, and not installed here"),
        (
            "-r /etc/passwd",
            "requirements: '-r /etc/passwd' is no requirement; allowed: a package and its ver",
        ),
    ],
)
def test_requirements_that_no_server_could_install(registry, version, folder, line, message):
    with (folder / "requirements.txt").open("a") as file:
        file.write(f"\n{line}\n")
    refused(registry, version, message)


@pytest.mark.slow
def test_another_version_of_a_package_is_said(registry, version, folder, caplog):
    text = (folder / "requirements.txt").read_text()
    (folder / "requirements.txt").write_text(text.replace("skops==", "skops==99"))
    check_staging(registry, version, Check())
    assert "models:/shop/1: skops==99" in caplog.text
    assert "is asked for, and" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"latency_ms": 0.001}, r"latency: [\d.]+ ms, limit 0.001 ms \(the median of 11 single rows\)"),
        ({"memory_mb": 64}, r"memory: \d+ MiB in (requirements|start), limit 64 MiB; it was ended"),
        ({"load_seconds": 0.01}, "load: not done after 0.01 s, its limit; it was ended"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_limit_that_no_model_keeps(registry, version, limits, message):
    refused(registry, version, message, **limits)
