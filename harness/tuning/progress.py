"""Progress on the screen: a live table on a terminal, elsewhere one short line every few seconds."""

import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.records.events import EpochEnded, Event, Status
from harness.screen import is_terminal
from harness.study.plan import Plan
from harness.study.study import Study
from harness.study.time_left import seconds_left
from harness.text_table import fits, table_lines
from harness.tuning.tally import ArmProgress, Tally

_HEADS = ("arm", "ended", "running", "stopped", "diverged", "failed", "epochs", "best")
_NARROW_HEADS = ("arm", "ended", "running", "epochs", "best")
"""Where a terminal has no room for all of them."""

_LINE_SECONDS = 5.0
"""Pause between two lines where there is no terminal."""


class Progress:
    """Show a tally while a study runs."""

    def __init__(self, study: Study, plan: Plan) -> None:
        self._study = study.name
        self._title = ""
        self._tally = Tally(study, plan)
        self._started = time.monotonic()
        self._before = self._tally.epochs
        self._first_epoch_at: float | None = None
        self._last_event_at = self._started
        self._console = Console(stderr=True, force_terminal=is_terminal(sys.stderr))
        self._live = Live(console=self._console, get_renderable=self._table, refresh_per_second=2)

    def recall(self, event: Event) -> None:
        """Count an event of an earlier session."""
        self._tally.take(event)
        self._before = self._tally.epochs

    @contextmanager
    def shown(self, slots: int) -> Iterator[None]:
        """Show the tally for as long as the context lasts.

        Args:
            slots: Runs that may train at the same time.
        """
        beside = f"{slots} runs at a time" if slots > 1 else "one run at a time"
        self._title = f"{self._study}: {beside}"
        self._started = time.monotonic()
        if self._console.is_terminal:
            with self._live:
                yield
            return
        is_over = threading.Event()
        printer = threading.Thread(target=self._print_lines, args=(is_over,), daemon=True)
        printer.start()
        try:
            yield
        finally:
            is_over.set()
            printer.join()
        self._print_line()

    def _print_lines(self, is_over: threading.Event) -> None:
        """Print a line every few seconds, also while nothing happens."""
        while not is_over.wait(_LINE_SECONDS):
            self._print_line()

    def take(self, event: Event) -> None:
        """Count an event."""
        self._tally.take(event)
        self._last_event_at = time.monotonic()
        if self._first_epoch_at is None and isinstance(event, EpochEnded):
            self._first_epoch_at = time.monotonic() - event.seconds

    @property
    def trained(self) -> tuple[float, float] | None:
        """The moments when the first epoch began and the last event happened, by `time.monotonic`."""
        return None if self._first_epoch_at is None else (self._first_epoch_at, self._last_event_at)

    def count(self, status: Status) -> int:
        """Return how many runs ended with a status."""
        return self._tally.count(status)

    def _print_line(self) -> None:
        arms = ", ".join(
            f"{name} {arm.ended.total()}/{arm.planned}{_best(arm)}" for name, arm in self._tally.arms.items()
        )
        bad = [f"{n} {status}" for status in ("diverged", "failed") if (n := self._tally.count(status))]
        print(" | ".join([self._timing(), arms, *bad]), file=sys.stderr, flush=True)  # noqa: T201 - it shows progress

    def _table(self) -> Text:
        """Return everything: on a narrow terminal fewer columns, and none of them cut."""
        width, arms = self._console.width, self._tally.arms
        rows = [[name, *_cells(arm)] for name, arm in arms.items()]
        is_wide = fits(_HEADS, rows, width)
        kept = range(len(_HEADS)) if is_wide else [_HEADS.index(name) for name in _NARROW_HEADS]
        heads = [_HEADS[place] for place in kept]
        table = table_lines(heads, [[row[place] for place in kept] for row in rows], width)
        legend = f"best: {self._tally.metric} of a full search run"
        told = (line for text in (legend, self._timing()) for line in textwrap.wrap(text, width))
        return Text("\n".join([*textwrap.wrap(self._title, width), *table, *told]))

    def _timing(self) -> str:
        """Return the time since the start, and the time left at the pace since the first epoch began."""
        now = time.monotonic()
        elapsed = f"{clock(now - self._started)} elapsed{self._repeat()}{self._open_claims()}"
        left = self._tally.epochs_left()
        if not any(left.values()):
            return elapsed
        if self._first_epoch_at is None:
            return f"{elapsed}, waiting for the first epoch"
        trained = {name: arm.trained for name, arm in self._tally.arms.items()}
        seconds = seconds_left(left, trained, self._tally.epochs - self._before, now - self._first_epoch_at)
        return elapsed if seconds is None else f"{elapsed}, about {clock(seconds)} left"

    def _repeat(self) -> str:
        """Return which repeat has begun last, where there are several."""
        tally = self._tally
        return f", repeat {tally.repeat + 1} of {tally.repeats}" if tally.repeats > 1 else ""

    def _open_claims(self) -> str:
        """Return how many claims the latest look left open, where there was one."""
        n_open = self._tally.n_open
        return "" if n_open is None else f", {n_open} claim{'' if n_open == 1 else 's'} open"


def _cells(arm: ArmProgress) -> list[str]:
    """Return what stands below `_HEADS`, the arm's name left out."""
    counts = [arm.ended[status] for status in ("stopped", "diverged", "failed")]
    best = "" if arm.best is None else f"{arm.best:.4f}"
    ended = f"{arm.ended.total()}/{arm.planned}"
    return [ended, str(len(arm.running)), *map(str, counts), str(arm.trained.epochs), best]


def _best(arm: ArmProgress) -> str:
    return "" if arm.best is None else f" (best {arm.best:.4f})"


def clock(seconds: float) -> str:
    """Return `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
