"""What a plan costs: runs, epochs, and the time they take. Starts nothing, measures nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from harness.study.plan import ArmPlan, Plan
from harness.study.study import Arm, Study

EpochSeconds = Callable[[Arm], float | None]
"""Returns what an epoch of an arm takes on average; None where nobody has measured it."""

SHARE_UNDER_ASHA = 0.35
"""Share of a full run that an average search run takes under ASHA: 0.23 to 0.47 in the reference studies. One
in `reduction_factor` at each rung would be less; the first runs pass every rung, and proposals improve."""


class Bounds(NamedTuple):
    """Something at the first look, and at most; of a fixed plan twice the same."""

    least: float
    most: float

    def __mul__(self, factor: float) -> "Bounds":  # type: ignore[override]  # never repeated as a tuple
        """Return both times a factor."""
        return Bounds(self.least * factor, self.most * factor)

    def in_words(self, digits: int = 0) -> str:
        """Return both with so many decimals, or the one number that they are."""
        least, most = f"{self.least:,.{digits}f}", f"{self.most:,.{digits}f}"
        return most if least == most else f"{least} to {most}"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What all runs of a study take together."""

    runs: Bounds
    """Audits not counted: they are as many as early stopping makes."""
    audits: Bounds
    """Most runs that repeat stopped ones."""
    epochs: Bounds
    """With the share of a full run that ASHA leaves the average search run as in earlier studies."""
    seconds: Bounds | None
    """That runs train, one after the other; None where nobody has measured what an epoch takes."""
    chain_seconds: float | None
    """What no number of slots undercuts: a full search run and the confirm run that waits for its search, of
    the slowest arm; likewise None."""

    def seconds_on(self, slots: int) -> Bounds | None:
        """Return what all runs take on so many slots, at least 1; None where nobody has measured it."""
        if self.seconds is None or self.chain_seconds is None:
            return None
        chain = self.chain_seconds
        return Bounds(*(max(chain, seconds / slots) for seconds in self.seconds))


def _unknown(arm: Arm) -> None:
    del arm


def cost_of(study: Study, plan: Plan, epoch_seconds: EpochSeconds = _unknown) -> Cost:
    """Return what a study's plan takes.

    Args:
        study: The study.
        plan: Its plan.
        epoch_seconds: What is known of how long epochs take.
    """
    costs = [_cost_of_arm(arm_plan, study, plan, epoch_seconds(arm_plan.arm)) for arm_plan in plan.arms]
    return Cost(
        runs=_sum([cost.runs for cost in costs]),
        audits=_sum([cost.audits for cost in costs]),
        epochs=_sum([cost.epochs for cost in costs]),
        seconds=_sum_if_known([cost.seconds for cost in costs]),
        chain_seconds=_longest_if_known([cost.chain_seconds for cost in costs]),
    )


def confirm_runs(arm_plan: ArmPlan, plan: Plan) -> Bounds:
    """Return an arm's confirm runs of one repeat."""
    most = arm_plan.confirm_runs
    return Bounds(min(most, plan.looks[0]) if plan.unit == "seed" else most, most)


def repeats(plan: Plan) -> Bounds:
    """Return how often each arm is searched."""
    return Bounds(plan.looks[0], plan.max_repeats) if plan.unit == "repeat" else Bounds(1, 1)


def _cost_of_arm(arm_plan: ArmPlan, study: Study, plan: Plan, epoch_seconds: float | None) -> Cost:
    longest, confirm, times = arm_plan.arm.longest_epochs, confirm_runs(arm_plan, plan), repeats(plan)
    search_epochs = arm_plan.search_runs * _mean_search_epochs(longest, study)
    full_runs = [runs + arm_plan.audit_runs for runs in confirm]
    n_phases = bool(arm_plan.search_runs) + bool(confirm.most)
    epochs = [n * (search_epochs + full * longest) for n, full in zip(times, full_runs, strict=True)]
    return Cost(
        runs=Bounds(*(n * (arm_plan.search_runs + runs) for n, runs in zip(times, confirm, strict=True))),
        audits=times * arm_plan.audit_runs,
        epochs=Bounds(*epochs),
        seconds=None if epoch_seconds is None else Bounds(*epochs) * epoch_seconds,
        chain_seconds=None if epoch_seconds is None else n_phases * longest * epoch_seconds,
    )


def _mean_search_epochs(longest: int, study: Study) -> float:
    """Return the epochs that a search run takes on average, of `longest` where ASHA lets it."""
    stopping = study.early_stopping
    if stopping is None or stopping.grace_epochs >= longest:
        return float(longest)
    return max(stopping.grace_epochs, SHARE_UNDER_ASHA * longest)


def _sum(bounds: list[Bounds]) -> Bounds:
    return Bounds(sum(each.least for each in bounds), sum(each.most for each in bounds))


def _sum_if_known(parts: list[Bounds | None]) -> Bounds | None:
    known = [part for part in parts if part is not None]
    return _sum(known) if len(known) == len(parts) else None


def _longest_if_known(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return max(known) if len(known) == len(parts) else None
