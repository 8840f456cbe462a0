"""Statistics over the levels of one factor, and over the settings of a search; arrays in, plain numbers out.

PED-ANOVA (`measure`) against a permutation null: in which settings do the best runs differ from all, chance
aside? Only differences between the best runs and all runs count, so a search that concentrates somewhere of
its own accord makes nothing relevant. The price: of simulated searches by TPE with 50 runs, in which one of
five settings drives the result (a parabola, little noise), a fifth names it, because most runs lie where the
best do; of random ones, 97 %. Without any driver, TPE named nothing in 60 of 60.

Source: Watanabe, Bansal and Hutter (2023), PED-ANOVA: efficiently quantifying hyperparameter importance in
arbitrary subspaces, arXiv:2304.10255. Its importance of a field is, up to a factor that all fields share, the
Pearson divergence of the field's density among the best runs from that among all runs.

Two departures from it. The number of best runs is at least 10: of simulated searches with 30 runs, in which
one of five settings drives the result (a parabola, little noise), a quarter names it by the best 5 runs, and
96 % by the best 10. And kernels have half of the width of Scott's rule, worked out from all runs and not from
the best: a width that does not depend on which runs are best keeps the permutations exact. Optuna's evaluator
has neither, nor a null; and reports need no Optuna.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its parts load when they are used
from numpy.typing import NDArray


def rank_correlation(positions: Sequence[float], values: np.ndarray) -> float:
    """Return the mean over seeds of Kendall's tau-b between levels and values; 0 where values are all equal.

    Args:
        positions: Shape `(n_levels,)`.
        values: Shape `(n_seeds, n_levels)`.

    Source: Kendall (1945), The treatment of ties in ranking problems.
    """
    taus = [float(scipy.stats.kendalltau(positions, row).statistic) for row in values]
    return float(np.mean([0.0 if math.isnan(tau) else tau for tau in taus]))


Floats = NDArray[np.float64]

BEST_SHARE = 0.1
"""Share of the runs that counts as the best: gamma of the paper."""
FEWEST_BEST = 10
PERMUTATIONS = 999
SEED = 0
"""Of the permutations: fixed, so that the same runs always give the same null."""

_GRID = 50
"""Points of the grid on a range, as in the paper."""
_NARROWEST = 0.5 / 1.64
"""Smallest kernel deviation in steps of the grid: 90 % of a kernel then stays within one step."""
_LARGEST_BLOCK = 500_000
"""Numbers of permuted weights in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """Where runs lie in the domain of one field."""

    places: Floats
    """Shape `(n_runs,)`: in [0, 1] for a range, the position in the list from 0 otherwise."""
    n_values: int | None
    """Length of the list; None for a range."""


@dataclass(frozen=True, kw_only=True)
class Relevance:
    """What was found for some fields of the same runs."""

    divergences: Floats
    """Shape `(n_fields,)`: Pearson divergence of the best runs from all, at least 0."""
    band: float
    """What the largest divergence of all fields exceeds with at most the given chance if no field matters."""
    is_constant: bool
    """Whether all runs have the same value, so that none is best."""

    @property
    def is_named(self) -> NDArray[np.bool_]:
        """Which fields stand out of the noise; shape `(n_fields,)`."""
        return self.divergences > self.band


def measure(fields: Sequence[Field], losses: Floats, level: float) -> Relevance:
    """Return how far each field differs between the best runs and all, and how far it would by chance.

    Args:
        fields: At least one.
        losses: Shape `(n_runs,)`, less is better; infinite for runs that rank last. At least 10 runs.
        level: Chance in (0, 1) with which any field may exceed the band if none matters.
    """
    n_best = max(FEWEST_BEST, int(np.ceil(BEST_SHARE * len(losses))))
    if np.all(losses == losses[0]):
        return Relevance(divergences=np.zeros(len(fields)), band=0.0, is_constant=True)
    weights = best_weights(losses, n_best)
    densities = [Density.of(field, n_best) for field in fields]
    divergences = np.array([density.divergences(weights[:, None])[0] for density in densities])
    maxima = null_maxima(weights, densities, np.random.default_rng(SEED))
    return Relevance(divergences=divergences, band=upper_band(maxima, level), is_constant=False)


