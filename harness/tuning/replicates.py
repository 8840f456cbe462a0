"""The repeats of a study, and how far looks have let each arm go in them."""

from collections.abc import Collection

import optuna

from harness.records.events import LookTaken
from harness.study.plan import Plan
from harness.study.study import Study
from harness.tuning.arm_search import ArmSearch
from harness.tuning.past import Past
from harness.tuning.repeat import Repeat
from harness.tuning.run_list import RunList
from harness.tuning.runs import RunSpec


class Replicates:
    """Hand out the runs of one repeat after the other, as far as looks have allowed.

    At the start all arms may run the replicates of the plan's first look, which for a fixed plan are all.
    """

    def __init__(self, study: Study, plan: Plan, storage: optuna.storages.BaseStorage) -> None:
        """Start without a run.

        Args:
            study: The study.
            plan: Its runs, seeds and looks.
            storage: Keeps one Optuna study a search.
        """
        self.begun: list[Repeat] = []
        self._study = study
        self._plan = plan
        self._storage = storage
        self._open_until: dict[str, int] = {}
        """Arm to the replicates that it may run: repeats, or seeds where the plan counts these."""
        self._n_looks = 0
        self._n_measured = 0
        """Repeats, from the first on, known to have nothing to hand out or in flight but audits."""
        self._allow(plan.looks[0], [arm.arm.name for arm in plan.arms])

    def _allow(self, n_replicates: int, arms: Collection[str]) -> None:
        """Let some arms run so many replicates; the others stay where they are."""
        self._n_measured = 0
        self._open_until |= {arm: max(n_replicates, self._open_until.get(arm, 0)) for arm in arms}
        for repeat in self.begun:
            self._open(repeat)

    def _open(self, repeat: Repeat) -> None:
        """Let the arms take part that may, with as many confirm runs as they may run."""
        for arm in self._plan.arms:
            allowed = self._open_until[arm.arm.name]
            if self._plan.unit == "repeat":
                if repeat.number < allowed:
                    repeat.begin(arm)
            else:
                repeat.begin(arm)
                repeat.lists["confirm"][arm.arm.name].limit = allowed if arm.confirm_runs else None

    @property
    def next_look(self) -> int | None:
        """Replicates at the next look that decides what runs, as the last one does not; None without one."""
        looks = self._plan.looks
        return looks[self._n_looks] if self._n_looks < len(looks) - 1 else None

    def go_on(self, taken: LookTaken) -> None:
        """Let the arms of a look go on to the next one; without any the study ends there."""
        looks = self._plan.looks
        self._n_looks = looks.index(taken.n) + 1 if taken.arms else len(looks)
        if taken.arms:
            self._allow(looks[self._n_looks], taken.arms)

    def restore(self, past: Past) -> None:
        """Allow and begin what a journal shows to have been."""
        for taken in past.looks:
            self.go_on(taken)
        if self._plan.unit == "repeat":
            for place in past.places:  # what has begun was allowed
                self._allow(place.repeat + 1, [place.arm])
        for number in range(1 + max((place.repeat for place in past.places), default=-1)):
            self._repeat(number)

    @property
    def _n_allowed(self) -> int:
        """Repeats that some arm may run."""
        return max(self._open_until.values()) if self._plan.unit == "repeat" else 1

    def _repeat(self, number: int) -> Repeat:
        """Return a repeat, begun now if it is the next one."""
        if number == len(self.begun):
            self.begun.append(Repeat(number, self._study, self._plan, self._storage))
            self._open(self.begun[number])
        return self.begun[number]

    def _count_measured(self) -> int:
        """Return how many repeats from the first on have measured all that they may, audits aside."""
        while self._n_measured < len(self.begun) and self.begun[self._n_measured].is_measured:
            self._n_measured += 1
        return self._n_measured

    @property
    def is_measured(self) -> bool:
        """Whether every run that may be handed out has ended, audits aside."""
        return self._count_measured() >= self._n_allowed

    @property
    def is_over(self) -> bool:
        """Whether every run that may be handed out has ended."""
        return len(self.begun) >= self._n_allowed and all(repeat.is_over for repeat in self.begun)

    def propose(self) -> RunSpec | None:
        """Return the next run; None where there is none now.

        A repeat begins when the earlier ones have nothing to hand out; in each, search runs go before confirm
        runs. Audit runs come last.
        """
        for number in range(self._count_measured(), self._n_allowed):
            if (run := self._repeat(number).propose()) is not None:
                return run
        audits = (repeat.propose_audit() for repeat in self.begun)
        return next((run for run in audits if run is not None), None)

    def search_of(self, spec: RunSpec) -> ArmSearch:
        """Return the search that a run belongs to."""
        return self.begun[spec.repeat].searches[spec.arm]

    def list_of(self, spec: RunSpec) -> RunList:
        """Return the list that a confirm or audit run belongs to."""
        return self.begun[spec.repeat].lists[spec.phase][spec.arm]
