"""Values of a model spec that are each allowed, but not together.

The checks read plain mappings, and skip what has another type than expected: so they also run on a spec with
other mistakes in it, and a person sees all of them at once.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from ct_components.errors import SpecError
from ct_components.spec.cron import firings_in, is_cron, shortest_gap
from ct_components.spec.durations import Duration
from ct_components.spec.problems import KeyPath, Problem
from ct_components.spec.zones import load_zone

LIMITS = ("min", "max", "nulls", "allowed")


def contradictions(spec: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields what contradicts itself in a spec, or in those of its sections that are given.

    Args:
        spec: Plain values by key, with defaults filled in; a section that is missing is not judged.
    """
    yield from _two_roles(spec)
    yield from _no_feature(spec)
    yield from _rules(spec)
    yield from _two_seeds(spec)
    yield from _never_enough_days(spec)
    yield from _unreachable_floors(spec)
    yield from _unreachable_thresholds(spec)
    yield from _slices(spec)
    yield from _schedule_held_back(spec)
    yield from _beyond_memory(spec)
    yield from _weights(spec)


def _section(spec: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = spec.get(key)
    return section if isinstance(section, Mapping) else {}


def _roles(spec: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yields each place that names a column."""
    columns = _section(spec, "columns")
    singles = [("source", "timestamp"), ("columns", "target"), ("columns", "id"), ("columns", "weight")]
    for section, role in singles:
        if isinstance(name := _section(spec, section).get(role), str):
            yield (section, role), name
    for role in ("numeric", "categorical"):
        names = columns.get(role)
        for index, name in enumerate(names if isinstance(names, list) else []):
            if isinstance(name, str):
                yield ("columns", role, index), name


def _two_roles(spec: Mapping[str, Any]) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for path, name in _roles(spec):
        if name in first:
            taken = Problem(first[name], "").key
            yield Problem.of(path, name, f"a column that has no other role; this one is {taken} already")
        first.setdefault(name, path)


def _no_feature(spec: Mapping[str, Any]) -> Iterator[Problem]:
    columns = _section(spec, "columns")
    if columns and columns.get("numeric") == columns.get("categorical") == []:
        yield Problem(("columns",), "no features; allowed: at least one column in numeric or categorical")


def _rules(spec: Mapping[str, Any]) -> Iterator[Problem]:
    rules = _section(spec, "validation").get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        if isinstance(rule, Mapping):
            path: KeyPath = ("validation", "rules", index)
            yield from _limits(path, rule)
            if "columns" in spec:
                yield from _column_of_rule(path, rule, _section(spec, "columns"))


def _limits(path: KeyPath, rule: Mapping[str, Any]) -> Iterator[Problem]:
    if all(rule.get(limit) is None for limit in LIMITS):
        yield Problem(path, f"no limit; allowed: at least one of {', '.join(LIMITS)}")
    low, high = rule.get("min"), rule.get("max")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
        yield Problem.of((*path, "min"), low, f"at most the rule's max, {high}")


def _column_of_rule(path: KeyPath, rule: Mapping[str, Any], columns: Mapping[str, Any]) -> Iterator[Problem]:
    roles = {name: str(where[1]) for where, name in _roles({"columns": columns})}
    name = rule.get("column")
    if not isinstance(name, str):
        return
    role = roles.get(name)
    if role is None:
        yield Problem.of_name((*path, "column"), name, "a column that the spec declares", roles)
    for limit in LIMITS:
        if rule.get(limit) is not None and (role, limit) in _SENSELESS:
            yield Problem.of((*path, limit), rule[limit], _SENSELESS[role, limit].format(name=name))


_SENSELESS: dict[tuple[str | None, str], str] = {
    ("categorical", "min"): "'allowed' or 'nulls', as {name!r} is categorical",
    ("categorical", "max"): "'allowed' or 'nulls', as {name!r} is categorical",
    ("numeric", "allowed"): "'min', 'max' or 'nulls', as {name!r} is numeric",
}


def _two_seeds(spec: Mapping[str, Any]) -> Iterator[Problem]:
    parameters = _section(_section(spec, "training"), "parameters")
    if "random_state" in parameters:
        path: KeyPath = ("training", "parameters", "random_state")
        yield Problem.of(path, parameters["random_state"], "training.seed, which sets it")


def _never_enough_days(spec: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields a holdout too short for min_clusters days: every verdict would be insufficient."""
    text, clusters = _section(spec, "windows").get("holdout"), _section(spec, "gates").get("min_clusters")
    independent = _section(spec, "gates").get("cluster") == "none"
    if independent or not isinstance(text, str) or not isinstance(clusters, int):
        return
    try:
        length = Duration.parse(text).nominal
    except SpecError:
        return
    days = -(-length // timedelta(days=1)) + 1  # one more when as-of is not midnight
    if 0 < days < clusters and length:
        allowed = f"at least {clusters - 1}d, or a smaller gates.min_clusters: with {clusters} days needed, "
        yield Problem.of(("windows", "holdout"), text, allowed + "every verdict would be insufficient")


def _unreachable_thresholds(spec: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields thresholds above 1 for scores: every look would find the champion too bad."""
    metrics = _section(_section(_section(spec, "triggers"), "performance"), "metrics")
    for metric in metrics:
        threshold = _section(metrics, metric).get("threshold")
        if metric not in _LOSSES and isinstance(threshold, (int, float)) and threshold > 1:
            path: KeyPath = ("triggers", "performance", "metrics", metric, "threshold")
            yield Problem.of(path, threshold, "below 1, as no model scores more")


def _unreachable_floors(spec: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields floors above 1 for scores, which end at 1; losses have no end."""
    floors = _section(_section(spec, "gates"), "floors")
    for metric, floor in floors.items():
        if metric not in _LOSSES and isinstance(floor, (int, float)) and floor > 1:
            yield Problem.of(("gates", "floors", metric), floor, "0 to 1, as no model scores more")


_LOSSES = ("log_loss", "brier_score")


def _slices(spec: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields slices that are no categorical columns."""
    slices, columns = _section(spec, "gates").get("slices"), _section(spec, "columns")
    categorical = columns.get("categorical")
    if "columns" not in spec or not isinstance(categorical, list):
        return
    for index, name in enumerate(slices if isinstance(slices, list) else []):
        if isinstance(name, str) and name not in categorical:
            allowed = "one of columns.categorical"
            yield Problem.of_name(("gates", "slices", index), name, allowed, categorical)


def _schedule_held_back(spec: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields a cooldown and a budget that would suppress what the schedule itself asks for."""
    triggers = _section(spec, "triggers")
    schedule, cooldown = triggers.get("schedule"), _length(triggers.get("cooldown"))
    if not isinstance(schedule, str) or not is_cron(schedule):
        return
    gap = shortest_gap(schedule, _zone(triggers.get("timezone") or _section(spec, "source").get("timezone")))
    if cooldown is not None and cooldown >= gap:
        allowed = f"less than {_hours(gap)}, the shortest time between two runs of triggers.schedule"
        yield Problem.of(("triggers", "cooldown"), triggers["cooldown"], allowed)
    budget = _section(triggers, "budget")
    runs, per = budget.get("runs"), _length(budget.get("per"))
    needed = firings_in(schedule, per) if per else 0
    if isinstance(runs, int) and runs < needed:
        allowed = f"at least {needed}, as triggers.schedule alone asks for so many in {budget['per']}"
        yield Problem.of(("triggers", "budget", "runs"), runs, allowed)


# The ledger looks back at a little more when it judges a trigger.
_MEMORY = timedelta(days=366)
_LOOKING_BACK = (("cooldown",), ("budget", "per"), ("breaker", "pause"))


def _beyond_memory(spec: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields lengths of time for which triggers are not remembered."""
    triggers = _section(spec, "triggers")
    for path in _LOOKING_BACK:
        section = triggers if len(path) == 1 else _section(triggers, path[0])
        length = _length(section.get(path[-1]))
        if length is not None and length > _MEMORY:
            yield Problem.of(("triggers", *path), section[path[-1]], f"at most {_MEMORY.days}d")


def _zone(name: object) -> str:
    """Returns the name of a zone that there is; another is refused elsewhere."""
    try:
        return load_zone(name).key if isinstance(name, str) else "UTC"
    except SpecError:
        return "UTC"


def _length(text: object) -> timedelta | None:
    try:
        return Duration.parse(text).nominal if isinstance(text, str) else None
    except SpecError:
        return None


def _hours(gap: timedelta) -> str:
    minutes = round(gap / timedelta(minutes=1))
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"


def _weights(spec: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields drift weights of columns that are no features, and weights that are all 0."""
    weights, columns = _section(_section(spec, "triggers"), "drift").get("weights"), _section(spec, "columns")
    if not isinstance(weights, Mapping) or "columns" not in spec:
        return
    features = [name for role in ("numeric", "categorical") for name in columns.get(role) or []]
    path: KeyPath = ("triggers", "drift", "weights")
    for name in weights:
        if name not in features:
            yield Problem.of_name(
                (*path, name), name, "a feature in columns.numeric or columns.categorical", features
            )
    if not any(weights.values()):
        yield Problem.of(path, dict(weights), "at least one weight above 0")
