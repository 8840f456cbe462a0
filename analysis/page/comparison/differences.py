"""The difference of two means: paired over common seeds, or Welch's for unrelated samples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from analysis import statistics


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A difference of means, second minus first, with what its interval and its test need."""

    method: Literal["paired", "Welch"]
    n: int
    """Seeds that both share for a paired difference, values of both sides together for Welch's."""
    mean: float
    standard_error: float
    df: float
    """Degrees of freedom of the t-distribution, Welch's with a fraction."""
    p: float
    """Two-sided, against no difference; 1 where every paired difference is 0."""

    @property
    def is_identical(self) -> bool:
        """Whether the values of every common seed are exactly the same."""
        return self.method == "paired" and self.mean == 0 and self.standard_error == 0

    @property
    def is_constant(self) -> bool:
        """Whether it has no variation to be judged by, and is not 0."""
        return self.mean != 0 and self.standard_error == 0

    def half_width(self, level: float) -> float:
        """Return the half-width of the t-interval at a confidence level."""
        return float(stats.t.ppf((1 + level) / 2, self.df)) * self.standard_error


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Difference | None:
    """Return the mean of `second - first` over common seeds; None with fewer than two.

    Args:
        first: Seed to value, finite.
        second: Likewise.

    Source: Student (1908), section on paired observations.
    """
    test = statistics.paired_difference(second, first)
    if test is None:
        return None
    return Difference(
        method="paired", n=test.n, mean=test.mean, standard_error=test.standard_error, df=test.n - 1, p=test.p
    )


def welch(first: Sequence[float], second: Sequence[float]) -> Difference | None:
    """Return the difference of two means whose variances may differ; None with fewer than two on a side.

    Args:
        first: Shape `(n,)`, finite.
        second: Shape `(m,)`, likewise.

    Source: Welch (1947), The generalization of Student's problem; degrees of freedom by Satterthwaite (1946).
    """
    if min(len(first), len(second)) < 2:
        return None
    n, mean = len(first) + len(second), float(np.mean(second) - np.mean(first))
    error = math.sqrt(sum(float(np.var(values, ddof=1)) / len(values) for values in (first, second)))
    rounding = 1e-12 * max(abs(float(np.mean(first))), 1e-300)
    if error <= rounding:  # equal up to rounding on both sides: the t statistic is 0/0 or x/0
        mean = 0.0 if abs(mean) <= rounding else mean
        return Difference(method="Welch", n=n, mean=mean, standard_error=0.0, df=n - 2, p=float(mean == 0))
    test = stats.ttest_ind(second, first, equal_var=False)
    return Difference(
        method="Welch", n=n, mean=mean, standard_error=error, df=float(test.df), p=float(test.pvalue)
    )
