"""The mergeable summary of one window: counts, nulls, moments, fixed-edge histograms, categories."""

from ct_components.profiles.build import profile_dataset
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
    "from_json",
    "merge",
    "profile_dataset",
    "to_json",
]
