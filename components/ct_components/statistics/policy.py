"""A policy: small callables, asked in order until one of them decides.

Whoever wants another policy passes another list: a check more, one less, another order.

>>> def none_left(apples: int) -> Decision[str, str] | None:
...     return Decision("buy", "none_left", "There is no apple.") if apples == 0 else None
>>> def enough(apples: int) -> Decision[str, str]:
...     return Decision("eat", "enough", f"There are {apples} apples.")
>>> decide(3, [none_left, enough]).explanation
'There are 3 apples.'
"""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

Evidence = TypeVar("Evidence")
Verdict = TypeVar("Verdict")
Reason = TypeVar("Reason")


class Decision(NamedTuple, Generic[Verdict, Reason]):
    """A verdict with its reason.

    Attributes:
        verdict: What is decided.
        reason: Why, in one stable word.
        explanation: Why, in one sentence with the numbers.
    """

    verdict: Verdict
    reason: Reason
    explanation: str


def decide(
    evidence: Evidence, checks: Sequence[Callable[[Evidence], Decision[Verdict, Reason] | None]]
) -> Decision[Verdict, Reason]:
    """Asks the checks in order, and returns the first decision.

    Args:
        evidence: What the checks look at.
        checks: In order; the last one must always decide.

    Returns:
        The first decision.

    Raises:
        LookupError: If no check decided, which is a bug in the list.
    """
    for check in checks:
        decision = check(evidence)
        if decision is not None:
            return decision
    raise LookupError("none of the checks decided; the last one always must")
