"""What is measured of one sweep, from outside, and the tables of many."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from harness.records.events import EpochEnded
from harness.records.folder import ResultsFolder
from harness.records.journal import read_journal


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch of one run, as the side's own log tells it."""

    seconds: float
    """From the command's start to the epoch's record."""
    run: str
    epoch: int
    val_accuracy: float


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One whole command."""

    side: str
    runs: int
    """Runs that were asked for."""
    repeat: int
    seconds: float
    """From the command's start to its exit."""
    epochs: list[Epoch]

    @property
    def first_epoch(self) -> float:
        """Seconds to the first epoch of all."""
        return min(epoch.seconds for epoch in self.epochs)

    @property
    def fixed_cost(self) -> float:
        """Seconds before the first epoch began and after the last one ended.

        A first epoch is taken to last as long as the median of those that follow another of their run.
        """
        last = max(epoch.seconds for epoch in self.epochs)
        runs: dict[str, list[Epoch]] = {}
        for epoch in sorted(self.epochs, key=lambda one: one.epoch):
            runs.setdefault(epoch.run, []).append(epoch)
        gaps = [b.seconds - a.seconds for run in runs.values() for a, b in pairwise(run)]
        return self.first_epoch - (statistics.median(gaps) if gaps else 0.0) + self.seconds - last

    @property
    def epochs_an_hour(self) -> float:
        """Of the whole command."""
        return 3600 * len(self.epochs) / self.seconds

    @property
    def training_epochs_an_hour(self) -> float:
        """Of the command less its fixed cost."""
        return 3600 * len(self.epochs) / (self.seconds - self.fixed_cost)

    @property
    def configurations_an_hour(self) -> float:
        """Of the whole command: runs that reported an epoch."""
        return 3600 * len({epoch.run for epoch in self.epochs}) / self.seconds

    @property
    def best(self) -> float:
        """The highest validation accuracy of all epochs."""
        return max(epoch.val_accuracy for epoch in self.epochs)

    def seconds_to(self, val_accuracy: float) -> float:
        """Return the seconds until an epoch had this validation accuracy; infinite if none had."""
        reached = (epoch.seconds for epoch in self.epochs if epoch.val_accuracy >= val_accuracy)
        return min(reached, default=float("inf"))


def log_of_peer(log: Path, started: float) -> list[Epoch]:
    """Read a peer's lines.

    Args:
        log: As `Setting.note` writes it.
        started: Seconds since 1970 at the command's start.
    """
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [
        Epoch(
            seconds=line["time"] - started,
            run=line["run"],
            epoch=line["epoch"],
            val_accuracy=line["val_accuracy"],
        )
        for line in lines
    ]


def log_of_harness(folder: Path, started: float) -> list[Epoch]:
    """Read the epochs of a study's journal; see `log_of_peer`."""
    return [
        Epoch(
            seconds=datetime.fromisoformat(event.time).timestamp() - started,
            run=event.run_id,
            epoch=event.epoch,
            val_accuracy=event.val_accuracy or 0.0,
        )
        for event in read_journal(ResultsFolder(folder))
        if isinstance(event, EpochEnded)
    ]


MEASURES: dict[str, tuple[Callable[[Sweep], float], int]] = {
    "seconds of the command": (lambda sweep: sweep.seconds, 1),
    "seconds to the first epoch": (lambda sweep: sweep.first_epoch, 1),
    "fixed cost, seconds": (lambda sweep: sweep.fixed_cost, 1),
    "epochs": (lambda sweep: len(sweep.epochs), 0),
    "epochs an hour": (lambda sweep: sweep.epochs_an_hour, 0),
    "epochs an hour, fixed cost left out": (lambda sweep: sweep.training_epochs_an_hour, 0),
    "configurations an hour": (lambda sweep: sweep.configurations_an_hour, 0),
    "best validation accuracy, %": (lambda sweep: 100 * sweep.best, 2),
    "seconds to its own best": (lambda sweep: sweep.seconds_to(sweep.best), 1),
}
"""A row of the table to how it is computed, and to its decimals."""

RATIOS: dict[str, Callable[[Sweep, Sweep], float]] = {
    "epochs a second": lambda own, peer: own.epochs_an_hour / peer.epochs_an_hour,
    "epochs a second, fixed cost left out": lambda own, peer: (
        own.training_epochs_an_hour / peer.training_epochs_an_hour
    ),
    "configurations a second": lambda own, peer: own.configurations_an_hour / peer.configurations_an_hour,
    "time to the peer's best": lambda own, peer: peer.seconds_to(peer.best) / own.seconds_to(peer.best),
    "time to the lower of both bests": lambda own, peer: (
        peer.seconds_to(min(own.best, peer.best)) / own.seconds_to(min(own.best, peer.best))
    ),
}
"""What the harness (first) is times as fast as a peer; 0 where it never reached the peer's best."""


def table(sweeps: Sequence[Sweep], sides: Sequence[str]) -> str:
    """Return each side's measures, of sweeps of one number of runs: median, least and greatest."""
    lines = [f"| | {' | '.join(sides)} |", f"|---|{'---|' * len(sides)}"]
    for name, (measure, decimals) in MEASURES.items():
        cells = [_cell([measure(one) for one in sweeps if one.side == side], decimals) for side in sides]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ratio_table(sweeps: Sequence[Sweep], peers: Sequence[str]) -> str:
    """Return how many times as fast the harness is, repeat by repeat: median, least and greatest."""
    own = {one.repeat: one for one in sweeps if one.side == "harness"}
    lines = [f"| harness against | {' | '.join(peers)} |", f"|---|{'---|' * len(peers)}"]
    for name, ratio in RATIOS.items():
        cells = [
            _cell([ratio(own[one.repeat], one) for one in sweeps if one.side == peer], 2) for peer in peers
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values: Sequence[float], decimals: int) -> str:
    """Return median and range."""
    middle, least, greatest = (f"{f(values):,.{decimals}f}" for f in (statistics.median, min, max))
    return f"{middle} ({least} to {greatest})"
