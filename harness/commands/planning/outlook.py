"""What a plan can show of its claims, in numbers: from the noise that is assumed, stated or measured.

Levels are those of Holm's first step, the least that a claim is tested at, and of its last one, where all
other claims are decided; at looks those of the last look, to which the earlier ones only add.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from analysis.statistics import power, share_power
from analysis.statistics.sequential import Looks
from harness.commands.planning.noise import Noise, Spread
from harness.study.claim_kinds import Best, Better, Equal
from harness.study.plan import Plan
from harness.study.study import Arm, Study


class Comparison(NamedTuple):
    """How the plan compares two arms."""

    test: power.Test
    n: int
    """Replicates an arm, at the last look."""
    counts: Literal["seeds", "repeats"]
    """What n counts."""
    deviation: Spread
    """Of the difference of two replicates."""

    @property
    def error(self) -> float:
        """Standard error of the difference."""
        return self.deviation.likely / math.sqrt(self.n)


class Counts(NamedTuple):
    """Numbers of replicates at the likely, the low and the high deviation; None above 10,000."""

    likely: int | None
    low: int | None
    high: int | None


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a claim about means can show; of a mean against a value, one-sided, at twice its level."""

    kind: Literal["better", "best", "equal", "reaches"]
    comparison: Comparison
    n_compared: int
    """Rivals of the best arm, pairs of equal arms; 1 of two arms."""
    region: float | None
    """Half-width of the region of equivalence, in the metric's unit."""
    first_alpha: float
    """Two-sided level at Holm's first step."""
    last_alpha: float
    """Likewise at its last one."""

    @cached_property
    def found(self) -> Spread:
        """The true difference that is found with 80 % power, or more where several arms are compared."""
        return self._found(self.first_alpha)

    @cached_property
    def found_last(self) -> Spread:
        """The same once all other claims are decided."""
        return self._found(self.last_alpha)

    @cached_property
    def equivalent(self) -> Spread | None:
        """The chance that truly equal arms are ruled equivalent; None without a region.

        Of the best arm it is that of one of its rivals, so that the chance of any is at least as large; of
        equal arms that of one pair, so that the chance of all is at most as large.
        """
        if self.region is None:
            return None
        test, n, region, alpha = self.comparison.test, self.comparison.n, self.region, self._equivalent_alpha
        return Spread(
            *(
                power.equivalence_power(n=n, deviation=deviation, region=region, alpha=alpha, test=test)
                for deviation in self.comparison.deviation
            )
        )

    @cached_property
    def to_find(self) -> Counts | None:
        """Replicates that find a difference as wide as the region; None without one, and of equal arms."""
        if self.region is None or self.kind == "equal":
            return None
        test, region, rivals = self.comparison.test, self.region, self.n_compared
        return Counts(
            *(
                power.seeds_to_find(
                    difference=region, deviation=deviation, alpha=self.first_alpha, test=test, rivals=rivals
                )
                for deviation in self.comparison.deviation
            )
        )

    @cached_property
    def to_show_equal(self) -> Counts | None:
        """Replicates that show equal arms to be equivalent with 80 % power or more; None without a region."""
        if self.region is None:
            return None
        chance = 1 - (1 - power.POWER) / (self.n_compared if self.kind == "equal" else 1)
        test, region, alpha = self.comparison.test, self.region, self._equivalent_alpha
        return Counts(
            *(
                power.seeds_to_show_equivalence(
                    deviation=deviation, region=region, alpha=alpha, power=chance, test=test
                )
                for deviation in self.comparison.deviation
            )
        )

    @property
    def _equivalent_alpha(self) -> float:
        return self.first_alpha / (self.n_compared if self.kind == "best" else 1)

    def _found(self, alpha: float) -> Spread:
        is_equal = self.kind == "equal"
        errors = power.detectable_difference(  # of deviation 1: the difference grows as the deviation does
            n=self.comparison.n,
            deviation=1.0,
            alpha=alpha / self.n_compared if is_equal else alpha,
            test=self.comparison.test,
            rivals=1 if is_equal else self.n_compared,
        )
        beyond = (self.region or 0.0) if is_equal else 0.0
        return Spread(*(beyond + errors * deviation for deviation in self.comparison.deviation))


