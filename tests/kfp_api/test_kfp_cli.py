"""`kfp-ct upload` and `kfp-ct schedule` as a person or a script meets them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_kubernetes_api import fake_kubernetes
from kfp_samples import SPEC

from ct_pipelines.kfp_api.pipelines import read_package

KFP_CT = Path(sys.executable).with_name("kfp-ct")


@pytest.fixture
def call(fake, tmp_path):
    """Calls the command line with a KFP, and without a Kubernetes."""

    def run(*arguments, **environment):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("KFP_CT", "MLFLOW", "KUBE"))
        }
        ours = {"KFP_CT_KFP_HOST": fake.url, "KUBECONFIG": str(tmp_path / "no-kubeconfig")}
        return subprocess.run(
            [KFP_CT, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**kept, **ours, **environment},
        )

    return run


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text(SPEC)
    return path


def test_upload_says_what_it_did_and_what_was_there(call, package):
    version = read_package(package).version

    first = call("upload", "--pipeline", package)
    second = call("upload", "--pipeline", package, "--json")

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout.startswith(f"continuous-training {version}: uploaded (version ")
    found = json.loads(second.stdout)
    assert (found["pipeline"], found["version"], found["uploaded"]) == ("continuous-training", version, False)
    assert found["version_id"] in first.stdout


def test_upload_takes_the_installations_own_pipeline_and_another_name(fake, call):
    done = call("upload", "--name", "churn")

    assert done.returncode == 0, done.stderr
    assert [each["name"] for each in fake.things("pipelines")] == ["churn"]


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        ("unavailable", 75, "error: GET /apis/v2beta1/pipelines of KFP at http://127.0.0.1"),
        ("refused", 14, "was refused (HTTP 403): Failed: User is not authorized"),
        ("html", 14, "was answered by something else than KFP"),
    ],
)
def test_what_goes_wrong_is_one_line_with_its_exit_code(fake, call, package, fault, code, said):
    fake.fail("list_pipelines", fault)

    done = call("upload", "--pipeline", package)

    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_what_the_user_gave_is_checked_first(fake, call, tmp_path):
    missing = call("upload", "--pipeline", tmp_path / "missing.yaml", KFP_CT_KFP_HOST="")
    nowhere = call("upload", KFP_CT_KFP_HOST="")
    in_clear = call("upload", KFP_CT_KFP_HOST="http://kfp.example.com")

    assert (missing.returncode, nowhere.returncode, in_clear.returncode) == (10, 14, 14)
    assert "missing.yaml' cannot be read" in missing.stderr
    assert "KFP_CT_KFP_HOST is not set" in nowhere.stderr
    assert "allowed: https" in in_clear.stderr
    assert fake.requests() == []


def test_the_token_reaches_kfp_and_nothing_else(fake, call, package, tmp_path):
    token = tmp_path / "token"
    token.write_text("secret-token")
    fake.want_token("another")
    fake.fail("list_pipelines", "echo")

    echoed = call("upload", "--pipeline", package, KFP_CT_KFP_TOKEN_FILE=str(token))
    refused = call("upload", "--pipeline", package, KFP_CT_KFP_TOKEN_FILE=str(token))

    assert fake.authorizations() == ["Bearer secret-token"] * 2
    assert (echoed.returncode, refused.returncode) == (14, 14)
    assert "secret-token" not in echoed.stderr + refused.stderr
    assert "allowed: a token in KFP_CT_KFP_TOKEN_FILE that KFP accepts" in refused.stderr


def test_schedule_makes_keeps_replaces_and_removes(fake, call, model, package):
    made = call("schedule", model, "--pipeline", package)
    kept = call("schedule", model, "--pipeline", package, "--json")
    model.write_text(SPEC.replace("0 3 * * 0", "0 4 * * SUN"))
    replaced = call("schedule", model, "--pipeline", package, "--json")
    removed = call("schedule", model, "--remove")

    assert [each.returncode for each in (made, kept, replaced, removed)] == [0] * 4, made.stderr
    first, second = fake.things("recurring_runs")
    assert made.stdout == (
        f"schedule of churn: created as recurring run {first['recurring_run_id']}, cron 0 0 3 * * 0\n"
    )
    assert json.loads(kept.stdout) == {
        "model": "churn",
        "action": "unchanged",
        "recurring_run_id": first["recurring_run_id"],
        "cron": "0 0 3 * * 0",
        "disabled": [],
    }
    assert json.loads(replaced.stdout)["cron"] == "0 0 4 * * SUN"
    assert json.loads(replaced.stdout)["disabled"] == [first["recurring_run_id"]]
    assert removed.stdout.splitlines() == [
        "schedule of churn: removed",
        f"disabled: recurring run {second['recurring_run_id']}",
    ]
    assert {first["status"], second["status"]} == {"DISABLED"}


def test_without_a_kubernetes_one_is_warned_that_cronjobs_were_not_checked(call, model, package):
    done = call("schedule", model, "--pipeline", package)

    assert done.returncode == 0
    assert done.stderr.startswith(
        "warning: CronJobs of churn were not checked: no Kubernetes cluster is known"
    )
    assert len(done.stderr.splitlines()) == 1


def test_schedule_refuses_beside_a_cronjob_of_the_model(fake, call, model, package, tmp_path):
    with fake_kubernetes(tmp_path) as cluster:
        cluster.add_cronjob("churn-schedule", namespace="team-a")
        environment = {"KUBECONFIG": str(cluster.kubeconfig), "KFP_CT_KFP_NAMESPACE": "team-a"}
        beside = call("schedule", model, "--pipeline", package, **environment)
        elsewhere = call("schedule", model, "--pipeline", package, KUBECONFIG=str(cluster.kubeconfig))

    assert beside.returncode == 14
    assert beside.stderr == (
        "error: model 'churn' has a schedule already: CronJob churn-schedule in namespace 'team-a'; "
        "allowed: one of both, so suspend or delete the CronJob first\n"
    )
    assert (elsewhere.returncode, elsewhere.stderr) == (0, "")


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (('schedule: "0 3 * * 0"', ""), (), "triggers.schedule: got null"),
        (("0 3 * * 0", "0 0 3 * * 0"), (), "got '0 0 3 * * 0'; allowed: cron's five fields"),
        (("0 3 * * 0", "0 3 * * 7"), (), "weekday 7: KFP counts from 0 to 6"),
        (("timezone: UTC", "timezone: Europe/Berlin"), (), "KFP reads cron in 'UTC'"),
        (("", ""), ("--server-timezone", "Berlin"), "time zone: got 'Berlin'"),
        (("data/*.parquet", '"data/[[RunUUID]]"'), (), "parameter 'spec': got"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused_before_anybody_is_asked(
    fake, call, model, change, options, said
):
    model.write_text(SPEC.replace(*change) if change[0] else SPEC)

    done = call("schedule", model, *options)

    assert done.returncode == 10
    assert said in done.stderr
    assert fake.requests() == []
