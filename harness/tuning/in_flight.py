"""Runs that were handed out and have not ended, and those of them that are to start again."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.tuning.runs import RunSpec, Worker

_TRIES_AFTER_LOSS = 3
"""How often a run is started again after its worker was lost, by a crash or with its node."""


@dataclass
class LiveRun:
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

    def is_silent(self, minutes: float) -> bool:
        """Whether it began, and has not been heard of for so long."""
        return self.has_begun and time.monotonic() - self.heard_at >= 60 * minutes


class InFlight:
    """Keep what is in flight, and who waits to start again before any other run."""

    def __init__(self) -> None:
        self.runs: dict[str, LiveRun] = {}
        """By run id."""
        self.waiting: list[RunSpec] = []
        """Runs to start before any other: of an interrupted study, or after their worker was lost."""
        self._alone: set[str] = set()
        """Runs that are to have the machine for themselves: memory ran out beside others."""
        self._losses = Counter[str]()
        self._had_second_try: set[str] = set()
        """Runs that failed and were started once more, and those that were started often enough."""

    @property
    def must_end_first(self) -> bool:
        """Whether no run may start before one in flight ends, as one of them is to be alone."""
        is_next_alone = bool(self.waiting) and self.waiting[0].run_id in self._alone
        return not self._alone.isdisjoint(self.runs) or (bool(self.runs) and is_next_alone)

    def add(self, run: RunSpec) -> None:
        """Hand out a run."""
        self.runs[run.run_id] = LiveRun(run)

    def wait(self, runs: Iterable[RunSpec]) -> None:
        """Have runs of an interrupted study start again, after those that wait."""
        self.waiting += runs

    def again(self, run_id: str) -> None:
        """Have a run in flight start again, after those that wait."""
        self.waiting.append(self.runs.pop(run_id).spec)

    def takes_second_try(self, run_id: str) -> bool:
        """Return whether a run that failed may be started once more, which it may once."""
        is_first = run_id not in self._had_second_try
        self._had_second_try.add(run_id)
        return is_first

    def count_loss(self, run_id: str) -> int | None:
        """Count that a run's worker was lost; return how often, once that is too often to start it again."""
        self._losses[run_id] += 1
        n = self._losses[run_id]
        if n <= _TRIES_AFTER_LOSS:
            return None
        self._had_second_try.add(run_id)
        return n

    def one_by_one(self) -> None:
        """Have all runs in flight start again, before those that wait, each of them alone."""
        runs = [live.spec for live in self.runs.values()]
        self.runs.clear()
        self.waiting = runs + self.waiting
        self._alone.update(run.run_id for run in runs)
