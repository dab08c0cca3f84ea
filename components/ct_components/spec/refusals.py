"""How a value of the model spec is refused: always by saying what is allowed instead."""

from pydantic_core import PydanticCustomError

KIND = "refused"
CONTRADICTION = "contradiction"


def refusal(allowed: str) -> PydanticCustomError:
    """Returns the error that a validator raises; `allowed` completes the sentence "allowed: …"."""
    return PydanticCustomError(KIND, "allowed: {allowed}", {"allowed": allowed})


def contradiction(problems: str) -> PydanticCustomError:
    """Returns the error for values that are each allowed, but not together."""
    return PydanticCustomError(CONTRADICTION, "{problems}", {"problems": problems})
