"""Moments of a distribution, from the sums that profiles keep."""

import math


def standard_deviation(m2: float | None, n: int) -> float | None:
    """Returns the standard deviation with n - 1 degrees of freedom.

    Args:
        m2: Sum of squared deviations from the mean; None when it is not known.
        n: Number of values.

    Returns:
        None with fewer than two values, or without their sum.

    >>> standard_deviation(16.0, 5), standard_deviation(0.0, 1)
    (2.0, None)
    """
    return math.sqrt(m2 / (n - 1)) if m2 is not None and n > 1 else None
