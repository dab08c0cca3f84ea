"""The Roles of manifests/components/serving allow what a deployment calls, and nothing more."""

import os
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from ct_components.errors import StateError

COMPONENTS = Path(__file__).parents[2] / "manifests/components/serving"
OVERLAY = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: models
nameSuffix: -churn
components: [component]
patches:
  - target: {kind: Role, name: kfp-ct-serve}
    patch: |-
      - {op: replace, path: /rules/0/resourceNames, value: [churn]}
  - target: {kind: RoleBinding, name: kfp-ct-serve}
    patch: |-
      - {op: replace, path: /subjects/0, value: {kind: ServiceAccount, name: default-editor, namespace: ct}}
"""


def built(kind, folder):
    """What the overlay of the how-to makes of a component."""
    (folder / "component").mkdir(parents=True)
    for file in (COMPONENTS / kind).iterdir():
        (folder / "component" / file.name).write_text(file.read_text())
    (folder / "kustomization.yaml").write_text(OVERLAY)
    # Some kubectl ask the cluster for its version first.
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    ran = subprocess.run(
        ["kubectl", "kustomize", folder], capture_output=True, text=True, check=True, env=environment
    )
    return {each["kind"]: each for each in yaml.safe_load_all(ran.stdout)}


@pytest.mark.parametrize("kind", ["kserve", "deployment"])
def test_they_are_valid_and_bind_the_service_account_to_the_one_object(tmp_path, kind):
    made = built(kind, tmp_path)

    for each in made.values():
        kubernetes_validate.validate(each, "1.32", strict=True)
    assert made["Role"]["metadata"]["namespace"] == "models"
    assert made["RoleBinding"]["roleRef"]["name"] == made["Role"]["metadata"]["name"] == "kfp-ct-serve-churn"
    assert made["RoleBinding"]["subjects"] == [
        {"kind": "ServiceAccount", "name": "default-editor", "namespace": "ct"}
    ]


@pytest.mark.parametrize("fate", ["loads", "never"])
def test_a_deployment_calls_all_that_the_role_allows_and_nothing_else(serve, tmp_path, fate):
    """Every call of a deployment that goes well, and of one that is put back."""
    kind = serve.settings.type
    (rule,) = built(kind, tmp_path / "overlay")["Role"]["rules"]
    allowed = {(verb, name) for verb in rule["verbs"] for name in rule["resourceNames"]}
    serve.fake.fates[serve.new] = fate
    try:
        serve.deploy()
    except StateError as error:
        assert "was put back, and serves again" in str(error)  # noqa: PT017 (either end is meant)

    assert rule["apiGroups"][0] == serve.fake.collection.split("/")[2]
    assert rule["resources"] == [serve.fake.collection.rpartition("/")[2]]
    assert {(verb, path.rpartition("/")[2]) for verb, path in serve.fake.calls} == allowed
