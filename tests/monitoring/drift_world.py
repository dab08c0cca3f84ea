"""Real flights out of New York, a champion that learned those of a winter, and looks at what came later.

The champion is one in MLflow's books, with the files that `train_model` logs beside it: a look at drift needs
no more of it, and loads no model.
"""

import json
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from ct_components.datasets import WindowOfSource, dataset_schema
from ct_components.monitoring.drift import look_at_drift
from ct_components.monitoring.look import begin_watching
from ct_components.profiles import days_to_json, profile_dataset, profile_days, to_json
from ct_components.registry import CHAMPION, REFERENCE_DAYS, REFERENCE_PROFILE, RESOLVED_SPEC
from ct_components.spec import parse_spec
from ct_components.windows import Window

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

ZONE = "America/New_York"
CATEGORICAL = ["carrier", "origin", "dest"]
NUMERIC = ["hour", "distance", "scheduled_minutes", "temp", "dewp", "humid", "wind_speed", "visib"]
WINTER = (date(2013, 1, 1), date(2013, 3, 18))
SPRING, SUMMER = "2013-04-01", "2013-07-15"  # on which the look finds the week before


def make_spec(root, **drift):
    """The spec of flights in a folder, with settings of the drift trigger."""
    content = {
        "model": "flight-delay",
        "task": "binary",
        "source": {
            "type": "parquet",
            "uri": f"{root}/flights/dt=*/*.parquet",
            "timestamp": "scheduled",
            "timezone": ZONE,
        },
        "columns": {"target": "late", "categorical": CATEGORICAL, "numeric": NUMERIC, "id": "flight_id"},
        "triggers": {"drift": drift},
    }
    return parse_spec(json.dumps(content), "the test's spec")


def midnight(day):
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def read_window(root, first, last, path):
    """Writes the rows from one day up to another as one dataset, as fetch_data does."""
    spec = make_spec(root)
    part = WindowOfSource.find("training", Window(midnight(first), midnight(last)), spec.source)
    part.write(dataset_schema(part.files, [*NUMERIC, *CATEGORICAL], spec.source.timestamp), path)
    return path


def learn(root, first, last, path):
    """What `train_model` would log of these days: the names of its files, and their text."""
    read_window(root, first, last, path)
    profile = profile_dataset(path, NUMERIC, CATEGORICAL)
    days = profile_days(path, profile, ZONE)
    window = Window(midnight(first), midnight(last)).to_dict()
    resolved = {
        "spec": {"columns": {"numeric": NUMERIC, "categorical": CATEGORICAL}},
        "windows": {"training": window},
    }
    return {
        RESOLVED_SPEC: json.dumps(resolved),
        REFERENCE_PROFILE: to_json(profile),
        REFERENCE_DAYS: days_to_json(days),
    }


class World:
    """A source, a registry, a ledger, and the looks that are taken with them."""

    def __init__(self, root, flights, registry):
        self.root, self.flights, self.registry = root, flights, registry

    def promote(self, files):
        """Makes a new version with these files the champion; returns its number."""
        run = self.registry.start_run("flight-delay", "a run", f"run-{id(files)}", {})
        self.registry.log(run, files=files)
        client = self.registry._client
        if not client.search_registered_models(filter_string="name = 'flight-delay'"):
            client.create_registered_model("flight-delay")
        source = f"{client.get_run(run).info.artifact_uri}/model"
        version = client.create_model_version("flight-delay", source, run_id=run)
        self.registry.set_alias("flight-delay", CHAMPION, version.version)
        return str(version.version)

    def supply(self, as_of, change=None, days=7):
        """Lays the days before an instant into the source; `change` alters the table of a day."""
        last = date.fromisoformat(as_of)
        for back in range(days, 0, -1):
            name = f"dt={last - timedelta(days=back)}"
            folder = self.root / "flights" / name
            folder.mkdir(parents=True, exist_ok=True)
            table = pq.read_table(self.flights / "flights" / name / "part-0.parquet")
            pq.write_table(change(table) if change else table, folder / "part-0.parquet")

    def watch(self, as_of, **drift):
        return begin_watching(make_spec(self.root, **drift), as_of)

    def look(self, as_of, evidently=False, **drift):
        return look_at_drift(self.watch(as_of, **drift), evidently=evidently)


def drifted(look):
    """The drifted features, the most drifted first."""
    found = [each for each in look.report["features"] if each["drifted"]]
    return [each["name"] for each in sorted(found, key=lambda each: -each["psi_corrected"])]


def without_ledger(watching):
    return replace(watching, ledger=None)
