"""One arm's confirm phase: its winner on the confirm seeds, which are the same in every arm."""

from collections.abc import Mapping
from typing import Any

from harness.study.plan import Plan
from harness.tuning.runs import RunSpec


class ArmConfirm:
    """Hand out an arm's confirm runs, one a seed, once there is a configuration to confirm."""

    def __init__(self, arm: str, plan: Plan) -> None:
        self._arm = arm
        self._seeds = plan.confirm_seeds
        self._configuration: dict[str, Any] | None = None
        self._left: list[int] = []
        self._n_running = 0

    def open(self, configuration: dict[str, Any]) -> None:
        """Begin: every seed is to be run with this configuration."""
        self._configuration = configuration
        self._left = list(range(len(self._seeds)))

    @property
    def remaining(self) -> int:
        """Runs not yet handed out."""
        return len(self._left)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to hand out or to wait for; also before the phase began."""
        return not self._left and self._n_running == 0

    def propose(self) -> RunSpec:
        """Return the next run, in the seeds' order."""
        number = self._left.pop(0)
        self._n_running += 1
        return RunSpec(
            run_id=f"{self._arm}-confirm-{number:04d}",
            arm=self._arm,
            phase="confirm",
            number=number,
            seed=self._seeds[number],
            configuration=self._configuration or {},
        )

    def end(self) -> None:
        """Count a run that ended."""
        self._n_running -= 1

    def restore(self, past: Mapping[int, tuple[RunSpec, bool]]) -> list[RunSpec]:
        """Leave out the runs of an interrupted study; return those that were in flight.

        Args:
            past: Number to run, and whether it ended.
        """
        self._left = [number for number in self._left if number not in past]
        again = [spec for _, (spec, has_ended) in sorted(past.items()) if not has_ended]
        self._n_running += len(again)
        return again
