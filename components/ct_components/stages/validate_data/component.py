"""The KFP component `validate_data`."""

from kfp import dsl

from ct_components.component import component


@component()
def validate_data(
    training: dsl.Input[dsl.Dataset],
    holdout: dsl.Input[dsl.Dataset],
    columns: str,
    windows: str,
    validation: str,
    profile: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    context: str = "",
):
    """Profiles the rows once and checks the profile; broken data stop the run with a page that shows where.

    Args:
        training: The rows of the training window, from `fetch_data`.
        holdout: The rows of the holdout, from `fetch_data`.
        columns: The columns' roles: JSON with target, positive, numeric, categorical, id, weight.
        windows: Both windows and the zone: JSON as `begin_run` gives it.
        validation: The limits: JSON with min_rows, min_label_coverage, rules.
        profile: The training window's profile and those of its days, the reference of drift later.
        page: Each rule with its value and limit.
        metrics: Rows, label coverage and the number of failed rules.
        context: The run this belongs to; "" when the stage is used alone.
    """
    from ct_components.stage import stage
    from ct_components.stages.validate_data import outputs

    with stage("validate_data", context) as run:
        rows = outputs.Rows(training.path, holdout.path, training.metadata, holdout.metadata)
        settings = outputs.Settings(columns, windows, validation)
        metrics.metadata.update(outputs.write(run, rows, settings, profile.path, page.path))
