"""Events that ask for a run: read strictly, and built so that they can be read.

An event comes from outside, is delivered at least once, and is refused in one line if anything about it is
not as allowed. It carries model, reason, window and key, no more.
"""

from ct_components.events.cloudevent import trigger_event
from ct_components.events.model import TriggerEvent, Window, rule_key
from ct_components.events.parse import parse_event

__all__ = ["TriggerEvent", "Window", "parse_event", "rule_key", "trigger_event"]
