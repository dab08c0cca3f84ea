"""Models that do what no model should, and the job of checking one."""

import json
from textwrap import dedent, indent

import yaml

COLUMNS = {"visits": "double", "age": "double", "region": "string"}
ROWS = [[1.0, None, "north"], [0.25, 40.0, "south"], [-3.0, 2.0, None]]


def job(folder, scores):
    """What the process is given of a model whose sample has these scores."""
    sample = {"rows": {"columns": list(COLUMNS), "data": ROWS}, "scores": scores}
    return {"folder": str(folder), "sample": sample, "signature": COLUMNS}


def odd_model(folder, predict="return np.full((len(rows), 2), 0.5)", load="pass", requirements=""):
    """Writes a model that is Python code, as MLflow would load it.

    Nothing like it gets through the check of its description; the process is pointed at it directly.
    """
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "odd.py").write_text(
        "import os, sys, time\nimport numpy as np\n"
        f"def _load_pyfunc(path):\n{_block(load, 4)}\n    return Model()\n"
        f"class Model:\n    def predict(self, rows, params=None):\n{_block(predict, 8)}\n"
    )
    inputs = [{"type": kind, "name": name, "required": True} for name, kind in COLUMNS.items()]
    output = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}
    description = {
        "flavors": {"python_function": {"loader_module": "odd", "code": "code", "python_version": "3.11.0"}},
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps([output])},
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(description))
    (folder / "requirements.txt").write_text(f"mlflow\n{requirements}\n")
    return folder


def _block(code, by):
    return indent(dedent(code).strip("\n"), " " * by)
