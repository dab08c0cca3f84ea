"""One InferenceService or Deployment behind a fake API over HTTP, and time that passes only by waiting."""

import pytest
from fake_kubernetes_serving import DEPLOYMENT, ISVC, deployment, fake_serving, inference_service

from ct_components.serving import DeployRequest, Sample, deploy
from ct_components.spec import Serving

OLD, NEW, OTHER = "gs://bucket/6", "gs://bucket/7", "gs://bucket/other"
SAMPLE = Sample(("age", "plan"), ((41.5, "basic"), (None, "plus"), (23.0, "plus")), (0.25, 0.5, 0.75))
# What a server is asked, and what the version before would say: the row with a missing value is left out.
RIGHT, WRONG = [0.25, 0.75], [0.5, 0.5]


class Clock:
    """Time passes when somebody waits."""

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


class Serve:
    """A fake cluster, and deployments to it.

    Attributes:
        fake: What a test controls it by.
        old, new: The addresses before and after.
        clock: The deployments' time.
    """

    def __init__(self, fake, old, new, settings):
        self.fake, self.old, self.new, self.settings = fake, old, new, settings
        self.clock = Clock()
        fake.predicts = {old: WRONG, new: RIGHT}

    def deploy(self, version="7", sample=SAMPLE, **changes):
        known = {"model": "churn", "version": version, "uri": f"models:/churn/{version}"}
        request = DeployRequest(
            **{**known, "location": f"gs://bucket/{version}", "sample": sample, **changes}
        )
        return deploy(self.settings, request, clock=self.clock)

    def use(self, **settings):
        self.settings = Serving(**{**self.settings.model_dump(), **settings})

    @property
    def verbs(self):
        return [verb for verb, _ in self.fake.calls]


def kserve_cluster(folder):
    return fake_serving(folder, ISVC, inference_service(OLD)), OLD, NEW, {"type": "kserve"}


def deployment_cluster(folder):
    old = "models:/churn/6"
    return fake_serving(folder, DEPLOYMENT, deployment(old)), old, "models:/churn/7", {"type": "deployment"}


CLUSTERS = {"kserve": kserve_cluster, "deployment": deployment_cluster}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Starts a cluster of a kind, and leads the client to it."""
    running = []

    def start(kind):
        context, old, new, settings = CLUSTERS[kind](tmp_path)
        fake = context.__enter__()
        running.append(context)
        monkeypatch.setenv("KUBECONFIG", str(fake.kubeconfig))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        url = {"url": fake.url} if kind == "deployment" else {}
        return Serve(fake, old, new, Serving(**settings, **url))

    yield start
    for context in running:
        context.__exit__(None, None, None)


@pytest.fixture(params=list(CLUSTERS))
def serve(request, cluster):
    """Both kinds of cluster, one after the other."""
    return cluster(request.param)


@pytest.fixture
def kserve(cluster):
    return cluster("kserve")


@pytest.fixture
def plain(cluster):
    """A cluster with a Deployment."""
    return cluster("deployment")


@pytest.fixture
def short(monkeypatch):
    """Requests give up early."""
    monkeypatch.setattr("ct_components.serving.prediction._TIMEOUTS", (1, 0.2))
    monkeypatch.setattr("ct_components.serving.kubernetes_api._TIMEOUTS", (1, 0.1))
