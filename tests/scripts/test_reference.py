"""The documents: generated pages are current, links lead somewhere, examples name what exists."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from ct_components.errors import EXIT_CODES
from ct_pipelines.cli import VERBS, cli

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")


def name_of(page):
    return str(page.relative_to(DOCS))


def blocks(page, *languages):
    return [text for language, text in BLOCK.findall(page.read_text("utf-8")) if language in languages]


def commands_of(text):
    """The kfp-ct calls of a shell block, each as its words; pipes and redirections end a call."""
    for line in text.replace("\\\n", " ").splitlines():
        for call in re.split(r"\s[|>]\s", line):
            words = [word for word in shlex.split(call) if not ASSIGNMENT.fullmatch(word)]
            if words and words[0] == "kfp-ct":
                yield words[1:]


def headings(page):
    """GitHub's anchors of a page."""
    prose = BLOCK.sub("", page.read_text("utf-8"))
    titles = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.fixture
def reference(load_script, root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "scripts"))
    return load_script("reference")


def test_generated_pages_are_current(reference, capsys):
    assert reference.main(["--check"]) == 0, capsys.readouterr().out


def test_check_shows_what_differs_and_changes_nothing(reference, tmp_path, capsys):
    reference.main([str(tmp_path)])
    page = tmp_path / "exit-codes.md"
    page.write_text(page.read_text("utf-8").replace("`75`", "`76`"), "utf-8")

    assert reference.main(["--check", str(tmp_path)]) == 1
    assert "-| `76` | `Unreachable`" in capsys.readouterr().out
    assert "`76`" in page.read_text("utf-8")


def test_a_column_without_words_is_refused(reference, tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(reference.words.MEANINGS, "verdict")

    assert reference.main([str(tmp_path)]) == 1
    assert "verdicts.verdict is new" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in LINK.findall(BLOCK.sub("", page.read_text("utf-8"))):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        # scripts/golden writes a stage's README beside its component.
        made = target.name == "README.md" and target.with_name("component.py").is_file()
        assert target.exists() or made, link
        assert not anchor or anchor in headings(target), link


def test_every_page_is_reached_from_the_index():
    linked = {(DOCS / link).resolve() for link in LINK.findall((DOCS / "README.md").read_text("utf-8"))}

    assert set(PAGES) - {DOCS / "README.md"} <= linked


def test_every_verb_is_documented():
    assert set(VERBS) <= headings(DOCS / "reference" / "cli.md")


@pytest.mark.parametrize("code", [1, 2, 130, *EXIT_CODES])
def test_every_exit_code_is_listed_and_has_a_way_out(code):
    assert f"| `{code}` |" in (DOCS / "reference" / "exit-codes.md").read_text("utf-8")
    assert re.search(rf"^### {code}: ", (DOCS / "how-to" / "recover.md").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_shell_commands_name_existing_verbs_and_options(page):
    for text in blocks(page, "sh"):
        for verb, *words in commands_of(text):
            command = cli.get_command(click.Context(cli), verb)
            assert command, verb
            if isinstance(command, click.Group):
                command = command.commands[words[0]]
            options = {name for each in command.params for name in each.opts} | {"--help"}
            assert {word for word in words if word.startswith("-")} <= options, words


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_shell_commands_name_existing_scripts(page, root):
    for text in blocks(page, "sh"):
        for script in re.findall(r"^(scripts/\S+|tests/\S+)", text, re.MULTILINE):
            assert (root / script).is_file(), script


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_examples_import_what_exists(page):
    for text in blocks(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ct_"):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name) or importlib.import_module(
                        f"{node.module}.{alias.name}"
                    )


def test_the_tutorials_model_spec_is_allowed():
    from ct_components.spec import parse_spec

    (text,) = blocks(DOCS / "tutorial.md", "yaml")

    assert parse_spec(text, "tutorial.md").model == "order-returns"
