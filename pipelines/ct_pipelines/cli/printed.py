"""What people and errors said, made fit for a line of a terminal."""

import unicodedata


def one_line(text: str) -> str:
    r"""Returns text in one line that moves no cursor: nobody's note forges a row, or a colour.

    >>> one_line("two\n  lines, \x1b[31mred")
    'two lines, [31mred'
    """
    return "".join(each for each in " ".join(text.split()) if unicodedata.category(each) not in _UNSEEN)


# Control characters, and what turns the direction of the text that follows.
_UNSEEN = frozenset({"Cc", "Cf", "Cs"})
