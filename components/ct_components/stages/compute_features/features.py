"""Materialising the features of the training window."""

from typing import Any

from ct_components.datasets import read_table, write_dataset
from ct_components.features import feature_table
from ct_components.spec import Columns, parse_section


def compute(training_path: str, columns: str, features_path: str) -> dict[str, Any]:
    """Writes the features of the labelled training rows, and returns their count and fingerprint.

    Raises:
        DataError: If the rows cannot be learned from; nothing is written then.
    """
    roles = parse_section(Columns, columns, "columns")
    table = feature_table(read_table(training_path), roles)
    return write_dataset(table.to_batches(), features_path).to_dict()
