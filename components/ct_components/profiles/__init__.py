"""The mergeable summary of one window: counts, nulls, moments, fixed-edge histograms, categories."""

from ct_components.profiles.build import profile_dataset, profile_days
from ct_components.profiles.days import (
    days_from_json,
    days_to_json,
    reference_from_json,
    reference_to_json,
)
from ct_components.profiles.model import (
    VERSION,
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    OtherProfile,
    Profile,
    from_json,
    merge,
    to_json,
)

__all__ = [
    "VERSION",
    "CategoricalProfile",
    "ColumnProfile",
    "NumericProfile",
    "OtherProfile",
    "Profile",
    "days_from_json",
    "days_to_json",
    "from_json",
    "merge",
    "profile_dataset",
    "profile_days",
    "reference_from_json",
    "reference_to_json",
    "to_json",
]
