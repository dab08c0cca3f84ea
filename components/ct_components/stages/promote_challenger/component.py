"""The KFP component `promote_challenger`."""

from ct_components.component import component


@component()
def promote_challenger(challenger: str, context: str, registry: str = "{}") -> str:
    """Makes the challenger the champion: staging → checked in a clean process → champion.

    Where the spec says that a person decides, it stops at staging. It can be repeated and resumed: whatever
    was already done is not done again.

    Args:
        challenger: The challenger's registered version.
        context: The run this belongs to, from `begin_run`: names the model and pins the champion it replaces.
        registry: The spec's registry section, as JSON; by default, whoever won is promoted.

    Returns:
        The champion's version; "" if the challenger waits in staging for a person.
    """
    from ct_components.stage import stage
    from ct_components.stages.promote_challenger import promote

    with stage("promote_challenger", context) as run:
        return promote.promote(run, challenger, registry)
