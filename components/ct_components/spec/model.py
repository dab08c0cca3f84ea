"""The model spec: one model's settings, section by section.

Every section is usable alone, since a stage takes its own few settings and not the whole spec. All are strict
(no text for a number), frozen, and refuse keys they do not know.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ct_components.spec.delivery import Channel, RegistrySettings, Serving
from ct_components.spec.durations import Duration
from ct_components.spec.fields import (
    ColumnName,
    Estimator,
    Label,
    Metric,
    ModelName,
    Parameter,
    PositiveDuration,
    Spending,
    Uri,
    Zone,
)
from ct_components.spec.section import Section
from ct_components.spec.triggers import Triggers

Margin = Annotated[float, Field(ge=0, lt=1)]


class Source(Section):
    """Where the rows come from."""

    type: Literal["parquet"] = Field(description="Format of the files.")
    uri: Uri = Field(
        description="Path, glob or URI of the files. ${NAME} is taken from the environment when a run begins."
    )
    timestamp: ColumnName = Field(description="Column with the instant of a row; windows cut by it.")
    timezone: Zone = Field(
        default="UTC",
        description="IANA time zone of the calendar days, and of timestamps that carry none.",
    )
    label_delay: Duration = Field(
        default=Duration(0, "d"), description="How long after its timestamp a row's target is known."
    )


class Columns(Section):
    """What each column is for. A column has one role."""

    target: ColumnName = Field(description="Column to predict; rows without it are not labelled.")
    positive: Label = Field(default=1, description="The target's value that counts as the positive class.")
    numeric: list[ColumnName] = Field(default=[], description="Features that are numbers.")
    categorical: list[ColumnName] = Field(default=[], description="Features that are categories.")
    id: ColumnName | None = Field(default=None, description="Column that identifies a row; never a feature.")
    weight: ColumnName | None = Field(default=None, description="Column with each row's weight in training.")

    @model_validator(mode="after")
    def _one_role_each(self) -> Self:
        return self._refuse("columns")


class WindowLengths(Section):
    """How long the windows are that end at as-of."""

    train: PositiveDuration = Field(default=Duration(90, "d"), description="Length of the training window.")
    holdout: PositiveDuration = Field(
        default=Duration(14, "d"),
        description="Length of the holdout, the labelled rows that judge both models.",
    )
    embargo: Duration = Field(
        default=Duration(0, "d"), description="Gap between training and holdout, beside the label delay."
    )
    current: PositiveDuration = Field(
        default=Duration(7, "d"),
        description="Length of the current window, the recent rows that monitors compare with the reference.",
    )


class Rule(Section):
    """A limit that the rows of each window must keep."""

    column: ColumnName = Field(description="Column the rule is about; one that the spec declares.")
    min: float | None = Field(default=None, description="Smallest value allowed.")
    max: float | None = Field(default=None, description="Largest value allowed.")
    nulls: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Largest share of nulls allowed, 0 to 1."
    )
    allowed: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="The only categories allowed."
    )
    severity: Literal["fail", "warn"] = Field(
        default="fail", description="Whether a row outside stops the run, or is only reported."
    )


class Validation(Section):
    """What the rows must be like before a model may learn from them."""

    min_rows: int = Field(default=1000, ge=1, description="Fewest labelled training rows.")
    min_label_coverage: float = Field(
        default=0.5, ge=0, le=1, description="Smallest share of rows whose target is known, 0 to 1."
    )
    rules: list[Rule] = Field(default=[], description="Limits for single columns.")

    @model_validator(mode="after")
    def _rules_can_hold(self) -> Self:
        return self._refuse("validation")


class Training(Section):
    """What is fitted."""

    estimator: Estimator = Field(
        default="sklearn.ensemble.HistGradientBoostingClassifier",
        description="Dotted path of the scikit-learn classifier.",
    )
    parameters: dict[str, Parameter] = Field(default={}, description="The classifier's parameters, by name.")
    seed: int = Field(
        default=0,
        ge=0,
        le=2**32 - 1,
        description="Seed of everything random in training, so that runs replay.",
    )

    @model_validator(mode="after")
    def _one_seed(self) -> Self:
        return self._refuse("training")


class Gates(Section):
    """When the challenger is promoted."""

    metric: Metric = Field(default="roc_auc", description="Metric that the gain is measured in.")
    min_improvement: float = Field(
        default=0.01,
        ge=0,
        lt=1,
        description="Smallest gain worth a promotion: in units of a score, or relative to the old loss.",
    )
    alpha: float = Field(
        default=0.05, gt=0, lt=0.5, description="One-sided chance of promoting a model that is no better."
    )
    strict: bool = Field(
        default=False,
        description="Whether the gain's lower limit, and not only the gain, must reach min_improvement.",
    )
    claim: Literal["superior", "non_inferior"] = Field(
        default="superior",
        description="What must be proven: that it is better, or that it is no worse by the margin.",
    )
    margin: Margin | None = Field(
        default=None,
        description="How much worse counts as no worse; null is half of min_improvement.",
    )
    spending: Spending = Field(
        default="quadratic",
        description="How alpha is spent over a champion's challenges: quadratic, or even:N over N of them.",
    )
    cluster: Literal["day", "none"] = Field(
        default="day",
        description="Rows of one cluster depend on each other: a day of the source's time zone. "
        "none declares rows independent, which real rows rarely are.",
    )
    floors: dict[Metric, Annotated[float, Field(ge=0)]] = Field(
        default={},
        description="By metric, the worst value that any promoted model may have: "
        "the smallest score, or the largest loss.",
    )
    guardrails: dict[Metric, Margin] = Field(
        default={},
        description="By metric, the margin by which no promoted model may be worse than the champion.",
    )
    slices: list[ColumnName] = Field(
        default=[],
        description="Categorical columns, on none of whose categories a promoted model may be proven worse.",
    )
    min_rows: int = Field(default=100, ge=2, description="Fewest holdout rows; fewer is insufficient.")
    min_clusters: int = Field(
        default=10, ge=2, description="Fewest clusters in the holdout; fewer is insufficient."
    )
    min_per_class: int = Field(
        default=50, ge=1, description="Fewest holdout rows of either class; fewer is insufficient."
    )
    min_slice_rows: int = Field(
        default=500, ge=2, description="Fewest holdout rows of a slice; smaller ones are not judged."
    )

    @model_validator(mode="after")
    def _floors_can_be_reached(self) -> Self:
        return self._refuse("gates")


class ModelSpec(Section):
    """One model's settings for continuous training: its data, windows, training and gates."""

    model: ModelName = Field(
        description="Name of the model; names in MLflow, KFP and Kubernetes derive from it."
    )
    task: Literal["binary"] = Field(description="What is predicted: one of two classes.")
    source: Source = Field(description="Where the rows come from.")
    columns: Columns = Field(description="What each column is for. A column has one role.")
    windows: WindowLengths = Field(
        default_factory=WindowLengths, description="How long the windows are that end at as-of."
    )
    validation: Validation = Field(
        default_factory=Validation,
        description="What the rows must be like before a model may learn from them.",
    )
    training: Training = Field(default_factory=Training, description="What is fitted.")
    gates: Gates = Field(default_factory=Gates, description="When the challenger is promoted.")
    triggers: Triggers = Field(default_factory=Triggers, description="When the model is retrained.")
    registry: RegistrySettings = Field(
        default_factory=RegistrySettings,
        description="How a version that won becomes champion.",
    )
    serving: Serving = Field(default_factory=Serving, description="What serves the champion.")
    notify: list[Channel] = Field(default=[], description="Where people learn what came of a run.")

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        return self._refuse()
