"""The KFP component `notify`."""

from kfp import dsl

from ct_components.component import component


@component()
def notify(
    run_id: str,
    page: dsl.Output[dsl.HTML],
    status: dsl.PipelineTaskFinalStatus,
):
    """Closes the run whatever happened, and says what came of it. Use it as the exit task.

    An exit task can take no outputs of other tasks, so the stages' outcomes come from the ledger, by run id.

    Args:
        run_id: The pipeline run's id; pass dsl.PIPELINE_JOB_ID_PLACEHOLDER.
        page: The stages with their outcomes, and what came of the run.
        status: How the pipeline ended; KFP fills it in.
    """
    from ct_components.stage import Context, stage
    from ct_components.stages.notify import close

    with stage("notify", Context(run_id=run_id)):
        close.close(run_id, status.state, page.path)
