"""What a number of independent search trials reaches: the median of the best one, with a band."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.statistics import LEVEL

Floats = NDArray[np.float64]


def median_best(values: Sequence[float], sizes: Sequence[int]) -> Floats:
    """Return the median of the largest of so many independent draws from the law of some values.

    Args:
        values: Shape `(n,)`; minus infinity for trials that gave nothing.
        sizes: Shape `(m,)`, each at least 1.

    Returns: Shape `(m,)`: the estimated quantile `0.5 ** (1 / size)` of the law.

    Source: Lourie, Cho and He (2023), Show your work with confidence, arXiv:2311.09480.
    """
    return _quantiles(values, _median_levels(sizes))


def median_best_band(
    values: Sequence[float], sizes: Sequence[int], level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Return the band in which the whole curve of `median_best` lies with the given confidence.

    Args:
        values: Shape `(n,)`, independent; minus infinity for trials that gave nothing.
        sizes: Shape `(m,)`, each at least 1.
        level: Confidence in (0, 1).

    Returns: Lower and upper ends, each of shape `(m,)`; infinite where the values bound nothing.

    Source: Dvoretzky, Kiefer and Wolfowitz (1956) with the constant of Massart (1990): a distribution
        function lies within `sqrt(log(2 / (1 - level)) / (2 n))` of that of n draws; used so by Lourie, Cho
        and He (2023).
    """
    margin = np.sqrt(np.log(2 / (1 - level)) / (2 * len(values)))
    levels = _median_levels(sizes)
    return _quantiles(values, levels - margin), _quantiles(values, levels + margin)


def _median_levels(sizes: Sequence[int]) -> Floats:
    return np.asarray(0.5 ** (1 / np.asarray(sizes, dtype=np.float64)))


def _quantiles(values: Sequence[float], levels: Floats) -> Floats:
    """Return the smallest values that so large shares of all do not exceed; infinite outside (0, 1]."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    ranks = np.ceil(levels * len(ordered) - 1e-9).astype(np.int64)  # the tolerance is for rounding
    inside = ordered[np.clip(ranks, 1, len(ordered)) - 1]
    return np.where(ranks < 1, -np.inf, np.where(ranks > len(ordered), np.inf, inside))
