"""Processes that ask a fake of KFP for runs, on a real ledger, and die where they are told to."""

import json
import os
import subprocess
import sys
from pathlib import Path

from ct_components.connections import redact
from ct_components.ledger import open_ledger

SPEC = """\
model: churn
task: binary
source: {type: parquet, uri: "${DATA_ROOT}/dt=*/*.parquet", timestamp: at}
columns: {target: left, numeric: [age]}
windows: {train: 30d, holdout: 14d}
triggers: {cooldown: 6h}
"""
AS_OF = "2024-03-01"
KILLED = Path(__file__).with_name("killed.py")


class World:
    """What several processes share.

    Attributes:
        fake: Controls the fake of KFP.
        spec: The model spec's file.
        environment: What every process is given.
    """

    def __init__(self, folder: Path, ledger_url: str, tracking_uri: str, fake) -> None:
        self.fake, self.folder, self.spec = fake, folder, folder / "model.yaml"
        self.spec.write_text(SPEC)
        partition = folder / "data" / "dt=2024-02-10"
        partition.mkdir(parents=True)
        (partition / "rows.parquet").touch()  # begin_run looks where there are files, and reads none
        self.ledger = open_ledger(ledger_url)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KFP_CT")},
            "KFP_CT_LEDGER_URL": ledger_url,
            "KFP_CT_KFP_HOST": fake.url,
            "MLFLOW_TRACKING_URI": tracking_uri,
            "DATA_ROOT": str(folder / "data"),
        }

    def start(self, *arguments: object, point: str = "", **environment: str) -> subprocess.Popen:
        """Starts `killed.py`; without a point it dies nowhere."""
        return subprocess.Popen(
            [sys.executable, str(KILLED), point or "nowhere", *map(str, arguments)],
            env={**self.environment, **environment},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, point: str = "", **environment: str) -> subprocess.CompletedProcess:
        """Runs `killed.py` to its end, wherever that is."""
        with self.start(*arguments, point=point, **environment) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def submit(self, *options: object, point: str = "", **environment: str) -> subprocess.CompletedProcess:
        return self.run("submit", self.spec, *(options or ("--reason", "drift")), point=point, **environment)

    def begin(self, run: dict, point: str = "") -> subprocess.CompletedProcess:
        """Does begin_run for a run that KFP has; its data are of 2024."""
        parameters = {**run["runtime_config"]["parameters"], "as_of": AS_OF}
        place = self.folder / f"resolved-{run['run_id']}.json"
        return self.run(
            "begin", run["run_id"], run["display_name"], json.dumps(parameters), place, point=point
        )

    def history(self) -> dict:
        return self.ledger.history("churn")

    def trained(self) -> list[str]:
        """Runs that claimed their key, and go on."""
        return [run["run_id"] for run in self.history()["runs"] if run["outcome"] != "duplicate"]


def said(ended: subprocess.CompletedProcess) -> str:
    """What a process that should have done well said, for the message of an assertion."""
    return redact(f"exit code {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
