"""Small made-up data and a command line to run on them, as a person does: in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_SETTINGS = ("KFP_CT", "MLFLOW", "DATA_ROOT")
KFP_CT = Path(sys.executable).with_name("kfp-ct")
FIRST_DAY, DAYS, ROWS_A_DAY = date(2024, 1, 1), 60, 200
FIRST_AS_OF, SECOND_AS_OF = "2024-02-15", "2024-03-01"
SPEC = {
    "model": "shop",
    "task": "binary",
    "source": {"type": "parquet", "uri": "${DATA_ROOT}/shop/dt=*/*.parquet", "timestamp": "at"},
    "columns": {
        "target": "bought",
        "positive": 1,
        "numeric": ["price", "visits"],
        "categorical": ["colour"],
        "id": "row",
    },
    "windows": {"train": "28d", "holdout": "14d"},
    "validation": {"min_rows": 500},
    "training": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"max_iter": 500}},
}


def make_day(day, seed):
    """One day's rows: both classes overlap, and price and colour say something of them."""
    random = np.random.default_rng(seed)
    price, visits = random.normal(size=ROWS_A_DAY), random.poisson(3, ROWS_A_DAY).astype(float)
    colour = random.choice(["red", "green", "blue"], ROWS_A_DAY)
    score = 1.2 * price + 0.6 * (colour == "red") + random.normal(0, 1, ROWS_A_DAY)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return pa.table(
        {
            "at": pa.array([midnight + timedelta(minutes=7 * n) for n in range(ROWS_A_DAY)]),
            "row": pa.array([f"{day}-{n}" for n in range(ROWS_A_DAY)]),
            "price": price,
            "visits": visits,
            "colour": pa.array(colour.tolist()),
            "bought": pa.array((score > 0.4).astype("int64")),
        }
    )


def make_data(root, change=None):
    """Writes two months of daily partitions; `change` may spoil a day's table."""
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        folder = root / "shop" / f"dt={day}"
        folder.mkdir(parents=True)
        table = make_day(day, number)
        pq.write_table(change(day, table) if change else table, folder / "rows.parquet")
    return root


def _heed_signals():
    """Whoever starts the tests in the background has them ignore what a person at a terminal may send."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Shell:
    """The command line with one state folder and one data folder."""

    def __init__(self, home, data_root):
        self.home = home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)},
            "KFP_CT_HOME": str(home),
            "DATA_ROOT": str(data_root),
        }

    def start(self, *arguments, cwd=None, **environment):
        """Starts kfp-ct; an environment variable of None is unset."""
        merged = {**self.environment, **environment}
        return subprocess.Popen(
            [KFP_CT, *map(str, arguments)],
            env={name: value for name, value in merged.items() if value is not None},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            preexec_fn=_heed_signals,  # noqa: PLW1509 — a single thread starts it
        )

    def __call__(self, *arguments, cwd=None, **environment):
        with self.start(*arguments, cwd=cwd, **environment) as process:
            out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def history(self):
        ended = self("history", "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)


def stages_shown(text):
    """The stages that a run showed as ended, and its marks: {"begin_run": "✓"}."""
    return {stage: mark for mark, stage in re.findall(r"^  ([✓✗]) (\w+)", text, re.MULTILINE)}
