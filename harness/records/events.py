"""The events of a journal, validated when written and when read.

JSON has no NaN: a loss that is not finite is written as null, and its run ends as `diverged` with a reason
that names the value.
"""

import hashlib
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from harness.records.class_codes import MOST_CLASSES, decode_classes

Phase = Literal["search", "confirm", "audit"]
"""`audit` runs repeat stopped search runs at full length, to see whether early stopping was right."""

Status = Literal["completed", "stopped", "diverged", "failed"]

Fraction = Annotated[float, Field(ge=0, le=1)]
TrainedMetric = Annotated[str, Field(pattern=r"^(train|val)_.")]
TestedMetric = Annotated[str, Field(pattern=r"^test_.")]

_Name = TypeVar("_Name", bound=str)


def _is_empty(metrics: dict[str, float | None]) -> bool:
    return not metrics


_Metrics = Annotated[dict[_Name, float | None], Field(exclude_if=_is_empty)]
Seconds = Annotated[float, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _is_absent(value: object) -> bool:
    return value is None


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    time: str
    """UTC, ISO 8601 with microseconds."""


class StudyDeclared(_Event):
    """Say which declaration every later event belongs to: the first line of a journal."""

    event: Literal["study_declared"] = "study_declared"
    sha256: Sha256
    """Of `declaration.json`, over its bytes as written."""
    schema_version: Literal[2] = 2


class ParentDeclared(_Event):
    """Keep the declaration of a study whose runs are taken over: of each ancestor, the oldest first."""

    event: Literal["parent_declared"] = "parent_declared"
    sha256: Sha256
    text: str
    """Its `declaration.json`, whole."""

    @model_validator(mode="after")
    def _is_what_it_says(self) -> "ParentDeclared":
        here = hashlib.sha256(self.text.encode()).hexdigest()
        if here != self.sha256:
            raise ValueError(f"the declaration of a parent has the SHA-256 {here}, not {self.sha256}")
        return self


class Origin(BaseModel):
    """Where a run was trained that a study took over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    declarations: Annotated[tuple[Sha256, ...], Field(min_length=1)]
    """Of the study that trained it, and of those through which it came, the last being the parent."""
    session: Annotated[int, Field(ge=0)]
    """Which session of that study, from 0."""
    concurrency: Annotated[int, Field(ge=1)]
    """Most runs that trained at the same time as it, itself with them."""


class RunStarted(_Event):
    """Say that a run began, and everything needed to begin it again."""

    event: Literal["run_started"] = "run_started"
    run_id: str
    arm: str
    phase: Phase
    repeat: Annotated[int, Field(ge=0)] = 0
    """Number of the whole search that the run belongs to, from 0."""
    number: int
    """Position of the run in its arm, repeat and phase, from 0."""
    seed: int
    """Fixes the split, the initialisation and the data order."""
    configuration: dict[str, Any]
    """Every recipe field with the value really used; null where the recipe has no such hyperparameter."""
    origin: Annotated[Origin | None, Field(exclude_if=_is_absent)] = None
    """Of a run that was taken over from another study; not written of the study's own."""


class EpochEnded(_Event):
    """Report one epoch of a run."""

    event: Literal["epoch"] = "epoch"
    run_id: str
    epoch: Annotated[int, Field(ge=1)]
    step: Annotated[int, Field(ge=0)] | None
    """Optimizer steps since the run began; null where a program trains."""
    lr: float | None
    """Learning rate of the epoch's last step; null where a program trains."""
    train_loss: float | None
    """Mean over the epoch's samples, measured while training; null when not finite."""
    train_accuracy: Fraction | None
    val_loss: float | None
    """Mean over the validation samples; null when not finite or, in a diverged epoch, not measured."""
    val_accuracy: Fraction | None
    seconds: Seconds
    """Time spent in optimizer steps, evaluation excluded."""
    metrics: _Metrics[TrainedMetric] = {}
    """Metrics without a field of their own, and all that a program reports: `val_rmse`; null when not finite.
    Not written where there are none."""

    def value(self, name: str) -> float | None:
        """Return a metric by its name in records; None where it was not measured, or not finite."""
        own: float | None = self.metrics[name] if name in self.metrics else getattr(self, name, None)
        return own


class RunEnded(_Event):
    """Say how a run ended. Test values exist for completed runs of the confirm phase only."""

    event: Literal["run_ended"] = "run_ended"
    run_id: str
    phase: Phase
    status: Status
    reason: str | None
    """Why a run did not complete; null for completed runs."""
    epochs: Annotated[int, Field(ge=0)]
    """Epochs reported before the end."""
    selected_epoch: int | None = None
    """The epoch that stands for the run, whose network a confirm run is tested with; null for the last."""
    steps_per_epoch: int | None
    test_loss: float | None
    test_accuracy: Fraction | None
    train_seconds: Seconds
    """Sum of the epochs' `seconds`."""
    threads: int | None
    device: str | None
    host: str | None
    metrics: _Metrics[TestedMetric] = {}
    """Test values without a field of their own, such as `test_rmse`; not written where there are none."""
    predicted: str | None = None
    """The class that the tested network gives each test image, as `class_codes` writes them; null where no
    test set was opened, and in journals that did not keep them."""
    weights: Annotated[Sha256 | None, Field(exclude_if=_is_absent)] = None
    """SHA-256 of the file in which a confirm run kept its weights; not written where it kept none."""

    @model_validator(mode="after")
    def _only_confirm_runs_see_the_test_set(self) -> "RunEnded":
        tested = (self.test_loss, self.test_accuracy, self.predicted)
        if self.phase != "confirm" and (self.metrics or any(value is not None for value in tested)):
            raise ValueError(f"run {self.run_id} is a {self.phase} run and must not carry test values")
        return self


class PhaseEnded(_Event):
    """Say that an arm finished a phase of a repeat; for the search phase, which run won."""

    event: Literal["phase_ended"] = "phase_ended"
    phase: Phase
    arm: str
    repeat: Annotated[int, Field(ge=0)] = 0
    winner: str | None
    """The run id whose configuration the confirm phase uses; null in other phases or without one."""
    reason: str | None = None
    """Why a search phase was given up before its budget was spent; null where it was not."""


class LookTaken(_Event):
    """Tell what a look at the claims left open. The last look, after which nothing runs, has none."""

    event: Literal["look_taken"] = "look_taken"
    n: Annotated[int, Field(ge=1)]
    """Replicates of the look, one of the plan's."""
    open: tuple[int, ...]
    """Places of the claims, from 0, that the look left open."""
    arms: tuple[str, ...]
    """Arms that open claims need further replicates of."""


class TestLabels(_Event):
    """Give the classes of a data set's test images: once, before the first confirm run ends."""

    __test__: ClassVar = False  # pytest: not a test, whatever its name says

    event: Literal["test_labels"] = "test_labels"
    dataset: str
    """As recipes name it."""
    labels: str
    """As `class_codes` writes them, in the published order."""
    n_images: Annotated[int, Field(ge=1)]
    n_classes: Annotated[int, Field(ge=1, le=MOST_CLASSES)]

    @model_validator(mode="after")
    def _labels_are_classes(self) -> "TestLabels":
        decode_classes(self.labels, self.n_classes, self.n_images)
        return self


Event = Annotated[
    StudyDeclared | ParentDeclared | RunStarted | EpochEnded | RunEnded | PhaseEnded | LookTaken | TestLabels,
    Field(discriminator="event"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Parses and validates one line of a journal."""
