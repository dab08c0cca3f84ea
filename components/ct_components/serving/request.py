"""What is asked of a deployment, and what comes of it."""

import json
import math
from dataclasses import dataclass, field
from typing import Any, Self

from ct_components.errors import StateError


@dataclass(frozen=True)
class Sample:
    """Rows, and the scores that the model had for them when it was fitted.

    Attributes:
        columns: The columns' names.
        rows: A list of values for each row; None is a missing value.
        scores: One score for each row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    scores: tuple[float, ...]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads the prediction sample that `train_model` logs.

        Raises:
            StateError: If it is something else.
        """
        try:
            content = json.loads(text)
            sample = cls(
                tuple(map(str, content["rows"]["columns"])),
                tuple(map(tuple, content["rows"]["data"])),
                tuple(map(float, content["scores"])),
            )
        except (ValueError, TypeError, LookupError) as error:
            raise _no_sample(f"{type(error).__name__}: {error}") from None
        if {len(row) for row in sample.rows} != {len(sample.columns)}:
            raise _no_sample("its rows are not as long as its columns")
        if len(sample.scores) != len(sample.rows) or not all(map(math.isfinite, sample.scores)):
            raise _no_sample("it has not one finite score for each row")
        return sample

    def complete(self) -> "Sample":
        """Returns the rows without a missing value, which each server wants to be written its own way."""
        kept = [
            pair for pair in zip(self.rows, self.scores, strict=True) if all(v is not None for v in pair[0])
        ]
        return Sample(self.columns, tuple(row for row, _ in kept), tuple(score for _, score in kept))


def _no_sample(why: str) -> StateError:
    return StateError(f"the prediction sample cannot be used: {why}; allowed: what train_model logged")


@dataclass(frozen=True)
class DeployRequest:
    """A version that is to be served.

    Attributes:
        model: The registered model.
        version: The version's number.
        uri: MLflow's address of the version, such as models:/churn/7: what a Deployment is given.
        location: Where its files lie, such as gs://bucket/…: what KServe is given; "" where nobody knows.
        sample: What it must predict when it is served; None leaves that untried.
        tolerance: Largest difference from the sample's scores.
    """

    model: str
    version: str
    uri: str
    location: str = ""
    sample: Sample | None = field(default=None, repr=False)
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Deployed:
    """What came of it.

    Attributes:
        state: `served`; `none` if nothing serves this model.
        previous: The address that was served before; "" if nobody remembers.
        message: What was done, in a sentence.
    """

    state: str
    previous: str
    message: str
