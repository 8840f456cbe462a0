"""The t-tests that claims about means rest on: Welch's for own replicates, the paired one for shared seeds.

Which of them a study uses follows from its design, before the data: arms that search repeatedly have searches
and seeds of their own (Welch); arms that share their seeds are compared seed by seed (paired). Never by a
correlation that was measured, and variances are never pooled over arms: one noisy arm among quiet ones would
make a 5 % test err in 7 to 10 % of studies (simulated, 3 repeats). The mean of one arm is set against a known
value by Student's test of one sample.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

_ROUNDING = 1e-12
"""Deviations below this share of the mean are those of equal values."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What is known of the difference of two means, in the unit of the values; of logarithms, of log ratios.

    Source: Student (1908), The probable error of a mean; Welch (1938, 1947) for unequal variances.
    """

    mean: float
    """Mean of the first arm minus mean of the second."""
    standard_error: float
    """Of `mean`; 0 where nothing varies."""
    df: float
    """Degrees of freedom of `standard_error`, above 0; not whole in Welch's test."""
    n_first: int
    """Replicates of the first arm, at least 2; of paired ones, pairs."""
    n_second: int
    """Likewise of the second."""
    deviation: float
    """Standard deviation of one replicate of the first minus one of the second, with n - 1."""

    @property
    def is_constant(self) -> bool:
        """Whether the difference is not 0 and nothing varies: there is no variation to judge it by."""
        return self.standard_error == 0 and self.mean != 0

    @property
    def p(self) -> float:
        """Two-sided p of a true difference of 0; 1 where nothing differs or varies."""
        return min(1.0, 2 * self._tail(abs(self.mean)))

    @property
    def p_ahead(self) -> float:
        """Twice the one-sided p: evidence that the first mean is larger, at a two-sided level."""
        return min(1.0, 2 * self._tail(self.mean))

    @property
    def p_behind(self) -> float:
        """Twice the one-sided p: evidence that the first mean is smaller, at a two-sided level."""
        return min(1.0, 2 * self._tail(-self.mean))

    def p_inside(self, region: float) -> float:
        """Return the p of two one-sided tests for a true difference inside `±region`.

        It is below alpha exactly where the interval at level `1 - 2 alpha` lies inside the region.

        Source: Schuirmann (1987), A comparison of the two one-sided tests procedure.
        """
        return self._tail(region - abs(self.mean))

    def p_outside(self, region: float) -> float:
        """Return the two-sided p of a true difference outside `±region`; with a region of 0 it is `p`."""
        return min(1.0, 2 * self._tail(abs(self.mean) - region))

    def half_width(self, level: float) -> float:
        """Return the half-width of the t-interval at a level in (0, 1)."""
        return float(special.stdtrit(self.df, (1 + level) / 2)) * self.standard_error

    def _tail(self, distance: float) -> float:
        """Return the one-sided p of a mean found `distance` beyond a bound; negative on the wrong side."""
        if self.standard_error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(special.stdtr(self.df, -distance / self.standard_error))


def welch(first: Sequence[float], second: Sequence[float]) -> Difference | None:
    """Return the difference of two arms with replicates of their own; None with fewer than two of either.

    Args:
        first: Shape `(n_first,)`, finite, independent.
        second: Shape `(n_second,)`, likewise.

    Source: Welch (1947), The generalization of Student's problem when several different population variances
        are involved; degrees of freedom by Satterthwaite (1946).
    """
    if len(first) < 2 or len(second) < 2:
        return None
    (mean, variance), (other_mean, other_variance) = moments(first), moments(second)
    gap = mean - other_mean
    error, other_error = variance / len(first), other_variance / len(second)
    squared_error = error + other_error
    if squared_error == 0:
        df = float(len(first) + len(second) - 2)
        gap = 0.0 if abs(gap) <= _ROUNDING * abs(mean) else gap
    else:  # shares, as squares of tiny variances are 0
        share = error / squared_error
        df = 1 / (share**2 / (len(first) - 1) + (1 - share) ** 2 / (len(second) - 1))
    return Difference(
        mean=gap,
        standard_error=math.sqrt(squared_error),
        df=df,
        n_first=len(first),
        n_second=len(second),
        deviation=math.sqrt(variance + other_variance),
    )


def paired(gaps: Sequence[float]) -> Difference | None:
    """Return the difference of two arms that share their seeds; None with fewer than two.

    Args:
        gaps: Shape `(n,)`, finite: first minus second, one a seed.

    Source: Student (1908), section on paired observations.
    """
    n = len(gaps)
    if n < 2:
        return None
    mean, variance = moments(gaps)
    return Difference(
        mean=mean,
        standard_error=math.sqrt(variance / n),
        df=float(n - 1),
        n_first=n,
        n_second=n,
        deviation=math.sqrt(variance),
    )


def against(values: Sequence[float], bound: float) -> Difference | None:
    """Return the difference of an arm's mean and a value that is known; None with fewer than two replicates.

    Args:
        values: Shape `(n,)`, finite, independent.
        bound: The value, in their unit.

    Source: Student (1908), The probable error of a mean.
    """
    n = len(values)
    if n < 2:
        return None
    mean, variance = moments(values)
    gap = mean - bound
    return Difference(
        mean=0.0 if abs(gap) <= _ROUNDING * abs(bound) else gap,
        standard_error=math.sqrt(variance / n),
        df=float(n - 1),
        n_first=n,
        n_second=n,
        deviation=math.sqrt(variance),
    )


def moments(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and variance with n - 1; a variance of 0 where the values are equal up to rounding."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, 0.0 if math.sqrt(variance) <= _ROUNDING * abs(mean) else variance
