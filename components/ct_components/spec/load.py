"""Reading, resolving and writing model specs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from pydantic import ValidationError
from pydantic_core import PydanticUndefined, to_jsonable_python

from ct_components.errors import SpecError
from ct_components.spec.contradictions import contradictions
from ct_components.spec.durations import Duration
from ct_components.spec.explanations import describe, problems_of
from ct_components.spec.fields import REFERENCE
from ct_components.spec.model import ModelSpec
from ct_components.spec.problems import KeyPath, Problem, listing, shown, suggestion
from ct_components.spec.reader import Document, read, read_json
from ct_components.spec.section import Section

LARGEST = 1_000_000  # bytes; a spec has some thousand: a data file given by mistake is not parsed for minutes

S = TypeVar("S", bound=Section)


def load_spec(path: Path | str) -> ModelSpec:
    """Reads a model spec from a YAML or JSON file.

    Args:
        path: The file, in UTF-8.

    Raises:
        SpecError: If the file cannot be read, or something in it is not allowed; all problems are in the
            message.
    """
    return parse_spec(_text(Path(path)), str(path))


def parse_spec(text: str, origin: str) -> ModelSpec:
    """Reads a model spec from YAML or JSON text.

    Args:
        text: The spec.
        origin: Where the text is from; the message names it.

    Raises:
        SpecError: If something is not allowed; all problems are in the message.
    """
    return _parsed(ModelSpec, "", text, origin)


def read_spec(parameter: str) -> ModelSpec:
    """Returns the model spec that a stage was given: inline, or the path or file:// URI of its file.

    Raises:
        SpecError: If it cannot be read, or something in it is not allowed.
    """
    text = parameter.strip()
    if not text:
        raise SpecError("the spec parameter is empty; allowed: a model spec inline, or the path of its file")
    # What starts like a mapping is inline; anything on one line that does not is a place.
    if "\n" in text or text.startswith("{"):
        return parse_spec(text, "the spec parameter")
    place = unquote(text.removeprefix("file://")) if text.startswith("file://") else text
    return load_spec(place)


def parse_section(section: type[S], text: str, origin: str) -> S:
    """Reads one section, such as `Source` or `Columns`, from YAML or JSON text; otherwise as `parse_spec`.

    >>> from ct_components.spec import Columns
    >>> parse_section(Columns, '{"target": "late", "numeric": ["distance"]}', "columns").numeric
    ['distance']
    """
    names = {field.annotation: name for name, field in ModelSpec.model_fields.items()}
    return _parsed(section, names.get(section, ""), text, origin)


def dump_spec(spec: ModelSpec) -> str:
    """Returns the spec as JSON with sorted keys and all defaults; equal specs give equal text."""
    return json.dumps(spec.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, allow_nan=False)


def resolve_references(spec: ModelSpec, env: Mapping[str, str]) -> ModelSpec:
    """Returns the spec with each `${NAME}` in source.uri replaced from the environment.

    Args:
        spec: The spec; returned as it is when it has no references.
        env: Values by name, such as `os.environ`.

    Raises:
        SpecError: If a name is not set or empty, or its value holds a reference itself.
    """
    missing = [_unset(name, env) for name in REFERENCE.findall(spec.source.uri) if not _usable(env.get(name))]
    if missing:
        role = f"source.uri: {spec.source.uri!r} needs"
        raise SpecError("\n".join(f"{role} {text}" for text in dict.fromkeys(missing)))
    uri = REFERENCE.sub(lambda match: env[match[1]], spec.source.uri)
    return spec.model_copy(update={"source": spec.source.model_copy(update={"uri": uri})})


def _usable(value: str | None) -> bool:
    return bool(value and value.strip()) and "${" not in str(value)


def _unset(name: str, env: Mapping[str, str]) -> str:
    if name in env:
        return f"{name}, which is set to {env[name]!r}; allowed: text that is not empty and holds no '${{'"
    return f"{name}, which is not set in the environment; {suggestion(name, env)}allowed: export {name}=…"


def _text(path: Path) -> str:
    role = f"model spec {str(path)[:200]!r}"
    try:
        if path.is_file() and path.stat().st_size > LARGEST:
            found = f"{path.stat().st_size} bytes"
            raise SpecError(f"{role}: {found}; allowed: a YAML file of at most {LARGEST} bytes")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SpecError(f"{role}: no such file; {_neighbours(path)}") from None
    except IsADirectoryError:
        raise SpecError(f"{role}: is a folder; allowed: a YAML file; {_neighbours(path / '_')}") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{role}: byte {error.start} is not UTF-8; allowed: YAML text in UTF-8") from None
    except (OSError, ValueError) as error:  # no permission; a name that cannot be one
        raise SpecError(f"{role}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _neighbours(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {str(folder)[:200]!r} either"
    names = sorted(item.name for item in folder.iterdir() if item.suffix in (".yaml", ".yml", ".json"))
    return f"YAML files in {str(folder)!r}: {listing(names) or 'none'}"


def _parsed(section: type[S], name: str, text: str, origin: str) -> S:
    """Returns the section in a text; right JSON goes the short way, as the stages read it often."""
    try:
        return section.model_validate(read_json(text))
    except (ValueError, RecursionError):
        document = _read(text, origin)
    found = [*document.problems, *_problems(section, name, document.value)]
    if found:
        raise SpecError(_message(found, document, origin))
    return section.model_validate(document.value)


def _read(text: str, origin: str) -> Document:
    try:
        return read(text)
    except SpecError as error:
        raise SpecError(f"1 problem in {origin}\n  {error}") from None


def _problems(section: type[Section], name: str, value: Any) -> list[Problem]:
    schema = section.model_json_schema()
    if not isinstance(value, dict):
        found = "empty" if value is None else f"got {shown(value)}"
        return [Problem((), f"{found}; allowed: {describe(schema, schema)}")]
    filled = _with_defaults(section, value)
    conflicts = [
        Problem(conflict.path[1:] if name else conflict.path, conflict.text)
        for conflict in contradictions({name: filled} if name else filled)
    ]
    try:
        section.model_validate(value)
    except ValidationError as error:
        return [*problems_of(error, schema), *conflicts]
    return conflicts


def _with_defaults(section: type[Section], value: dict[str, Any]) -> dict[str, Any]:
    """Returns the values with defaults below what is there, whatever else may be wrong with it."""
    filled = dict(value)
    for name, field in section.model_fields.items():
        default = field.get_default(call_default_factory=True)
        kind = field.annotation
        if name not in value and default is not PydanticUndefined:
            filled[name] = str(default) if isinstance(default, Duration) else to_jsonable_python(default)
        elif isinstance(value.get(name), dict) and isinstance(kind, type) and issubclass(kind, Section):
            filled[name] = _with_defaults(kind, value[name])
    return filled


def _message(found: list[Problem], document: Document, origin: str) -> str:
    lines = [(_line(problem.path, document), problem) for problem in dict.fromkeys(found)]
    lines.sort(key=lambda pair: pair[0] or 0)
    head = f"{len(lines)} problem{'s' if len(lines) > 1 else ''} in {origin}"
    return "\n".join([head, *(f"  {_place(problem, line)}{problem.text}" for line, problem in lines)])


def _line(path: KeyPath, document: Document) -> int | None:
    """Returns the line of the key, or of the nearest mapping above it that is there."""
    while path and path not in document.lines:
        path = path[:-1]
    return document.lines.get(path) if path else None


def _place(problem: Problem, line: int | None) -> str:
    where = f" (line {line})" if line else ""
    return f"{problem.key}{where}: " if problem.path else ""
