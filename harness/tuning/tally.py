"""Counting a study's events: what each arm has done, and how much is still to do."""

from collections import Counter
from dataclasses import dataclass, field

from harness.records.events import EpochEnded, Event, Phase, PhaseEnded, RunEnded, RunStarted, Status
from harness.study.plan import Plan
from harness.study.study import Study

_EXPECTED_SHARE_STOPPED_EARLY = 0.35
"""Share of a full run that an average run under ASHA takes, assumed until search runs have ended."""


@dataclass
class ArmProgress:
    """Count one arm's runs."""

    planned: int
    full_epochs: float
    """Of a full-length run; where they are searched, the middle of their range until a winner is known."""
    longest_epochs: int
    running: set[str] = field(default_factory=set)
    ended: Counter[Status] = field(default_factory=Counter)
    epochs: int = 0
    best: float | None = None


class Tally:
    """Follow a study's events: counts per arm, epochs spent, epochs still expected."""

    def __init__(self, study: Study, plan: Plan) -> None:
        self.metric = study.search.metric
        self._sign = 1.0 if study.search.mode == "min" else -1.0
        self._stops_early = study.early_stopping is not None
        self.arms = {
            arm_plan.arm.name: ArmProgress(
                planned=arm_plan.search_runs + arm_plan.confirm_runs + arm_plan.audit_runs,
                full_epochs=(arm_plan.arm.shortest_epochs + arm_plan.arm.longest_epochs) / 2,
                longest_epochs=arm_plan.arm.longest_epochs,
            )
            for arm_plan in plan.arms
        }
        self._runs: dict[str, RunStarted] = {}
        self._search_epochs: list[int] = []
        self._left: dict[Phase, dict[str, int]] = {
            "search": {arm_plan.arm.name: arm_plan.search_runs for arm_plan in plan.arms},
            "confirm": {arm_plan.arm.name: arm_plan.confirm_runs for arm_plan in plan.arms},
            "audit": {arm_plan.arm.name: arm_plan.audit_runs for arm_plan in plan.arms},
        }

    def take(self, event: Event) -> None:
        """Count an event."""
        match event:
            case RunStarted():
                self._runs[event.run_id] = event
                self.arms[event.arm].running.add(event.run_id)
                if event.phase == "confirm":
                    self.arms[event.arm].full_epochs = event.configuration["epochs"]
            case EpochEnded():
                self._take_epoch(event)
            case RunEnded():
                name = self._runs[event.run_id].arm
                arm = self.arms[name]
                arm.running.discard(event.run_id)
                arm.ended[event.status] += 1
                self._left[event.phase][name] -= 1
                if event.phase == "search":
                    self._search_epochs.append(event.epochs)
            case PhaseEnded() if event.phase == "search":
                self._drop_needless_audits(event.arm)
            case _:
                pass

    def _drop_needless_audits(self, name: str) -> None:
        """Expect no more audit runs than were stopped."""
        needless = max(0, self._left["audit"][name] - self.arms[name].ended["stopped"])
        self._left["audit"][name] -= needless
        self.arms[name].planned -= needless

    def _take_epoch(self, event: EpochEnded) -> None:
        run = self._runs[event.run_id]
        arm = self.arms[run.arm]
        arm.epochs += 1
        value = event.val_loss if self.metric == "val_loss" else event.val_accuracy
        is_full_length = event.epoch == run.configuration["epochs"] and run.phase == "search"
        if value is None or not is_full_length:
            return
        if arm.best is None or self._sign * value < self._sign * arm.best:
            arm.best = value

    def count(self, status: Status) -> int:
        """Return how many runs ended with a status."""
        return sum(arm.ended[status] for arm in self.arms.values())

    @property
    def epochs(self) -> int:
        """Epochs trained so far, over all arms."""
        return sum(arm.epochs for arm in self.arms.values())

    def epochs_left(self) -> float:
        """Return about how many epochs are still to be trained."""
        longest = max(arm.full_epochs for arm in self.arms.values())
        if self._search_epochs:
            search_length = sum(self._search_epochs) / len(self._search_epochs)
        else:
            search_length = longest * (_EXPECTED_SHARE_STOPPED_EARLY if self._stops_early else 1.0)
        return sum(
            self._left["search"][name] * min(search_length, arm.longest_epochs)
            + (self._left["confirm"][name] + self._left["audit"][name]) * arm.full_epochs
            for name, arm in self.arms.items()
        )
