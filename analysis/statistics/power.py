"""What n replicates could have shown, and how many would be needed; plain numbers in, plain numbers out.

Before a study: from deviations that are stated, or that an earlier study measured. After it:
`shown_difference`, which looks at how much the replicates vary and never at the difference they showed.
Everything is by the noncentral t distribution or by integrals over the estimated variances, exact for normal
replicates, for Welch's test of equally noisy arms. Several claims and looks enter by `alpha`: that of Holm's
first step, at looks that of the last one (`Looks.last_alpha`). Futile claims stop before
that one: of 85 % planned, 80 to 86 % remain (simulated).

Deviations are estimates, so every number here is one too: a plan, never evidence.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import scipy  # its further parts load when they are used
from numpy.typing import NDArray
from scipy import special

POWER = 0.8
"""Probability with which a true difference is to be found."""

FEWEST = 5
"""With fewer replicates nothing is said of what they could have shown: it would be found in 46 to 90 %."""

MOST_SEEDS = 10_000
"""Beyond this many replicates the answer is that it cannot be done."""

Test = Literal["paired", "welch"]
"""On replicates that share their seeds, or on an arm's own ones."""

_QUANTILES = (np.arange(400) + 0.5) / 400
_SHARES = (np.arange(32) + 0.5) / 64
"""Quantiles of one variance's share in the sum of two; the upper half is the mirror image of the lower."""


class Range(NamedTuple):
    """A number that depends on an estimated deviation, at the 80 % limits of that deviation."""

    low: float
    high: float


def deviation_limits(deviation: float, df: float, chance: float = 0.8) -> Range:
    """Return the lower and the upper limit of a true standard deviation, each right with the given chance.

    Args:
        deviation: As measured.
        df: Its degrees of freedom.
        chance: Of each limit alone.

    Source: Browne (1995), On the use of a pilot sample for sample size determination: the upper limit, since
        half of all studies measure less than the truth.
    """
    low, high = (df / float(special.chdtri(df, 1 - tail)) for tail in (chance, 1 - chance))
    return Range(deviation * math.sqrt(low), deviation * math.sqrt(high))


def shown_difference(
    *,
    first: float,
    others: Sequence[float],
    n: int,
    alpha: float,
    power: float = POWER,
    n_last: int | None = None,
) -> Range | None:
    """Return the true difference that replicates like these would have shown, by Welch's tests.

    The arm is ahead of all others by that much. If the upper end is the truth, new studies find it in 80 % or
    more on average (simulated: 81 to 92 %); in 61 to 88 % where one rival is twice as noisy as the rest.

    Args:
        first: Standard deviation of the arm that is claimed to be ahead, over its replicates.
        others: Those of the arms it must be ahead of, at least one.
        n: Replicates an arm, from which the deviations are.
        alpha: Two-sided level of each test.
        power: Probability of finding the difference to all others.
        n_last: Replicates at the plan's last look, where the study stopped before it; then of these tests.

    Returns: At the 80 % limits of the deviation; None with fewer than `FEWEST` replicates.

    Source: Cohen (1988), section 2.3, with Bonferroni over the others; degrees of freedom by Satterthwaite
        (1946); limits as in `deviation_limits`.
    """
    if n < FEWEST:
        return None
    variances = np.array([first, *others]) ** 2 / np.array([1, *[len(others)] * len(others)])
    if not variances.any():
        return Range(0.0, 0.0)
    df = float((n - 1) * variances.sum() ** 2 / (variances**2).sum())
    deviation = math.sqrt(variances.sum())
    n_test, miss = n_last or n, (1 - power) / len(others)
    test_df = min(df * (n_test - 1) / (n - 1), 2 * n_test - 2)
    return _shown(deviation, df, test_df=test_df, n=n_test, alpha=alpha, miss=miss)


def shown_paired_difference(
    *, deviations: Sequence[float], n: int, alpha: float, power: float = POWER, n_last: int | None = None
) -> Range | None:
    """Return the true difference that replicates like these would have shown, by paired tests.

    Args:
        deviations: Standard deviation of the differences to each other arm, at least one.
        n: Pairs, from which the deviations are.
        alpha: Two-sided level of each test.
        power: Probability of finding the difference to all others.
        n_last: As for `shown_difference`.

    Returns: See `shown_difference`.
    """
    if n < FEWEST:
        return None
    deviation = math.sqrt(np.mean(np.square(deviations)))
    n_test, miss = n_last or n, (1 - power) / len(deviations)
    return _shown(deviation, n - 1, test_df=n_test - 1, n=n_test, alpha=alpha, miss=miss)


def _shown(deviation: float, df: float, *, test_df: float, n: int, alpha: float, miss: float) -> Range:
    """Return the difference that is missed with a chance of `miss`, at the limits of the deviation."""
    errors = -float(special.stdtrit(test_df, alpha / 2) + special.stdtrit(test_df, miss))
    low, high = deviation_limits(deviation, df)
    return Range(errors * low / math.sqrt(n), errors * high / math.sqrt(n))


