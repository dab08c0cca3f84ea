"""What the check in staging found."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One check that was passed, or that failed by its figure.

    Attributes:
        check: Its name, such as `latency`.
        figure: What was measured.
        limit: The most that is allowed; None where the figure is there for information.
        unit: What both are counted in.
        note: What else there is to say.
    """

    check: str
    figure: float
    limit: float | None
    unit: str
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the figure is within the limit; NaN is not."""
        return self.limit is None or self.figure <= self.limit

    def __str__(self) -> str:
        limit = "" if self.limit is None else f", limit {_text(self.limit, self.unit)}"
        note = f" ({self.note})" if self.note else ""
        return f"{self.check}: {_text(self.figure, self.unit)}{limit}{note}"


@dataclass(frozen=True)
class CheckReport:
    """Everything that a version did in its check, each with its figure.

    Attributes:
        version: MLflow's address of the version, by number.
        findings: In the order in which they were made.
    """

    version: str
    findings: Sequence[Finding]

    def to_dict(self) -> dict[str, Any]:
        """Returns what is logged to the version's MLflow run: plain JSON."""
        checks = [asdict(each) | {"passed": each.passed} for each in self.findings]
        return {"version": self.version, "checks": checks}

    def __str__(self) -> str:
        return f"{self.version} passes its check in staging: {'; '.join(map(str, self.findings))}"


def _text(figure: float, unit: str) -> str:
    return f"{figure:.4g} {unit}".strip()
