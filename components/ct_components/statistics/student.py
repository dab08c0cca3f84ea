"""Student's t distribution, of which two functions are needed.

`scipy.special` takes longer to load than a verdict to compute, and whoever only names a verdict does not need
it; hence the imports inside.
"""


def t_quantile(probability: float, degrees_of_freedom: float) -> float:
    """Returns the value that a t-distributed number exceeds with this probability (the upper tail).

    Args:
        probability: Of the upper tail, between 0 and 1, ends excluded. Tails as small as 1e-12 keep their
            digits.
        degrees_of_freedom: At least 1.

    Returns:
        Positive for a probability below one half.

    >>> round(t_quantile(0.05, 13), 4)
    1.7709
    """
    from scipy.special import stdtrit

    return -float(stdtrit(degrees_of_freedom, probability))


def t_upper_tail(value: float, degrees_of_freedom: float) -> float:
    """Returns the probability that a t-distributed number exceeds this value.

    Args:
        value: Any finite number.
        degrees_of_freedom: At least 1.

    Returns:
        0 to 1.

    >>> round(t_upper_tail(1.7709, 13), 4)
    0.05
    """
    from scipy.special import stdtr

    return float(stdtr(degrees_of_freedom, -value))
