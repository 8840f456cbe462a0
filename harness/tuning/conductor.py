"""The protocol of a study: who runs next, what is recorded, who wins, what is confirmed.

Everything that happens passes through here and into the journal, in this order: the event is on the disk
first, then samplers and rungs learn of it. Ray is not needed here: its doors are in `ray_adapters`.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite

import optuna

from harness.errors import ResultsError
from harness.records.events import EpochEnded, Event, PhaseEnded, RunEnded, RunStarted
from harness.study.plan import Plan
from harness.study.study import Study
from harness.training.epoch import EpochRecord
from harness.tuning.arm_confirm import ArmConfirm
from harness.tuning.arm_search import ArmSearch
from harness.tuning.past import Past
from harness.tuning.runs import RunEnd, RunSpec, Worker

_TRIES_AFTER_LOSS = 2
"""How often a run is started again after its worker was lost."""


@dataclass
class _LiveRun:
    """A run that was handed out and has not ended."""

    spec: RunSpec
    heard_at: float = field(default_factory=time.monotonic)
    """When the run last began or reported, by the driver's monotonic clock, in seconds."""
    epochs: int = 0
    train_seconds: float = 0.0
    worker: Worker | None = None


@dataclass
class Conductor:
    """Hand out a study's runs one by one and keep the record."""

    study: Study
    plan: Plan
    storage: optuna.storages.BaseStorage
    write: Callable[[Event], None]
    """Takes every event; returns when it is safe on disk."""
    is_interrupted: bool = False
    """Once set, no run is handed out and nothing is recorded: runs in flight are unfinished."""
    fault: ResultsError | None = None
    """Why an event could not be written, which interrupts the study."""
    _live: dict[str, _LiveRun] = field(default_factory=dict)
    _again: list[RunSpec] = field(default_factory=list)
    """Runs of an interrupted study to start before any other."""
    _lost: Counter[str] = field(default_factory=Counter)
    """How often each run lost its worker."""
    _searches: dict[str, ArmSearch] = field(init=False)
    _confirms: dict[str, ArmConfirm] = field(init=False)

    def __post_init__(self) -> None:
        self._searches = {
            arm.arm.name: ArmSearch(self.study, self.plan, arm, self.storage)
            for arm in self.plan.arms
            if arm.search_runs
        }
        self._confirms = {arm.arm.name: ArmConfirm(arm.arm.name, self.plan) for arm in self.plan.arms}
        for arm in self.plan.arms:
            if not arm.search_runs:
                self._confirms[arm.arm.name].open(arm.arm.configuration({}).model_dump(mode="json"))

    def replay(self, events: Sequence[Event]) -> None:
        """Take up a study where its journal ends.

        Searches, rungs and confirm phases stand as the events left them. Runs that were in flight are handed
        out first, with the same configuration and seed. A phase whose last run ended is closed now if the
        journal was cut before it said so.
        """
        past = Past(events, self.study.search.metric)
        for name, search in self._searches.items():
            self._again += search.restore(past.search_runs(name), past.ended_search_epochs(name))
            if name in past.given_up:
                search.close()
            if search.is_over:
                self._end_search(name, is_recorded=name in past.searched)
        for name, confirm in self._confirms.items():
            runs = past.confirm_runs(name)
            self._again += confirm.restore(runs)
            if runs and confirm.is_over and name not in past.confirmed:
                self._record(PhaseEnded(time=_now(), phase="confirm", arm=name, winner=None))

    def interrupt(self) -> None:
        """Stop in good order."""
        self.is_interrupted = True

    @property
    def is_over(self) -> bool:
        """Whether every run of the study has ended."""
        if self._live or self._again:
            return False
        searches, confirms = self._searches.values(), self._confirms.values()
        return all(search.is_over for search in searches) and all(confirm.is_over for confirm in confirms)

    def next_run(self) -> RunSpec | None:
        """Return the run to start now; None when there is none, or none before another run ends.

        Arms take turns: the one with the most budget left goes first, so a partial result compares equal
        budgets. Search runs go before confirm runs.
        """
        if self.is_interrupted:
            return None
        run = self._again.pop(0) if self._again else self._fresh_run()
        if run is not None:
            self._live[run.run_id] = _LiveRun(run)
        return run

    def _fresh_run(self) -> RunSpec | None:
        searching = [search for search in self._searches.values() if search.remaining]
        if searching:
            return max(searching, key=lambda search: search.remaining / search.planned).propose()
        confirming = [confirm for confirm in self._confirms.values() if confirm.remaining]
        if confirming:
            return max(confirming, key=lambda confirm: confirm.remaining).propose()
        return None

    def started(self, run_id: str) -> None:
        """Record that a run began to train."""
        if self.is_interrupted:
            return
        spec = self._live[run_id].spec
        self._live[run_id].heard_at = time.monotonic()
        self._record(
            RunStarted(
                time=_now(),
                run_id=run_id,
                arm=spec.arm,
                phase=spec.phase,
                number=spec.number,
                seed=spec.seed,
                configuration=spec.configuration,
            )
        )

    def epoch(self, run_id: str, epoch: EpochRecord, worker: Worker) -> bool:
        """Record a run's epoch; return whether the run is to be stopped."""
        live = self._live.get(run_id)
        if live is None or self.is_interrupted:
            return True
        self._record(
            EpochEnded(
                time=_now(),
                run_id=run_id,
                epoch=epoch.epoch,
                step=epoch.step,
                lr=epoch.lr,
                train_loss=_finite(epoch.train_loss),
                train_accuracy=epoch.train_accuracy,
                val_loss=_finite(epoch.val_loss),
                val_accuracy=epoch.val_accuracy,
                seconds=epoch.seconds,
            )
        )
        live.epochs, live.worker, live.heard_at = epoch.epoch, worker, time.monotonic()
        live.train_seconds += epoch.seconds
        if live.spec.phase == "confirm":
            return False
        value = _finite(getattr(epoch, self.study.search.metric))
        return self._searches[live.spec.arm].report(live.spec, epoch.epoch, value)

    def ended(self, run_id: str, end: RunEnd) -> None:
        """Record how a run ended; a run that already ended, or was interrupted, is left alone."""
        live = self._live.get(run_id)
        if live is None or self.is_interrupted:
            return
        worker = live.worker
        self._record(
            RunEnded(
                time=_now(),
                run_id=run_id,
                phase=live.spec.phase,
                status=end.status,
                reason=end.reason,
                epochs=live.epochs,
                steps_per_epoch=worker.steps_per_epoch if worker else None,
                test_loss=_finite(end.test_loss),
                test_accuracy=end.test_accuracy,
                train_seconds=live.train_seconds,
                threads=worker.threads if worker else None,
                device=worker.device if worker else None,
                host=worker.host if worker else None,
            )
        )
        del self._live[run_id]
        if live.spec.phase == "search":
            self._end_search_run(live.spec, end)
        else:
            self._end_confirm_run(live.spec)

    def lost(self, run_id: str, reason: str) -> None:
        """Start a run again whose worker was lost, which is not the run's own fault; not for ever.

        Args:
            run_id: The run; one that already ended is left alone.
            reason: What is known of the loss, for the record of a run that is given up.
        """
        live = self._live.get(run_id)
        if live is None or self.is_interrupted:
            return
        limit = self.study.resources.stall_minutes
        if limit is not None and time.monotonic() - live.heard_at >= 60 * limit:
            stalled = f"no epoch within {limit:g} minutes (resources.stall_minutes), so the worker was killed"
            self.ended(run_id, RunEnd(status="failed", reason=stalled))
            return
        self._lost[run_id] += 1
        if self._lost[run_id] > _TRIES_AFTER_LOSS:
            given_up = f"{reason} (the worker was lost {self._lost[run_id]} times)"
            self.ended(run_id, RunEnd(status="failed", reason=given_up))
        else:
            del self._live[run_id]
            self._again.append(live.spec)

    def _end_search_run(self, spec: RunSpec, end: RunEnd) -> None:
        search = self._searches[spec.arm]
        search.end(spec, end.status)
        if search.has_only_failed:
            search.close()
        if search.is_over:
            self._end_search(spec.arm, is_recorded=False)

    def _end_search(self, arm: str, *, is_recorded: bool) -> None:
        """Name an arm's winner and open its confirm phase."""
        winner = self._searches[arm].winner()
        if not is_recorded:
            run_id = winner.run_id if winner else None
            given_up = self._searches[arm].given_up
            self._record(PhaseEnded(time=_now(), phase="search", arm=arm, winner=run_id, reason=given_up))
        if winner is not None:
            self._confirms[arm].open(winner.configuration)

    def _end_confirm_run(self, spec: RunSpec) -> None:
        confirm = self._confirms[spec.arm]
        confirm.end()
        if confirm.is_over:
            self._record(PhaseEnded(time=_now(), phase="confirm", arm=spec.arm, winner=None))

    def _record(self, event: Event) -> None:
        """Write an event. Ray Tune would log an error and go on, so a failed write is kept for the caller."""
        try:
            self.write(event)
        except ResultsError as error:
            self.fault = error
            self.is_interrupted = True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
