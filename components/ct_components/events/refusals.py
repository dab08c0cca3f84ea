"""How an event is refused: all that is wrong with it, in one line of a log."""

import re
from itertools import islice

from pydantic import BaseModel, ConfigDict, ValidationError

from ct_components.errors import SpecError
from ct_components.spec.explanations import problems_of
from ct_components.spec.problems import Problem, cut

_MOST = 10

# Whatever a log, a terminal or an eye may take for something else: line ends of all kinds, marks that turn
# the direction of writing, letters that only look like those of a name.
_UNPLAIN = re.compile(r"[^ -~…]")


class Strict(BaseModel):
    """A mapping of which every key is known, and every type is the one that was declared."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def refused(problem: str) -> SpecError:
    """Returns the error for an event with one problem.

    >>> str(refused("got flight-d" + chr(0x435) + "lay")).isascii()
    True
    """
    return SpecError(f"event: {_UNPLAIN.sub(_escaped, problem)}")


def refused_for(error: ValidationError, model: type[BaseModel]) -> SpecError:
    """Returns the error for an event that does not follow its model; it names every problem, up to ten."""
    found = list(islice(problems_of(error, model.model_json_schema()), _MOST))
    texts = [_text(problem) for problem in found]
    if error.error_count() == 1:
        return refused(texts[0])
    numbered = "; ".join(f"({number}) {text}" for number, text in enumerate(texts, 1))
    rest = f"; and {error.error_count() - _MOST} more" if error.error_count() > _MOST else ""
    return refused(f"{error.error_count()} problems: {numbered}{rest}")


def _text(problem: Problem) -> str:
    steps = tuple(cut(step) if isinstance(step, str) else step for step in problem.path)
    place = Problem(steps, "").key
    return f"{place}: {problem.text}" if place else problem.text


def _escaped(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode("ascii")
