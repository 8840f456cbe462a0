"""One arm's search: its own Optuna sampler, its own ASHA rungs, its own budget."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

import optuna
from optuna.trial import TrialState

from harness.records.events import Status
from harness.study.domains import Range
from harness.study.plan import ArmPlan, Plan
from harness.study.seeds import derive_seed
from harness.study.study import Arm, Study
from harness.tuning.early_stopping import ArmEarlyStopping
from harness.tuning.runs import RunSpec
from harness.tuning.space import distributions_of, grid_points, is_conditional, parameters_of, suggest


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """A search run as the journal knows it."""

    spec: RunSpec
    values: tuple[float | None, ...]
    """The search metric after each epoch; None where it was not finite."""
    status: Status | None
    """How it ended; None for a run that was in flight."""


_STATES: dict[Status, TrialState] = {
    "completed": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "diverged": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
"""What Optuna is told. Samplers rank PRUNED trials by the epochs they reached, and leave FAILED ones out."""


_FAILURES_TO_GIVE_UP = 3
"""Failed runs in a row after which an arm is given up: the fault is then its recipe's or the machine's."""


class ArmSearch:
    """Propose an arm's configurations, learn from their runs, and name the winner."""

    def __init__(
        self, study: Study, plan: Plan, arm_plan: ArmPlan, storage: optuna.storages.BaseStorage
    ) -> None:
        self.arm = arm_plan.arm
        self.planned = arm_plan.search_runs
        self.granted = 0
        """Runs proposed so far."""
        self._study = study
        self._seeds = plan.search_seeds
        self._mode = study.search.mode or "min"
        self._optuna = optuna.create_study(
            study_name=f"{study.name}/{self.arm.name}",
            storage=storage,
            direction="minimize" if self._mode == "min" else "maximize",
        )
        is_grid = study.search.sampler == "grid"
        self._grid: list[dict[str, Any]] = list(grid_points(self.arm.space)) if is_grid else []
        stopping = study.early_stopping
        self._asha = ArmEarlyStopping(stopping, self._mode, self._longest_run()) if stopping else None
        self._trials: dict[str, optuna.Trial] = {}
        self._values: dict[str, list[float]] = {}
        self._reached: dict[str, int] = {}
        self._failures_in_a_row = 0
        self.given_up: str | None = None
        """Why the arm was closed before its budget was spent."""
        self._completed: dict[int, list[tuple[RunSpec, float]]] = {}

    def _longest_run(self) -> int:
        """Return the most epochs a configuration of this arm can have."""
        epochs = self.arm.fixed.get("epochs", self.arm.space.get("epochs"))
        if isinstance(epochs, int):
            return epochs
        return int(epochs.high if isinstance(epochs, Range) else max(epochs.values))  # type: ignore[union-attr]

    @property
    def remaining(self) -> int:
        """Runs not yet proposed."""
        return self.planned - self.granted

    @property
    def is_over(self) -> bool:
        """Whether every planned run was proposed and has ended."""
        return self.remaining == 0 and not self._trials

    def propose(self) -> RunSpec:
        """Return the next run, its configuration chosen from everything told so far."""
        number = self.granted
        if self._grid:
            self._optuna.enqueue_trial(self._grid[number // len(self._seeds)])
        self._optuna.sampler = _sampler(self._study, self.arm, number)
        trial = self._optuna.ask()
        configuration = self.arm.configuration(suggest(trial, self.arm.space))
        run = RunSpec(
            run_id=f"{self.arm.name}-search-{number:04d}",
            arm=self.arm.name,
            phase="search",
            number=number,
            seed=self._seeds[number % len(self._seeds)],
            configuration=configuration.model_dump(mode="json"),
        )
        self._trials[run.run_id] = trial
        self.granted += 1
        return run

    def report(self, run: RunSpec, epoch: int, value: float | None) -> bool:
        """Take a run's search metric after an epoch; return whether ASHA stops the run.

        Args:
            run: The run.
            epoch: Epochs finished.
            value: The metric; None when it is not finite, which ends the run by itself.
        """
        if value is None:
            return False
        if epoch > self._reached.get(run.run_id, 0):  # a run started again repeats what it reported
            self._trials[run.run_id].report(value, epoch)
            self._reached[run.run_id] = epoch
        self._values.setdefault(run.run_id, [])[epoch - 1 :] = [value]
        if self._asha is None or epoch >= run.configuration["epochs"]:
            return False
        return self._asha.should_stop(run.run_id, epoch, value)

    def end(self, run: RunSpec, status: Status) -> None:
        """Tell Optuna how a run ended, and drop it from ASHA's live runs."""
        self._failures_in_a_row = self._failures_in_a_row + 1 if status == "failed" else 0
        trial = self._trials.pop(run.run_id)
        if self._asha is not None:
            self._asha.forget(run.run_id)
        if status == "completed":
            value = self._final(self._values[run.run_id])
            self._complete(run, value)
            self._optuna.tell(trial, value)
        else:
            self._optuna.tell(trial, state=_STATES[status])

    @property
    def has_only_failed(self) -> bool:
        """Whether so many runs in a row failed that the next ones would too."""
        return self._failures_in_a_row >= _FAILURES_TO_GIVE_UP and self.remaining > 0

    def close(self) -> None:
        """Give the arm up: no further run is proposed."""
        failed = f"the last {self._failures_in_a_row} runs failed"
        self.given_up = f"{failed}, so the remaining {self.remaining} were not started"
        self.planned = self.granted

    def _final(self, values: Sequence[float | None]) -> float:
        """Return what selects a run of full length: the metric's mean over its last epochs."""
        last = [value for value in values[-self._study.search.average_epochs :] if value is not None]
        return fsum(last) / len(last)

    def _complete(self, run: RunSpec, value: float) -> None:
        """Count a run of full length as a candidate for the winner."""
        self._completed.setdefault(run.number // len(self._seeds), []).append((run, value))

    def restore(
        self, past: Mapping[int, PastRun], epochs: Sequence[tuple[RunSpec, int, float]]
    ) -> list[RunSpec]:
        """Take up the search where the journal left it; return the runs to start again.

        Optuna's trials are made in the runs' order, so that numbers agree. Rungs are filled by ended runs
        only: one that was in flight starts again and passes them anew.

        Args:
            past: Number to run.
            epochs: (run, epoch, value) of ended runs' epochs below full length, in the order they happened.
        """
        again = []
        for number in range(max(past, default=-1) + 1):
            if number not in past:
                again.append(self.propose())  # was proposed, and never began
            elif past[number].status is None:
                self._optuna.enqueue_trial(parameters_of(self.arm.space, past[number].spec.configuration))
                trial = self._optuna.ask()
                suggest(trial, self.arm.space)
                self._trials[past[number].spec.run_id] = trial
                self.granted += 1
                again.append(past[number].spec)
            else:
                self._restore_ended(past[number])
        if self._asha is not None:
            for spec, epoch, value in epochs:
                self._asha.should_stop(spec.run_id, epoch, value)
            for run in past.values():
                self._asha.forget(run.spec.run_id)
        return again

    def _restore_ended(self, run: PastRun) -> None:
        """Add an ended run to Optuna's study and to the candidates."""
        finite = {epoch: value for epoch, value in enumerate(run.values, start=1) if value is not None}
        is_completed = run.status == "completed"
        parameters = parameters_of(self.arm.space, run.spec.configuration)
        self._optuna.add_trial(
            optuna.trial.create_trial(
                state=_STATES[run.status or "failed"],
                value=self._final(run.values) if is_completed else None,
                params=parameters,
                distributions=distributions_of(self.arm.space, parameters),
                intermediate_values=finite,
            )
        )
        self.granted += 1
        if is_completed:
            self._complete(run.spec, self._final(run.values))

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
        sign = 1.0 if self._mode == "min" else -1.0
        best = min(whole, key=lambda number: sign * fsum(value for _, value in whole[number]))
        return min((run for run, _ in whole[best]), key=lambda run: run.number)


def _sampler(study: Study, arm: Arm, number: int) -> optuna.samplers.BaseSampler:
    """Return the sampler for one proposal.

    Each proposal has a seed of its own, derived from the study's seed, the arm's name and the proposal's
    number: it depends on what the arm's runs have told so far, and not on whether the study was interrupted.
    TPE draws at random for a third of the budget, at most for ten trials (Optuna's default).
    """
    seed = derive_seed(study.search.seed, "sampler", arm.name, number)
    with warnings.catch_warnings():
        # `group` and the GP sampler are experimental in name; the lock file pins their behaviour
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match study.search.sampler:
            case "tpe":
                return optuna.samplers.TPESampler(
                    n_startup_trials=_startup_trials(study),
                    seed=seed,
                    multivariate=True,
                    group=is_conditional(arm.space),
                    constant_liar=True,
                )
            case "gp":
                return optuna.samplers.GPSampler(seed=seed, n_startup_trials=_startup_trials(study))
            case _:
                return optuna.samplers.RandomSampler(seed=seed)


def _startup_trials(study: Study) -> int:
    """Return how many proposals are drawn at random before a model is fitted."""
    return min(10, max(1, (study.search.trials or 0) // 3))
