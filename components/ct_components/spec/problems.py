"""One mistake in a model spec: where it is, what was found, and what was allowed."""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ct_components.wording import first_and_rest

KeyPath = tuple[str | int, ...]

LONGEST = 60
PLAIN_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True)
class Problem:
    """A place in the spec, and what is wrong there.

    Attributes:
        path: The keys and indices that lead to the place; empty for the spec itself.
        text: What was found, and what was allowed.

    >>> print(Problem.of(("columns", "numeric", 0), 7, "text").text)
    got 7; allowed: text
    >>> Problem(("columns", "numeric", 0), "").key
    'columns.numeric[0]'
    """

    path: KeyPath
    text: str

    @classmethod
    def of(cls, path: KeyPath, value: object, allowed: str) -> Self:
        """Returns the problem of a value that is not among what is allowed."""
        return cls(path, f"got {shown(value)}; allowed: {allowed}")

    @classmethod
    def of_name(cls, path: KeyPath, name: str, allowed: str, names: Iterable[str]) -> Self:
        """Returns the problem of a name that is not among `names`, with the nearest of them."""
        names = list(names)
        listed = f": {listing(names)}" if names else ""
        return cls(path, f"got {shown(name)}; {suggestion(name, names)}allowed: {allowed}{listed}")

    @property
    def key(self) -> str:
        """The place as people write it, such as `validation.rules[0].min`."""
        return "".join(map(_step, self.path)).lstrip(".")


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step and set(step) <= PLAIN_KEY else f"[{shown(step)}]"


def suggestion(name: str, names: Iterable[str]) -> str:
    """Returns "did you mean 'x'? " for the nearest of `names`, or nothing.

    >>> suggestion("trian", ["train", "holdout"])
    "did you mean 'train'? "
    """
    by_folded = {known.casefold(): known for known in names}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f"did you mean {shown(by_folded[near[0]])}? " if near else ""


def listing(names: Iterable[str], most: int = 20) -> str:
    """Returns names joined by commas, the first `most` of them."""
    return first_and_rest([shown_key(name) for name in names], most)


def shown_key(name: str) -> str:
    """Returns a name bare where that is unmistakable, else quoted and cut."""
    plain = 0 < len(name) <= LONGEST and name.isprintable() and name == name.strip()
    return name if plain else shown(name)


def shown(value: object) -> str:
    """Returns a value as a person would write it in YAML, on one line and cut to a readable length.

    >>> shown("90 days"), shown(True), shown(None), shown([1, "x"])
    ("'90 days'", 'true', 'nothing (null)', '[1, "x"]')
    """
    if value is None:
        return "nothing (null)"
    if isinstance(value, str):
        return repr(cut(value)) + (f" ({len(value)} characters)" if len(value) > LONGEST else "")
    return cut(json.dumps(value, ensure_ascii=False, default=str))


def cut(text: str) -> str:
    """Returns at most 60 characters of text, the last an ellipsis where some were left out."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
