"""Hyperparameters of one run, in place of those that the model spec says."""

import json

from ct_components.errors import SpecError
from ct_components.spec.load import parse_spec
from ct_components.spec.model import ModelSpec


def with_hyperparameters(spec: ModelSpec, text: str) -> ModelSpec:
    """Returns the spec with other training parameters.

    Args:
        spec: The model spec.
        text: A JSON object that goes over `training.parameters`; "" is none.

    Raises:
        SpecError: If the text is no JSON object, or the spec does not allow what it holds.
    """
    if not text:
        return spec
    try:
        overrides = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"hyperparameters: {text[:80]!r} is no JSON: {error}") from error
    if not isinstance(overrides, dict):
        raise SpecError(f"hyperparameters: got {text[:80]!r}; allowed: a JSON object")
    content = spec.model_dump(mode="json")
    content["training"]["parameters"] |= overrides
    return parse_spec(json.dumps(content), "the spec with hyperparameters")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
