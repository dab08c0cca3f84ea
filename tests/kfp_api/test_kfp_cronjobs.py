"""CronJobs of a model's schedule, looked for with the real client of Kubernetes."""

import pytest
from fake_kubernetes_api import fake_kubernetes, write_kubeconfig

from ct_components.errors import Unreachable
from ct_pipelines.kfp_api.cronjobs import CronJobs, find_cronjobs


@pytest.fixture(autouse=True)
def _outside_of_a_cluster(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    with fake_kubernetes(tmp_path) as fake:
        monkeypatch.setenv("KUBECONFIG", str(fake.kubeconfig))
        yield fake


def test_only_cronjobs_that_start_this_models_schedule_count(cluster):
    cluster.add_cronjob("churn-schedule")
    cluster.add_cronjob("churn-drift", **{"kfp-ct/workload": "monitor"})
    cluster.add_cronjob("other-schedule", model="other")
    cluster.add_cronjob("somebodys", **{"app.kubernetes.io/part-of": "something-else"})

    assert find_cronjobs("churn") == CronJobs(("churn-schedule",), "ct")
    assert find_cronjobs("third") == CronJobs((), "ct")


def test_suspended_ones_do_not_count(cluster):
    cluster.add_cronjob("churn-schedule", suspend=True)

    assert find_cronjobs("churn").names == ()


def test_the_given_namespace_is_looked_at_else_the_contexts(cluster):
    cluster.add_cronjob("in-ct")
    cluster.add_cronjob("in-team-a", namespace="team-a")

    assert find_cronjobs("churn", "team-a") == CronJobs(("in-team-a",), "team-a")
    assert find_cronjobs("churn").names == ("in-ct",)


@pytest.mark.parametrize("content", [None, "", "no: kubeconfig", "{"])
def test_without_a_usable_kubeconfig_nobody_looked(tmp_path, monkeypatch, content):
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(path))

    found = find_cronjobs("churn")

    assert found.names == ()
    assert found.unchecked.startswith("no Kubernetes cluster is known here (")


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_look_is_told_so(cluster, status):
    cluster.refuse_with = status

    assert find_cronjobs("churn").unchecked.startswith(
        f"Kubernetes refuses to list CronJobs in namespace 'ct' (HTTP {status}"
    )


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_cluster_that_fails_is_unreachable(cluster, status):
    cluster.refuse_with = status

    with pytest.raises(Unreachable, match=f"Kubernetes at http.* does not answer: HTTP {status}"):
        find_cronjobs("churn")


def test_a_cluster_that_does_not_answer_is_unreachable(tmp_path, monkeypatch, closed_port):
    path = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("KUBECONFIG", str(path))

    with pytest.raises(
        Unreachable, match=r"Kubernetes at http.* does not answer: .*Connection refused"
    ) as caught:
        find_cronjobs("churn")
    assert "kubernetes-token" not in str(caught.value)
