"""Write the README.md of every stage folder, from its component's docstring and its metadata.

    stage_readmes.py STAGES TARGET

reads ``STAGES/<stage>/component.py`` and ``metadata.yaml`` and writes ``TARGET/<stage>/README.md``, in the
manner of kubeflow/pipelines-components. The source is parsed and never imported, so kfp is not needed.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

OUTPUT = re.compile(r"^(dsl\.)?Output(Path)?(\[|\()")
INPUT = re.compile(r"^(dsl\.)?Input(\[(dsl\.)?(?P<kind>\w+)\])$")
ENTRY = re.compile(r"^(?P<name>\w+)(?: \([^)]*\))?: *(?P<text>.*)$")
SECTIONS = ("Args", "Returns", "Raises", "Yields", "Example", "Examples", "Note")
# The executor fills these in from the annotation alone; nobody passes them.
FILLED_IN = ("PipelineTaskFinalStatus",)


class ReadmeError(Exception):
    """A stage that no README can be made from; names the file and what is missing."""


@dataclass(frozen=True)
class Port:
    """One input or output of a component, as its table row shows it."""

    name: str
    type: str
    default: str | None
    text: str


@dataclass(frozen=True)
class Component:
    """What a README tells about one component."""

    name: str
    description: str
    inputs: list[Port]
    outputs: list[Port]


def parse_component(source: str, origin: str) -> Component:
    """The one decorated function of a component's source.

    Args:
        source: The text of ``component.py``.
        origin: What to call it in an error.

    Raises:
        ReadmeError: no such function or several, no docstring, or a parameter it does not describe.
    """
    decorated = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.decorator_list]
    if len(decorated) != 1:
        message = f"{origin}: has {len(decorated)} decorated functions; needs exactly one, the component"
        raise ReadmeError(message)
    function = decorated[0]
    sections = split_docstring(ast.get_docstring(function) or "")
    if not sections[""]:
        message = f"{origin}: {function.name} has no docstring"
        raise ReadmeError(message)
    texts = entries(sections.get("Args", ""))
    ports = list(_parameters(function, texts))
    if undescribed := [port.name for port in ports if not port.text]:
        message = f"{origin}: the docstring's Args lack {', '.join(undescribed)}"
        raise ReadmeError(message)
    outputs = [port for port in ports if OUTPUT.match(port.type)]
    returned = _returned(function.returns, sections.get("Returns", ""))
    return Component(
        name=function.name,
        description=sections[""],
        inputs=[port for port in ports if port not in outputs],
        outputs=[Port(p.name, _artifact(p.type), None, p.text) for p in outputs] + returned,
    )


def split_docstring(docstring: str) -> dict[str, str]:
    """A Google docstring's sections by name; what stands before the first is under ``""``."""
    sections = {"": ""}
    current = ""
    for line in docstring.splitlines():
        if line.rstrip(":") in SECTIONS and line.endswith(":"):
            current = line.rstrip(":")
            sections[current] = ""
        else:
            sections[current] += line + "\n"
    return {name: inspect.cleandoc("\n" + text).strip() for name, text in sections.items()}


def entries(section: str) -> dict[str, str]:
    """The texts of ``name: text`` lines by name; deeper lines continue the one above."""
    texts: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        found = ENTRY.match(line)
        if found:
            name = found["name"]
            texts[name] = found["text"]
        elif name:
            texts[name] = f"{texts[name]} {line.strip()}".strip()
    return texts


def _parameters(function: ast.FunctionDef, texts: dict[str, str]) -> Iterable[Port]:
    positional = [*function.args.posonlyargs, *function.args.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(function.args.defaults))
    defaults = [*missing, *function.args.defaults, *function.args.kw_defaults]
    for argument, default in zip([*positional, *function.args.kwonlyargs], defaults, strict=True):
        kind = ast.unparse(argument.annotation) if argument.annotation else ""
        if not kind.endswith(FILLED_IN):
            shown = ast.unparse(default) if default else None
            yield Port(argument.arg, kind, shown, texts.get(argument.arg, ""))


