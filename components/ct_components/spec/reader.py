"""YAML or JSON text to plain values, with the line of each key.

The YAML is that of version 1.2: only `true` and `false` are booleans, `1e-5` is a number, and `NO`, `on`,
`12:30` and `2013-04-01` are text. Anchors, aliases and tags are refused: a spec says in one place what it
means.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from ct_components.errors import SpecError
from ct_components.spec.problems import KeyPath, Problem, cut, shown


@dataclass
class Document:
    """What was read.

    Attributes:
        value: Plain values: mappings with text keys, lists, text, numbers, booleans, None.
        lines: Line, from 1, of each key and list item; empty for text of one line.
        problems: What could not be read, or was there twice.
    """

    value: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read(text: str) -> Document:
    """Reads YAML or JSON text.

    Raises:
        SpecError: If the text is neither; the message says the line.
    """
    document = Document()
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is not None:
            document.value = _built(node, (), document)
    except yaml.MarkedYAMLError as error:
        raise SpecError(_syntax(error, text)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"the character {chr(_code(error))!r}"
        raise SpecError(f"line {line}: {found}; allowed: printable text") from None
    except RecursionError:
        raise SpecError("too many levels; allowed: the few that a model spec has") from None
    if "\n" not in text.strip():
        document.lines.clear()
    return document


def read_json(text: str) -> Any:
    """Returns the values of JSON text, or raises ValueError also where `read` would find problems in it."""
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(values := dict(pairs)) < len(pairs):
        raise ValueError("a key is there twice")
    return values


def _no_constant(name: str) -> None:
    raise ValueError(name)


_STANDARD = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 — as in the base

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Composes a node, unless it is an alias (which could grow without bounds)."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                problem="an anchor or alias; allowed: the value itself, in quotes if it starts with & or *",
                problem_mark=event.start_mark,
            )
        return super().compose_node(parent, index)


_FORMS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
for _kind, (_form, _first) in _FORMS.items():
    _Loader.add_implicit_resolver(_STANDARD + _kind, re.compile(f"^(?:{_form})$"), _first)


def _built(node: yaml.Node, path: KeyPath, document: Document) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    kind = node.tag.removeprefix(_STANDARD)
    if kind not in ("map", "seq", *_SCALARS):
        tag = node.tag.replace(_STANDARD, "!!")
        document.problems.append(Problem(path, f"got the tag {shown(tag)}; allowed: values without tags"))
    if isinstance(node, yaml.MappingNode):
        return dict(_items(node, path, document))
    if isinstance(node, yaml.SequenceNode):
        return [_built(item, (*path, index), document) for index, item in enumerate(node.value)]
    try:
        return _SCALARS.get(kind, _joined)(node.value)
    except ValueError:  # "!!int x", or a number that Python takes for an attack
        document.problems.append(Problem.of(path, node.value, "a number of at most 4300 digits"))
        return node.value


def _joined(text: str) -> str:
    """Joins the halves of characters that JSON writes as two escapes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


_SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": lambda text: float(re.sub(r"\.(inf|nan)", r"\1", text.lower())),
    "str": _joined,
}


def _items(node: yaml.MappingNode, path: KeyPath, document: Document) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            text = f"a key that is a list or mapping, in line {line}; allowed: text"
            document.problems.append(Problem(path, text))
            continue
        here = (*path, key.value)
        document.lines[here] = line
        if key.value in seen:
            where = f", in line {seen[key.value]}" if seen[key.value] != line else ""
            document.problems.append(Problem(here, f"the key is there already{where}; allowed: once"))
            continue
        seen[key.value] = line
        yield key.value, _built(value, here, document)


def _syntax(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return f"not YAML: {error.problem}"
    lines = text.splitlines()
    near = f", near {cut(lines[mark.line].strip())!r}" if mark.line < len(lines) else ", at the end"
    start = error.context_mark
    begun = f" (begun in line {start.line + 1})" if start and start.line < mark.line else ""
    return f"line {mark.line + 1}: {_plainer(str(error.problem))}{near}{begun}"


def _plainer(problem: str) -> str:
    if "<block end>" in problem:
        return "an indentation or bracket that fits nothing above it"
    words = re.sub(
        r"'?<(?:scalar|[a-z ]+)>'?", lambda token: _TOKENS.get(token[0].strip("'"), "the end"), problem
    )
    if words.startswith("expected ','"):
        words += "; allowed: quotes around text that holds any of , [ ] { }"
    words = re.sub(r"found character (.+) that cannot start.*", r"a value that starts with \1", words)
    return _PLAINER.get(words, words)


_TOKENS = {"<scalar>": "a value", "<anchor>": "an anchor", "<alias>": "an alias", "<tag>": "a tag"}
_PLAINER = {
    r"a value that starts with '\t'": "a tab; allowed: spaces to indent with",
    "mapping values are not allowed here": "a second ':' or a wrong indentation; allowed: one 'key: value' "
    "a line, and quotes around text that holds ': '",
    "could not find expected ':'": "a key without ':'; allowed: 'key: value'",
    "found unexpected end of stream": "a quote that is not closed",
    "but found another document": "a second document; allowed: one model spec a file",
}


def _code(error: yaml.reader.ReaderError) -> int:
    return error.character if isinstance(error.character, int) else ord(error.character)
