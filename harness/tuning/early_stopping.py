"""ASHA for one arm: Ray's own scheduler, fed with this arm's runs only.

A slow starter in one arm is thus never stopped by a fast one in another.
"""

from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from harness.study.file import EarlyStopping


@dataclass(frozen=True)
class _RunHandle:
    """What Ray's ASHA needs to know of a trial."""

    trial_id: str


class ArmEarlyStopping:
    """Decide after each epoch whether a run of one arm goes on."""

    def __init__(self, settings: EarlyStopping, mode: str, max_epochs: int) -> None:
        """Start with empty rungs.

        Args:
            settings: Grace period and reduction factor.
            mode: `min` or `max`.
            max_epochs: Epochs of the longest run; rungs stand below it.
        """
        self._asha: Any = AsyncHyperBandScheduler(
            time_attr="epoch",
            metric="value",
            mode=mode,
            max_t=max_epochs,
            grace_period=min(settings.grace_epochs, max_epochs),
            reduction_factor=settings.reduction_factor,
            brackets=1,
        )
        self._handles: dict[str, _RunHandle] = {}

    def should_stop(self, run_id: str, epoch: int, value: float) -> bool:
        """Record a run's value at an epoch; return whether ASHA stops the run.

        Args:
            run_id: The run.
            epoch: Epochs finished, below the run's full length.
            value: The search metric, finite.
        """
        if run_id not in self._handles:
            self._handles[run_id] = _RunHandle(run_id)
            self._asha.on_trial_add(None, self._handles[run_id])
        decision = self._asha.on_trial_result(None, self._handles[run_id], {"epoch": epoch, "value": value})
        return bool(decision == TrialScheduler.STOP)

    def forget(self, run_id: str) -> None:
        """Drop a run that ended; what it recorded in the rungs stays."""
        handle = self._handles.pop(run_id, None)
        if handle is not None:
            self._asha.on_trial_remove(None, handle)
