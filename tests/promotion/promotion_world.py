"""Models whose champion changes. Tests share a ledger and an MLflow, and each has a model of its own."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ct_components.champion import make_champion, pin_champion
from ct_components.connections import Connections
from ct_components.ledger import Ledger, open_ledger
from ct_components.registry import CHAMPION, Registry
from ct_components.stage import Context

_numbers = count(1)


@dataclass(frozen=True)
class Services:
    """A ledger and an MLflow."""

    connections: Connections
    registry: Registry
    ledger: Ledger

    @classmethod
    def at(cls, tracking_uri: str, ledger_url: str) -> "Services":
        connections = Connections(tracking_uri, ledger_url, None)
        ledger = open_ledger(ledger_url)
        assert ledger
        return cls(connections, Registry(connections), ledger)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MLFLOW_TRACKING_URI": self.connections.tracking_uri,
            "KFP_CT_LEDGER_URL": self.connections.ledger_url or "",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }


@dataclass(frozen=True)
class Killer:
    """Runs commands in processes that die where they are told to: `killed_promotion.py`."""

    process: subprocess.Popen
    folder: Path

    def run(self, services: Services, *command: str, point: str = "nowhere") -> subprocess.CompletedProcess:
        output = self.folder / "output"
        job = {
            "point": point,
            "command": command,
            "environment": {**services.environment, "KFP_CT_HOME": str(self.folder)},
            "output": str(output),
        }
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        return subprocess.CompletedProcess(command, code, output.read_text())


@dataclass
class Model:
    """A registered model with three versions, none of which has files."""

    services: Services
    name: str = field(default_factory=lambda: f"churn-{os.getpid()}-{next(_numbers)}")

    def __post_init__(self) -> None:
        client = self.services.registry._client
        client.create_registered_model(self.name)
        for _ in range(3):
            client.create_model_version(self.name, "s3://nowhere/model")

    @property
    def registry(self) -> Registry:
        return self.services.registry

    @property
    def ledger(self) -> Ledger:
        return self.services.ledger

    def context(self, version: str, champion: str) -> str:
        return Context(run_id=f"{self.name}-run-{version}", model=self.name, champion=champion).to_json()

    def promote(self, version: str, expected: str) -> str:
        run_id = f"{self.name}-run-{version}"
        return make_champion(self.registry, self.ledger, self.name, version, expected=expected, run_id=run_id)

    def move_alias(self, version: str) -> None:
        """As a person does, in MLflow's UI."""
        self.registry._client.set_registered_model_alias(self.name, CHAMPION, version)

    def remove_alias(self) -> None:
        self.registry._client.delete_registered_model_alias(self.name, CHAMPION)

    def alias(self, which: str = CHAMPION) -> str | None:
        found = self.registry.alias(self.name, which)
        return found.number if found else None

    def pin(self) -> str | None:
        found = pin_champion(self.registry, self.ledger, self.name)
        return found.number if found else None

    def steps(self) -> list[tuple[str, str]]:
        """The ledger's promotions as (version, kind), after checking that they are one chain."""
        promotions = self.ledger.promotions(self.name)
        assert [each.sequence for each in promotions] == list(range(1, len(promotions) + 1))
        versions = [each.version for each in promotions]
        assert [each.previous_version for each in promotions] == [None, *versions][:-1]
        times = [each.created_at for each in promotions]
        assert times == sorted(times)
        return [(each.version, each.kind) for each in promotions]

    def tags(self, version: str) -> dict[str, str]:
        return dict(self.registry.version(self.name, version).tags)
