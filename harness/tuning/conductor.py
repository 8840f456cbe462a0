"""The protocol of a study: who runs next, what is recorded, who wins, what is confirmed.

Everything that happens passes through here and into the journal, in this order: the event is written first,
then samplers and rungs learn of it; and before anything is done about it, the disk has it. Ray is not needed
here: its doors are in `ray_adapters`.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from math import isfinite

import optuna

from harness.errors import ResultsError
from harness.records.events import EpochEnded, Event, LookTaken, Phase, PhaseEnded, RunEnded, RunStarted
from harness.records.provenance import utc_now
from harness.study.plan import Plan
from harness.study.study import Study
from harness.training.epoch import EpochRecord
from harness.tuning.arm_search import ArmSearch, best_epoch
from harness.tuning.looks import Look, TakeLook
from harness.tuning.past import Past
from harness.tuning.repeat import LISTED_PHASES, Repeat
from harness.tuning.runs import Place, RunEnd, RunSpec, Worker

_LATEST_SYNC_SECONDS = 0.5
"""How long an event that nothing acts on waits for the disk, while the driver's loop turns."""

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
    _live: dict[str, _LiveRun] = field(default_factory=dict)
    _has_nothing_to_run: bool = False
    """Whether there was nothing to hand out, and nothing has happened since but epochs."""
    _again: list[RunSpec] = field(default_factory=list)
    """Runs of an interrupted study to start before any other."""
    _alone: set[str] = field(default_factory=set)
    """Runs that are to have the machine for themselves: memory ran out beside others."""
    _lost: Counter[str] = field(default_factory=Counter)
    """How often each run lost its worker."""
    _tried_again: set[str] = field(default_factory=set)
    """Confirm runs that failed and were started once more, and those that were started often enough."""
    _open_until: dict[str, int] = field(default_factory=dict)
    """Arm to the replicates that it may run, as far as looks have allowed."""
    _n_looks: int = 0
    """Looks that were taken; the last one decides nothing about what runs, and is not taken here."""
    _repeats: list[Repeat] = field(default_factory=list)
    """Those that have begun."""
    _n_measured: int = 0
    """Repeats, from the first on, known to have nothing to hand out or in flight but audits."""

    def __post_init__(self) -> None:
        self.allow(self.plan.looks[0], [arm.arm.name for arm in self.plan.arms])

    def allow(self, n_replicates: int, arms: Collection[str]) -> None:
        """Let some arms run so many replicates; the others stay where they are.

        At the start all arms may run those of the plan's first look, which for a fixed plan are all.

        Args:
            n_replicates: Repeats, or seeds where the plan counts these.
            arms: Names of the arms that go on.
        """
        self._has_nothing_to_run, self._n_measured = False, 0
        self._open_until |= {arm: max(n_replicates, self._open_until.get(arm, 0)) for arm in arms}
        for repeat in self._repeats:
            self._open(repeat)

    def _open(self, repeat: Repeat) -> None:
        """Let the arms take part that may, with as many confirm runs as they may run."""
        for arm in self.plan.arms:
            allowed = self._open_until[arm.arm.name]
            if self.plan.unit == "repeat":
                if repeat.number < allowed:
                    repeat.begin(arm)
            else:
                repeat.begin(arm)
                repeat.lists["confirm"][arm.arm.name].limit = allowed if arm.confirm_runs else None

    @property
    def _n_allowed(self) -> int:
        """Repeats that some arm may run."""
        return max(self._open_until.values()) if self.plan.unit == "repeat" else 1

    def _repeat(self, number: int) -> Repeat:
        """Return a repeat, begun now if it is the next one."""
        if number == len(self._repeats):
            self._repeats.append(Repeat(number, self.study, self.plan, self.storage))
            self._open(self._repeats[number])
        return self._repeats[number]

    def _count_measured(self) -> int:
        """Return how many repeats from the first on have measured all that they may, audits aside."""
        while self._n_measured < len(self._repeats) and self._repeats[self._n_measured].is_measured:
            self._n_measured += 1
        return self._n_measured

    def replay(self, events: Sequence[Event]) -> None:
        """Take up a study where its journal ends.

        Searches, rungs and later phases stand as the events left them. Runs that were in flight are handed
        out first, with the same configuration and seed. A phase whose last run ended is closed now if the
        journal was cut before it said so.
        """
        past = Past(events, self.study.search.metric)
        for look in past.looks:
            self._go_on(look)
        if self.plan.unit == "repeat":
            for place in past.places:  # what has begun was allowed
                self.allow(place.repeat + 1, [place.arm])
        for number in range(1 + max((place.repeat for place in past.places), default=-1)):
            self._replay(self._repeat(number), past)

    def _replay(self, repeat: Repeat, past: Past) -> None:
        for name, search in repeat.searches.items():
            place = Place(name, repeat.number)
            self._again += repeat.restore_search(name, past)
            if search.is_over:
                self._end_search(place, is_recorded=place in past.closed["search"])
        for phase in LISTED_PHASES:
            for name, listed in repeat.lists[phase].items():
                place = Place(name, repeat.number)
                runs = past.listed_runs(place, phase)
                self._again += listed.restore(runs)
                if runs and listed.is_over and place not in past.closed[phase]:
                    self._record(_phase_ended(phase, place))

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
        if self._live or self._again or self._is_look_due:
            return False
        return len(self._repeats) >= self._n_allowed and all(repeat.is_over for repeat in self._repeats)

    @property
    def _is_look_due(self) -> bool:
        """Whether all replicates up to a look have ended, and what goes on from there is not decided."""
        if self._n_looks >= len(self.plan.looks) - 1 or self._again:
            return False
        return self._count_measured() >= self._n_allowed

    def look(self) -> None:
        """Take the look that is due, if one is: the arms that open claims need go on to the next one.

        Whatever goes wrong in it interrupts the study, as Ray Tune would log an error and go on.
        """
        if not self._is_look_due or self.is_interrupted:
            return
        n, arms = self.plan.looks[self._n_looks], tuple(arm.arm.name for arm in self.plan.arms)
        if not self.keep():
            return
        try:
            seen = self.take_look(n) if self.take_look else Look(open=(), arms=arms, why="")
        except Exception as error:  # noqa: BLE001 - kept for the caller, who raises it
            self.fault, self.is_interrupted = error, True
            return
        taken = LookTaken(time=utc_now("microseconds"), n=n, open=seen.open, arms=seen.arms)
        self._record(taken)
        if self.keep():
            self._go_on(taken)

    def _go_on(self, taken: LookTaken) -> None:
        """Let the arms of a look go on to the next one; without any the study ends there."""
        self._n_looks = self.plan.looks.index(taken.n) + 1 if taken.arms else len(self.plan.looks)
        if taken.arms:
            self.allow(self.plan.looks[self._n_looks], taken.arms)

    def next_run(self) -> RunSpec | None:
        """Return the run to start now; None when there is none, or none before another run ends.

        A repeat begins when the earlier ones have nothing to hand out; in each, search runs go before confirm
        runs. Audit runs come last.
        """
        if self.is_interrupted or not self._alone.isdisjoint(self._live):
            return None
        if self._live and self._again and self._again[0].run_id in self._alone:
            return None
        run = self._again.pop(0) if self._again else self._fresh_run()
        self._has_nothing_to_run = run is None
        if run is None or not self.keep():
            return None
        self._live[run.run_id] = _LiveRun(run)
        return run

    def _fresh_run(self) -> RunSpec | None:
        if self._has_nothing_to_run:
            return None
        self.look()
        for number in range(self._count_measured(), self._n_allowed):
            if (run := self._repeat(number).propose()) is not None:
                return run
        audits = (repeat.propose_audit() for repeat in self._repeats)
        return next((run for run in audits if run is not None), None)

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
                repeat=spec.repeat,
                number=spec.number,
                seed=spec.seed,
                configuration=spec.configuration,
            )
        )

    def epoch(self, run_id: str, epoch: EpochRecord, worker: Worker) -> bool:
        """Record a run's epoch; return whether the run is to be stopped, whose end is recorded then.

        A confirm run goes on from its last epoch to the test set.
        """
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
                metrics={name: _finite(value) for name, value in epoch.metrics.items()},
            )
        )
        live.epochs, live.worker, live.heard_at = epoch.epoch, worker, time.monotonic()
        live.train_seconds += epoch.seconds
        value = _finite(epoch.value(self.study.search.metric))
        live.values.append(value)
        if live.spec.phase != "search":
            is_tested = live.spec.phase == "confirm" and epoch.epoch >= live.spec.configuration["epochs"]
            return is_tested and not self.keep()
        if not self._search_of(live.spec).report(live.spec, epoch.epoch, value):
            return self.is_interrupted
        self.ended(run_id, RunEnd(status="stopped", reason=f"stopped by ASHA after epoch {epoch.epoch}"))
        self.keep()
        return True

    def _search_of(self, spec: RunSpec) -> ArmSearch:
        return self._repeats[spec.repeat].searches[spec.arm]

    def ended(self, run_id: str, end: RunEnd) -> None:
        """Record how a run ended; a run that already ended, or was interrupted, is left alone.

        A confirm run that failed is started once more first: it would be a replicate that is missing.
        """
        live = self._live.get(run_id)
        if live is None or self.is_interrupted:
            return
        if end.status == "failed" and live.spec.phase == "confirm" and run_id not in self._tried_again:
            self._tried_again.add(run_id)
            self._start_again(run_id)
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
                metrics={name: _finite(value) for name, value in end.metrics.items()},
                predicted=end.predicted,
                weights=end.weights,
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
            self._tried_again.add(run_id)
            given_up = f"{reason} (the worker was lost {self._lost[run_id]} times)"
            self.ended(run_id, RunEnd(status="failed", reason=given_up))
        else:
            self._start_again(run_id)

    def _start_again(self, run_id: str) -> None:
        self._again.append(self._live.pop(run_id).spec)

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
        search = self._search_of(spec)
        search.end(spec, end.status)
        if search.has_only_failed:
            search.close()
        if search.is_over:
            self._end_search(spec.place, is_recorded=False)

    def _end_search(self, place: Place, *, is_recorded: bool) -> None:
        """Name the winner of an arm's search, and list what follows from it."""
        repeat = self._repeats[place.repeat]
        search = repeat.searches[place.arm]
        winner = search.winner()
        if not is_recorded:
            run_id = winner.run_id if winner else None
            self._record(_phase_ended("search", place, winner=run_id, reason=search.given_up))
            self.keep()
        repeat.list_later_runs(place.arm, winner)

    def _end_listed_run(self, spec: RunSpec) -> None:
        listed = self._repeats[spec.repeat].lists[spec.phase][spec.arm]
        listed.end()
        if listed.is_over:
            self._record(_phase_ended(spec.phase, spec.place))

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


def _phase_ended(
    phase: Phase, place: Place, winner: str | None = None, reason: str | None = None
) -> PhaseEnded:
    time_now = utc_now("microseconds")
    return PhaseEnded(
        time=time_now, phase=phase, arm=place.arm, repeat=place.repeat, winner=winner, reason=reason
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
