"""The protocol of a study: who runs next, what is recorded, who wins, what is confirmed.

Everything that happens passes through here and into the journal, in this order: the event is written first,
then samplers and rungs learn of it; and before anything is done about it, the disk has it. Ray is not needed
here: its doors are in `ray_adapters`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optuna

from harness.errors import ResultsError
from harness.records.events import EpochEnded, Event, LookTaken
from harness.records.provenance import utc_now
from harness.study.plan import Plan
from harness.study.study import Study
from harness.training.epoch import EpochRecord
from harness.tuning.arm_search import best_epoch
from harness.tuning.in_flight import InFlight
from harness.tuning.journal_entries import epoch_ended, finite, phase_ended, run_ended, run_started
from harness.tuning.looks import Look, TakeLook
from harness.tuning.past import Past
from harness.tuning.repeat import LISTED_PHASES, Repeat
from harness.tuning.replicates import Replicates
from harness.tuning.runs import Place, RunEnd, RunSpec, Worker

_LATEST_SYNC_SECONDS = 0.5
"""How long an event that nothing acts on waits for the disk, while the driver's loop turns."""


@dataclass
class Conductor:
    """Hand out a study's runs one by one and keep the record."""

    study: Study
    plan: Plan
    storage: optuna.storages.BaseStorage
    write: Callable[[Event], None]
    """Takes every event, in order."""
    take_look: TakeLook | None = None
    """Rules the claims at a look between the first replicates and the last; None has everything go on."""
    sync: Callable[[], None] = lambda: None
    """Returns when every event that was written is safe on disk."""
    is_interrupted: bool = False
    """Once set, no run is handed out and nothing is recorded: runs in flight are unfinished."""
    fault: Exception | None = None
    """Why an event could not be written or kept, or a look not be taken, which interrupts the study."""
    _unsynced_since: float | None = None
    """When the oldest event was written that the disk may lack, by the monotonic clock; None without one."""
    _has_nothing_to_run: bool = False
    """Whether there was nothing to hand out, and nothing has happened since but epochs."""

    def __post_init__(self) -> None:
        self._replicates = Replicates(self.study, self.plan, self.storage)
        self._out = InFlight()

    def replay(self, events: Sequence[Event]) -> None:
        """Take up a study where its journal ends.

        Searches, rungs and later phases stand as the events left them. Runs that were in flight are handed
        out first, with the same configuration and seed. A phase whose last run ended is closed now if the
        journal was cut before it said so.
        """
        past = Past(events, self.study.search.metric)
        self._replicates.restore(past)
        for repeat in self._replicates.begun:
            self._replay(repeat, past)

    def _replay(self, repeat: Repeat, past: Past) -> None:
        for name, search in repeat.searches.items():
            place = Place(name, repeat.number)
            self._out.wait(repeat.restore_search(name, past))
            if search.is_over:
                self._end_search(place, is_recorded=place in past.closed["search"])
        for phase in LISTED_PHASES:
            for name, listed in repeat.lists[phase].items():
                place = Place(name, repeat.number)
                runs = past.listed_runs(place, phase)
                self._out.wait(listed.restore(runs))
                if runs and listed.is_over and place not in past.closed[phase]:
                    self._record(phase_ended(phase, place))

    def interrupt(self) -> None:
        """Stop in good order."""
        self.is_interrupted = True

    @property
    def in_flight(self) -> int:
        """Runs that were handed out and have not ended."""
        return len(self._out.runs)

    @property
    def waiting(self) -> int:
        """Runs in flight that have not begun to train: they wait for room, or for their worker to start."""
        return sum(not live.has_begun for live in self._out.runs.values())

    @property
    def is_over(self) -> bool:
        """Whether every run of the study has ended."""
        is_out = self._out.runs or self._out.waiting
        return not is_out and self._due_look is None and self._replicates.is_over

    @property
    def _due_look(self) -> int | None:
        """Replicates that have all ended, where what goes on from there is not decided; else None."""
        is_due = not self._out.waiting and self._replicates.is_measured
        return self._replicates.next_look if is_due else None

    def look(self) -> None:
        """Take the look that is due, if one is: the arms that open claims need go on to the next one.

        Whatever goes wrong in it interrupts the study, as Ray Tune would log an error and go on.
        """
        n = self._due_look
        if n is None or self.is_interrupted or not self.keep():
            return
        arms = tuple(arm.arm.name for arm in self.plan.arms)
        try:
            seen = self.take_look(n) if self.take_look else Look(open=(), arms=arms, why="")
        except Exception as error:  # noqa: BLE001 - kept for the caller, who raises it
            self.fault, self.is_interrupted = error, True
            return
        taken = LookTaken(time=utc_now("microseconds"), n=n, open=seen.open, arms=seen.arms)
        self._record(taken)
        if self.keep():
            self._replicates.go_on(taken)

    def next_run(self) -> RunSpec | None:
        """Return the run to start now; None when there is none, or none before another run ends."""
        if self.is_interrupted or self._out.must_end_first:
            return None
        run = self._out.waiting.pop(0) if self._out.waiting else self._fresh_run()
        self._has_nothing_to_run = run is None
        if run is None or not self.keep():
            return None
        self._out.add(run)
        return run

    def _fresh_run(self) -> RunSpec | None:
        if self._has_nothing_to_run:
            return None
        self.look()
        return self._replicates.propose()

    def started(self, run_id: str) -> None:
        """Record that a run began to train; one that is not in flight is left alone."""
        live = self._out.runs.get(run_id)
        if live is None or self.is_interrupted:
            return
        live.has_begun, live.heard_at = True, time.monotonic()
        self._record(run_started(live.spec))

    def epoch(self, run_id: str, epoch: EpochRecord, worker: Worker) -> bool:
        """Record a run's epoch; return whether the run is to be stopped, whose end is recorded then.

        A confirm run goes on from its last epoch to the test set.
        """
        live = self._out.runs.get(run_id)
        if live is None or self.is_interrupted:
            return True
        self._record(epoch_ended(run_id, epoch))
        live.epochs, live.worker, live.heard_at = epoch.epoch, worker, time.monotonic()
        live.train_seconds += epoch.seconds
        value = finite(epoch.value(self.study.search.metric))
        live.values.append(value)
        if live.spec.phase != "search":
            is_tested = live.spec.phase == "confirm" and epoch.epoch >= live.spec.configuration["epochs"]
            return is_tested and not self.keep()
        if not self._replicates.search_of(live.spec).report(live.spec, epoch.epoch, value):
            return self.is_interrupted
        self.ended(run_id, RunEnd(status="stopped", reason=f"stopped by ASHA after epoch {epoch.epoch}"))
        self.keep()
        return True

    def ended(self, run_id: str, end: RunEnd) -> None:
        """Record how a run ended; a run that already ended, or was interrupted, is left alone.

        A confirm run that failed is started once more first: it would be a replicate that is missing.
        """
        live = self._out.runs.get(run_id)
        if live is None or self.is_interrupted:
            return
        is_replicate = live.spec.phase == "confirm"
        if end.status == "failed" and is_replicate and self._out.takes_second_try(run_id):
            self._out.again(run_id)
            return
        self._record(run_ended(live, end, best_epoch(live.values, self.study.search)))
        del self._out.runs[run_id]
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
        live = self._out.runs.get(run_id)
        if live is None or self.is_interrupted:
            return
        limit = self.study.resources.stall_minutes
        if limit is not None and live.is_silent(limit):
            stalled = f"no epoch within {limit:g} minutes (resources.stall_minutes), so the worker was killed"
            self.ended(run_id, RunEnd(status="failed", reason=stalled))
        elif n := self._out.count_loss(run_id):
            given_up = f"{reason} (the worker was lost {n} times)"
            self.ended(run_id, RunEnd(status="failed", reason=given_up))
        else:
            self._out.again(run_id)

    def out_of_memory(self) -> None:
        """Take up a study all of whose runs ended because memory ran out and Ray killed a worker.

        A run that was alone failed by itself. Of several nobody knows which was too large: they start again,
        one by one.
        """
        if self.is_interrupted:
            return
        if self.in_flight == 1:
            (run_id,) = self._out.runs
            self.ended(run_id, RunEnd(status="failed", reason="out of memory: the worker was killed"))
        else:
            self._out.one_by_one()

    def _end_search_run(self, spec: RunSpec, end: RunEnd) -> None:
        search = self._replicates.search_of(spec)
        search.end(spec, end.status)
        if search.is_over:
            self._end_search(spec.place, is_recorded=False)

    def _end_search(self, place: Place, *, is_recorded: bool) -> None:
        """Name the winner of an arm's search, and list what follows from it."""
        repeat = self._replicates.begun[place.repeat]
        search = repeat.searches[place.arm]
        winner = search.winner()
        if not is_recorded:
            run_id = winner.run_id if winner else None
            self._record(phase_ended("search", place, winner=run_id, reason=search.given_up))
            self.keep()
        repeat.list_later_runs(place.arm, winner)

    def _end_listed_run(self, spec: RunSpec) -> None:
        listed = self._replicates.list_of(spec)
        listed.end()
        if listed.is_over:
            self._record(phase_ended(spec.phase, spec.place))

    def keep_in_time(self) -> None:
        """Have the disk keep what has waited for it long enough; the driver's loop asks at every turn."""
        since = self._unsynced_since
        if since is not None and time.monotonic() - since >= _LATEST_SYNC_SECONDS:
            self.keep()

    def keep(self) -> bool:
        """Have the disk keep every event, before something is done about it; return whether it has them.

        A disk that fails interrupts the study, as one that takes no event does.
        """
        if self._unsynced_since is not None and self.fault is None:
            try:
                self.sync()
                self._unsynced_since = None
            except ResultsError as error:
                self.fault, self.is_interrupted = error, True
        return self.fault is None

    def _record(self, event: Event) -> None:
        """Write an event. Ray Tune would log an error and go on, so a failed write is kept for the caller."""
        if self._unsynced_since is None:
            self._unsynced_since = time.monotonic()
        if not isinstance(event, EpochEnded):
            self._has_nothing_to_run = False
        try:
            self.write(event)
        except ResultsError as error:
            self.fault = error
            self.is_interrupted = True
