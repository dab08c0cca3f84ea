"""What follows a change of champion: it is served, and people are told."""

from dataclasses import replace

from ct_components.registry import Version
from ct_components.spec import Serving
from ct_pipelines.promotion.deciding import Outcome
from ct_pipelines.promotion.services import Services, find_version, section


def serve(services: Services, outcome: Outcome) -> Outcome:
    """Lets the champion be served as its spec says; repeating it finishes what was broken off.

    Raises:
        StateError: If it is not served; the message says who is champion, and what is served.
        ModelError: As above, if the model does not load or predicts something else.
        Unreachable: If Kubernetes does not answer.
    """
    from ct_components.serving import serve_champion

    spec = services.recorded_spec(outcome.model, _champion(services, outcome))
    settings = section(spec, "serving", Serving)
    if settings.type == "none" or not outcome.version:
        return outcome
    done = serve_champion(settings, services.registry, services.ledger, outcome.model, outcome.version)
    return replace(outcome, serving={"state": done.state, "message": done.message})


def tell_people(services: Services, outcome: Outcome) -> Outcome:
    """Tells the channels of the spec; one that fails is named, and changes nothing."""
    from ct_components.channels import Message, read_channels, tell, told_text

    channels = read_channels(services.recorded_spec(outcome.model, _champion(services, outcome)))
    if not channels:
        return outcome
    waiting = services.waiting(outcome.model)
    message = Message(
        model=outcome.model,
        event="promoted" if outcome.changed else "retained",
        title=outcome.text,
        reason=outcome.note or "",
        waiting=waiting[0].version if waiting else None,
    )
    return replace(outcome, told=told_text(tell(channels, message)))


def _champion(services: Services, outcome: Outcome) -> Version | None:
    return find_version(services.registry, outcome.model, outcome.version) if outcome.version else None
