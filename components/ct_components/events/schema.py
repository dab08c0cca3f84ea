"""The JSON schema of a CloudEvent that asks for a run, for who sends one.

`python -m ct_components.events.schema FILE` writes it.
"""

from typing import Any

from ct_components.events.cloudevent import CloudEvent
from ct_components.spec.schema import schema_of, write_schema


def schema() -> dict[str, Any]:
    """Returns the JSON schema that an event follows."""
    return schema_of(CloudEvent)


def main(arguments: list[str] | None = None) -> None:
    """Writes the schema to the file that is named."""
    write_schema(CloudEvent, "ct_components.events.schema", arguments)


if __name__ == "__main__":
    main()
