"""What an exact binomial test of n trials could have shown of a share, and how many would be needed."""

import numpy as np
import scipy  # its further parts load when they are used

from analysis.statistics.power import MOST_SEEDS, POWER


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
        return float(scipy.stats.binom.sf(fewest - 1, n, true)) - power

    return float(scipy.optimize.brentq(shortfall, share, 1.0))


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
    is_enough = scipy.stats.binom.sf(_critical_count(trials, share, alpha) - 1, trials, true) >= power
    return int(trials[is_enough.argmax()]) if is_enough.any() else None


def _critical_count(trials: int | np.ndarray, share: float, alpha: float) -> np.ndarray:
    """Return the smallest count above a share that an exact two-sided test at `alpha` rejects it by."""
    return np.asarray(scipy.stats.binom.isf(alpha / 2, trials, share) + 1)
