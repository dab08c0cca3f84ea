"""The checks: each takes the evidence of one window and yields what it found.

A check of many columns that all pass is one line, not one line per column.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ct_components.profiles import CategoricalProfile, ColumnProfile, NumericProfile, OtherProfile, Profile
from ct_components.spec import Columns, Rule
from ct_components.spec import Validation as Limits

FAIL, WARN = "fail", "warn"
TRAINING, HOLDOUT = "training", "holdout"
_SHOWN = 5  # categories that a value lists

Value = float | int | str | None
K = TypeVar("K", NumericProfile, CategoricalProfile, OtherProfile)


@dataclass(frozen=True)
class Check:
    """One limit, and what the rows of one window showed.

    Attributes:
        rule: what was checked, a stable word.
        column: the column; None when the check is about rows, or when all its columns passed.
        window: training or holdout.
        value: what was found.
        limit: what is allowed.
        passed: whether the value keeps the limit.
        severity: fail or warn; counts only when not passed.
    """

    rule: str
    column: str | None
    window: str
    value: Value
    limit: Value
    passed: bool
    severity: str = FAIL

    def __str__(self) -> str:
        about = f" of column {self.column!r}" if self.column is not None else ""
        return (
            f"{self.window} window: {self.rule}{about}: {_shown(self.value)}; allowed: {_shown(self.limit)}"
        )


@dataclass(frozen=True)
class Evidence:
    """What the checks look at: one window's rows, beside the training window's profile.

    Attributes:
        window: training or holdout.
        profile: of this window.
        training: of the training window.
        columns: the columns' roles.
        limits: the spec's validation section.
        labelled: shape (rows,).
        positive: shape (rows,).
        target_problem: why the target has no classes; no row counts as labelled then.
    """

    window: str
    profile: Profile
    training: Profile
    columns: Columns
    limits: Limits
    labelled: NDArray[np.bool_]
    positive: NDArray[np.bool_]
    target_problem: str | None

    @property
    def coverage(self) -> float:
        """Share of rows that are labelled, 0 to 1."""
        return float(self.labelled.mean()) if self.labelled.size else 0.0

    @property
    def classes(self) -> dict[str, int]:
        """Labelled rows by class."""
        positives = int(self.positive.sum())
        return {"negative": int(self.labelled.sum()) - positives, "positive": positives}

    def check(self, rule: str, value: Value, limit: Value, passed: bool, severity: str = FAIL) -> Check:
        """Builds a check that is about rows."""
        return Check(rule, None, self.window, value, limit, passed, severity)

    def each(
        self,
        rule: str,
        columns: Sequence[str],
        found: Mapping[str, Value],
        limit: Value,
        severity: str = FAIL,
    ) -> Iterator[Check]:
        """Yields one check per column found wanting, or one for all columns when none is."""
        if columns and not found:
            count = "1 column" if len(columns) == 1 else f"all {len(columns)} columns"
            yield self.check(rule, count, limit, passed=True, severity=severity)
        for name, value in found.items():
            yield Check(rule, name, self.window, value, limit, passed=False, severity=severity)


def target_classes(evidence: Evidence) -> Iterator[Check]:
    """The target has two classes; a holdout of one class is for the gate to judge."""
    severity = FAIL if evidence.window == TRAINING or evidence.target_problem else WARN
    counts = evidence.classes
    value = evidence.target_problem or ", ".join(f"{rows} {name}" for name, rows in counts.items())
    limit = f"rows of both classes, {evidence.columns.positive!r} (columns.positive) being positive"
    passed = evidence.target_problem is None and all(counts.values())
    yield Check("classes", evidence.columns.target, evidence.window, value, limit, passed, severity)


def label_coverage(evidence: Evidence) -> Iterator[Check]:
    """Enough rows have a target; without, the labelled ones may be a biased part."""
    least = evidence.limits.min_label_coverage
    if evidence.target_problem is None:
        coverage = evidence.coverage
        yield evidence.check("label coverage", coverage, f"at least {least:g}", coverage >= least)


def target_nulls(evidence: Evidence) -> Iterator[Check]:
    """Rows without a target are reported: they are not learned from."""
    nulls = evidence.labelled.size - int(evidence.labelled.sum())
    if evidence.target_problem is None:
        column = evidence.columns.target
        yield Check("target nulls", column, evidence.window, nulls, "no nulls", nulls == 0, WARN)


def min_rows(evidence: Evidence) -> Iterator[Check]:
    """The training window has enough labelled rows."""
    rows, least = int(evidence.labelled.sum()), evidence.limits.min_rows
    if evidence.window == TRAINING and evidence.target_problem is None:
        yield evidence.check("labelled rows", rows, f"at least {least}", rows >= least)


def types(evidence: Evidence) -> Iterator[Check]:
    """Numeric columns hold numbers, categorical ones texts or numbers."""
    columns = evidence.columns
    for role, names in (("numeric", _numbers(evidence)), ("categorical", columns.categorical)):
        found = {name: column.type for name, column in _of_kind(evidence, names, OtherProfile)}
        limit = "integers, floats, decimals or booleans"
        yield from evidence.each(
            f"{role} type", names, found, f"text, {limit}" if role != "numeric" else limit
        )


def all_null(evidence: Evidence) -> Iterator[Check]:
    """Every feature, and the weight, has a value somewhere."""
    names = [*_numbers(evidence), *evidence.columns.categorical]
    profiles = {name: evidence.profile.columns[name] for name in names}
    found = {name: "all null" for name, column in profiles.items() if column.missing == column.count}
    yield from evidence.each("values", names, found, "at least one value")


def infinities(evidence: Evidence) -> Iterator[Check]:
    """No numeric column holds an infinity, which no estimator takes."""
    names = _numbers(evidence)
    columns = _of_kind(evidence, names, NumericProfile)
    found = {name: f"{column.infinities} infinite" for name, column in columns if column.infinities}
    yield from evidence.each("infinity", names, found, "finite numbers and nulls")


def weights(evidence: Evidence) -> Iterator[Check]:
    """Weights of training rows are there, not negative, and not all 0."""
    names = _weight(evidence)
    columns = dict(_of_kind(evidence, names, NumericProfile))
    found = {name: problem for name, column in columns.items() if (problem := _weight_problem(column))}
    yield from evidence.each("weight", names, found, "numbers of at least 0, some above 0, and no nulls")


def unseen_categories(evidence: Evidence) -> Iterator[Check]:
    """Categories of the holdout that training did not see: models take them, people want to know."""
    if evidence.window == TRAINING:
        return
    names = evidence.columns.categorical
    found: dict[str, Value] = {}
    for name, column in _of_kind(evidence, names, CategoricalProfile):
        seen = evidence.training.columns[name]
        # Beyond the categories that a profile keeps, it cannot tell.
        if isinstance(seen, CategoricalProfile) and not seen.other:
            unseen = {text: rows for text, rows in column.categories.items() if text not in seen.categories}
            found |= {name: _listed(unseen)} if unseen else {}
    yield from evidence.each("unseen categories", names, found, "categories of the training window", WARN)


def spec_rules(evidence: Evidence) -> Iterator[Check]:
    """The spec's own rules, each limit by itself."""
    for rule in evidence.limits.rules:
        column = evidence.profile.columns.get(rule.column)
        if column is None:
            yield _of_rule(evidence, rule, "rule", "not declared", "a column with a role", passed=False)
        else:
            yield from _limits(evidence, rule, column)


