"""Where KFP is: read from the environment, and refused by name where it cannot be meant."""

from pathlib import Path

import pytest

from ct_components.errors import StateError
from ct_pipelines.kfp_api.settings import KfpSettings


def test_only_the_host_is_needed():
    found = KfpSettings.from_environment(
        {"KFP_CT_KFP_HOST": "http://ml-pipeline.kubeflow.svc.cluster.local:8888"}
    )

    assert found == KfpSettings("http://ml-pipeline.kubeflow.svc.cluster.local:8888")
    assert found.experiment == "continuous-training"
    assert found.timeouts == (5, 30)


def test_every_setting_is_read_from_its_variable():
    environment = {
        "KFP_CT_KFP_HOST": " https://kfp.example.com/pipeline/ ",
        "KFP_CT_KFP_NAMESPACE": "team-a",
        "KFP_CT_KFP_TOKEN_FILE": "/var/run/secrets/kfp/token",
        "KFP_CT_KFP_CA_FILE": "/etc/ca.pem",
        "KFP_CT_KFP_EXPERIMENT": "Churn, weekly",
        "KFP_CT_KFP_SERVICE_ACCOUNT": "trainer",
    }

    assert KfpSettings.from_environment(environment) == KfpSettings(
        host="https://kfp.example.com/pipeline",
        namespace="team-a",
        token_file=Path("/var/run/secrets/kfp/token"),
        ca_file=Path("/etc/ca.pem"),
        experiment="Churn, weekly",
        service_account="trainer",
    )


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_host_is_named(value):
    environment = {} if value is None else {"KFP_CT_KFP_HOST": value}

    with pytest.raises(StateError, match="KFP_CT_KFP_HOST is not set"):
        KfpSettings.from_environment(environment)


@pytest.mark.parametrize(
    "host",
    [
        "http://localhost:8888",
        "http://127.0.0.1:8888",
        "http://[::1]:8888",
        "http://ml-pipeline:8888",
        "http://ml-pipeline.kubeflow.svc:8888",
        "http://ml-pipeline.kubeflow.svc.my.domain:8888",
        "https://10.0.0.7",
    ],
)
def test_http_is_allowed_to_this_machine_and_within_the_cluster(host):
    assert KfpSettings(host).host == host


@pytest.mark.parametrize("host", ["http://kfp.example.com", "http://10.0.0.7:8888", "http://svc.example.com"])
def test_http_to_elsewhere_is_refused_since_the_token_would_travel_in_clear(host):
    with pytest.raises(StateError, match="whose tokens anyone on the way could read; allowed: https"):
        KfpSettings(host)


@pytest.mark.parametrize(
    "host",
    [
        "kfp.example.com",
        "ftp://kfp.example.com",
        "https://",
        "https://kfp.example.com:notaport",
        "https://kfp.example.com:0",
        "https://kfp.example.com?token=x",
        "https://kfp.example.com#x",
        "https://kfp.example.com/a b",
        "https://[",
    ],
)
def test_a_host_that_is_no_plain_url_is_refused(host):
    with pytest.raises(StateError, match=r"KFP_CT_KFP_HOST: got .* allowed: an http or https URL"):
        KfpSettings(host)


def test_a_password_in_the_host_is_refused_and_not_shown():
    with pytest.raises(StateError) as caught:
        KfpSettings("https://me:secret@kfp.example.com")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("role", ["namespace", "service_account"])
@pytest.mark.parametrize("name", ["", "Team", "a/b", "-a", "a" * 64, "a\nb"])
def test_a_name_that_kubernetes_would_not_take_is_refused(role, name):
    with pytest.raises(StateError, match=f"KFP_CT_KFP_{role.upper()}: got"):
        KfpSettings("https://kfp.example.com", **{role: name})


def test_an_experiment_of_more_than_128_bytes_is_refused():
    KfpSettings("https://kfp.example.com", experiment="a" * 128)
    with pytest.raises(StateError, match="KFP_CT_KFP_EXPERIMENT"):
        KfpSettings("https://kfp.example.com", experiment="ä" * 65)
