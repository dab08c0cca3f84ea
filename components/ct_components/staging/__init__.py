"""The check in staging: what a version must do, in a process like its server's, before it can be champion."""

from ct_components.staging.check import STAGING_CHECK, check_staging
from ct_components.staging.report import CheckReport, Finding

__all__ = ["STAGING_CHECK", "CheckReport", "Finding", "check_staging"]
