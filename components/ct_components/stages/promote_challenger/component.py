"""The KFP component `promote_challenger`."""

from ct_components.component import component


@component()
def promote_challenger(challenger: str, context: str) -> str:
    """Makes the challenger the champion: staging → checked in a clean process → champion.

    It can be repeated and resumed: whatever was already done is not done again.

    Args:
        challenger: The challenger's registered version.
        context: The run this belongs to, from `begin_run`: names the model and pins the champion it replaces.

    Returns:
        The champion's version.
    """
    from ct_components.stage import stage
    from ct_components.stages.promote_challenger import promote

    with stage("promote_challenger", context) as run:
        return promote.promote(run, challenger)
