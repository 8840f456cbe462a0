"""Runs of an arm that are known beforehand: its winner on the confirm seeds, and stopped runs to audit."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.study.plan import Plan
from harness.study.seeds import derive_seed
from harness.tuning.runs import RunSpec


class RunList:
    """Hand out the runs of one arm and phase in their order, once it is known what they are."""

    def __init__(self) -> None:
        self._left: list[RunSpec] = []
        self._n_running = 0
        self.planned = 0
        """Runs of the list."""

    def open(self, runs: Iterable[RunSpec]) -> None:
        """Begin with these runs."""
        self._left = list(runs)
        self.planned = len(self._left)

    @property
    def remaining(self) -> int:
        """Runs not yet handed out."""
        return len(self._left)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to hand out or to wait for; also before the list was opened."""
        return not self._left and self._n_running == 0

    def propose(self) -> RunSpec:
        """Return the next run."""
        self._n_running += 1
        return self._left.pop(0)

    def end(self) -> None:
        """Count a run that ended."""
        self._n_running -= 1

    def restore(self, past: Mapping[int, tuple[RunSpec, bool]]) -> list[RunSpec]:
        """Leave out the runs of an interrupted study; return those that were in flight.

        Args:
            past: Number to run, and whether it ended.
        """
        self._left = [run for run in self._left if run.number not in past]
        again = [spec for _, (spec, has_ended) in sorted(past.items()) if not has_ended]
        self._n_running += len(again)
        return again


def confirm_runs(arm: str, plan: Plan, configuration: dict[str, Any]) -> list[RunSpec]:
    """Return one run of a configuration a confirm seed; the seeds are the same in every arm."""
    return [
        RunSpec(
            run_id=f"{arm}-confirm-{number:04d}",
            arm=arm,
            phase="confirm",
            number=number,
            seed=seed,
            configuration=configuration,
        )
        for number, seed in enumerate(plan.confirm_seeds)
    ]


def audit_runs(stopped: Sequence[RunSpec], count: int, study_seed: int) -> list[RunSpec]:
    """Return stopped search runs of one arm, to be trained again at full length.

    They are drawn without replacement by the study's seed; with a larger count the earlier ones stay.

    Args:
        stopped: The arm's stopped runs, in their numbers' order.
        count: How many to draw; all of them if there are fewer.
        study_seed: The study's seed.
    """
    if not stopped:
        return []
    chance = random.Random(derive_seed(study_seed, "audit", stopped[0].arm))  # noqa: S311 - a draw, no secret
    drawn = chance.sample(stopped, len(stopped))[:count]
    return [
        RunSpec(
            run_id=f"{run.arm}-audit-{run.number:04d}",
            arm=run.arm,
            phase="audit",
            number=run.number,
            seed=run.seed,
            configuration=run.configuration,
        )
        for run in drawn
    ]