@dataclass(frozen=True, kw_only=True)
class ShareOutlook:
    """What a claim about divergence can show."""

    n: int
    """Runs."""
    share: float
    """What is claimed to be exceeded."""
    found: float | None
    """The true share that is found with 80 % power; None where no outcome of so few runs decides."""
    least_n: int | None
    """The fewest runs that support the claim if all diverge; None above 10,000."""


def levels(plan: Plan, n_claims: int) -> tuple[float, float]:
    """Return the two-sided levels of Holm's first and last step, at the last look."""
    weight = 1 / len(plan.looks)
    looks = Looks(looks=(max(2, plan.looks[-1]),), weights=(weight,))
    return looks.last_alpha(n_claims), looks.last_alpha(1)


def arms_of_one(study: Study) -> dict[str, Arm]:
    """Return the arms, of several data sets on one, by the names that claims give them."""
    return {arm.plain_name: arm for arm in next(iter(study.by_dataset.values()), study).arms}


def compared(spec: Better | Best | Equal, study: Study) -> tuple[list[tuple[Arm, Arm]], int]:
    """Return the pairs of arms that a claim compares, and how many share its chance of an error.

    Of several data sets, on one: arms have the same budgets on each.
    """
    arms = arms_of_one(study)
    match spec:
        case Better():
            pairs = [(arms[spec.arm], arms[spec.than])]
        case Best():
            pairs = [(arms[spec.arm], rival) for name, rival in arms.items() if name != spec.arm]
        case Equal():
            own = [arms[name] for name in spec.arms]
            pairs = [(first, second) for place, first in enumerate(own) for second in own[place + 1 :]]
    return pairs, len(pairs)


def hardest(pairs: list[tuple[Arm, Arm]], plan: Plan, noise: Noise) -> Comparison | None:
    """Return the comparison of arms that shows least; None where the searches' noise is not known."""
    comparisons = [_comparison(first, second, plan, noise) for first, second in pairs]
    known = [each for each in comparisons if each is not None]
    return max(known, key=lambda each: each.error) if len(known) == len(pairs) else None


def _comparison(first: Arm, second: Arm, plan: Plan, noise: Noise) -> Comparison | None:
    """Return how two arms are compared.

    Where one of them searches and the other does not, the latter's many runs are counted as so many repeats
    without searches: a few degrees of freedom less than they have.
    """
    seeds = plan.confirm.max_seeds
    if plan.seeds_are_common:
        own = noise.paired or noise.run
        return Comparison("paired", plan.looks[-1], "seeds", own.plus(own))
    if not (first.space or second.space):
        return Comparison("welch", plan.max_repeats * seeds, "seeds", noise.run.plus(noise.run))
    if noise.repeat is None:
        return None
    others = noise.repeat if first.space and second.space else noise.run.over(seeds)
    return Comparison("welch", plan.max_repeats, "repeats", noise.repeat.plus(others))


def alone(arm: Arm, plan: Plan, noise: Noise) -> Comparison | None:
    """Return how an arm's mean is set against a value; None where the searches' noise is not known."""
    if plan.seeds_are_common:
        return Comparison("paired", plan.looks[-1], "seeds", noise.run)
    if not arm.space:
        return Comparison("paired", plan.max_repeats * plan.confirm.max_seeds, "seeds", noise.run)
    if noise.repeat is None:
        return None
    return Comparison("paired", plan.max_repeats, "repeats", noise.repeat)


def share_outlook(n: int, share: float, alpha: float) -> ShareOutlook:
    """Return what a claim that more than a share of n runs diverge can show at a two-sided level."""
    return ShareOutlook(
        n=n,
        share=share,
        found=share_power.detectable_share(n=n, share=share, alpha=alpha) if n else None,
        least_n=share_power.trials_to_find(true=1.0, share=share, alpha=alpha),
    )
