"""What a study chose, with everything that it takes to train it again. Plain facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from harness.recipe.configuration import Configuration
from harness.recipe.metrics import Goal

Value = float | int | str


@dataclass(frozen=True, kw_only=True)
class ConfirmedRun:
    """One confirm run of the winner that completed."""

    run_id: str
    repeat: int
    seed: int
    values: Mapping[str, Value]
    """What the study recorded of the epoch that stands for the run, by name: `epoch`, `train_loss`,
    `val_accuracy`, `test_loss` ..."""
    weights: str | None = None
    """SHA-256 of the file with its weights, if the study kept them."""


@dataclass(frozen=True, kw_only=True)
class Winner:
    """The configuration that an arm's search chose, and what its confirm runs reached."""

    study: str
    arm: str
    repeat: int
    """Number of the search that chose it, from 0."""
    among: int
    """Searches of which it is the one whose confirm runs are best on validation data; 1 if it was named."""
    configuration: Mapping[str, Any]
    """Every recipe field, plain values; of a program its parameters and `epochs`."""
    runs: tuple[ConfirmedRun, ...]
    metrics: Mapping[str, str | None]
    """Names of the study's metrics, each with the reference of a user's own function, or None."""
    goal: Goal
    """What the search looked at."""
    best_by: Goal | None
    """What tells the epoch that stands for a run; None for the last."""
    threads: int
    """Of each confirm run."""
    device: str
    """`cpu`, or the name of the GPU of the first confirm run."""
    processor: str | None
    """Name of the CPU of the machine that the study ran on."""
    versions: Mapping[str, str]
    """Of the packages that decide a number of a run."""
    data_sha256: Mapping[str, str]
    """As the study declares them, by file."""
    declaration_sha256: str

    @property
    def recipe(self) -> Configuration:
        """The configuration as a recipe; not of a program."""
        return Configuration.model_validate(dict(self.configuration))

    @property
    def best_run(self) -> ConfirmedRun:
        """The confirm run that is best on validation data, by what the search looked at; else the first."""
        sign = -1.0 if self.goal.better == "higher" else 1.0
        return min(self.runs, key=lambda run: sign * float(run.values.get(self.goal.metric, sign * inf)))

    @property
    def is_cpu(self) -> bool:
        """Whether the confirm runs trained on a CPU."""
        return self.device == "cpu"
