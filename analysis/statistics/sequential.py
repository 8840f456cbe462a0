"""Tests of several claims at planned looks; running minima of p-values in, decisions out.

Alpha is split over the looks: a p-value of look l counts as p / w_l, the weights' sum being at most 1. For a
true null the smallest of them is below a in at most `sum w_l a <= a` of studies, so the running minimum is a
p-value itself. An arm that is dropped, or a study that stops, only leaves minima larger than they would have
become. So Holm's procedure over the minima of all declared claims keeps the study's error, whichever claims
stop early and however they depend on each other. A fixed plan is one look with weight 1.

Which comparisons a claim needs, and what its ruling is called, is not decided here.

Source: Maurer and Bretz (2013), Multiple testing in group sequential trials using graphical approaches, with
Bonferroni's split; Berger (1982), Multiparameter hypothesis testing, for claims that need every comparison.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import special

from analysis.statistics.tests import Difference


@dataclass(frozen=True, kw_only=True)
class Looks:
    """When claims are tested, and at which share of alpha; fixed before the data."""

    looks: tuple[int, ...]
    """Replicates an arm at each look, ascending, at least 2."""
    weights: tuple[float, ...]
    """Share of alpha of each look, above 0; their sum is at most 1."""
    alpha: float = 0.05
    """Chance of any false ruling of a kind (different, equivalent) in the study."""

    def __post_init__(self) -> None:
        """Refuse looks and weights that do not fit each other."""
        if not self.looks or len(self.looks) != len(self.weights):
            raise ValueError(f"{len(self.looks)} looks need as many weights, not {len(self.weights)}")
        if self.looks[0] < 2 or any(after <= n for n, after in zip(self.looks, self.looks[1:], strict=False)):
            raise ValueError(f"looks must ascend from at least 2 replicates, not {self.looks}")
        if min(self.weights) <= 0 or math.fsum(self.weights) > 1 + 1e-9:
            raise ValueError(f"weights must be above 0 and have a sum of at most 1, not {self.weights}")

    @classmethod
    def even(cls, looks: Sequence[int], alpha: float = 0.05) -> "Looks":
        """Return looks of equal weight."""
        return cls(looks=tuple(looks), weights=(1 / len(looks),) * len(looks), alpha=alpha)

    @property
    def last(self) -> int:
        """Place of the last look, counted from 0."""
        return len(self.looks) - 1

    def last_alpha(self, n_claims: int) -> float:
        """Return the level at which the last look tests a claim in Holm's first step."""
        return self.weights[-1] * self.alpha / n_claims

    def scaled(self, look: int, p: float) -> float:
        """Return a p-value of a look, counted from 0, as a contribution to a running minimum."""
        return min(1.0, p / self.weights[look])


class PValues(NamedTuple):
    """Of one comparison at a look; each is the smallest level at which it would be concluded."""

    ahead: float
    """That the first arm is ahead, two-sided; of a claim, that the side claimed is."""
    behind: float
    """That it is behind, two-sided."""
    inside: float = 1.0
    """That the difference lies inside the region of equivalence."""
    outside: float = 1.0
    """That it lies outside of it, two-sided."""

    @classmethod
    def of(cls, difference: Difference, region: float | None) -> "PValues":
        """Return those of a difference.

        Args:
            difference: Of the look's replicates of both arms.
            region: Half-width of the region of equivalence, in the unit of the difference; None without one.
        """
        sides = difference.p_ahead, difference.p_behind
        return (
            cls(*sides)
            if region is None
            else cls(*sides, difference.p_inside(region), difference.p_outside(region))
        )


@dataclass(frozen=True, kw_only=True)
class Path:
    """Running minima of one comparison's `PValues`, each over its look's weight; 1 before the first look."""

    plan: Looks
    ahead: float = 1.0
    behind: float = 1.0
    inside: float = 1.0
    outside: float = 1.0

    def add(self, look: int, p: PValues) -> "Path":
        """Return the path after a further look, counted from 0."""
        scaled = self.plan.scaled
        return replace(
            self,
            ahead=min(self.ahead, scaled(look, p.ahead)),
            behind=min(self.behind, scaled(look, p.behind)),
            inside=min(self.inside, scaled(look, p.inside)),
            outside=min(self.outside, scaled(look, p.outside)),
        )


def ahead_of_all(paths: Sequence[Path]) -> float:
    """Return the p of an arm's being ahead of every rival (intersection-union); one path a rival."""
    return max(path.ahead for path in paths)


def behind_any(paths: Sequence[Path]) -> float:
    """Return the p of an arm's being behind any rival (Bonferroni); one path a rival."""
    return min(1.0, len(paths) * min(path.behind for path in paths))


def p_equal(paths: Sequence[Path]) -> float:
    """Return the p of "some pair lies outside the region" (Bonferroni), which contradicts equality."""
    return min(1.0, len(paths) * min(path.outside for path in paths))


def q_best(paths: Sequence[Path]) -> float:
    """Return the p of an arm's being equivalent to any rival (Bonferroni), which refutes "the best"."""
    return min(1.0, len(paths) * min(path.inside for path in paths))


def q_equal(paths: Sequence[Path]) -> float:
    """Return the p of every pair lying inside the region (intersection-union)."""
    return max(path.inside for path in paths)


def holm_rejects(p_values: Sequence[float], alpha: float, total: int) -> list[bool]:
    """Return which p-values Holm's procedure rejects, in the given order.

    Args:
        p_values: Those that are known so far, at most `total`; the others count as 1.
        alpha: Chance of any false rejection.
        total: Declared claims: it never shrinks as claims are decided.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    rejected = [False] * len(p_values)
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        if not p_values[index] < alpha / (total - rank):
            break
        rejected[index] = True
    return rejected


def is_futile(
    difference: Difference, look: int, plan: Looks, n_claims: int, region: float | None = None
) -> bool:
    """Return whether the last look would find nothing even one standard error beyond what is measured.

    The standard error at the last look is taken as today's, shrunk as replicates grow. Stopping here can only
    lose power (3 to 5 points at 1 deviation, 1 point at 2), so it may be ignored.

    Args:
        difference: At the look.
        look: Its place in the plan, from 0.
        plan: The looks.
        n_claims: Declared claims.
        region: Half-width of the region of equivalence; None without one.

    Source: none; a rule of our own, which needs no error control, judged by simulation.
    """
    n, n_last = plan.looks[look], plan.looks[-1]
    last_error = difference.standard_error * math.sqrt(n / n_last)
    last_df = difference.df * (n_last - 1) / (n - 1)
    reach = float(special.stdtrit(last_df, 1 - plan.last_alpha(n_claims) / 2)) * last_error
    mean, error = abs(difference.mean), difference.standard_error
    is_different = mean + error >= reach
    is_equivalent = region is not None and region - max(mean - error, 0.0) >= reach
    return not (is_different or is_equivalent)
