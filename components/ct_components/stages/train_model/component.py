"""The KFP component `train_model`."""

from kfp import dsl

from ct_components.component import component


@component()
def train_model(
    features: dsl.Input[dsl.Dataset],
    profile: dsl.Input[dsl.Artifact],
    resolved: dsl.Input[dsl.Artifact],
    columns: str,
    training: str,
    model: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    context: str,
) -> str:
    """Fits the estimator and registers it in MLflow, with everything that it takes to judge and reproduce it.

    Args:
        features: The labelled features, from `compute_features`.
        profile: The training window's profile, from `validate_data`; logged as the reference profile.
        resolved: The resolved spec and windows, from `begin_run`.
        columns: The columns' roles: JSON with target, positive, numeric, categorical, id, weight.
        training: The estimator: JSON with estimator, parameters, seed.
        model: The fitted model in MLflow's format.
        metrics: Rows, share of positives, and the score on the training rows (not a measure of quality).
        context: The run this belongs to, from `begin_run`: names the registered model and the MLflow run.

    Returns:
        The registered version's number.
    """
    from ct_components.stage import stage
    from ct_components.stages.train_model import train

    with stage("train_model", context) as run:
        fingerprint = features.metadata.get("training_fingerprint", "")
        inputs = train.Inputs(features.path, fingerprint, profile.path, resolved.path, columns, training)
        trained = train.train(run, inputs, model.path)
        metrics.metadata.update(trained.metrics)
        model.metadata.update(trained.metadata)
    return trained.version
