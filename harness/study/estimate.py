"""What a plan asks for, in runs. What these take, a simulation tells: `harness.commands.planning`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from harness.records.events import Phase
from harness.study.plan import ArmPlan, Plan

SHARE_UNDER_ASHA = 0.35
"""Share of a full run that an average search run takes under ASHA: 0.23 to 0.47 in the reference studies. One
in `reduction_factor` at each rung would be less; the first runs pass every rung, and proposals improve."""


class Bounds(NamedTuple):
    """Something at the first look, and at most; of a fixed plan twice the same."""

    least: int
    most: int

    def __mul__(self, factor: int) -> "Bounds":  # type: ignore[override]  # never repeated as a tuple
        """Return both times a factor."""
        return Bounds(self.least * factor, self.most * factor)

    def in_words(self) -> str:
        """Return both, or the one number that they are."""
        least, most = f"{self.least:,}", f"{self.most:,}"
        return most if least == most else f"{least} to {most}"


Taken = Mapping[tuple[str, Phase], int]
"""Runs that are taken over from another study, by arm and phase, over all repeats."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The runs of a study."""

    runs: Bounds
    """Audits not counted: they are as many as early stopping makes."""
    audits: Bounds
    """Most runs that repeat stopped ones."""


def cost_of(plan: Plan, taken: Taken | None = None) -> Cost:
    """Return what a study's plan asks for, less what is taken over."""
    times, was = repeats(plan), Counter[Phase]()
    for (_, phase), count in (taken or {}).items():
        was[phase] += count
    audits = sum(arm.audit_runs for arm in plan.arms)
    each = [sum(arm.search_runs + confirm_runs(arm, plan)[end] for arm in plan.arms) for end in (0, 1)]
    known = was["search"] + was["confirm"]
    return Cost(
        runs=Bounds(*(max(0, n * runs - known) for n, runs in zip(times, each, strict=True))),
        audits=Bounds(*(max(0, n * audits - was["audit"]) for n in times)),
    )


def confirm_runs(arm_plan: ArmPlan, plan: Plan) -> Bounds:
    """Return an arm's confirm runs of one repeat."""
    most = arm_plan.confirm_runs
    return Bounds(min(most, plan.looks[0]) if plan.unit == "seed" else most, most)


def repeats(plan: Plan) -> Bounds:
    """Return how often each arm is searched."""
    return Bounds(plan.looks[0], plan.max_repeats) if plan.unit == "repeat" else Bounds(1, 1)
