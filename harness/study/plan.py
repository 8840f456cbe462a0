"""The plan of a study: which runs, how many, with which seeds. Decided before anything is started."""

import math
from dataclasses import dataclass

from harness.study.domains import Choices, Grid
from harness.study.seeds import distinct_seeds
from harness.study.study import Arm, Study


@dataclass(frozen=True, kw_only=True)
class ArmPlan:
    """How many runs an arm gets."""

    arm: Arm
    search_runs: int
    """Configurations times search seeds; 0 for an arm that has nothing to search."""
    confirm_runs: int
    audit_runs: int
    """At most so many: no more than early stopping stops."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Runs and seeds of a whole study."""

    arms: tuple[ArmPlan, ...]
    search_seeds: tuple[int, ...]
    """One a repetition of a search configuration, the same for every configuration and arm, so that
    configurations differ by their settings and not by the luck of a split."""
    confirm_seeds: tuple[int, ...]
    """The same in every arm, none of them seen in the search."""


def plan_study(study: Study) -> Plan:
    """Return the runs a study asks for."""
    seed = study.search.seed
    search_seeds = distinct_seeds(seed, "search", study.search.seeds)
    confirm_seeds = distinct_seeds(seed, "confirm", study.confirm.seeds, taken=search_seeds)
    return Plan(
        arms=tuple(_plan_arm(arm, study) for arm in study.arms),
        search_seeds=tuple(search_seeds),
        confirm_seeds=tuple(confirm_seeds),
    )


def _plan_arm(arm: Arm, study: Study) -> ArmPlan:
    if not arm.space and study.confirm.seeds > 0:
        configurations = 0
    elif study.search.sampler == "grid":
        configurations = math.prod(len(d.listed) for d in arm.space.values() if isinstance(d, Choices | Grid))
    else:
        configurations = study.search.trials or 1
    search_runs = configurations * study.search.seeds
    return ArmPlan(
        arm=arm,
        search_runs=search_runs,
        confirm_runs=study.confirm.seeds,
        audit_runs=min(study.search.audit, search_runs),
    )
