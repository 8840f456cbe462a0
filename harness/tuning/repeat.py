"""One repeat of a study: a whole search of each arm, and the runs that follow from it."""

from collections.abc import Sequence

import optuna

from harness.records.events import Phase
from harness.study.plan import ArmPlan, Plan
from harness.study.study import Study
from harness.tuning.arm_search import ArmSearch
from harness.tuning.past import Past
from harness.tuning.run_list import RunList, audit_runs, confirm_runs
from harness.tuning.runs import Place, RunSpec

LISTED_PHASES: tuple[Phase, ...] = ("confirm", "audit")
"""Phases whose runs are known once a search is over."""


class Repeat:
    """Hand out the runs of one repeat.

    Arms take turns: the one with the most budget left goes first, so a partial result compares equal budgets.
    """

    def __init__(
        self,
        number: int,
        study: Study,
        plan: Plan,
        storage: optuna.storages.BaseStorage,
    ) -> None:
        """Start without an arm.

        Args:
            number: Which repeat it is, from 0.
            study: The study.
            plan: Its runs and seeds.
            storage: Keeps one Optuna study a search.
        """
        self.number = number
        self.searches: dict[str, ArmSearch] = {}
        self.lists: dict[Phase, dict[str, RunList]] = {phase: {} for phase in LISTED_PHASES}
        self._study = study
        self._plan = plan
        self._storage = storage

    def begin(self, arm: ArmPlan) -> None:
        """Let an arm take part, unless it does: begin its search or, without one, its confirm runs."""
        place = Place(arm.arm.name, self.number)
        if place.arm in self.lists["confirm"]:
            return
        for lists in self.lists.values():
            lists[place.arm] = RunList()
        if arm.search_runs:
            self.searches[place.arm] = ArmSearch(self._study, self._plan, arm, self._storage, self.number)
        else:
            configuration = arm.arm.run_configuration({})
            self.lists["confirm"][place.arm].open(confirm_runs(place, self._plan, configuration))

    @property
    def is_measured(self) -> bool:
        """Whether every search run and confirm run that may be handed out has ended."""
        is_searched = all(search.is_over for search in self.searches.values())
        return is_searched and all(listed.is_over for listed in self.lists["confirm"].values())

    @property
    def is_over(self) -> bool:
        """Whether every run that may be handed out has ended."""
        return self.is_measured and all(listed.is_over for listed in self.lists["audit"].values())

    def propose(self) -> RunSpec | None:
        """Return the next search run, or else the next confirm run; None where there is none now."""
        return _propose(list(self.searches.values())) or _propose(list(self.lists["confirm"].values()))

    def propose_audit(self) -> RunSpec | None:
        """Return the next audit run; None where there is none now."""
        return _propose(list(self.lists["audit"].values()))

    def list_later_runs(self, arm: str, winner: RunSpec | None) -> None:
        """List the runs that confirm the winner of an arm's search and that audit its early stopping."""
        if winner is not None:
            runs = confirm_runs(winner.place, self._plan, winner.configuration)
            self.lists["confirm"][arm].open(runs)
        stopped = [run for _, run in sorted(self.searches[arm].stopped.items())]
        self.lists["audit"][arm].open(audit_runs(stopped, self._plan))

    def restore_search(self, arm: str, past: Past) -> list[RunSpec]:
        """Take up an arm's search where the journal left it; return the runs to start again."""
        place, search = Place(arm, self.number), self.searches[arm]
        again = search.restore(past.search_runs(place), past.ended_search_epochs(place))
        if place in past.given_up:
            search.close()
        return again


def _propose(sources: Sequence[ArmSearch | RunList]) -> RunSpec | None:
    waiting = [source for source in sources if source.remaining]
    return max(waiting, key=lambda source: source.remaining / source.planned).propose() if waiting else None
