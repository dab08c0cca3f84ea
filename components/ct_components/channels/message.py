"""What happened, as plain data, and how its text is made fit to be sent."""

import re
from dataclasses import dataclass

from ct_components.connections import redact
from ct_components.webhook import split_address

LONGEST = 3000
"""Characters of one text that are told; the page has the rest."""

_LONGEST_LINK = 1000
_ENDS_A_LINK = re.compile(r'[^!-~]|[<>|"]')
# What moves the cursor, or turns the direction of the text that follows.
_UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Figures:
    """The numbers of a verdict. None is not known.

    Attributes:
        metric: What was compared.
        champion_version: The champion; None for a first model.
        champion_score: Its metric on the holdout.
        challenger_version: The challenger.
        challenger_score: Its metric on the same rows.
        gain: Challenger less champion.
        lower: One-sided lower limit of the gain.
        relative: Whether gains are relative to the old loss.
        text: The same for people, in one line.
    """

    metric: str | None = None
    champion_version: str | None = None
    champion_score: float | None = None
    challenger_version: str | None = None
    challenger_score: float | None = None
    gain: float | None = None
    lower: float | None = None
    relative: bool = False
    text: str = ""


@dataclass(frozen=True)
class Message:
    """What people are told. Text may hold anything: each channel escapes and cuts it.

    Attributes:
        model: The model's name.
        event: promoted, waiting, retained or failed.
        title: What happened, in some words.
        reason: Why, in one sentence: the verdict's; "" where there is none.
        run_id: The run; "" where no run did it.
        figures: The verdict's numbers.
        failed_stage: The stage that failed.
        failure: What it said.
        page: Where there is more: an address or URI.
        as_of: The instant that the run pretended was now, ISO 8601.
        trigger_reason: schedule, drift, performance or manual.
        key: The trigger's key.
        waiting: The version that waits in staging for a person, whichever run judged it.
    """

    model: str
    event: str
    title: str
    reason: str = ""
    run_id: str = ""
    figures: Figures | None = None
    failed_stage: str | None = None
    failure: str | None = None
    page: str | None = None
    as_of: str = ""
    trigger_reason: str = ""
    key: str = ""
    waiting: str | None = None

    @property
    def link(self) -> str | None:
        """The page, if a browser can open it, and if its address holds nothing that could end a link."""
        page = self.page or ""
        address, _, _ = page.partition("#")
        plain = len(page) <= _LONGEST_LINK and not _ENDS_A_LINK.search(page)
        return page if plain and split_address(address) else None


def clean(text: str | None, limit: int = LONGEST) -> str:
    r"""Returns text that any receiver can take: printable, without passwords, and cut.

    >>> clean("no answer from db://ct:secret@host\x1b[31m")
    'no answer from db://ct:***@host[31m'
    >>> clean("abcdef", 4)
    'abc…'
    """
    # Cut first, and generously: what follows would take long on a million characters.
    whole = redact((text or "")[: 4 * limit]).encode("utf-8", "replace").decode("utf-8")
    return cut(_UNPRINTABLE.sub("", whole.replace("\r\n", "\n")), limit)


def one_line(text: str | None, limit: int = LONGEST) -> str:
    r"""Returns clean text without line ends and repeated blanks.

    >>> one_line("two\n  lines")
    'two lines'
    """
    return " ".join(clean(text, limit).split())


def cut(text: str, limit: int) -> str:
    """Returns at most `limit` characters, the last an ellipsis where some were left out."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
