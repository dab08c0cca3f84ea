r"""How much alpha the k-th challenge of one champion may spend.

A champion that meets a challenger every week is compared fifty times a year; at a fixed alpha of 0.05 some
no-better challenger would almost surely displace it. So the whole reign of a champion has one alpha, and
the challenges share it: the probability that any no-better challenger ever displaces it is alpha at most
(by the union bound, whatever the dependence between challenges).

- `quadratic`: :math:`\alpha_k = 6 \alpha / (\pi^2 k^2)`, which sums to alpha over all k; early challenges
  get most, and none is ever refused.
- `even:n`: :math:`\alpha / n` for each of the first n challenges, and nothing after.

How many equal champions are displaced within thirty challenges is in docs/reference/calibration.md: about
5 % by either rule on days alike, unequal and stormy, where four of five would be if every challenge spent the
whole alpha.

References:
    Lan & DeMets (1983). Discrete sequential boundaries for clinical trials (spending functions). Biometrika
    70, 659-663. https://doi.org/10.1093/biomet/70.3.659

    Foster & Stine (2008). Alpha-investing: a procedure for sequential control of expected false
    discoveries. Journal of the Royal Statistical Society B 70, 429-444.
    https://doi.org/10.1111/j.1467-9868.2007.00643.x
"""

import math
import re

from ct_components.errors import DataError

ALPHA_BOUND = 0.5
"""No one-sided alpha may reach this: a lower limit would lie above the estimate itself."""

_EVEN = re.compile(r"even:([1-9][0-9]{0,8})")


def spend(alpha: float, challenge: int, rule: str = "quadratic") -> float:
    """Returns the alpha of one challenge.

    Args:
        alpha: One-sided, for all challenges of one champion together; above 0, below 0.5.
        challenge: Which challenge of this champion this is, from 1. Those whose verdict was insufficient do
            not count, nor do replays.
        rule: `quadratic` or `even:n`, n from 1.

    Returns:
        Alpha of this challenge; 0 when an even rule has nothing left.

    Raises:
        DataError: If alpha, challenge or rule are not as above.

    >>> [round(spend(0.05, k), 4) for k in (1, 2, 3)]
    [0.0304, 0.0076, 0.0034]
    >>> [spend(0.05, k, "even:2") for k in (1, 2, 3)]
    [0.025, 0.025, 0.0]
    """
    if not 0 < alpha < ALPHA_BOUND:
        raise DataError(f"alpha is {alpha}; allowed: above 0 and below 0.5")
    if not challenge >= 1 or challenge != math.floor(challenge):
        raise DataError(f"challenge is number {challenge}; allowed: 1, 2 and so on")
    if rule == "quadratic":
        return 6 * alpha / (math.pi * challenge) ** 2
    planned = _planned(rule)
    return alpha / planned if challenge <= planned else 0.0


def spent(alpha: float, challenges: int, rule: str = "quadratic") -> float:
    """Returns the alpha that the first challenges of a champion took together.

    Args:
        alpha: As in `spend`.
        challenges: How many there were; 0 or more.
        rule: As in `spend`.

    Returns:
        0 to alpha.

    Raises:
        DataError: If `spend` would raise it, or the number of challenges is negative.

    >>> round(spent(0.05, 3), 4)
    0.0414
    """
    if challenges < 0:
        raise DataError(f"number of challenges is {challenges}; allowed: 0 or more")
    spend(alpha, 1, rule)  # alpha and rule are checked even when nothing was spent
    return min(alpha, math.fsum(spend(alpha, k, rule) for k in range(1, challenges + 1)))


def left(alpha: float, challenges: int, rule: str = "quadratic") -> float:
    """Returns the alpha that remains for all later challenges of a champion.

    Args:
        alpha: As in `spend`.
        challenges: How many there were; 0 or more.
        rule: As in `spend`.

    Returns:
        From alpha down to 0.

    Raises:
        DataError: If `spent` would raise it.

    >>> left(0.05, 0), left(0.05, 7, "even:7")
    (0.05, 0.0)
    """
    return max(0.0, alpha - spent(alpha, challenges, rule))


def _planned(rule: str) -> int:
    match = _EVEN.fullmatch(rule)
    if match is None:
        raise DataError(f"spending rule is {rule!r}; allowed: 'quadratic', or 'even:n' with n from 1")
    return int(match[1])
