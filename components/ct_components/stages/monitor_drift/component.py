"""The KFP component `monitor_drift`."""

from kfp import dsl

from ct_components.component import component


@component()
def monitor_drift(
    spec: str,
    run_id: str,
    page: dsl.Output[dsl.HTML],
    report: dsl.Output[dsl.Artifact],
    evidently_report: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    as_of: str = "",
    evidently: bool = True,
) -> str:
    """Compares the current window with the champion's training rows; drift asks for a run, broken data fail.

    The look goes on record in the ledger. If it fires, one event a day goes to the webhook, if there is one.

    Args:
        spec: The model spec: inline JSON or YAML, or the path or file:// URI of its file.
        run_id: The pipeline run's id, for the record; pass dsl.PIPELINE_JOB_ID_PLACEHOLDER.
        page: The verdict with its sentence, and each feature.
        report: The same as JSON.
        evidently_report: Evidently's report of a sample, as HTML, or why it was left out.
        metrics: Drifted share and limit, features, rows.
        as_of: The instant that the look pretends is now: a date in the spec's zone, or ISO 8601; "" is now.
        evidently: Whether Evidently's report is made, which takes some seconds and decides nothing.

    Returns:
        The verdict: drift, no_drift, insufficient or broken.
    """
    from ct_components.stage import stage
    from ct_components.stages.monitor_drift import monitor

    with stage("monitor_drift"):
        asked = monitor.Asked(spec, run_id, as_of, evidently)
        look = monitor.run(asked, monitor.Files(page, report, evidently_report))
        metrics.metadata.update(monitor.numbers(look))
    return look.verdict
