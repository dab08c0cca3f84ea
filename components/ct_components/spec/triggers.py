"""When a model is retrained: the section `triggers` of the model spec."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ct_components.spec.durations import Duration
from ct_components.spec.fields import ColumnName, Cron, Metric, PositiveDuration, Windows, Zone
from ct_components.spec.section import Section

_Alpha = Annotated[float, Field(gt=0, lt=0.5)]


class Budget(Section):
    """How many runs a model may have in a span of time, whatever asks for them."""

    runs: int = Field(default=20, ge=1, description="Most runs that triggers may start in `per`.")
    per: PositiveDuration = Field(default=Duration(30, "d"), description="The span of time that is counted.")


class Breaker(Section):
    """When triggers stop for a while, since run after run fails."""

    failures: int = Field(default=3, ge=1, description="So many failed runs in a row stop further ones.")
    pause: PositiveDuration = Field(
        default=Duration(24, "h"),
        description="How long; then one run is tried, and its success lets all through again.",
    )


class DriftTrigger(Section):
    """When the current window has drifted from the champion's training rows."""

    check: Cron | None = Field(
        default=None, description="When the drift monitor looks, in cron's five fields; null is by hand."
    )
    psi_threshold: float = Field(
        default=0.2,
        ge=0,
        description="A feature drifts only if its PSI, less what sampling makes of it, exceeds this.",
    )
    alpha: _Alpha = Field(
        default=0.05, description="Expected share of false ones among the features called drifted."
    )
    drift_share: float = Field(
        default=0.2, ge=0, lt=1, description="Retrain when the share of drifted features exceeds this."
    )
    windows: Windows = Field(
        default="1 of 1", description="How many of the last disjoint windows must drift: 'k of n'."
    )
    min_rows: int = Field(default=500, ge=1, description="Fewest rows of either window; fewer says nothing.")
    weights: dict[ColumnName, Annotated[float, Field(ge=0)]] | None = Field(
        default=None, description="How much each feature counts in the share; null counts all alike."
    )
    ks_alpha: _Alpha | None = Field(
        default=None,
        description="Lets Kolmogorov-Smirnov decide on numbers, at this alpha; null leaves them to PSI.",
    )
    ks_distance: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="Smallest Kolmogorov-Smirnov distance that counts, where it decides.",
    )
    missing_jump: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="A share of missing values that rises by more is broken data, and no reason to train.",
    )
    same_weekday: bool = Field(
        default=False, description="Compare with the reference's days of the same weekdays only."
    )


class WatchedMetric(Section):
    """When one metric of the champion is too bad."""

    threshold: float | None = Field(
        default=None, description="A score below it, or a loss above it, is too bad; null is no limit."
    )
    critical_degradation: Annotated[float, Field(gt=0)] | None = Field(
        default=0.1, description="Share of the baseline by which it may be worse; null is any."
    )
    baseline: float | None = Field(
        default=None, description="What it is compared with; null is the champion's promotion holdout."
    )
    low: float | None = Field(default=None, description="No day's value is less; null is the metric's own.")
    high: float | None = Field(default=None, description="No day's value is more; null is the metric's own.")


class PerformanceTrigger(Section):
    """When the champion's measured performance has become too bad."""

    check: Cron | None = Field(
        default=None,
        description="When the performance monitor looks, in cron's five fields; null is by hand.",
    )
    measure: Literal["rows", "metrics"] = Field(
        default="rows",
        description="rows scores the source's labelled rows with the champion; metrics takes what a scoring "
        "service wrote to the ledger.",
    )
    metrics: Annotated[dict[Metric, WatchedMetric], Field(min_length=1)] = Field(
        default={"roc_auc": WatchedMetric()}, description="What is watched, by metric."
    )
    alpha: _Alpha = Field(
        default=0.05,
        description="One-sided chance that a champion which is good enough is ever called too bad.",
    )
    min_samples: int = Field(default=500, ge=2, description="Fewest labelled rows; fewer says nothing.")
    min_per_class: int = Field(default=50, ge=1, description="Fewest rows of either class.")
    min_clusters: int = Field(default=5, ge=2, description="Fewest days for limits of a single look.")
    cluster: Literal["day", "none"] = Field(
        default="day", description="Rows of one day depend on each other; none declares rows independent."
    )
    looks: Literal["daily", "once"] = Field(
        default="daily",
        description="daily looks at all days since promotion as often as one likes; once at one window.",
    )


class Triggers(Section):
    """When the model is retrained: by schedule, drift, performance drop, and always by hand."""

    schedule: Cron | None = Field(
        default=None,
        description="When it is retrained whatever happens, in cron's five fields; null is never.",
    )
    timezone: Zone | None = Field(
        default=None, description="Zone of the schedules' clock; null is the source's."
    )
    drift: DriftTrigger | None = Field(
        default=None, description="When drift retrains it; null is never, {} takes all defaults."
    )
    performance: PerformanceTrigger | None = Field(
        default=None, description="When a performance drop retrains it; null is never, {} takes all defaults."
    )
    cooldown: Duration = Field(
        default=Duration(24, "h"),
        description="How long after a run starts no other may; failed runs start none.",
    )
    budget: Budget = Field(default_factory=Budget, description="How many runs a span of time may have.")
    breaker: Breaker = Field(
        default_factory=Breaker, description="When a row of failed runs stops further ones."
    )

    @model_validator(mode="after")
    def _schedule_can_be_kept(self) -> Self:
        return self._refuse("triggers")
