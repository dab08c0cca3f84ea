"""A fake of the one call of Kubernetes' API that is used here: listing CronJobs by label; it can refuse.

Tests reach it through the real `kubernetes` client and a kubeconfig file, which `fake_kubernetes` writes.
"""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import yaml
from fake_kfp_api import serving

_PREFIX = "/apis/batch/v1/namespaces/"
_SCHEDULE = {"app.kubernetes.io/part-of": "kfp-continuous-training", "kfp-ct/workload": "schedule"}


class FakeKubernetes:
    """A namespace's CronJobs.

    Attributes:
        kubeconfig: The file that leads to it.
        refuse_with: An HTTP status for every call, or None.
    """

    def __init__(self):
        self.kubeconfig = None
        self.refuse_with = None
        self._jobs = []

    def add_cronjob(self, name, *, namespace="ct", model="churn", suspend=False, **labels):
        metadata = {
            "name": name,
            "namespace": namespace,
            "labels": {**_SCHEDULE, "kfp-ct/model": model, **labels},
        }
        spec = {
            "schedule": "0 3 * * 0",
            "suspend": suspend,
            "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "submit"}]}}}},
        }
        self._jobs.append({"metadata": metadata, "spec": spec})

    def answer(self, target):
        parts = urlsplit(target)
        namespace, _, resource = parts.path.removeprefix(_PREFIX).partition("/")
        if self.refuse_with:
            return self.refuse_with, _status(
                self.refuse_with, "cronjobs.batch is forbidden: User cannot list"
            )
        if not parts.path.startswith(_PREFIX) or resource != "cronjobs":
            return 404, _status(404, "the server could not find the requested resource")
        wanted = dict(term.split("=") for term in parse_qs(parts.query)["labelSelector"][0].split(","))
        items = [
            job
            for job in self._jobs
            if job["metadata"]["namespace"] == namespace
            and wanted.items() <= job["metadata"]["labels"].items()
        ]
        return 200, {"apiVersion": "batch/v1", "kind": "CronJobList", "metadata": {}, "items": items}


def _status(code, message):
    return {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message}


class Handler(BaseHTTPRequestHandler):
    fake = None

    def do_GET(self):
        status, body = self.fake.answer(self.path)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments):
        """A test's output is its own."""


@contextmanager
def fake_kubernetes(folder):
    """Runs a fake; its kubeconfig is written into `folder`."""
    fake = FakeKubernetes()
    with serving(type("KubernetesHandler", (Handler,), {"fake": fake})) as url:
        fake.kubeconfig = write_kubeconfig(folder / "kubeconfig", url)
        yield fake


def write_kubeconfig(path, server, namespace="ct"):
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me", "namespace": namespace}}],
        "users": [{"name": "me", "user": {"token": "kubernetes-token"}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path
