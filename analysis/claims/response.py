"""A metric over the levels of a field: replicates of each, and tests of weighted sums of levels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from analysis.claims.contrast import Contrast
from analysis.claims.evidence import Bounds, Edges
from analysis.claims.scale import Scale
from analysis.metrics import Metric
from analysis.replicates import Replicates
from analysis.responses import Level, label
from analysis.statistics import factors, tests
from analysis.statistics.tests import Difference


@dataclass(frozen=True, kw_only=True, eq=False)
class Response:
    """Replicates of a metric, level by level."""

    field: str
    metric: Metric
    levels: Sequence[Level]
    """In order: by size where all are numbers, as declared otherwise."""
    columns: Sequence[Replicates]
    """Of each level; with shared seeds those that every level has in its plan."""
    is_paired: bool
    """Whether the levels share their seeds."""
    diverged: Mapping[Level, str]
    """Levels left out because a run diverged there, with how many did."""
    bounds: Bounds | None
    """What a missing replicate may have been."""
    growing: frozenset[str]
    """Arms whose further replicates would add to it; none of a grid."""
    edges: Edges
    """Label of a level to the edge of its range at which its arm chose the learning rate; none of a grid, and
    none of times, which no rate mends."""

    @property
    def n(self) -> int:
        """Replicates of the level with the fewest, those with a value."""
        if self.is_paired:
            return len(self.matrix)
        return min(len(own.measured) for own in self.columns)

    @property
    def scale(self) -> Scale:
        """Unit of differences, with positive ones for larger values."""
        return Scale.of(self.metric, None, sign=1)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Shape `(n, n_levels)`: of shared seeds those with a value everywhere; of times the logarithms."""
        columns = [self.scale.tested(own.values) for own in self.columns]
        matrix = np.array([column[: min(map(len, columns))] for column in columns]).T
        return np.asarray(matrix[~np.isnan(matrix).any(axis=1)])

    @property
    def means(self) -> NDArray[np.float64]:
        """Shape `(n_levels,)`: over the replicates with a value; of times, of the logarithms."""
        return np.array([self.scale.tested(own.measured).mean() for own in self.columns])

    @property
    def is_numeric(self) -> bool:
        """Whether every level is a number."""
        return all(isinstance(level, float) for level in self.levels)

    @property
    def positions(self) -> list[float]:
        """Where levels lie: logarithms where they span a decade or more, ranks where they are no numbers."""
        if not self.is_numeric:
            return [float(rank) for rank in range(len(self.levels))]
        plain = [float(level) for level in self.levels]
        is_log = min(plain) > 0 and max(plain) / min(plain) >= 10
        return [math.log(level) for level in plain] if is_log else plain

    @property
    def is_edged(self) -> NDArray[np.bool_]:
        """Shape `(n_levels,)`: whether a wider range may mend a level, which is then not called worse."""
        return np.array([self.edges.get(label(level)) is not None for level in self.levels])

    @property
    def losses(self) -> str:
        """Which levels were left out and why, as the end of a sentence; empty without any."""
        return "".join(f"; {count} runs diverged at {label(level)}" for level, count in self.diverged.items())

    def slope_weights(self) -> NDArray[np.float64]:
        """Return the weights of the change along the fitted line, from the first level to the last.

        Source: Crowder and Hand (1990), Analysis of repeated measures: one summary a subject, then a t-test.
        """
        places = np.array(self.positions)
        centred = places - places.mean()
        return np.asarray(centred / (centred @ centred) * (places[-1] - places[0]))

    def rank_correlation(self) -> float:
        """Return Kendall's tau between levels and values, averaged over replicates."""
        return factors.rank_correlation(self.positions, self.matrix)

    def between(self, arm: int, than: int) -> Contrast:
        """Return one level, by its place, against another."""
        weights = np.zeros(len(self.levels))
        weights[arm], weights[than] = 1.0, -1.0
        return self.contrast(weights, arm, than)

    def contrast(self, weights: NDArray[np.float64], arm: int, than: int) -> Contrast:
        """Return the test of a weighted sum of the levels' means.

        Args:
            weights: Shape `(n_levels,)`, with sum 0.
            arm: Place of the level it is named after.
            than: Likewise, the other side.
        """
        used = [own for own, weight in zip(self.columns, weights, strict=True) if weight]
        weights = weights[weights != 0]
        test = self._test([own.values for own in used], weights)
        assert test is not None, "a response has two replicates a level"  # noqa: S101 - `_usable` sees to it
        fills: list[Difference] = []
        if self.bounds is not None and any(own.count("missing") for own in used):
            choices = [self.bounds if own.count("missing") else self.bounds[:1] for own in used]
            filled = [
                [
                    np.where(np.isnan(own.values), fill, own.values)
                    for own, fill in zip(used, fill_of, strict=True)
                ]
                for fill_of in product(*choices)
            ]
            fills = [one for columns in filled if (one := self._test(columns, weights)) is not None]
        names = label(self.levels[arm]), label(self.levels[than])
        own = test.deviation / math.sqrt(2)  # each side's share where both vary alike
        return Contrast(
            arm=names[0],
            than=names[1],
            test=test,
            fills=tuple(fills),
            kind="paired" if self.is_paired else "welch",
            deviations=(own, own),
        )

    def _test(
        self, columns: Sequence[NDArray[np.float64]], weights: NDArray[np.float64]
    ) -> Difference | None:
        """Return the paired test of the sums over seeds, or Welch's of the sum of means."""
        values = [self.scale.tested(column) for column in columns]
        if self.is_paired:
            sums = np.array(values).T @ weights
            return tests.paired(sums[~np.isnan(sums)].tolist())
        return _welch([column[~np.isnan(column)] for column in values], weights)


def behind_at_edge(level: str, edges: Edges) -> str:
    """Return why a level, by its label, is not called worse."""
    return (
        f"{level} is behind, but its learning rate lies at the {edges[level]} edge of its range: "
        f"a wider range may mend it"
    )


def _welch(columns: Sequence[NDArray[np.float64]], weights: NDArray[np.float64]) -> Difference | None:
    """Return the test of a weighted sum of means of independent samples.

    Source: Welch (1951), On the comparison of several mean values; degrees of freedom by Satterthwaite.
    """
    sizes = np.array([len(column) for column in columns])
    if (sizes < 2).any():
        return None
    means, own_variances = np.array([tests.moments(column.tolist()) for column in columns]).T
    variances = weights**2 * own_variances
    errors = variances / sizes
    error = float(errors.sum())
    df = float(error**2 / (errors**2 / (sizes - 1)).sum()) if error else float((sizes - 1).sum())
    return Difference(
        mean=float(weights @ means),
        standard_error=math.sqrt(error),
        df=df,
        n_first=int(sizes.min()),
        n_second=int(sizes.min()),
        deviation=math.sqrt(float(variances.sum())),
    )
