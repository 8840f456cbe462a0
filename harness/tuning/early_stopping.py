"""ASHA for one arm: Ray's own scheduler, fed with this arm's runs only.

A slow starter in one arm is thus never stopped by a fast one in another. Ray Tune is imported with the first
epoch: that takes seconds, which a sweep spends once its workers begin.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
        self._settings, self._mode, self._max_epochs = settings, mode, max_epochs
        self._handles: dict[str, _RunHandle] = {}

    @cached_property
    def _asha(self) -> Any:
        from ray.tune.schedulers import AsyncHyperBandScheduler

        return AsyncHyperBandScheduler(
            time_attr="epoch",
            metric="value",
            mode=self._mode,
            max_t=self._max_epochs,
            grace_period=min(self._settings.grace_epochs, self._max_epochs),
            reduction_factor=self._settings.reduction_factor,
            brackets=1,
        )

    def should_stop(self, run_id: str, epoch: int, value: float) -> bool:
        """Record a run's value at an epoch; return whether ASHA stops the run.

        Args:
            run_id: The run.
            epoch: Epochs finished, below the run's full length.
            value: The search metric, finite.
        """
        from ray.tune.schedulers import TrialScheduler

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
