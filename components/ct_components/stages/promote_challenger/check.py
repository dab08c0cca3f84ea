"""Run alone, in a clean process: does a stored model predict what it predicted when it was fitted?

``python -I check.py MODEL_FOLDER < sample.json``. It imports nothing of this package, because the process
that serves the model will not have it.
"""

import json
import sys
from typing import Any

TOLERANCE = 1e-6


def main() -> None:
    """Predicts the sample, and exits with a message where a score differs."""
    import mlflow.pyfunc
    import numpy as np
    import pandas as pd

    sample: dict[str, Any] = json.load(sys.stdin)
    model = mlflow.pyfunc.load_model(sys.argv[1])
    rows = pd.DataFrame(**sample["rows"], dtype=object)
    numeric = [spec.name for spec in model.metadata.get_input_schema() if spec.type.name == "double"]
    predicted = np.asarray(model.predict(rows.astype(dict.fromkeys(numeric, "float64"))))
    expected = np.asarray(sample["scores"])
    if predicted.ndim == 1:
        # A model without probabilities serves classes: they must fall on the same side as the scores did.
        difference = float((predicted.astype(bool) != (expected > 0)).max())
    else:
        difference = float(np.abs(predicted[:, -1] - expected).max())
    if not difference <= TOLERANCE:
        sys.exit(f"its predictions differ by up to {difference:g} from those of the fitted model")
    json.dump({"rows": len(rows), "largest_difference": difference}, sys.stdout)


if __name__ == "__main__":
    main()
