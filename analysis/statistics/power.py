"""What n seeds could have shown, and how many would be needed; plain numbers in, plain numbers out.

Deviations are estimates, so every number here is one too: a plan for the next study, never evidence for
this one.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

POWER = 0.8
"""Probability with which a true difference is to be found."""

MOST_SEEDS = 10_000
"""Beyond this many seeds the answer is that it cannot be done."""

_QUANTILES = (np.arange(400) + 0.5) / 400


def detectable_difference(*, n: int, deviation: float, alpha: float, power: float = POWER) -> float:
    """Return the smallest true mean difference that a paired t-test finds with the given power.

    Args:
        n: Pairs, at least 2.
        deviation: Standard deviation of the differences, in the unit of the result.
        alpha: Two-sided level of the test.
        power: Probability of finding it.

    Source: Cohen (1988), Statistical power analysis, section 2.3; exact by the noncentral t distribution.
    """
    freedom = n - 1
    critical = float(stats.t.ppf(1 - alpha / 2, freedom))

    def shortfall(noncentrality: float) -> float:
        return float(stats.nct.sf(critical, freedom, noncentrality)) - power

    noncentrality = float(optimize.brentq(shortfall, 0.0, 10 * critical + 10))
    return noncentrality * deviation / math.sqrt(n)


def seeds_to_find(*, difference: float, deviation: float, alpha: float, power: float = POWER) -> int | None:
    """Return the fewest pairs with which a paired t-test finds a true difference; None above `MOST_SEEDS`.

    Args:
        difference: The true mean difference, not 0.
        deviation: Standard deviation of the differences, in the same unit.
        alpha: Two-sided level of the test.
        power: Probability of finding it.

    Source: Cohen (1988), section 2.4; exact by the noncentral t distribution.
    """
    ratio = abs(difference) / deviation if deviation > 0 else math.inf

    def is_enough(n: int) -> bool:
        critical = float(stats.t.ppf(1 - alpha / 2, n - 1))
        noncentrality = min(ratio * math.sqrt(n), 1e5)  # beyond it scipy's distribution is not a number
        return float(stats.nct.sf(critical, n - 1, noncentrality)) >= power

    return _fewest(is_enough)


def equivalence_power(*, n: int, deviation: float, region: float, alpha: float) -> float:
    """Return the chance that two one-sided tests show two equal arms to be equivalent.

    The deviation that the test will estimate is itself random: the chance is averaged over 400 quantiles of
    its chi distribution.

    Args:
        n: Pairs, at least 2.
        deviation: True standard deviation of the differences.
        region: Half-width of the region of equivalence, in the same unit.
        alpha: Level of each of the two tests.

    Source: Phillips (1990), Power of the two one-sided tests procedure in bioequivalence, equation 3.
    """
    if deviation == 0:
        return 1.0
    estimates = np.sqrt(stats.chi2.ppf(_QUANTILES, n - 1) / (n - 1))
    room = region * math.sqrt(n) / deviation - float(stats.t.ppf(1 - alpha, n - 1)) * estimates
    return float(np.mean(np.clip(2 * stats.norm.cdf(room) - 1, 0, None)))


def seeds_to_show_equivalence(
    *, deviation: float, region: float, alpha: float, power: float = POWER
) -> int | None:
    """Return the fewest pairs with which equal arms are shown to be so; None above `MOST_SEEDS`.

    See `equivalence_power` for the arguments.
    """

    def is_enough(n: int) -> bool:
        return equivalence_power(n=n, deviation=deviation, region=region, alpha=alpha) >= power

    return _fewest(is_enough)


def provable_region(*, n: int, deviation: float, alpha: float, power: float = POWER) -> float:
    """Return the narrowest region within which n pairs show equal arms to be equivalent.

    See `equivalence_power` for the arguments.
    """

    def shortfall(region: float) -> float:
        return equivalence_power(n=n, deviation=deviation, region=region, alpha=alpha) - power

    if deviation == 0:
        return 0.0
    widest = 20 * deviation * float(stats.t.ppf(1 - alpha, n - 1))
    return float(optimize.brentq(shortfall, 0.0, widest))


def detectable_share(*, n: int, share: float, alpha: float, power: float = POWER) -> float | None:
    """Return the smallest true share above `share` that an exact binomial test finds with the given power.

    Args:
        n: Trials.
        share: The share tested against, in (0, 1).
        alpha: Two-sided level of the test.
        power: Probability of finding it.

    Returns:
        The share, or None where not even n successes in n trials reach the level.
    """
    fewest = int(_critical_count(n, share, alpha))
    if fewest > n:
        return None

    def shortfall(true: float) -> float:
        return float(stats.binom.sf(fewest - 1, n, true)) - power

    return float(optimize.brentq(shortfall, share, 1.0))


def trials_to_find(*, true: float, share: float, alpha: float, power: float = POWER) -> int | None:
    """Return the fewest trials with which an exact binomial test tells a true share from another.

    Args:
        true: The true share.
        share: The share tested against.
        alpha: Two-sided level of the test.
        power: Probability of telling them apart.

    Returns:
        The trials, or None above `MOST_SEEDS`, as where both shares are equal.
    """
    if true < share:
        true, share = 1 - true, 1 - share
    trials = np.arange(2, MOST_SEEDS + 1)
    is_enough = stats.binom.sf(_critical_count(trials, share, alpha) - 1, trials, true) >= power
    return int(trials[is_enough.argmax()]) if is_enough.any() else None


def _critical_count(trials: int | np.ndarray, share: float, alpha: float) -> np.ndarray:
    """Return the smallest count above a share that an exact two-sided test at `alpha` rejects it by."""
    return np.asarray(stats.binom.isf(alpha / 2, trials, share) + 1)


def _fewest(is_enough: Callable[[int], bool]) -> int | None:
    """Return the smallest n from 2 to `MOST_SEEDS` that is enough, where more is never worse."""
    high = 2
    while not is_enough(high):
        if high == MOST_SEEDS:
            return None
        high = min(2 * high, MOST_SEEDS)
    low = max(2, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    return high
