"""The KFP component `monitor_performance`."""

from kfp import dsl

from ct_components.component import component


@component()
def monitor_performance(
    spec: str,
    run_id: str,
    page: dsl.Output[dsl.HTML],
    report: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    as_of: str = "",
) -> str:
    """Judges the champion's performance since its promotion; one that is too bad asks for a run.

    The look goes on record in the ledger. If it fires, one event a day goes to the webhook, if there is one.
    Broken data fail the task.

    Args:
        spec: The model spec: inline JSON or YAML, or the path or file:// URI of its file.
        run_id: The pipeline run's id, for the record; pass dsl.PIPELINE_JOB_ID_PLACEHOLDER.
        page: The verdict with its sentence, and each watched metric.
        report: The same as JSON.
        metrics: Each watched metric's value and limits.
        as_of: The instant that the look pretends is now: a date in the spec's zone, or ISO 8601; "" is now.

    Returns:
        The verdict: fire, fine, uncertain, insufficient or broken.
    """
    from ct_components.stage import stage
    from ct_components.stages.monitor_performance import monitor

    with stage("monitor_performance"):
        look = monitor.run(spec, run_id, as_of, page, report)
        metrics.metadata.update(monitor.numbers(look))
    return look.verdict
