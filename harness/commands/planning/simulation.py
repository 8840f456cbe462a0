"""A study's runs on virtual slots: who runs when, and what ASHA stops. Without Ray, Optuna and training.

Runs are handed out as `harness.tuning.conductor` does it, which a test compares; ASHA is that of a sweep.
What a search run reaches and how long its epochs take comes from a `Traces`.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal, NamedTuple, get_args

from harness.records.events import Phase
from harness.study.estimate import Taken
from harness.study.plan import ArmPlan, Plan
from harness.study.study import Arm, Study
from harness.tuning.early_stopping import ArmEarlyStopping

Reason = Literal["search", "look", "end"]
"""Why a slot stands idle: its arm's search has not ended, a look waits for its last runs, nothing is left."""

REASONS: tuple[Reason, ...] = get_args(Reason)


class Trace(NamedTuple):
    """What a search run does."""

    epoch_seconds: float
    """Of each of its epochs, evaluation included."""
    reached: Callable[[int], float]
    """Returns the search metric after an epoch, from 1; larger is better."""


Traces = Callable[[Arm, float, random.Random], Trace]
"""Returns the next search run of an arm, by the share of its search that went before, and chance."""


class Simulated(NamedTuple):
    """What one simulated study took."""

    seconds: float
    """From the first run's start to the last one's end."""
    epochs: int
    idle: Mapping[Reason, float]
    """Seconds that slots stood idle, summed over slots."""
    most_beside: int
    """Runs that trained beside each other, at most: further slots change nothing."""


@dataclass
class _Turn:
    """One arm in one repeat: what it has left to hand out, and what runs."""

    plan: ArmPlan
    asha: ArmEarlyStopping | None
    checks: Sequence[int]
    """Epochs after which ASHA decides, ascending."""
    search: int
    """Search runs not handed out."""
    confirm: int = 0
    """Confirm runs that are known, allowed and not handed out."""
    listed: int = 0
    """Confirm runs that are known and allowed."""
    audit: list[float] = field(default_factory=list)
    """Of audit runs not handed out, the seconds of an epoch."""
    n_audits: int = 0
    searching: int = 0
    """Search runs in flight."""
    confirming: int = 0
    stopped: list[float] = field(default_factory=list)
    """Of stopped search runs, the seconds of an epoch."""
    best: tuple[float, float] | None = None
    """Of the best run of full length, what it reached and the seconds of an epoch."""

    @property
    def is_searched(self) -> bool:
        """Whether its search is over."""
        return not (self.search or self.searching)

    @property
    def is_measured(self) -> bool:
        """Whether all of its search and confirm runs that may be handed out have ended."""
        return not (self.search or self.searching or self.confirm or self.confirming)


class _Run(NamedTuple):
    """A run in flight."""

    turn: _Turn
    phase: Phase
    run_id: str
    trace: Trace
    epochs: int
    """After which it is asked whether it goes on, or ends."""
    is_taken: bool = False
    """Whether it was trained before, for another study."""

    def seconds(self, epochs: int) -> float:
        """Return what some of its epochs take."""
        return 0.0 if self.is_taken else epochs * self.trace.epoch_seconds


