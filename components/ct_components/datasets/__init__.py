"""Rows in Parquet files: one dataset is one file.

A source (many files, any row groups, types that vary a little) becomes a dataset of one schema, in streams:
`select_rows` reads, `write_dataset` writes. `model_frame` and `labels` turn a dataset into what an estimator
takes. pandas is imported by `model_frame` alone.
"""

from ct_components.datasets.frame import (
    encode,
    is_categorical,
    is_numeric,
    labels,
    model_frame,
    numeric_values,
)
from ct_components.datasets.read import dataset_window, local_days_of, read_table, select_rows, time_span
from ct_components.datasets.schema import check_has, dataset_schema, open_parquet, shared_columns
from ct_components.datasets.span import source_span
from ct_components.datasets.window import WindowOfSource
from ct_components.datasets.write import DatasetInfo, write_dataset

__all__ = [
    "DatasetInfo",
    "WindowOfSource",
    "check_has",
    "dataset_schema",
    "dataset_window",
    "encode",
    "is_categorical",
    "is_numeric",
    "labels",
    "local_days_of",
    "model_frame",
    "numeric_values",
    "open_parquet",
    "read_table",
    "select_rows",
    "shared_columns",
    "source_span",
    "time_span",
    "write_dataset",
]
