"""What a run is asked to do, and how it answers."""

from dataclasses import dataclass
from typing import Any

from harness.records.events import Phase, Status


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One training of one configuration with one seed."""

    run_id: str
    arm: str
    phase: Phase
    number: int
    """Position in its arm and phase, from 0."""
    seed: int
    configuration: dict[str, Any]
    """Every recipe field, plain values."""


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """How a run ended."""

    status: Status
    reason: str | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    predicted: str | None = None
    """The class of each test image, as `harness.records.class_codes` writes them."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Where a run trains."""

    threads: int
    device: str
    host: str
    steps_per_epoch: int
