"""Statistics over the levels of one factor, measured on the same seeds; arrays in, plain numbers out."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


def slopes(positions: Sequence[float], values: np.ndarray) -> np.ndarray:
    """Return the least-squares slope of each seed's values over the levels of a factor.

    Args:
        positions: Shape `(n_levels,)`, not all equal.
        values: Shape `(n_seeds, n_levels)`.

    Returns: Shape `(n_seeds,)`, in units of `values` per unit of `positions`.

    Source: Crowder and Hand (1990), Analysis of repeated measures: one summary a subject, then a t-test.
    """
    centred = np.asarray(positions, dtype=float) - np.mean(positions)
    return np.asarray(values @ centred / (centred @ centred))


def rank_correlation(positions: Sequence[float], values: np.ndarray) -> float:
    """Return the mean over seeds of Kendall's tau-b between levels and values; 0 where values are all equal.

    Args:
        positions: Shape `(n_levels,)`.
        values: Shape `(n_seeds, n_levels)`.

    Source: Kendall (1945), The treatment of ties in ranking problems.
    """
    taus = [float(stats.kendalltau(positions, row).statistic) for row in values]
    return float(np.mean([0.0 if math.isnan(tau) else tau for tau in taus]))


def not_the_largest(values: np.ndarray) -> np.ndarray:
    """Return for each level the p of the hypothesis that its mean is the largest of all.

    A level is refuted by any level that is larger: the smallest one-sided paired p, times the number of other
    levels (Bonferroni). The levels with p above alpha hold the true best with a chance of at least 1 - alpha.

    Args:
        values: Shape `(n_seeds, n_levels)`, at least 2 of each.

    Returns: Shape `(n_levels,)`, in [0, 1].

    Source: Hsu (1981), Simultaneous confidence intervals for all distances from the "best"; Bonferroni and
        pairing in place of its common variance.
    """
    n, count = values.shape
    gaps = values[:, None, :] - values[:, :, None]  # [seed, level, other]: how far the other is ahead
    means, errors = gaps.mean(axis=0), gaps.std(axis=0, ddof=1) / math.sqrt(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(errors > 1e-12 * np.abs(means), means / errors, np.sign(means) * np.inf)
    t[means == 0] = 0.0
    np.fill_diagonal(t, -np.inf)
    return np.asarray(np.minimum(1.0, (count - 1) * stats.t.sf(t, n - 1).min(axis=1)))
