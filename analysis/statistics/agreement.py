"""How far replicates agree: whether one of each arm orders arms as all do, and what common seeds share."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from analysis.statistics import LEVEL
from analysis.statistics.images import deviation_limits
from analysis.statistics.tests import Difference


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float


def other_order(difference: Difference, level: float = LEVEL) -> Estimate | None:
    """Return the chance that a further replicate of each arm orders them otherwise than their means do.

    Of normal noise. An upper end above one half says that the true means may have the other order.

    Args:
        difference: Of the arms' replicates.
        level: Confidence level in (0, 1).

    Returns: None where nothing varies.

    Source: Reiser and Guttman (1986), Statistical inference for Pr(Y < X): the normal case: mean over
        standard error follows about a noncentral t law with Satterthwaite's degrees of freedom.
    """
    if difference.standard_error == 0:
        return None
    root = difference.deviation / difference.standard_error
    measured = abs(difference.mean) / difference.standard_error
    least, most = (
        float(special.nctdtrinc(difference.df, below, measured)) / root
        for below in ((1 + level) / 2, (1 - level) / 2)
    )
    chances = (float(special.ndtr(-distance)) for distance in (measured / root, most, least))
    return Estimate(*chances)


def equal_arms_differ(arms: Sequence[Sequence[float]], level: float = LEVEL) -> Estimate | None:
    """Return by how much two single replicates of equal arms differ at most, with a chance of `level`.

    Of normal noise whose variance is the mean of the arms' own. The interval, at the same level, is that of
    the deviation.

    Args:
        arms: The replicates of each arm, in one unit.
        level: In (0, 1).

    Returns: None where no arm has two replicates, or nothing varies.

    Source: Satterthwaite (1946), An approximate distribution of estimates of variance components.
    """
    known = [(float(np.var(values, ddof=1)), len(values) - 1) for values in arms if len(values) > 1]
    total = math.fsum(variance for variance, _ in known)
    if not total:
        return None
    df = total**2 / math.fsum(variance**2 / own for variance, own in known)
    variance = total / len(known)
    reach = math.sqrt(2) * float(special.ndtri((1 + level) / 2))
    low, high = deviation_limits(variance, df, level)
    return Estimate(reach * math.sqrt(variance), reach * low, reach * high)


def paired_to_unpaired(values: ArrayLike, level: float = LEVEL) -> Estimate | None:
    """Return the variance of differences on common seeds over that of differences on seeds of one's own.

    It is 1 where seeds share nothing, and below where a seed is good or bad for all arms. Means over all
    pairs of arms; the interval is for normal noise of the same variance in every arm.

    Args:
        values: Shape `(n_seeds, n_arms)`, at least 2 of each, finite.
        level: Confidence level in (0, 1).

    Returns: None where differences do not vary.

    Source: Shrout and Fleiss (1979), Intraclass correlations: 1 less their ICC(3, 1), with its interval.
    """
    table = np.asarray(values, dtype=np.float64)
    n, k = table.shape
    of_seeds = table.mean(axis=1)
    rest = table - of_seeds[:, None] - table.mean(axis=0) + table.mean()
    noise = float((rest**2).sum()) / ((n - 1) * (k - 1))
    if noise <= 1e-24 * float(np.abs(table).max()) ** 2:  # but for rounding
        return None
    ratio = k * float(of_seeds.var(ddof=1)) / noise
    high, low = (
        ratio / float(special.fdtri(n - 1, (n - 1) * (k - 1), below))
        for below in ((1 - level) / 2, (1 + level) / 2)
    )
    return Estimate(*(k / (each + k - 1) for each in (ratio, high, low)))