def best_weights(losses: Floats, n_best: int) -> Floats:
    """Return the weight of each run among the best; runs tied at the last place share it.

    Args:
        losses: Shape `(n_runs,)`.
        n_best: At most as many as runs.

    Returns: Shape `(n_runs,)`, with sum 1.
    """
    last = np.partition(losses, n_best - 1)[n_best - 1]
    is_better, is_tied = losses < last, losses == last
    return np.asarray((is_better + is_tied * (n_best - is_better.sum()) / is_tied.sum()) / n_best)


@dataclass(frozen=True, kw_only=True)
class Density:
    """The density of some runs over the cells of a field's domain, by the weights that runs have.

    A range has a grid of 50 cells with Gaussian kernels cut off at its ends, a list one cell a value. To
    both, one run in `n_best + 1` is added that is spread evenly, so that no density is 0 anywhere.

    Source: Scott (1992), Multivariate density estimation, for the width of the kernels: half of it is used.
    """

    members: "scipy.sparse.csr_array"
    """Shape `(n_cells, n_runs)`: 1 where a run lies in a cell."""
    kernels: Floats
    """Shape `(n_cells, n_cells)`: what a run in a cell (row) adds to each cell; rows have sum 1."""

    @classmethod
    def of(cls, field: Field, n_best: int) -> "Density":
        """Return the density of a field for comparing so many runs with all."""
        if field.n_values is None:
            grid = np.linspace(0.0, 1.0, _GRID)
            width = max(0.5 * _scott_width(field.places, n_best), _NARROWEST / (_GRID - 1))
            kernels = np.exp(-0.5 * ((grid - grid[:, None]) / width) ** 2)
            kernels /= kernels.sum(axis=1, keepdims=True)
            cells = np.rint(field.places * (_GRID - 1)).astype(np.int64)
        else:
            cells = field.places.astype(np.int64)
            kernels = np.eye(max(field.n_values, int(cells.max()) + 1))
        runs = np.arange(len(cells))
        members = scipy.sparse.csr_array(
            (np.ones(len(cells)), (cells, runs)), shape=(len(kernels), len(cells))
        )
        return cls(members=members, kernels=(n_best * kernels + 1 / len(kernels)) / (n_best + 1))

    def divergences(self, weights: Floats) -> Floats:
        """Return the Pearson divergence of weighted densities from the density of all runs.

        Args:
            weights: Shape `(n_runs, n_weightings)`, columns with sum 1.

        Returns: Shape `(n_weightings,)`: the mean, over the density of all runs, of (ratio - 1) squared.
        """
        everywhere = self._densities(np.full((len(weights), 1), 1 / len(weights)))
        return np.asarray(np.sum((self._densities(weights) - everywhere) ** 2 / everywhere, axis=1))

    def _densities(self, weights: Floats) -> Floats:
        """Return one density a weighting, shape `(n_weightings, n_cells)`."""
        # Not `@`: BLAS starts threads even for products as small as these, and busy cores make them slow.
        return np.asarray(np.einsum("cw,cd->wd", self.members @ weights, self.kernels))


def _scott_width(places: Floats, n: int) -> float:
    """Return Scott's deviation of a Gaussian kernel for `n` runs that are spread as all runs are."""
    lower, upper = np.quantile(places, [0.25, 0.75])
    return float(1.059 * min((upper - lower) / 1.34, places.std(ddof=1)) * n**-0.2)


def null_maxima(weights: Floats, densities: Sequence[Density], generator: np.random.Generator) -> Floats:
    """Return the largest divergence of all fields after each permutation of the runs' values.

    One permutation serves all fields, so that settings which go together count as little as they should.

    Args:
        weights: Shape `(n_runs,)`.
        densities: One a field, over the same runs.
        generator: Draws the permutations.

    Returns: Shape `(PERMUTATIONS,)`.
    """
    block = max(1, _LARGEST_BLOCK // len(weights))
    maxima = []
    for start in range(0, PERMUTATIONS, block):
        repeated = np.tile(weights, (min(block, PERMUTATIONS - start), 1))
        permuted = np.ascontiguousarray(generator.permuted(repeated, axis=1).T)
        maxima.append(np.max([density.divergences(permuted) for density in densities], axis=0))
    return np.concatenate(maxima)


def upper_band(maxima: Floats, level: float) -> float:
    """Return what a maximum must exceed to have a p-value of at most `level`; infinite where none can.

    Source: Phipson and Smyth (2010), Permutation p-values should never be zero: (b + 1) / (m + 1).
    """
    rank = int(np.floor(level * (len(maxima) + 1) + 1e-9))
    return float(np.sort(maxima)[-rank]) if rank else float("inf")