CHECKS: tuple[Callable[[Evidence], Iterable[Check]], ...] = (
    min_rows,
    label_coverage,
    target_classes,
    target_nulls,
    types,
    all_null,
    infinities,
    weights,
    unseen_categories,
    spec_rules,
)
"""In the order people read them."""


def _limits(evidence: Evidence, rule: Rule, column: ColumnProfile) -> Iterator[Check]:
    if (least := rule.min) is not None:
        low, passed = _extreme(column, "minimum", lambda low: low >= least)
        yield _of_rule(evidence, rule, "min", low, f"at least {least:g}", passed)
    if (most := rule.max) is not None:
        high, passed = _extreme(column, "maximum", lambda high: high <= most)
        yield _of_rule(evidence, rule, "max", high, f"at most {most:g}", passed)
    if rule.nulls is not None:
        share = column.missing / column.count if column.count else 0.0
        yield _of_rule(
            evidence, rule, "nulls", share, f"share of at most {rule.nulls:g}", share <= rule.nulls
        )
    if rule.allowed is not None:
        yield _allowed(evidence, rule, rule.allowed, column)


def _extreme(column: ColumnProfile, which: str, keeps: Callable[[float], bool]) -> tuple[Value, bool]:
    """Gives a column's minimum or maximum, and whether it keeps its limit; a column of nulls does."""
    value: float | None
    if isinstance(column, NumericProfile):
        value = getattr(column, which)
    elif (numbers := _category_numbers(column)) is not None:
        value = {"minimum": min, "maximum": max}[which](numbers, default=None)
    else:
        return "no numbers", False
    return value, value is None or keeps(value)


def _category_numbers(column: ColumnProfile) -> list[float] | None:
    """Gives the categories as numbers, such as a target's 0 and 1; None when they are none."""
    if not isinstance(column, CategoricalProfile) or column.other:
        return None
    try:
        return [float(text) for text in column.categories]
    except ValueError:
        return None


def _allowed(evidence: Evidence, rule: Rule, allowed: Sequence[str], column: ColumnProfile) -> Check:
    limit = "one of " + ", ".join(map(repr, allowed[:_SHOWN])) + (", …" if len(allowed) > _SHOWN else "")
    if not isinstance(column, CategoricalProfile):
        return _of_rule(evidence, rule, "allowed", "no categories", limit, passed=False)
    strange = {text: rows for text, rows in column.categories.items() if text not in set(allowed)}
    if column.other:
        strange["(further ones)"] = column.other
    return _of_rule(evidence, rule, "allowed", _listed(strange), limit, not strange)


def _of_rule(evidence: Evidence, rule: Rule, name: str, value: Value, limit: Value, passed: bool) -> Check:
    return Check(name, rule.column, evidence.window, value, limit, passed, rule.severity)


def _numbers(evidence: Evidence) -> list[str]:
    return [*evidence.columns.numeric, *_weight(evidence)]


def _weight(evidence: Evidence) -> list[str]:
    """Names the weight column where it is used: models are judged on rows of equal weight."""
    weight = evidence.columns.weight
    return [weight] if weight is not None and evidence.window == TRAINING else []


def _of_kind(evidence: Evidence, names: Sequence[str], kind: type[K]) -> list[tuple[str, K]]:
    columns = ((name, evidence.profile.columns[name]) for name in names)
    return [(name, column) for name, column in columns if isinstance(column, kind)]


def _weight_problem(column: NumericProfile) -> str | None:
    if column.missing:
        return f"{column.missing} nulls"
    if column.minimum is not None and column.minimum < 0:
        return f"smallest {column.minimum:g}"
    return "all 0" if column.maximum == 0 else None


def _listed(categories: Mapping[str, int]) -> str:
    """Counts categories and their rows, and names the most frequent."""
    names = ", ".join(map(repr, list(categories)[:_SHOWN])) + (", …" if len(categories) > _SHOWN else "")
    return f"{len(categories)} in {sum(categories.values())} rows: {names}" if categories else "none"


def _shown(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
