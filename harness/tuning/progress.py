"""Progress on the screen: a live table on a terminal, elsewhere one short line every few seconds."""

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.records.events import EpochEnded, Event, Phase, RunEnded, RunStarted, Status
from harness.study.plan import Plan
from harness.study.study import Study

_LINE_SECONDS = 5.0
"""Pause between two lines where there is no terminal."""

_EXPECTED_SHARE_STOPPED_EARLY = 0.35
"""Share of a full run that an average run under ASHA takes, assumed until search runs have ended."""


@dataclass
class ArmProgress:
    """Count one arm's runs."""

    planned: int
    max_epochs: int
    running: set[str] = field(default_factory=set)
    ended: Counter[Status] = field(default_factory=Counter)
    epochs: int = 0
    best: float | None = None


class Tally:
    """Follow a study's events: counts per arm, epochs spent, epochs still expected."""

    def __init__(self, study: Study, plan: Plan) -> None:
        self.metric = study.search.metric
        self._sign = 1.0 if study.search.mode == "min" else -1.0
        self._stops_early = study.early_stopping is not None
        self.arms = {
            arm_plan.arm.name: ArmProgress(
                planned=arm_plan.search_runs + arm_plan.confirm_runs, max_epochs=arm_plan.arm.max_epochs or 1
            )
            for arm_plan in plan.arms
        }
        self._arm_of: dict[str, str] = {}
        self._phase_of: dict[str, Phase] = {}
        self._search_epochs: list[int] = []
        self._search_left = {arm_plan.arm.name: arm_plan.search_runs for arm_plan in plan.arms}
        self._confirm_left = {arm_plan.arm.name: arm_plan.confirm_runs for arm_plan in plan.arms}

    def take(self, event: Event) -> None:
        """Count an event."""
        match event:
            case RunStarted():
                self._arm_of[event.run_id], self._phase_of[event.run_id] = event.arm, event.phase
                self.arms[event.arm].running.add(event.run_id)
            case EpochEnded():
                self._take_epoch(event)
            case RunEnded():
                arm = self.arms[self._arm_of[event.run_id]]
                arm.running.discard(event.run_id)
                arm.ended[event.status] += 1
                left = self._search_left if event.phase == "search" else self._confirm_left
                left[self._arm_of[event.run_id]] -= 1
                if event.phase == "search":
                    self._search_epochs.append(event.epochs)
            case _:
                pass

    def _take_epoch(self, event: EpochEnded) -> None:
        arm = self.arms[self._arm_of[event.run_id]]
        arm.epochs += 1
        value = event.val_loss if self.metric == "val_loss" else event.val_accuracy
        is_full_length = event.epoch == arm.max_epochs and self._phase_of[event.run_id] == "search"
        if value is None or not is_full_length:
            return
        if arm.best is None or self._sign * value < self._sign * arm.best:
            arm.best = value

    def count(self, status: Status) -> int:
        """Return how many runs ended with a status."""
        return sum(arm.ended[status] for arm in self.arms.values())

    @property
    def epochs(self) -> int:
        """Epochs trained so far, over all arms."""
        return sum(arm.epochs for arm in self.arms.values())

    def epochs_left(self) -> float:
        """Return about how many epochs are still to be trained."""
        longest = max(arm.max_epochs for arm in self.arms.values())
        if self._search_epochs:
            search_length = sum(self._search_epochs) / len(self._search_epochs)
        else:
            search_length = longest * (_EXPECTED_SHARE_STOPPED_EARLY if self._stops_early else 1.0)
        return sum(
            self._search_left[name] * min(search_length, arm.max_epochs)
            + self._confirm_left[name] * arm.max_epochs
            for name, arm in self.arms.items()
        )


class Progress:
    """Show a tally while a study runs."""

    def __init__(self, study: Study, plan: Plan, slots: int) -> None:
        self._title = (
            f"{study.name}: {slots} runs at a time" if slots > 1 else f"{study.name}: one run at a time"
        )
        self._tally = Tally(study, plan)
        self._started = time.monotonic()
        self._last_line = 0.0
        self._console = Console(stderr=True)
        self._first_epoch_at: float | None = None
        self._live = Live(console=self._console, get_renderable=self._table, refresh_per_second=2)

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()
        else:
            self._print_line()

    def take(self, event: Event) -> None:
        """Count an event and show it in time."""
        self._tally.take(event)
        if self._first_epoch_at is None and isinstance(event, EpochEnded):
            self._first_epoch_at = time.monotonic() - event.seconds
        if not self._console.is_terminal and time.monotonic() - self._last_line >= _LINE_SECONDS:
            self._print_line()

    def count(self, status: Status) -> int:
        """Return how many runs ended with a status."""
        return self._tally.count(status)

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        arms = ", ".join(
            f"{name} {arm.ended.total()}/{arm.planned}{_best(arm)}" for name, arm in self._tally.arms.items()
        )
        bad = [f"{n} {status}" for status in ("diverged", "failed") if (n := self._tally.count(status))]
        print(" | ".join([self._timing(), arms, *bad]), file=sys.stderr, flush=True)  # noqa: T201 - it shows progress

    def _table(self) -> Group:
        table = Table(title=self._title, title_justify="left", box=None, pad_edge=False)
        table.add_column("arm")
        heads = ("planned", "running", "completed", "stopped", "diverged", "failed", "epochs")
        for name in (*heads, f"best {self._tally.metric}"):
            table.add_column(name, justify="right")
        for name, arm in self._tally.arms.items():
            ended = (str(arm.ended[status]) for status in ("completed", "stopped", "diverged", "failed"))
            best = "" if arm.best is None else f"{arm.best:.4f}"
            table.add_row(name, str(arm.planned), str(len(arm.running)), *ended, str(arm.epochs), best)
        return Group(table, Text(self._timing(), style="dim"))

    def _timing(self) -> str:
        """Return the time since the start, and the time left at the pace since the first epoch began."""
        now = time.monotonic()
        elapsed = f"{_clock(now - self._started)} elapsed"
        left = self._tally.epochs_left()
        if left == 0:
            return elapsed
        if self._first_epoch_at is None:
            return f"{elapsed}, waiting for the first epoch"
        return f"{elapsed}, about {_clock(left * (now - self._first_epoch_at) / self._tally.epochs)} left"


def _best(arm: ArmProgress) -> str:
    return "" if arm.best is None else f" (best {arm.best:.4f})"


def _clock(seconds: float) -> str:
    """Return `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
