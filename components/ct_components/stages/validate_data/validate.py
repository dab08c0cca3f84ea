"""Checking the rows of both windows against the model spec's rules, and against what no model survives.

Broken data are not drift: a check that fails stops the run before a model can learn from it.
"""

from dataclasses import dataclass

import numpy as np

from ct_components.datasets import labels, read_table
from ct_components.errors import DataError
from ct_components.profiles import Profile, profile_dataset, profile_days
from ct_components.spec import Columns, parse_section
from ct_components.spec import Validation as Limits
from ct_components.stages.validate_data.checks import CHECKS, FAIL, HOLDOUT, TRAINING, WARN, Check, Evidence


@dataclass(frozen=True)
class Validation:
    """What the rows of a run are like.

    Attributes:
        profile: of the training window.
        days: of each calendar day of the training window, the features alone; what is usual for a day.
        holdout_profile: of the holdout, with the training window's histogram edges.
        checks: training window first.
        labelled: labelled training rows.
        label_coverage: their share of the training rows.
        classes: labelled training rows by class, "positive" and "negative".
    """

    profile: Profile
    days: tuple[Profile, ...]
    holdout_profile: Profile
    checks: tuple[Check, ...]
    labelled: int
    label_coverage: float
    classes: dict[str, int]

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that stop the run."""
        return tuple(check for check in self.checks if not check.passed and check.severity == FAIL)

    @property
    def warnings(self) -> tuple[Check, ...]:
        """The checks that are only reported."""
        return tuple(check for check in self.checks if not check.passed and check.severity == WARN)

    def raise_for_failures(self) -> None:
        """Raises a DataError that lists every failed check, when there is one."""
        if self.failures:
            count = "1 check" if len(self.failures) == 1 else f"{len(self.failures)} checks"
            lines = "".join(f"\n- {check}" for check in self.failures)
            raise DataError(f"{count} of the data failed:{lines}")


def run(
    training_path: str, holdout_path: str, columns: str, validation: str, timezone: str = "UTC"
) -> Validation:
    """Profiles both windows, and checks the profiles.

    Args:
        training_path: dataset of the training window.
        holdout_path: dataset of the holdout.
        columns: the spec's columns section, as JSON.
        validation: the spec's validation section, as JSON.
        timezone: IANA name of the zone whose calendar days are profiled one by one.

    Returns:
        Everything that was found; it raises nothing for rows that break a rule, see
        `Validation.raise_for_failures`.

    Raises:
        SpecError: a section is not allowed.
        SourceError: a dataset is missing, corrupt, or lacks a column.
    """
    roles = parse_section(Columns, columns, "columns")
    limits = parse_section(Limits, validation, "validation")
    reference = _profile(training_path, roles, None)
    days = profile_days(training_path, reference, timezone, {*roles.numeric, *roles.categorical})
    current = _profile(holdout_path, roles, reference)
    training = _window(TRAINING, training_path, reference, reference, roles, limits)
    holdout = _window(HOLDOUT, holdout_path, current, reference, roles, limits)
    # A holdout without rows breaks no rule; the gate will find it insufficient.
    windows = (training, holdout) if current.rows else (training,)
    checks = tuple(found for window in windows for check in CHECKS for found in check(window))
    labelled = int(training.labelled.sum())
    return Validation(reference, tuple(days), current, checks, labelled, training.coverage, training.classes)


def _profile(path: str, columns: Columns, reference: Profile | None) -> Profile:
    numeric = [*columns.numeric, *filter(None, [columns.weight])]
    others = [*filter(None, [columns.id])]
    edges = reference.edges if reference else None
    return profile_dataset(path, numeric, [*columns.categorical, columns.target], others, edges)


def _window(
    name: str, path: str, profile: Profile, training: Profile, columns: Columns, limits: Limits
) -> Evidence:
    target = read_table(path, [columns.target])
    try:
        labelled, positive = labels(target, columns.target, columns.positive)
        problem = None
    except DataError as error:
        labelled = positive = np.zeros(target.num_rows, dtype=bool)
        problem = str(error).partition("; allowed: ")[0]  # the check says itself what is
    return Evidence(name, profile, training, columns, limits, labelled, positive, problem)
