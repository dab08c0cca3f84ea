"""How messages list names: the first of them, and a hint of the rest."""

from collections.abc import Sequence


def first_few(names: Sequence[str], most: int) -> str:
    """Returns names joined by commas, and an ellipsis for those after the first `most`.

    >>> first_few(["EWR", "JFK", "LGA"], 2), first_few(["EWR"], 2)
    ('EWR, JFK, …', 'EWR')
    """
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def first_and_rest(names: Sequence[str], most: int) -> str:
    """Returns names joined by commas, and the number of those after the first `most`.

    >>> first_and_rest(["EWR", "JFK", "LGA"], 2), first_and_rest(["EWR"], 2)
    ('EWR, JFK and 1 more', 'EWR')
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
