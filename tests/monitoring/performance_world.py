"""Models under watch: a shop's rows with champions that were registered by hand, and looks at them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ct_components import connections as addresses
from ct_components.champion import make_champion
from ct_components.ledger import Run, open_ledger
from ct_components.models.build import Features, build_pipeline
from ct_components.models.score import fit
from ct_components.models.store import log_model
from ct_components.monitoring.look import begin_watching
from ct_components.monitoring.performance import look_at_performance
from ct_components.monitoring.performance_baseline import (
    HOLDOUT_METRICS,
    HOLDOUT_METRICS_TAG,
    measure_holdout,
)
from ct_components.monitoring.performance_rows import Scorer, joined, scored_days
from ct_components.registry import Registry
from ct_components.spec import parse_spec, resolve_references
from ct_components.windows import Window

FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
HOLDOUT = Window(FIRST_DAY + timedelta(days=14), FIRST_DAY + timedelta(days=28))
PROMOTED = HOLDOUT.end.isoformat()
DAYS = 90
TURNS_ON = 60
"""The day from which on `visits` no longer says who buys."""
ROWS_A_DAY = 120
GOOD, BAD, LINEAR = "1", "2", "3"

SPEC = {
    "model": "shop",
    "task": "binary",
    "source": {"type": "parquet", "uri": "${SHOP_ROOT}/dt=*/*.parquet", "timestamp": "at"},
    "columns": {
        "target": "bought",
        "numeric": ["visits", "age"],
        "categorical": ["region"],
        "id": "customer",
    },
    "windows": {"train": "14d", "holdout": "14d"},
}


def day_text(number):
    """The day as text, counted from 0."""
    return f"{FIRST_DAY + timedelta(days=number):%Y-%m-%d}"


def one_day(number):
    """The rows of a day: `visits` decides, until the world turns; `age` never did."""
    rng = np.random.default_rng(number)
    visits, age = rng.normal(size=(2, ROWS_A_DAY))
    decides = visits if number < TURNS_ON else rng.normal(size=ROWS_A_DAY)
    latent = decides + 0.6 * rng.normal(size=ROWS_A_DAY)
    seconds = np.sort(rng.integers(0, 86_400, ROWS_A_DAY))
    at = [FIRST_DAY + timedelta(days=number, seconds=int(second)) for second in seconds]
    return pa.table(
        {
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "customer": [f"{number}-{row}" for row in range(ROWS_A_DAY)],
            "bought": pa.array((latent > 0).astype(np.int8)),
            "visits": visits,
            "age": age,
            "region": np.array(["north", "south", "east"])[rng.integers(0, 3, ROWS_A_DAY)].tolist(),
        }
    )


def day_file(root, number):
    """Where a day's rows lie."""
    return Path(root) / f"dt={day_text(number)}" / "part-0.parquet"


def write_days(root, days=DAYS):
    """Writes the shop, a partition a day."""
    for number in range(days):
        path = day_file(root, number)
        path.parent.mkdir(parents=True)
        pq.write_table(one_day(number), path)


def change_day(root, number, column, values):
    """Replaces a column of a day's rows."""
    path = day_file(root, number)
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.set_column(table.column_names.index(column), column, values), path)


@dataclass
class World:
    """A model whose connections the environment names."""

    spec: dict

    @property
    def registry(self):
        return Registry(addresses.from_environment())

    @property
    def ledger(self):
        url = addresses.ledger_url()
        return open_ledger(url) if url else None

    def watching(self, as_of, sections=None, **performance):
        """What a look at an instant starts from; keywords are settings of triggers.performance."""
        content = {**self.spec, "triggers": {"performance": performance}}
        for name, section in (sections or {}).items():
            content[name] = {**content.get(name, {}), **section}
        return begin_watching(parse_spec(json.dumps(content), "test"), as_of)

    def look(self, as_of, sections=None, **performance):
        """A look at an instant."""
        return look_at_performance(self.watching(as_of, sections, **performance))

    def values(self, version=GOOD, metric="roc_auc"):
        """What the ledger holds: value, rows and writer by day."""
        rows = self.ledger.metrics(self.spec["model"], version=version, metric=metric)
        return {str(row.day): (row.value, row.n, row.source) for row in rows}

    def promote(self, version, as_of=PROMOTED, expected=""):
        """Makes a version champion by a run that pretends it is `as_of`."""
        run_id = f"run-{version}-{as_of}"
        if self.ledger:
            at = datetime.fromisoformat(as_of)
            self.ledger.claim_run(
                Run(run_id, "shop", run_id, "manual", at, expected or None, self.spec, {"as_of": as_of})
            )
        make_champion(self.registry, self.ledger, "shop", version, expected=expected, run_id=run_id)

    def register(self, numeric, estimator="sklearn.ensemble.HistGradientBoostingClassifier", **parameters):
        """Registers a version that knows some columns, with its scores on the holdout."""
        rows = pa.concat_tables([one_day(number) for number in range(14)])
        spec = resolve_references(parse_spec(json.dumps(self.spec), "test"), {**addresses.os.environ})
        pipeline = build_pipeline(estimator, parameters, 0, Features(numeric, ["region"]))
        frame = rows.select([*numeric, "region"]).to_pandas()
        fit(pipeline, frame, rows["bought"].to_numpy() == 1, None)
        registry = self.registry
        mlflow_run_id = registry.start_run("shop", "by hand", f"train-{estimator}-{numeric}", {})
        known = {"numeric": numeric, "categorical": ["region"], "target": "bought", "positive": 1}
        windows = {"holdout": HOLDOUT.to_dict(), "timezone": "UTC"}
        with registry.answering():
            number = log_model(
                pipeline,
                frame.head(5),
                mlflow_run_id=mlflow_run_id,
                name="shop",
                metadata={**known, "windows": windows},
            )
        version = registry.version("shop", number)
        scorer = Scorer.load(registry.download(version))
        holdout = measure_holdout(*joined(list(scored_days(scorer, spec.source, HOLDOUT)), scorer))
        registry.log(mlflow_run_id, files={HOLDOUT_METRICS: holdout.to_json()})
        registry.tag_version(version, {HOLDOUT_METRICS_TAG: HOLDOUT_METRICS})
        return number
