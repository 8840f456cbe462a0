"""The plan of a study: which runs, how many, with which seeds. Decided before anything is started."""

import math
from dataclasses import dataclass
from typing import Literal

from harness.study.domains import Choices, Grid
from harness.study.file import Confirm, Search
from harness.study.looks import looks_of
from harness.study.seeds import confirm_seeds, search_seeds
from harness.study.study import Arm, Study

Unit = Literal["repeat", "seed"]
"""What a replicate is: a whole search with its confirm runs, or a seed."""


@dataclass(frozen=True, kw_only=True)
class ArmPlan:
    """How many runs an arm gets in each repeat; in a study that searches once, in all."""

    arm: Arm
    search_runs: int
    """Configurations times search seeds; 0 for an arm that has nothing to search."""
    confirm_runs: int
    """With looks at numbers of seeds, at most so many."""
    audit_runs: int
    """At most so many: no more than early stopping stops."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Runs and seeds of a whole study. On each of several data sets an arm has the same seeds."""

    arms: tuple[ArmPlan, ...]
    search: Search
    confirm: Confirm

    @property
    def unit(self) -> Unit:
        """What the study counts as a replicate of an arm that searches."""
        return "repeat" if self.max_repeats > 1 else "seed"

    @property
    def max_repeats(self) -> int:
        """Whole searches per arm, at most; 1 where seeds are replicates."""
        return self.search.max_repeats

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of replicates at which claims are decided, ascending: of a fixed plan, one.

        Where seeds are replicates and there is no confirm phase, seeds of the search.
        """
        if self.unit == "repeat":
            return looks_of(self.search.repeats)
        return looks_of(self.confirm.seeds) if self.confirm.max_seeds else (self.search.seeds,)

    @property
    def seeds_are_common(self) -> bool:
        """Whether all arms have the same seeds."""
        return seeds_are_common(self.search)

    def search_seeds(self, arm: str, repeat: int) -> tuple[int, ...]:
        """Return the seeds of every configuration of one search of an arm."""
        return search_seeds_of(self.search, self.plain_name(arm), repeat)

    def confirm_seeds(self, arm: str, repeat: int) -> tuple[int, ...]:
        """Return the seeds on which the choice of one search of an arm is confirmed."""
        return confirm_seeds_of(self.search, self.confirm, self.plain_name(arm), repeat)

    def plain_name(self, arm: str) -> str:
        """Return an arm's name without its data set's: what everything random of it derives from."""
        return next((own.arm.plain_name for own in self.arms if own.arm.name == arm), arm)


def seeds_are_common(search: Search) -> bool:
    """Return whether all arms have the same seeds: each repeat of several has seeds of its own."""
    return search.max_repeats == 1


def search_seeds_of(search: Search, arm: str, repeat: int) -> tuple[int, ...]:
    """Return the seeds of every configuration of one search of an arm, as the study's budgets ask for.

    Args:
        search: The study's.
        arm: The arm's name without its data set's.
        repeat: Number of the search, from 0.
    """
    return search_seeds(search.seed, arm, repeat, search.seeds)


def confirm_seeds_of(search: Search, confirm: Confirm, arm: str, repeat: int) -> tuple[int, ...]:
    """Return the confirm seeds of one repeat of an arm, named without its data set, as budgets ask for."""
    common = seeds_are_common(search)
    count = confirm.max_seeds
    return confirm_seeds(search.seed, arm, repeat, count, common=common, searched=search.seeds)


def plan_study(study: Study) -> Plan:
    """Return the runs a study asks for."""
    return Plan(
        arms=tuple(_plan_arm(arm, study) for arm in study.arms), search=study.search, confirm=study.confirm
    )


def _plan_arm(arm: Arm, study: Study) -> ArmPlan:
    if not arm.space and study.confirm.max_seeds > 0:
        configurations = 0
    elif study.search.sampler == "grid":
        configurations = math.prod(len(d.listed) for d in arm.space.values() if isinstance(d, Choices | Grid))
    else:
        configurations = study.search.trials or 1
    search_runs = configurations * study.search.seeds
    return ArmPlan(
        arm=arm,
        search_runs=search_runs,
        confirm_runs=study.confirm.max_seeds,
        audit_runs=min(study.search.audit, search_runs),
    )
