"""The KFP component `fetch_data`."""

from kfp import dsl

from ct_components.component import component


@component()
def fetch_data(
    source: str,
    columns: str,
    windows: str,
    training: dsl.Output[dsl.Dataset],
    holdout: dsl.Output[dsl.Dataset],
    also: str = "[]",
    context: str = "",
):
    """Reads the training window and the holdout, by column and in streams, into one Parquet file each.

    Args:
        source: Where the rows are: JSON with type, uri, timestamp, timezone, label_delay.
        columns: The columns' roles: JSON with target, positive, numeric, categorical, id, weight.
        windows: Both windows and the zone: JSON as `begin_run` gives it.
        also: Further columns to read, as a JSON list: what only the champion takes.
        training: The rows of the training window, with their fingerprint in the artifact's metadata.
        holdout: The rows of the holdout, later than anything a compared model was trained on.
        context: The run this belongs to; "" when the stage is used alone.
    """
    from ct_components.stage import stage
    from ct_components.stages.fetch_data import fetch

    with stage("fetch_data", context):
        fetched = fetch.run(source, columns, also, windows, training.path, holdout.path)
        training.metadata.update(fetched["training"], partial=fetched["partial"])
        holdout.metadata.update(fetched["holdout"], partial=False)
        holdout.metadata.update({f"training_{name}": value for name, value in training.metadata.items()})
