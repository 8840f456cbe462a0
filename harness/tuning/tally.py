"""Counting a study's events: what each arm has done, and how much is still to do."""

from collections import Counter
from dataclasses import dataclass, field

from harness.records.events import (
    EpochEnded,
    Event,
    LookTaken,
    Phase,
    PhaseEnded,
    RunEnded,
    RunStarted,
    Status,
)
from harness.study.estimate import SHARE_UNDER_ASHA
from harness.study.plan import Plan
from harness.study.study import Study
from harness.study.time_left import Trained
from harness.tuning.runs import Place


@dataclass
class ArmProgress:
    """Count one arm's runs."""

    planned: int
    full_epochs: float
    """Of a full-length run; where they are searched, the middle of their range until a winner is known."""
    longest_epochs: int
    running: dict[str, int] = field(default_factory=dict)
    """Epochs that each run in flight has trained, by its id."""
    ended: Counter[Status] = field(default_factory=Counter)
    trained: Trained = field(default_factory=Trained)
    best: float | None = None


class Tally:
    """Follow a study's events: counts per arm, epochs spent, epochs still expected.

    Runs are planned up to the plan's next look: whether there are more is decided there.
    """

    def __init__(self, study: Study, plan: Plan) -> None:
        self.metric = study.search.metric
        self._plan = plan
        self.repeats = plan.looks[0] if plan.unit == "repeat" else 1
        """Repeats planned."""
        self.n_open: int | None = None
        """Claims that the latest look left open; None before any look."""
        self.repeat = 0
        """The latest repeat of which a run has begun."""
        self._sign = 1.0 if study.search.mode == "min" else -1.0
        self._stops_early = study.early_stopping is not None
        seeds = plan.looks[0] if plan.unit == "seed" else None
        self._left: dict[Phase, dict[str, int]] = {
            "search": {arm.arm.name: self.repeats * arm.search_runs for arm in plan.arms},
            "confirm": {
                arm.arm.name: self.repeats * min(arm.confirm_runs, seeds or arm.confirm_runs)
                for arm in plan.arms
            },
            "audit": {arm.arm.name: self.repeats * arm.audit_runs for arm in plan.arms},
        }
        self.arms = {
            arm_plan.arm.name: ArmProgress(
                planned=sum(left[arm_plan.arm.name] for left in self._left.values()),
                full_epochs=(arm_plan.arm.shortest_epochs + arm_plan.arm.longest_epochs) / 2,
                longest_epochs=arm_plan.arm.longest_epochs,
            )
            for arm_plan in plan.arms
        }
        self._runs: dict[str, RunStarted] = {}
        self._audit_runs = {arm.arm.name: arm.audit_runs for arm in plan.arms}
        self._stopped: Counter[Place] = Counter()
        """Runs stopped of each search."""
        self._search_epochs: list[int] = []

    def take(self, event: Event) -> None:
        """Count an event."""
        match event:
            case RunStarted():
                self._runs[event.run_id] = event
                self.repeat = max(self.repeat, event.repeat)
                self.arms[event.arm].running[event.run_id] = 0
                if event.phase == "confirm":
                    self.arms[event.arm].full_epochs = event.configuration["epochs"]
            case EpochEnded():
                self._take_epoch(event)
            case RunEnded():
                run = self._runs[event.run_id]
                name, arm = run.arm, self.arms[run.arm]
                arm.running.pop(event.run_id, None)
                arm.ended[event.status] += 1
                self._left[event.phase][name] -= 1
                if event.phase == "search":
                    self._search_epochs.append(event.epochs)
                    self._stopped[Place(name, run.repeat)] += event.status == "stopped"
            case PhaseEnded() if event.phase == "search":
                self._drop_needless_audits(Place(event.arm, event.repeat))
            case LookTaken():
                self._plan_further(event)
            case _:
                pass

    def _plan_further(self, taken: LookTaken) -> None:
        """Plan the replicates up to the look after one, of the arms that go on."""
        self.n_open = len(taken.open)
        if not taken.arms:
            return
        plan = self._plan
        further = plan.looks[plan.looks.index(taken.n) + 1] - taken.n
        by_repeat = plan.unit == "repeat"
        self.repeats += further if by_repeat else 0
        for arm in plan.arms:
            if arm.arm.name not in taken.arms:
                continue
            confirm = further * arm.confirm_runs if by_repeat else further
            search, audit = (further * runs if by_repeat else 0 for runs in (arm.search_runs, arm.audit_runs))
            runs: dict[Phase, int] = {"search": search, "confirm": confirm, "audit": audit}
            for phase, count in runs.items():
                self._left[phase][arm.arm.name] += count
            self.arms[arm.arm.name].planned += sum(runs.values())

    def _drop_needless_audits(self, place: Place) -> None:
        """Expect no more audit runs of a search than it stopped."""
        needless = max(0, self._audit_runs[place.arm] - self._stopped[place])
        self._left["audit"][place.arm] -= needless
        self.arms[place.arm].planned -= needless

    def _take_epoch(self, event: EpochEnded) -> None:
        run = self._runs[event.run_id]
        arm = self.arms[run.arm]
        arm.trained.epochs += 1
        arm.trained.seconds += event.seconds
        arm.running[event.run_id] = event.epoch
        value = event.value(self.metric)
        is_full_length = event.epoch == run.configuration["epochs"] and run.phase == "search"
        if value is None or not is_full_length:
            return
        if arm.best is None or self._sign * value < self._sign * arm.best:
            arm.best = value

    def count(self, status: Status) -> int:
        """Return how many runs ended with a status."""
        return sum(arm.ended[status] for arm in self.arms.values())

    @property
    def epochs(self) -> Counter[str]:
        """Epochs trained so far, by arm."""
        return Counter({name: arm.trained.epochs for name, arm in self.arms.items()})

    def epochs_left(self) -> dict[str, float]:
        """Return about how many epochs are still to be trained, by arm."""
        longest = max(arm.full_epochs for arm in self.arms.values())
        if self._search_epochs:
            search_length = sum(self._search_epochs) / len(self._search_epochs)
        else:
            search_length = longest * (SHARE_UNDER_ASHA if self._stops_early else 1.0)
        whole = {
            name: self._left["search"][name] * min(search_length, arm.longest_epochs)
            + (self._left["confirm"][name] + self._left["audit"][name]) * arm.full_epochs
            for name, arm in self.arms.items()
        }
        return {name: max(0.0, n - sum(self.arms[name].running.values())) for name, n in whole.items()}
