"""The settings of drift, its verdicts and its reasons: words that ledger, pages and messages share."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ct_components.errors import SpecError

_ALPHA_BOUND = 0.5
_K_OF_N = re.compile(r"([1-9][0-9]?) of ([1-9][0-9]?)")


class Verdict(StrEnum):
    """What is decided about the current window.

    >>> print(Verdict.NO_DRIFT)
    no_drift
    """

    DRIFT = "drift"
    """The world has changed: retrain."""
    NO_DRIFT = "no_drift"
    """Nothing to do."""
    INSUFFICIENT = "insufficient"
    """Too few rows to say anything; never "no drift"."""
    BROKEN = "broken"
    """The data are at fault: quarantine the window and tell people. A model must not learn it."""


class Reason(StrEnum):
    """Why it is decided so: stable words that the ledger keeps and scripts may compare."""

    SCHEMA = "schema"
    """Broken: a feature is gone, or of another kind."""
    TOO_FEW_ROWS = "too_few_rows"
    """Insufficient: the reference or the current window holds fewer than `Drift.min_rows`."""
    MISSING_VALUES = "missing_values"
    """Broken: a feature is missing far more often than it was."""
    UNIT_CHANGE = "unit_change"
    """Broken: a feature looks as if it came in another unit."""
    FROZEN = "frozen"
    """Broken: a feature stands still that moved on every day of the reference."""
    DRIFTED_SHARE = "drifted_share"
    """Drift: enough features drifted, in enough of the last windows."""
    NOT_YET = "not_yet"
    """No drift: enough features drifted, but not in enough of the last windows."""
    BELOW_SHARE = "below_share"
    """No drift: features drifted, but too few of them."""
    NOTHING_DRIFTED = "nothing_drifted"
    """No drift: no feature has changed both surely and by enough."""


class Windows(NamedTuple):
    """How many of the last disjoint windows must drift."""

    needed: int
    last: int


@dataclass(frozen=True)
class Drift:
    """When a model's features have drifted.

    Attributes:
        psi_threshold: The practical limit: a feature's PSI, less what sampling alone makes of it, must
            exceed it; 0 or more.
        alpha: One-sided: the expected share of false ones among the features called drifted, and the largest
            probability of an alarm when nothing drifts.
        drift_share: The share of features that must be exceeded, 0 or more and below 1.
        min_rows: Rows that reference and current window must each have.
        windows: "k of n": how many of the last disjoint windows must drift, the current one among them.
        weights: How much each feature counts in the share, such as its importance; those not named do not
            count. None counts all alike.
        ks_alpha: None leaves numeric features to PSI. Otherwise Kolmogorov-Smirnov decides about them, with
            p-values adjusted at this alpha; above 0, below 0.5.
        ks_distance: The practical limit on the Kolmogorov-Smirnov distance, when that decides; 0 or more,
            below 1.
        missing_jump: By how much a feature's share of missing values may rise before the data are called
            broken; above 0, at most 1, which never calls them so.

    Raises:
        SpecError: If a setting lies outside its range.

    >>> Drift(drift_share=1.5)
    Traceback (most recent call last):
    ct_components.errors.SpecError: triggers.drift.drift_share is 1.5; allowed: 0 or more and below 1
    """

    psi_threshold: float = 0.2
    alpha: float = 0.05
    drift_share: float = 0.2
    min_rows: int = 500
    windows: str = "1 of 1"
    weights: Mapping[str, float] | None = None
    ks_alpha: float | None = None
    ks_distance: float = 0.1
    missing_jump: float = 0.1

    def __post_init__(self) -> None:
        """Refuses settings outside their range; NaN is outside every range."""
        self._require("psi_threshold", 0 <= self.psi_threshold < math.inf, "0 or more and finite")
        self._require("alpha", 0 < self.alpha < _ALPHA_BOUND, "above 0 and below 0.5")
        self._require("drift_share", 0 <= self.drift_share < 1, "0 or more and below 1")
        self._require("min_rows", self.min_rows >= 1, "1 or more")
        needed, last = self.k_of_n
        self._require(
            "windows", 1 <= needed <= last, "'k of n' with whole numbers, k from 1 to n, n up to 99"
        )
        fine = self.ks_alpha is None or 0 < self.ks_alpha < _ALPHA_BOUND
        self._require("ks_alpha", fine, "above 0 and below 0.5, or none")
        self._require("ks_distance", 0 <= self.ks_distance < 1, "0 or more and below 1")
        self._require("missing_jump", 0 < self.missing_jump <= 1, "above 0, at most 1")
        if self.weights is not None:
            fine = all(0 <= weight < math.inf for weight in self.weights.values())
            self._require("weights", fine and sum(self.weights.values()) > 0, "0 or more, finite, not all 0")

    @property
    def k_of_n(self) -> Windows:
        """Windows that must drift, and of how many; zeros when `windows` does not say.

        >>> Drift(windows="2 of 3").k_of_n
        Windows(needed=2, last=3)
        """
        match = _K_OF_N.fullmatch(self.windows)
        return Windows(int(match[1]), int(match[2])) if match else Windows(0, 0)

    def _require(self, key: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise SpecError(f"triggers.drift.{key} is {getattr(self, key)!r}; allowed: {allowed}")
