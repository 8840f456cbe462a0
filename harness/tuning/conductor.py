"""The protocol of a study: who runs next, what is recorded, who wins, what is confirmed.

Everything that happens passes through here and into the journal, in this order: the event is on the disk
first, then samplers and rungs learn of it. Ray is not needed here: its doors are in `ray_adapters`.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite

import optuna

from harness.errors import ResultsError
from harness.records.events import EpochEnded, Event, Phase, PhaseEnded, RunEnded, RunStarted
from harness.records.provenance import utc_now
from harness.study.plan import Plan
from harness.study.study import Study
from harness.training.epoch import EpochRecord
from harness.tuning.arm_search import ArmSearch, best_epoch
from harness.tuning.past import Past
from harness.tuning.run_list import RunList, audit_runs, confirm_runs
from harness.tuning.runs import RunEnd, RunSpec, Worker

_LISTED_PHASES: tuple[Phase, ...] = ("confirm", "audit")
"""Phases whose runs are known once the search is over, in the order they are handed out."""

_TRIES_AFTER_LOSS = 3
"""How often a run is started again after its worker was lost, by a crash or with its node."""


@dataclass
class _LiveRun:
    """A run that was handed out and has not ended."""

    spec: RunSpec
    has_begun: bool = False
    """Whether a worker was found for it; until then it waits for room."""
    heard_at: float = field(default_factory=time.monotonic)
    """When the run last began or reported, by the driver's monotonic clock, in seconds."""
    epochs: int = 0
    values: list[float | None] = field(default_factory=list)
    """The search metric after each epoch; None where it was not finite."""
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
    _alone: set[str] = field(default_factory=set)
    """Runs that are to have the machine for themselves: memory ran out beside others."""
    _lost: Counter[str] = field(default_factory=Counter)
    """How often each run lost its worker."""
    _searches: dict[str, ArmSearch] = field(init=False)
    _lists: dict[Phase, dict[str, RunList]] = field(init=False)

    def __post_init__(self) -> None:
        self._searches = {
            arm.arm.name: ArmSearch(self.study, self.plan, arm, self.storage)
            for arm in self.plan.arms
            if arm.search_runs
        }
        self._lists = {phase: {arm.arm.name: RunList() for arm in self.plan.arms} for phase in _LISTED_PHASES}
        for arm in self.plan.arms:
            if not arm.search_runs:
                name, configuration = arm.arm.name, arm.arm.configuration({}).model_dump(mode="json")
                self._lists["confirm"][name].open(confirm_runs(name, self.plan, configuration))

    def replay(self, events: Sequence[Event]) -> None:
        """Take up a study where its journal ends.

        Searches, rungs and later phases stand as the events left them. Runs that were in flight are handed
        out first, with the same configuration and seed. A phase whose last run ended is closed now if the
        journal was cut before it said so.
        """
        past = Past(events, self.study.search.metric)
        for name, search in self._searches.items():
            self._again += search.restore(past.search_runs(name), past.ended_search_epochs(name))
            if name in past.given_up:
                search.close()
            if search.is_over:
                self._end_search(name, is_recorded=name in past.closed["search"])
        for phase, lists in self._lists.items():
            for name, listed in lists.items():
                runs = past.listed_runs(name, phase)
                self._again += listed.restore(runs)
                if runs and listed.is_over and name not in past.closed[phase]:
                    self._record(PhaseEnded(time=utc_now("microseconds"), phase=phase, arm=name, winner=None))

    def interrupt(self) -> None:
        """Stop in good order."""
        self.is_interrupted = True

    @property
    def in_flight(self) -> int:
        """Runs that were handed out and have not ended."""
        return len(self._live)

    @property
    def waiting(self) -> int:
        """Runs in flight that have not begun to train: they wait for room, or for their worker to start."""
        return sum(not live.has_begun for live in self._live.values())

    @property
    def is_over(self) -> bool:
        """Whether every run of the study has ended."""
        if self._live or self._again:
            return False
        return all(source.is_over for sources in self._sources() for source in sources)

    def _sources(self) -> list[Sequence[ArmSearch | RunList]]:
        """Return what hands out runs, one an arm, phase by phase."""
        lists = [list(self._lists[phase].values()) for phase in _LISTED_PHASES]
        return [list(self._searches.values()), *lists]

    def next_run(self) -> RunSpec | None:
        """Return the run to start now; None when there is none, or none before another run ends.

        Arms take turns: the one with the most budget left goes first, so a partial result compares equal
        budgets. Search runs go before confirm runs, and these before audit runs.
        """
        if self.is_interrupted or not self._alone.isdisjoint(self._live):
            return None
        if self._live and self._again and self._again[0].run_id in self._alone:
            return None
        run = self._again.pop(0) if self._again else self._fresh_run()
        if run is not None:
            self._live[run.run_id] = _LiveRun(run)
        return run

    def _fresh_run(self) -> RunSpec | None:
        for sources in self._sources():
            waiting = [source for source in sources if source.remaining]
            if waiting:
                return max(waiting, key=lambda source: source.remaining / source.planned).propose()
        return None

    def started(self, run_id: str) -> None:
        """Record that a run began to train."""
        if self.is_interrupted:
            return
        live = self._live[run_id]
        live.has_begun, live.heard_at = True, time.monotonic()
        spec = live.spec
        self._record(
            RunStarted(
                time=utc_now("microseconds"),
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
                time=utc_now("microseconds"),
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
        value = _finite(getattr(epoch, self.study.search.metric))
        live.values.append(value)
        if live.spec.phase != "search":
            return False
        return self._searches[live.spec.arm].report(live.spec, epoch.epoch, value)

    def ended(self, run_id: str, end: RunEnd) -> None:
        """Record how a run ended; a run that already ended, or was interrupted, is left alone."""
        live = self._live.get(run_id)
        if live is None or self.is_interrupted:
            return
        worker = live.worker
        self._record(
            RunEnded(
                time=utc_now("microseconds"),
                run_id=run_id,
                phase=live.spec.phase,
                status=end.status,
                reason=end.reason,
                epochs=live.epochs,
                selected_epoch=best_epoch(live.values, self.study.search),
                steps_per_epoch=worker.steps_per_epoch if worker else None,
                test_loss=_finite(end.test_loss),
                test_accuracy=end.test_accuracy,
                predicted=end.predicted,
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
            self._end_listed_run(live.spec)

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
        if limit is not None and live.has_begun and time.monotonic() - live.heard_at >= 60 * limit:
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

    def out_of_memory(self) -> None:
        """Take up a study all of whose runs ended because memory ran out and Ray killed a worker.

        A run that was alone failed by itself. Of several nobody knows which was too large: they start again,
        one by one.
        """
        if self.is_interrupted:
            return
        runs = [live.spec for live in self._live.values()]
        if len(runs) == 1:
            self.ended(runs[0].run_id, RunEnd(status="failed", reason="out of memory: the worker was killed"))
            return
        self._live.clear()
        self._again = runs + self._again
        self._alone.update(run.run_id for run in runs)

    def _end_search_run(self, spec: RunSpec, end: RunEnd) -> None:
        search = self._searches[spec.arm]
        search.end(spec, end.status)
        if search.has_only_failed:
            search.close()
        if search.is_over:
            self._end_search(spec.arm, is_recorded=False)

    def _end_search(self, arm: str, *, is_recorded: bool) -> None:
        """Name an arm's winner, and list the runs to confirm it and to audit its early stopping."""
        search = self._searches[arm]
        winner = search.winner()
        if not is_recorded:
            run_id = winner.run_id if winner else None
            self._record(
                PhaseEnded(
                    time=utc_now("microseconds"),
                    phase="search",
                    arm=arm,
                    winner=run_id,
                    reason=search.given_up,
                )
            )
        if winner is not None:
            self._lists["confirm"][arm].open(confirm_runs(arm, self.plan, winner.configuration))
        stopped = [run for _, run in sorted(search.stopped.items())]
        settings = self.study.search
        self._lists["audit"][arm].open(audit_runs(stopped, settings.audit, settings.seed))

    def _end_listed_run(self, spec: RunSpec) -> None:
        listed = self._lists[spec.phase][spec.arm]
        listed.end()
        if listed.is_over:
            self._record(
                PhaseEnded(time=utc_now("microseconds"), phase=spec.phase, arm=spec.arm, winner=None)
            )

    def _record(self, event: Event) -> None:
        """Write an event. Ray Tune would log an error and go on, so a failed write is kept for the caller."""
        try:
            self.write(event)
        except ResultsError as error:
            self.fault = error
            self.is_interrupted = True


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
