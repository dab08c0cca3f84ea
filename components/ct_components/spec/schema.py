"""The JSON schema of the model spec, for editors.

`python -m ct_components.spec.schema FILE` writes it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from ct_components.spec.durations import Duration
from ct_components.spec.model import ModelSpec


class _Generator(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 — the base class's signature
        """Leaves titles out: "Min Rows" for min_rows tells nobody anything."""
        return False

    def encode_default(self, dft: Any) -> Any:
        """Writes a default as one would in YAML."""
        return str(dft) if isinstance(dft, Duration) else super().encode_default(dft)


def schema() -> dict[str, Any]:
    """Returns the JSON schema (draft 2020-12) that a model spec in YAML or JSON follows."""
    generated = ModelSpec.model_json_schema(schema_generator=_Generator)
    return {"$schema": GenerateJsonSchema.schema_dialect, **generated}


def main(arguments: list[str] | None = None) -> None:
    """Writes the schema to the file that is named."""
    parser = argparse.ArgumentParser(prog="python -m ct_components.spec.schema", description=main.__doc__)
    parser.add_argument("file", type=Path)
    file: Path = parser.parse_args(arguments).file
    file.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
