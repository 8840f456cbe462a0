"""What a run is asked to do, and how it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.records.events import Phase, Status
from harness.study.plan import Plan


class Place(NamedTuple):
    """One repeat of an arm: a whole search and what follows from it."""

    arm: str
    repeat: int


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One training of one configuration with one seed."""

    run_id: str
    arm: str
    phase: Phase
    repeat: int = 0
    """Number of the whole search that it belongs to, from 0."""
    number: int
    """Position in its arm, repeat and phase, from 0."""
    seed: int
    configuration: dict[str, Any]
    """Every recipe field, plain values."""

    @property
    def place(self) -> Place:
        """The arm's repeat that it belongs to."""
        return Place(self.arm, self.repeat)


def run_id_of(place: Place, phase: Phase, number: int, plan: Plan) -> str:
    """Return the id of a run; where a study repeats searches, it tells the repeat."""
    repeat = f"-r{place.repeat}" if plan.unit == "repeat" else ""
    return f"{place.arm}{repeat}-{phase}-{number:04d}"


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """How a run ended."""

    status: Status
    reason: str | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """Test values by their name in records (`test_rmse`) that have no field of their own."""
    predicted: str | None = None
    """The class of each test image, as `harness.records.class_codes` writes them."""
    weights: str | None = None
    """SHA-256 of the file with the tested network's weights, where they are kept."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Where a run trains."""

    threads: int
    device: str
    host: str
    steps_per_epoch: int | None
    """None where a program trains."""
