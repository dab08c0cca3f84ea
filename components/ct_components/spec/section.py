"""What every mapping of the model spec is: strict, frozen, and without keys that it does not know."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from ct_components.spec.contradictions import contradictions
from ct_components.spec.refusals import contradiction


class Section(BaseModel):
    """A mapping of the model spec."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    def _refuse(self, name: str = "") -> Self:
        """Refuses contradictions; `name` is the section's key in the spec, "" for the spec itself."""
        values = self.model_dump(mode="json")
        if problems := list(contradictions({name: values} if name else values)):
            raise contradiction("; ".join(f"{problem.key}: {problem.text}" for problem in problems))
        return self
