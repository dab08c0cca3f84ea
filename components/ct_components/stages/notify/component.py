"""The KFP component `notify`."""

from kfp import dsl

from ct_components.component import component


@component()
def notify(
    run_id: str,
    page: dsl.Output[dsl.HTML],
    status: dsl.PipelineTaskFinalStatus,
    spec: str = "",
):
    """Closes the run whatever happened, and tells people what came of it. Use it as the exit task.

    An exit task can take no outputs of other tasks, so the stages' outcomes come from the ledger, by run id,
    and so does the model spec, which names the channels that are told. A channel that fails never fails the
    run.

    Args:
        run_id: The pipeline run's id; pass dsl.PIPELINE_JOB_ID_PLACEHOLDER.
        page: The stages with their outcomes, and what came of the run.
        status: How the pipeline ended; KFP fills it in.
        spec: The model spec, as `begin_run` takes it; for a run that failed before it was on record, and
            where there is no ledger. One that is broken is read as far as it goes.
    """
    from ct_components.stage import Context, stage
    from ct_components.stages.notify.close import Closing, close, last_words

    closing = Closing(run_id, status.state, page.path, page.uri, spec)
    with last_words(closing), stage("notify", Context(run_id=run_id)):
        close(closing)
