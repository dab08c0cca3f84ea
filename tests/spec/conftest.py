from collections.abc import Callable
from pathlib import Path

import pytest

from ct_components.errors import SpecError
from ct_components.spec import parse_spec

SMALL = """\
model: churn
task: binary
source: {type: parquet, uri: data/*.parquet, timestamp: seen}
columns:
  target: left
  numeric: [age]
  categorical: [plan]
"""


@pytest.fixture
def small() -> str:
    """The smallest useful spec, in seven lines."""
    return SMALL


@pytest.fixture
def refused() -> Callable[[str], list[str]]:
    """Returns the lines of the message that refuses a spec, the first of them aside."""

    def lines(text: str) -> list[str]:
        with pytest.raises(SpecError) as caught:
            parse_spec(text, "model.yaml")
        head, *rest = str(caught.value).splitlines()
        assert head == f"{len(rest)} problem{'s' if len(rest) > 1 else ''} in model.yaml"
        return [line.strip() for line in rest]

    return lines


@pytest.fixture
def flights() -> Path:
    return Path(__file__).parents[2] / "manifests/models/flight-delay/model.yaml"
