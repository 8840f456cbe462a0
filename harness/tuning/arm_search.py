"""One arm's search: its own Optuna sampler, its own ASHA rungs, its own budget."""

import optuna
from optuna.trial import TrialState

from harness.study.domains import Range
from harness.study.plan import ArmPlan, Plan
from harness.study.seeds import derive_seed
from harness.study.study import Arm, Study
from harness.tuning.early_stopping import ArmEarlyStopping
from harness.tuning.runs import RunEnd, RunSpec
from harness.tuning.space import grid_points, is_conditional, suggest


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
        if study.search.sampler == "grid":
            for point in grid_points(self.arm.space):
                for _ in self._seeds:
                    self._optuna.enqueue_trial(point)
        stopping = study.early_stopping
        self._asha = ArmEarlyStopping(stopping, self._mode, self._longest_run()) if stopping else None
        self._trials: dict[str, optuna.Trial] = {}
        self._values: dict[str, float] = {}
        self._completed: dict[int, list[tuple[str, float]]] = {}

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
        self._trials[run.run_id].report(value, epoch)
        self._values[run.run_id] = value
        if self._asha is None or epoch >= run.configuration["epochs"]:
            return False
        return self._asha.should_stop(run.run_id, epoch, value)

    def end(self, run: RunSpec, end: RunEnd) -> None:
        """Tell Optuna how a run ended: PRUNED for stopped and diverged ones, with the epochs they reached."""
        trial = self._trials.pop(run.run_id)
        if self._asha is not None:
            self._asha.forget(run.run_id)
        if end.status == "completed":
            value = self._values[run.run_id]
            self._completed.setdefault(run.number // len(self._seeds), []).append((run.run_id, value))
            self._optuna.tell(trial, value)
        elif end.status == "failed":
            self._optuna.tell(trial, state=TrialState.FAIL)
        else:
            self._optuna.tell(trial, state=TrialState.PRUNED)

    def winner(self) -> str | None:
        """Return the run id of the best configuration's first run; None when no configuration completed.

        Only runs of full length count, and with several seeds only configurations all of whose runs
        completed; the earlier configuration wins a tie.
        """
        whole = {
            number: runs for number, runs in sorted(self._completed.items()) if len(runs) == len(self._seeds)
        }
        if not whole:
            return None
        sign = 1.0 if self._mode == "min" else -1.0
        best = min(whole, key=lambda number: sign * sum(value for _, value in whole[number]))
        return min(run_id for run_id, _ in whole[best])


def _sampler(study: Study, arm: Arm, number: int) -> optuna.samplers.BaseSampler:
    """Return the sampler for one proposal.

    Each proposal has a seed of its own, derived from the study's seed, the arm's name and the proposal's
    number: it depends on what the arm's runs have told so far, and not on whether the study was interrupted.
    """
    seed = derive_seed(study.search.seed, "sampler", arm.name, number)
    if study.search.sampler == "tpe":
        group = is_conditional(arm.space)
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=group, constant_liar=True)
    return optuna.samplers.RandomSampler(seed=seed)
