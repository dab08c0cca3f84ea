"""The KFP component `evaluate_challenger`."""

from kfp import dsl

from ct_components.component import component


@component()
def evaluate_challenger(
    holdout: dsl.Input[dsl.Dataset],
    challenger: str,
    windows: str,
    gates: str,
    context: str,
    report: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    curves: dsl.Output[dsl.ClassificationMetrics],
) -> str:
    """Scores champion and challenger anew on the same holdout rows, and applies the gates.

    Args:
        holdout: The holdout's raw rows, from `fetch_data`; its metadata say what was learned from.
        challenger: The challenger's registered version.
        windows: Both windows and the zone, from `begin_run`: days are days of that zone.
        gates: The gates: JSON with metric, min_improvement, alpha, cluster, floors and more.
        context: The run this belongs to, from `begin_run`: names the model and pins the champion.
        report: The judgement in full, as JSON.
        page: The judgement for a person.
        metrics: Scores, gain and its limit.
        curves: The challenger's ROC curve and confusion matrix.

    Returns:
        The verdict: promote, hold, reject or insufficient.
    """
    from ct_components.stage import stage
    from ct_components.stages.evaluate_challenger import outputs

    with stage("evaluate_challenger", context) as run:
        settings = outputs.Settings(challenger, windows, gates, holdout.metadata)
        written = outputs.judge_and_write(run, holdout.path, settings, report.path, page.path)
        metrics.metadata.update(written.metrics)
        curves.log_roc_curve(*written.roc)
        curves.log_confusion_matrix(outputs.CLASSES, written.confusion)
    return written.verdict
