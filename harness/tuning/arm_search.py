"""One search of an arm: its own Optuna study, its own ASHA rungs, its own budget."""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any

import optuna

from harness.records.events import Status
from harness.study.file import Search
from harness.study.plan import ArmPlan, Plan
from harness.study.study import Study
from harness.tuning.arm_trials import ArmTrials, PastRun
from harness.tuning.early_stopping import ArmEarlyStopping
from harness.tuning.runs import Place, RunSpec, run_id_of
from harness.tuning.space import grid_points, parameters_at

_FAILURES_TO_GIVE_UP = 3
"""Failed runs in a row after which an arm is given up: the fault is then its recipe's or the machine's."""


class ArmSearch:
    """Propose an arm's configurations, learn from their runs, and name the winner."""

    def __init__(
        self,
        study: Study,
        plan: Plan,
        arm_plan: ArmPlan,
        storage: optuna.storages.BaseStorage,
        repeat: int = 0,
    ) -> None:
        self.arm = arm_plan.arm
        self.repeat = repeat
        self.planned = arm_plan.search_runs
        self.granted = 0
        """Runs proposed so far."""
        self.stopped: dict[int, RunSpec] = {}
        """Runs that ASHA stopped, by number."""
        self.given_up: str | None = None
        """Why the arm was closed before its budget was spent."""
        self._search = study.search
        self._plan = plan
        self._seeds = plan.search_seeds(self.arm.name, repeat)
        self._trials = ArmTrials(study, plan, self.arm, storage, repeat)
        is_grid = study.search.sampler == "grid"
        self._grid: list[dict[str, Any]] = list(grid_points(self.arm.space)) if is_grid else []
        self._starts = [parameters_at(self.arm.space, point) for point in self.arm.start]
        self._n_configurations = self.planned // len(self._seeds)
        stopping, mode = study.early_stopping, study.search.mode or "min"
        self._asha = ArmEarlyStopping(stopping, mode, self.arm.longest_epochs) if stopping else None
        self._values: dict[str, list[float | None]] = {}
        self._failures_in_a_row = 0
        self._completed: dict[int, list[tuple[RunSpec, float]]] = {}

    @property
    def remaining(self) -> int:
        """Runs not yet proposed."""
        return self.planned - self.granted

    @property
    def is_over(self) -> bool:
        """Whether every planned run was proposed and has ended."""
        return self.remaining == 0 and not self._trials.n_open

    def propose(self) -> RunSpec:
        """Return the next run, its configuration chosen from everything told so far.

        A grid is measured whole with one seed, and then with the next, so that nothing that changes meanwhile
        on the machine is taken for an effect of a grid's values.
        """
        number = self.granted
        run_id = run_id_of(Place(self.arm.name, self.repeat), "search", number, self._plan)
        point = self._starts[number] if number < len(self._starts) else None
        if self._grid:
            point = self._grid[number % len(self._grid)]
        configuration = self.arm.run_configuration(self._trials.ask(run_id, number, point))
        self.granted += 1
        return RunSpec(
            run_id=run_id,
            arm=self.arm.name,
            phase="search",
            repeat=self.repeat,
            number=number,
            seed=self._seeds[number // self._n_configurations],
            configuration=configuration,
        )

    def report(self, run: RunSpec, epoch: int, value: float | None) -> bool:
        """Take a run's search metric after an epoch; return whether ASHA stops the run.

        Args:
            run: The run.
            epoch: Epochs finished.
            value: The metric; None when it is not finite, which ends the run by itself.
        """
        if value is None:
            return False
        self._trials.report(run.run_id, epoch, value)
        self._values.setdefault(run.run_id, [])[epoch - 1 :] = [value]
        if self._asha is None or epoch >= run.configuration["epochs"]:
            return False
        return self._asha.should_stop(run.run_id, epoch, value)

    def end(self, run: RunSpec, status: Status) -> None:
        """Tell Optuna how a run ended; what it recorded in ASHA's rungs stays.

        After too many failures in a row the arm is given up.
        """
        value = self._count_end(run, status, self._values.pop(run.run_id, []))
        self._trials.tell(run.run_id, status, value)
        self._count_failure(status)

    def _count_end(self, run: RunSpec, status: Status, values: Sequence[float | None]) -> float | None:
        """Count an ended run; return what it reached if it completed, which makes it a candidate."""
        if status == "stopped":
            self.stopped[run.number] = run
        if status != "completed":
            return None
        value = run_value(values, self._search)
        self._completed.setdefault(run.number % self._n_configurations, []).append((run, value))
        return value

    def _count_failure(self, status: Status, most_waiting: int = 0) -> None:
        """Count failures in a row, in the order of the runs' ends, and close the search after too many.

        Args:
            status: How a run ended.
            most_waiting: Runs that can have been proposed by then, though they do not count as such: had they
                been all that was left, the search went on.
        """
        self._failures_in_a_row = self._failures_in_a_row + 1 if status == "failed" else 0
        if self._failures_in_a_row >= _FAILURES_TO_GIVE_UP and self.remaining > most_waiting:
            self.close()

    def close(self) -> None:
        """Give the arm up, unless it is or has no run left: no further one is proposed."""
        if self.remaining:
            failed = f"the last {_FAILURES_TO_GIVE_UP} runs failed"
            self.given_up = f"{failed}, so the remaining {self.remaining} were not started"
            self.planned = self.granted

    def restore(
        self, past: Mapping[int, PastRun], epochs: Sequence[tuple[RunSpec, int, float]]
    ) -> list[RunSpec]:
        """Take up the search where the journal left it; return the runs to start again.

        Optuna's trials are made in the runs' order, so that numbers agree. Rungs are filled by ended runs
        only: one that was in flight starts again and passes them anew.

        After too many failures in a row the search stays given up, whatever ended afterwards. A search whose
        last runs had been handed out by then was not given up, and the journal knows no run before it begins:
        where all that is left can have been handed out so, by the runs that were beside each other before and
        were not since, the search goes on, and is given up at the next failure. What a search did whose last
        few runs waited while slots were free, or that waited for a cluster to grow, remains a guess.

        Args:
            past: Number to run.
            epochs: (run, epoch, value) of ended runs' epochs below full length, in the order they happened.
        """
        again = []
        for number in range(max(past, default=-1) + 1):
            if number not in past:
                again.append(self.propose())  # was proposed, and never began
                continue
            run = past[number]
            value = self._count_end(run.spec, run.status, run.values) if run.status else None
            self._trials.restore(run, value)
            self.granted += 1
            if run.status is None:
                again.append(run.spec)
        self._trials.finish_restoring()
        for run in sorted(past.values(), key=lambda run: run.ended or 0):
            if run.status is not None:
                self._count_failure(run.status, run.most_waiting)
        if self._asha is not None:
            for spec, epoch, reported in epochs:
                self._asha.should_stop(spec.run_id, epoch, reported)
        return again

    def winner(self) -> RunSpec | None:
        """Return the best configuration's first run; None when no configuration completed.

        Only runs of full length count, and with several seeds only configurations all of whose runs
        completed; the earlier configuration wins a tie.
        """
        whole = {
            number: runs for number, runs in sorted(self._completed.items()) if len(runs) == len(self._seeds)
        }
        if not whole:
            return None
        sign = 1.0 if self._search.mode == "min" else -1.0
        best = min(whole, key=lambda number: sign * fsum(value for _, value in whole[number]))
        return min((run for run, _ in whole[best]), key=lambda run: run.number)


def run_value(values: Sequence[float | None], search: Search) -> float:
    """Return what a run of full length is ranked by, as `search.winner` says.

    Args:
        values: The search metric after each epoch, finite.
        search: Says whether the best epoch counts, or the mean over the last `average_epochs`.
    """
    finite = [value for value in values if value is not None]
    best = best_epoch(values, search)
    last = finite[-search.average_epochs :] if best is None else finite[best - 1 : best]
    return fsum(last) / len(last)


def best_epoch(values: Sequence[float | None], search: Search) -> int | None:
    """Return the epoch, from 1, that stands for a run under `winner: best`; of equal ones, the first.

    None under `winner: last`, and for a run without a finite metric.
    """
    if search.winner == "last":
        return None
    sign = 1.0 if search.mode == "min" else -1.0
    ranked = [(sign * value, epoch) for epoch, value in enumerate(values, start=1) if value is not None]
    return min(ranked)[1] if ranked else None
