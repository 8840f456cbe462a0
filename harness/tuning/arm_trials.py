"""The Optuna study of one search: what it proposes and is told, and how it is rebuilt from the journal."""

from dataclasses import dataclass
from math import inf
from typing import Any

import optuna
from optuna.trial import TrialState

from harness.records.events import Status
from harness.study.plan import Plan
from harness.study.study import Arm, Study
from harness.tuning.runs import RunSpec
from harness.tuning.samplers import SAMPLERS, sampler_for
from harness.tuning.space import Parameters, distributions_of, parameters_of, suggest


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """A search run as the journal knows it."""

    spec: RunSpec
    values: tuple[float | None, ...]
    """The search metric after each epoch; None where it was not finite."""
    status: Status | None
    """How it ended; None for a run that was in flight."""
    began: int
    """Position of its first start in the journal."""
    ended: int | None
    """Position of its end."""
    most_waiting: int
    """Runs of the study that can have been handed out by its end and never began, by what ran beside it."""


_STATES: dict[Status, TrialState] = {
    "completed": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "diverged": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
"""What Optuna is told. Samplers rank PRUNED trials by the epochs they reached, and leave FAILED ones out."""


class ArmTrials:
    """Ask Optuna for an arm's configurations and tell it how their runs went."""

    def __init__(
        self, study: Study, plan: Plan, arm: Arm, storage: optuna.storages.BaseStorage, repeat: int
    ) -> None:
        self._study = study
        self._arm = arm
        self._repeat = repeat
        which = f"/{repeat}" if plan.unit == "repeat" else ""
        self._optuna = optuna.create_study(
            study_name=f"{study.name}/{arm.name}{which}",
            storage=storage,
            direction="minimize" if study.search.mode == "min" else "maximize",
        )
        self._keeps_notes = SAMPLERS[study.search.sampler].keeps_notes
        self._open: dict[str, optuna.Trial] = {}
        self._reached: dict[str, int] = {}
        self._untold: list[tuple[PastRun, float | None]] = []
        """Past runs whose end Optuna learns of when the journal says so."""

    @property
    def n_open(self) -> int:
        """Runs proposed that have not ended."""
        return len(self._open)

    def ask(self, run_id: str, number: int, parameters: Parameters | None = None) -> dict[str, Any]:
        """Return a value for every field of the arm's space.

        Args:
            run_id: The run that will use them.
            number: Its position in the arm's search.
            parameters: What is to be chosen; the sampler chooses what they leave out.
        """
        if parameters is not None:
            self._optuna.enqueue_trial(parameters)
        self._optuna.sampler = sampler_for(self._study, self._arm, number, self._repeat)
        trial = self._open[run_id] = self._optuna.ask()
        if self._keeps_notes:
            _ = trial.relative_params  # makes the sampler choose, and note it, even what is chosen already
        return suggest(trial, self._arm.space)

    def report(self, run_id: str, epoch: int, value: float) -> None:
        """Note a run's search metric; a run started again repeats what it reported."""
        if epoch > self._reached.get(run_id, 0):
            self._open[run_id].report(value, epoch)
            self._reached[run_id] = epoch

    def tell(self, run_id: str, status: Status, value: float | None) -> None:
        """Note how a run ended.

        Args:
            run_id: The run.
            status: How it ended.
            value: What a completed run reached; None for others.
        """
        trial = self._open.pop(run_id)
        if status == "completed":
            self._optuna.tell(trial, value)
        else:
            self._optuna.tell(trial, state=_STATES[status])

    def restore(self, run: PastRun, value: float | None) -> None:
        """Take up a run of the journal; the runs are given in their numbers' order.

        Args:
            run: The run.
            value: What it reached, if it completed.
        """
        parameters = parameters_of(self._arm.space, run.spec.configuration)
        if run.status is None or self._keeps_notes:
            self._tell_ended(before=run.began)
            self.ask(run.spec.run_id, run.spec.number, parameters)
            if run.status is not None:
                self._untold.append((run, value))
            return
        self._optuna.add_trial(
            optuna.trial.create_trial(
                state=_STATES[run.status],
                value=value,
                params=parameters,
                distributions=distributions_of(self._arm.space, parameters),
                intermediate_values=_finite(run),
            )
        )

    def finish_restoring(self) -> None:
        """Let Optuna know of every past end."""
        self._tell_ended(before=inf)

    def _tell_ended(self, *, before: float) -> None:
        """Tell of the past runs that ended before a position in the journal, in their order."""
        due = [past for past in self._untold if (past[0].ended or 0) < before]
        self._untold = [past for past in self._untold if (past[0].ended or 0) >= before]
        for run, value in sorted(due, key=lambda past: past[0].ended or 0):
            for epoch, reported in _finite(run).items():
                self.report(run.spec.run_id, epoch, reported)
            self.tell(run.spec.run_id, run.status or "failed", value)


def _finite(run: PastRun) -> dict[int, float]:
    """Return what a run reported, by epoch."""
    return {epoch: value for epoch, value in enumerate(run.values, start=1) if value is not None}
