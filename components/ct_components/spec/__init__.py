"""The model spec: one model's settings, in one YAML file, validated in full.

Light on purpose, since every stage and the command line import it: pydantic and yaml, no numpy.
"""

from ct_components.spec.durations import Duration
from ct_components.spec.load import dump_spec, load_spec, parse_section, parse_spec, resolve_references
from ct_components.spec.model import (
    Columns,
    Gates,
    ModelSpec,
    Rule,
    Section,
    Source,
    Training,
    Validation,
    WindowLengths,
)
from ct_components.spec.zones import load_zone

__all__ = [
    "Columns",
    "Duration",
    "Gates",
    "ModelSpec",
    "Rule",
    "Section",
    "Source",
    "Training",
    "Validation",
    "WindowLengths",
    "dump_spec",
    "load_spec",
    "load_zone",
    "parse_section",
    "parse_spec",
    "resolve_references",
]
