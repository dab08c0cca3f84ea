"""The JSON schema of the model spec, for editors.

`python -m ct_components.spec.schema FILE` writes it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
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
    """Returns the JSON schema that a model spec in YAML or JSON follows."""
    return schema_of(ModelSpec)


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Returns the JSON schema (draft 2020-12) of a pydantic model."""
    generated = model.model_json_schema(schema_generator=_Generator)
    return {"$schema": GenerateJsonSchema.schema_dialect, **generated}


def write_schema(model: type[BaseModel], module: str, arguments: list[str] | None = None) -> None:
    """Writes the schema of a model to the file that the command line names.

    Args:
        model: The pydantic model.
        module: What is run with `python -m`, for the help.
        arguments: The command line's; None for the process's own.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}", description="Writes the schema to the file that is named."
    )
    parser.add_argument("file", type=Path)
    file: Path = parser.parse_args(arguments).file
    file.write_text(json.dumps(schema_of(model), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Writes the schema to the file that is named."""
    write_schema(ModelSpec, "ct_components.spec.schema", arguments)


if __name__ == "__main__":
    main()
