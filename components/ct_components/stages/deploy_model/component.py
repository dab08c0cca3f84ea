"""The KFP component `deploy_model`."""

from ct_components.component import component


@component()
def deploy_model(version: str, serving: str, context: str) -> str:
    """Lets the new champion be served by KServe or a Deployment, and puts the old one back if that fails.

    It can be repeated and resumed: what was begun is finished, and what is served already is only looked at.
    If it fails, the champion stays champion in the registry; the message says what is served instead.

    Args:
        version: The champion's version, from `promote_challenger`; "" if nothing was promoted.
        serving: What serves the model: the spec's section serving as JSON, from `begin_run`.
        context: The run this belongs to, from `begin_run`: names the model.

    Returns:
        served; none if nothing serves the model, or nothing was promoted; superseded if another version is
        champion by now.
    """
    from ct_components.stage import stage
    from ct_components.stages.deploy_model import serve

    with stage("deploy_model", context) as run:
        return serve.serve(run, version, serving)
