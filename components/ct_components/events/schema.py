"""The JSON schema of a CloudEvent that asks for a run, for who sends one.

`python -m ct_components.events.schema FILE` writes it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from ct_components.events.cloudevent import CloudEvent


class _Generator(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 — the base class's signature
        """Leaves titles out: "Specversion" for specversion tells nobody anything."""
        return False


def schema() -> dict[str, Any]:
    """Returns the JSON schema (draft 2020-12) that an event follows."""
    generated = CloudEvent.model_json_schema(schema_generator=_Generator)
    return {"$schema": GenerateJsonSchema.schema_dialect, **generated}


def main(arguments: list[str] | None = None) -> None:
    """Writes the schema to the file that is named."""
    parser = argparse.ArgumentParser(prog="python -m ct_components.events.schema", description=main.__doc__)
    parser.add_argument("file", type=Path)
    file: Path = parser.parse_args(arguments).file
    file.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