def power_of_test(
    *, difference: float, n: int, deviation: float, alpha: float, test: Test = "paired"
) -> float:
    """Return the chance that a true difference is found on its side.

    Args:
        difference: The true one; its sign does not matter.
        n: Replicates an arm, at least 2.
        deviation: True standard deviation of the difference of two replicates; of two equally noisy arms with
            replicates of their own, sqrt(2) times that of one.
        alpha: Two-sided level of the test.
        test: How the arms are compared.

    Source: Cohen (1988), Statistical power analysis, section 2.3, by the noncentral t distribution. For Welch
        the mean over one variance's share in the sum of two, a beta variable that is independent of the
        statistic: as Lee and Gurland (1975), Size and power of tests for equality of means, integrate.
    """
    df, criticals = _criticals(n, alpha / 2, test)
    ratio = abs(difference) / deviation if deviation > 0 else math.inf
    noncentrality = min(ratio * math.sqrt(n), 1e5)  # beyond it the distribution is not a number
    found = 1 - special.nctdtr(df, noncentrality, criticals)
    if np.isnan(found).any():  # it knows no answer at some places far out; what does takes longer to import
        found = scipy.stats.nct.sf(criticals, df, noncentrality)
    return float(np.mean(found))


def detectable_difference(
    *, n: int, deviation: float, alpha: float, power: float = POWER, test: Test = "paired", rivals: int = 1
) -> float:
    """Return the smallest true difference that is found with the given power.

    Args:
        n: Replicates an arm, at least 2.
        deviation: Of the difference of two replicates, as in `power_of_test`.
        alpha: Two-sided level of each test.
        power: Probability of finding it.
        test: How the arms are compared.
        rivals: Arms that the first must be ahead of: each is missed with at most its share of the chance.
    """
    each = 1 - (1 - power) / rivals

    def shortfall(errors: float) -> float:
        return power_of_test(difference=errors, n=n, deviation=scale, alpha=alpha, test=test) - each

    scale = math.sqrt(n)  # a difference of 1 is one standard error
    widest = 10 * float(_criticals(n, alpha / 2, test)[1].max()) + 10
    return float(scipy.optimize.brentq(shortfall, 0.0, widest)) * deviation / math.sqrt(n)


def seeds_to_find(
    *,
    difference: float,
    deviation: float,
    alpha: float,
    power: float = POWER,
    test: Test = "paired",
    rivals: int = 1,
) -> int | None:
    """Return the fewest replicates an arm with which a true difference is found; None above `MOST_SEEDS`.

    See `detectable_difference` for the arguments; the difference is not 0.
    """
    each = 1 - (1 - power) / rivals

    def is_enough(n: int) -> bool:
        chance = power_of_test(difference=difference, n=n, deviation=deviation, alpha=alpha, test=test)
        return chance >= each

    return _fewest(is_enough)


def equivalence_power(
    *, n: int, deviation: float, region: float, alpha: float, test: Test = "paired"
) -> float:
    """Return the chance that two one-sided tests show two equal arms to be equivalent.

    The deviation that the test will estimate is itself random: the chance is averaged over 400 quantiles of
    its chi distribution.

    Args:
        n: Replicates an arm, at least 2.
        deviation: True standard deviation of the difference of two replicates, as in `power_of_test`.
        region: Half-width of the region of equivalence, in the same unit.
        alpha: Level of each of the two tests.
        test: How the arms are compared.

    Source: Phillips (1990), Power of the two one-sided tests procedure in bioequivalence, equation 3.
    """
    if deviation == 0:
        return 1.0
    df, criticals = _criticals(n, alpha, test)
    estimates = np.sqrt(2 * special.gammaincinv(df / 2, _QUANTILES) / df)
    room = region * math.sqrt(n) / deviation - np.multiply.outer(criticals, estimates)
    return float(np.mean(np.clip(2 * special.ndtr(room) - 1, 0, None)))


def seeds_to_show_equivalence(
    *, deviation: float, region: float, alpha: float, power: float = POWER, test: Test = "paired"
) -> int | None:
    """Return the fewest replicates an arm that show equal arms to be so; None above `MOST_SEEDS`.

    See `equivalence_power` for the arguments.
    """

    def is_enough(n: int) -> bool:
        return equivalence_power(n=n, deviation=deviation, region=region, alpha=alpha, test=test) >= power

    return _fewest(is_enough)


def provable_region(
    *, n: int, deviation: float, alpha: float, power: float = POWER, test: Test = "paired"
) -> float:
    """Return the narrowest region within which n replicates an arm show equal arms to be equivalent.

    See `equivalence_power` for the arguments.
    """

    def shortfall(region: float) -> float:
        return equivalence_power(n=n, deviation=deviation, region=region, alpha=alpha, test=test) - power

    if deviation == 0:
        return 0.0
    widest = 20 * deviation * float(_criticals(n, alpha, test)[1].max())
    return float(scipy.optimize.brentq(shortfall, 0.0, widest))


def _criticals(n: int, tail: float, test: Test) -> tuple[int, NDArray[np.float64]]:
    """Return the degrees of freedom of the estimated error, and the equally likely critical values of t."""
    if test == "paired":
        return n - 1, np.array([-special.stdtrit(n - 1, tail)])
    shares = special.betaincinv((n - 1) / 2, (n - 1) / 2, _SHARES)
    dfs = (n - 1) / (shares**2 + (1 - shares) ** 2)
    return 2 * n - 2, -special.stdtrit(dfs, tail)


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