@dataclass
class _Simulation:
    study: Study
    plan: Plan
    looks: Sequence[int]
    """Those that are taken and let all arms go on, and the one with which the study ends."""
    traces: Traces
    chance: random.Random
    taken: Counter[tuple[str, Phase]] = field(default_factory=Counter)
    """Runs of each arm and phase that are taken over and not handed out yet: the first ones."""
    repeats: list[list[_Turn]] = field(default_factory=list)
    """Those that have begun."""
    n_measured: int = 0
    """Repeats from the first on that have nothing left to hand out but audits, and nothing else in flight."""
    n_looks: int = 0
    n_runs: int = 0
    epochs: int = 0

    def run(self, slots: int) -> Simulated:
        """Let all runs pass."""
        now, most_beside = 0.0, 0
        live: list[tuple[float, int, _Run]] = []
        idle: dict[Reason, float] = dict.fromkeys(REASONS, 0.0)
        while True:
            while len(live) < slots and (run := self.next_run()) is not None:
                self.n_runs += 1
                heapq.heappush(live, (now + run.seconds(run.epochs), self.n_runs, run))
            if not live:
                return Simulated(now, self.epochs, idle, most_beside)
            most_beside = max(most_beside, len(live))
            if len(live) < slots and live[0][0] > now:
                idle[self.why_idle()] += (slots - len(live)) * (live[0][0] - now)
            now, number, run = heapq.heappop(live)
            further = self.further(run)
            if further is not None:
                seconds = run.seconds(further.epochs - run.epochs)
                heapq.heappush(live, (now + seconds, number, further))

    def next_run(self) -> _Run | None:
        """Return the run to start now; None when there is none before another one ends."""
        self.look()
        for number in range(self.n_measured, self.n_repeats):
            if number == len(self.repeats):
                self.repeats.append([self.begun(plan) for plan in self.plan.arms])
            turns = self.repeats[number]
            if waiting := [turn for turn in turns if turn.search]:
                return self.search_run(max(waiting, key=lambda turn: turn.search / turn.plan.search_runs))
            if waiting := [turn for turn in turns if turn.confirm]:
                turn = max(waiting, key=lambda turn: turn.confirm / turn.listed)
                turn.confirm -= 1
                turn.confirming += 1
                return self.whole_run(turn, "confirm", turn.best[1] if turn.best else 0.0)
        for turns in self.repeats if self.plan.search.audit else ():
            if waiting := [turn for turn in turns if turn.audit]:
                turn = max(waiting, key=lambda turn: len(turn.audit) / turn.n_audits)
                return self.whole_run(turn, "audit", turn.audit.pop(0))
        return None

    @property
    def n_repeats(self) -> int:
        return self.looks[self.n_looks] if self.plan.unit == "repeat" else 1

    def look(self) -> None:
        """Take the look that is due, if one is: all arms go on."""
        while self.n_measured < len(self.repeats) and all(
            turn.is_measured for turn in self.repeats[self.n_measured]
        ):
            self.n_measured += 1
        if self.n_measured < self.n_repeats or self.n_looks == len(self.looks) - 1:
            return
        self.n_looks += 1
        if self.plan.unit == "seed":
            self.n_measured = 0
            for turn in self.repeats[0]:
                before, turn.listed = turn.listed, self.confirm_runs(turn)
                turn.confirm += turn.listed - before

    def begun(self, plan: ArmPlan) -> _Turn:
        """Return an arm at the begin of a repeat."""
        longest, stopping = plan.arm.longest_epochs, self.study.early_stopping
        asha = ArmEarlyStopping(stopping, "max", longest) if stopping else None
        checks = sorted(rung.epochs for rung in asha.rungs if rung.epochs < longest) if asha else ()
        turn = _Turn(plan=plan, asha=asha, checks=checks, search=plan.search_runs)
        if not plan.search_runs:
            turn.best = 0.0, self.traces(plan.arm, 0.0, self.chance).epoch_seconds
            turn.confirm = turn.listed = self.confirm_runs(turn)
        return turn

    def confirm_runs(self, turn: _Turn) -> int:
        """Return how many confirm runs of an arm may be handed out by now; none without a winner."""
        most = turn.plan.confirm_runs if turn.best else 0
        return min(most, self.looks[self.n_looks]) if self.plan.unit == "seed" else most

    def search_run(self, turn: _Turn) -> _Run:
        """Return an arm's next search run."""
        planned, arm = turn.plan.search_runs, turn.plan.arm
        trace = self.traces(arm, (planned - turn.search) / planned, self.chance)
        turn.search -= 1
        turn.searching += 1
        first = turn.checks[0] if turn.checks else arm.longest_epochs
        return _Run(turn, "search", str(self.n_runs), trace, first, self.takes(arm, "search"))

    def whole_run(self, turn: _Turn, phase: Phase, seconds: float) -> _Run:
        """Return a run that nothing stops."""
        arm, trace = turn.plan.arm, Trace(seconds, lambda _: 0.0)
        return _Run(turn, phase, str(self.n_runs), trace, arm.longest_epochs, self.takes(arm, phase))

    def takes(self, arm: Arm, phase: Phase) -> bool:
        """Return whether the next run of an arm and phase is taken over."""
        self.taken[arm.name, phase] -= 1
        return self.taken[arm.name, phase] >= 0

    def further(self, run: _Run) -> _Run | None:
        """Return a run up to where it is asked again; None where it has ended."""
        turn, longest = run.turn, run.turn.plan.arm.longest_epochs
        if run.phase == "search" and run.epochs < longest:
            if turn.asha is None or not turn.asha.should_stop(
                run.run_id, run.epochs, run.trace.reached(run.epochs)
            ):
                return run._replace(epochs=next((each for each in turn.checks if each > run.epochs), longest))
            turn.stopped.append(run.trace.epoch_seconds)
        elif run.phase == "search":
            turn.best = max(turn.best or (-inf, 0.0), (run.trace.reached(longest), run.trace.epoch_seconds))
        self.epochs += 0 if run.is_taken else run.epochs
        if run.phase == "confirm":
            turn.confirming -= 1
        if run.phase == "search":
            turn.searching -= 1
            if turn.is_searched:
                turn.confirm = turn.listed = self.confirm_runs(turn)
                turn.audit = turn.stopped[: turn.plan.audit_runs]
                turn.n_audits = len(turn.audit)
        return None

    def why_idle(self) -> Reason:
        """Return what a slot waits for that has nothing to do."""
        if any(not turn.is_searched and turn.plan.confirm_runs for turns in self.repeats for turn in turns):
            return "search"
        return "end" if self.n_looks == len(self.looks) - 1 else "look"


def simulate(
    study: Study,
    plan: Plan,
    traces: Traces,
    chance: random.Random,
    *,
    slots: int,
    looks: Sequence[int],
    taken: Taken | None = None,
) -> Simulated:
    """Let the runs of a study pass once.

    Args:
        study: The study.
        plan: Its plan.
        traces: Tells what search runs do.
        chance: Of the traces.
        slots: Runs that train beside each other, at least 1.
        looks: The plan's, up to the one with which the study ends: all arms go on at those before.
        taken: Runs that are taken over from another study, and take nothing.
    """
    return _Simulation(study, plan, looks, traces, chance, Counter(taken or {})).run(slots)
