"""The KFP component `compute_features`."""

from kfp import dsl

from ct_components.component import component


@component()
def compute_features(
    training: dsl.Input[dsl.Dataset],
    columns: str,
    features: dsl.Output[dsl.Dataset],
    context: str = "",
):
    """Materialises what the estimator learns from: the labelled rows, in their model types.

    Args:
        training: The rows of the training window, from `fetch_data`.
        columns: The columns' roles: JSON with target, positive, numeric, categorical, id, weight.
        features: One Parquet file: the features, `__positive__` and `__weight__`.
        context: The run this belongs to; "" when the stage is used alone.
    """
    from ct_components.stage import stage
    from ct_components.stages.compute_features.features import compute

    with stage("compute_features", context):
        features.metadata.update(compute(training.path, columns, features.path))
        features.metadata["training_fingerprint"] = training.metadata.get("fingerprint", "")