def _returned(annotation: ast.expr | None, section: str) -> list[Port]:
    if annotation is None or ast.unparse(annotation) == "None":
        return []
    if isinstance(annotation, ast.Call):  # an inline NamedTuple("Outputs", [("rows", int), …])
        texts, whole = entries(section), " ".join(section.split())
        fields = annotation.args[1]
        pairs = [field.elts for field in getattr(fields, "elts", []) if isinstance(field, ast.Tuple)]
        return [
            Port(name, ast.unparse(kind), None, texts.get(name, whole))
            for name, kind in ((ast.literal_eval(left), right) for left, right in pairs)
        ]
    return [Port("Output", ast.unparse(annotation), None, " ".join(section.split()))]


def _artifact(kind: str) -> str:
    return re.sub(r"^(dsl\.)?Output\[(dsl\.)?(\w+)\]$", r"\3", kind)


def render(component: Component, metadata: dict[str, Any]) -> str:
    """The README's Markdown."""
    parts = [
        "<!-- Generated by scripts/golden from component.py and metadata.yaml; edit those. -->",
        f"# {component.name}",
        component.description,
        "## Inputs",
        _table(component.inputs, defaults=True),
        "## Outputs",
        _table(component.outputs, defaults=False),
        "## Usage",
        usage(component),
        "## Metadata",
        _metadata_list(metadata),
    ]
    return "\n\n".join(parts) + "\n"


def _table(ports: list[Port], *, defaults: bool) -> str:
    if not ports:
        return "None."
    head = ["name", "type", "default", "description"]
    rows = [head, ["---"] * len(head)]
    for port in ports:
        shown = "required" if port.default is None else f"`{port.default}`"
        kind = INPUT.sub(r"\g<kind>", port.type)
        rows.append([f"`{port.name}`", f"`{kind}`", shown, port.text])
    kept = [row if defaults else [row[0], row[1], row[3]] for row in rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in kept)


def usage(component: Component) -> str:
    """A pipeline that calls the component with what it requires."""
    required = [port for port in component.inputs if port.default is None]
    name = component.name
    return "\n".join(
        [
            "```python",
            f"from ct_components.stages.{name}.component import {name}",
            "",
            "# inside a @dsl.pipeline function; `earlier` is the task that wrote the artifact",
            f"task = {name}(",
            *(f"    {port.name}={_placeholder(port)}," for port in required),
            ")",
            "```",
        ]
    )


def _placeholder(port: Port) -> str:
    return f'earlier.outputs["{port.name}"]' if INPUT.match(port.type) else port.name


def _metadata_list(metadata: dict[str, Any]) -> str:
    needs = metadata.get("dependencies", {})
    lines = [f"- Stability: {metadata['stability']}"]
    parts = [part for group in ("kubeflow", "external_services") for part in needs.get(group) or []]
    lines += [f"- Needs {part['name']} {part.get('version', '')}".rstrip() for part in parts]
    lines.append(f"- Last verified: {str(metadata['lastVerified'])[:10]}")
    if tags := metadata.get("tags"):
        lines.append(f"- Tags: {', '.join(tags)}")
    return "\n".join(lines)


def read_metadata(path: Path) -> dict[str, Any]:
    """A stage's ``metadata.yaml``.

    Raises:
        ReadmeError: it is missing, or lacks a key that the README shows.
    """
    if not path.is_file():
        message = f"{path}: missing"
        raise ReadmeError(message)
    metadata: dict[str, Any] = yaml.safe_load(path.read_text("utf-8")) or {}
    wanted = ("name", "stability", "dependencies", "lastVerified")
    if missing := [key for key in wanted if key not in metadata]:
        message = f"{path}: lacks {', '.join(missing)}"
        raise ReadmeError(message)
    return metadata


def main(arguments: list[str]) -> int:
    """Write all READMEs; the exit code."""
    if len(arguments) != 2:  # noqa: PLR2004  (the two of the usage line)
        print("usage: stage_readmes.py STAGES TARGET", file=sys.stderr)
        return 2
    stages, target = map(Path, arguments)
    try:
        for source in sorted(stages.glob("*/component.py")):
            component = parse_component(source.read_text("utf-8"), str(source))
            text = render(component, read_metadata(source.with_name("metadata.yaml")))
            folder = target / source.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "README.md").write_text(text, "utf-8")
    except ReadmeError as error:
        print(f"stage_readmes.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
