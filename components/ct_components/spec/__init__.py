"""The model spec: one model's settings, in one YAML file, validated in full.

Light on purpose, since every stage and the command line import it: pydantic and yaml, no numpy.
"""

from ct_components.spec.delivery import Channel, Check, RegistrySettings, Serving
from ct_components.spec.durations import Duration
from ct_components.spec.load import (
    dump_spec,
    load_spec,
    parse_section,
    parse_spec,
    read_spec,
    resolve_references,
)
from ct_components.spec.model import (
    Columns,
    Gates,
    ModelSpec,
    Rule,
    Source,
    Training,
    Validation,
    WindowLengths,
)
from ct_components.spec.overrides import with_hyperparameters
from ct_components.spec.section import Section
from ct_components.spec.triggers import (
    Breaker,
    Budget,
    DriftTrigger,
    PerformanceTrigger,
    Triggers,
    WatchedMetric,
)
from ct_components.spec.zones import load_zone

__all__ = [
    "Breaker",
    "Budget",
    "Channel",
    "Check",
    "Columns",
    "DriftTrigger",
    "Duration",
    "Gates",
    "ModelSpec",
    "PerformanceTrigger",
    "RegistrySettings",
    "Rule",
    "Section",
    "Serving",
    "Source",
    "Training",
    "Triggers",
    "Validation",
    "WatchedMetric",
    "WindowLengths",
    "dump_spec",
    "load_spec",
    "load_zone",
    "parse_section",
    "parse_spec",
    "read_spec",
    "resolve_references",
    "with_hyperparameters",
]
