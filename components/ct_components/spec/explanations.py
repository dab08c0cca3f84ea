"""From a validation error to words: what was allowed is read from the JSON schema of the very same models."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ct_components.spec.problems import KeyPath, Problem, listing, shown, suggestion
from ct_components.spec.refusals import CONTRADICTION, KIND

Node = Mapping[str, Any]


def problems_of(error: ValidationError, schema: Node) -> Iterator[Problem]:
    """Yields the problems in a validation error.

    Args:
        error: What pydantic found.
        schema: JSON schema of the model that was validated.
    """
    for details in error.errors(include_url=False):
        if details["type"] != CONTRADICTION:
            yield _problem(details, schema)


def _problem(details: ErrorDetails, schema: Node) -> Problem:
    path: KeyPath = tuple(step for step in details["loc"] if step != "[key]")
    if details["type"] == "extra_forbidden" or "[key]" in details["loc"]:
        return _unknown_key(path, _mapping(_at(schema, path[:-1]), schema))
    allowed = details["ctx"]["allowed"] if details["type"] == KIND else describe(_at(schema, path), schema)
    if details["type"] == "missing":
        return Problem(path, f"missing; allowed: {allowed}")
    return Problem.of(path, details["input"], allowed)


def _unknown_key(path: KeyPath, parent: Node) -> Problem:
    names = _known_keys(parent)
    hint = suggestion(str(path[-1]), names)
    return Problem(path, f"unknown key; {hint}allowed here: {listing(names)}")


def _mapping(node: Node, schema: Node) -> Node:
    """Returns the node itself, or of a section that may be null the section."""
    options = (_resolved(option, schema) for option in node.get("anyOf", ()))
    return next((option for option in options if option.get("type") == "object"), node)


def _known_keys(node: Node) -> list[str]:
    names = node.get("propertyNames", {})
    return list(node.get("properties") or names.get("enum") or [names.get("const", "")])


def _at(schema: Node, path: KeyPath) -> Node:
    """Returns the schema's node for a place in the spec."""
    node = _resolved(schema, schema)
    for step in path:
        node = _below(node, step, schema)
    return node


def _below(node: Node, step: str | int, schema: Node) -> Node:
    options = [node, *(_resolved(option, schema) for option in node.get("anyOf", ()))]
    for option in options:
        below = option.get("items") if isinstance(step, int) else option.get("properties", {}).get(step)
        if below is None and isinstance(option.get("additionalProperties"), Mapping):
            below = option["additionalProperties"]
        if below is not None:
            return _resolved(below, schema)
    return {}


def _resolved(node: Node, schema: Node) -> Node:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return node


def describe(node: Node, schema: Node) -> str:
    """Returns what a node of the JSON schema allows, in words.

    >>> describe({"type": "integer", "minimum": 2}, {})
    'a whole number from 2'
    """
    return _joined(list(dict.fromkeys(_options(_resolved(node, schema), schema))))


def _options(node: Node, schema: Node) -> Iterator[str]:
    if "anyOf" in node:
        for option in node["anyOf"]:  # null is not worth a word: leaving the key out does the same
            yield from _options(_resolved(option, schema), schema)
    elif "const" in node or "enum" in node:
        yield from map(shown, node.get("enum", [node.get("const")]))
    elif "patternErrorMessage" in node:
        yield str(node["patternErrorMessage"])
    else:
        yield from _typed(node, schema)


def _typed(node: Node, schema: Node) -> Iterator[str]:
    match node.get("type"):
        case "boolean":
            yield from ("true", "false")
        case "null":
            return
        case "integer":
            yield f"a whole number{_bounds(node)}"
        case "number":
            yield f"a finite number{_bounds(node)}"
        case "array":
            least = " that is not empty" if node.get("minItems") else ""
            yield f"a list{least}, each item {describe(node.get('items', {}), schema)}"
        case "object":
            names = listing(filter(None, _known_keys(node)))
            yield f"a mapping with the keys {names}" if names else "a mapping"
        case _:
            yield "text"


def _bounds(node: Node) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    bounds = [f" {word} {node[key]:.12g}" for key, word in words.items() if key in node]
    return " and".join(bounds) if "exclusiveMaximum" in node else "".join(bounds)


def _joined(options: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(options[:-1]), options[-1]]))
