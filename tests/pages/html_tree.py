"""A small strict reader of HTML: a tree to ask, and an error for what is not properly nested."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"br", "hr", "img", "input", "link", "meta"}


@dataclass
class Node:
    tag: str
    attrs: dict[str, str | None]
    children: "list[Node | str]" = field(default_factory=list)

    def all(self, tag: str | None = None, **wanted: str) -> "list[Node]":
        """Returns descendants in document order, by tag and attributes; `class_` is one of their classes."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                found += [child] * child.matches(tag, wanted) + child.all(tag, **wanted)
        return found

    def one(self, tag: str | None = None, **wanted: str) -> "Node":
        (found,) = self.all(tag, **wanted)
        return found

    def matches(self, tag: str | None, wanted: dict[str, str]) -> bool:
        own = {**self.attrs, "class_": self.attrs.get("class")}
        classes = (own["class_"] or "").split()
        return tag in (None, self.tag) and all(
            value in classes if name == "class_" else own.get(name) == value for name, value in wanted.items()
        )

    @property
    def text(self) -> str:
        """All text, with white space as a browser shows it."""
        return " ".join(self._raw().split())

    def _raw(self) -> str:
        return "".join(child if isinstance(child, str) else child._raw() for child in self.children)

    def rows(self) -> list[list[str]]:
        """Returns the body of a table, as text."""
        return [
            [cell.text for cell in row.children if isinstance(cell, Node)]
            for row in self.one("tbody").all("tr")
        ]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag, attrs) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> repeats an attribute"
        node = Node(tag, dict(attrs))
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag, attrs) -> None:
        self.open[-1].children.append(Node(tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        assert tag == self.open[-1].tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data) -> None:
        self.open[-1].children.append(data)


def parse(html: str) -> Node:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [reader.root], f"<{reader.open[-1].tag}> is never closed"
    return reader.root
