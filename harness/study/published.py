"""Published values of a study file: what others measured, to be set beside what this study measures."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from harness.study.claim_kinds import ArmName, Scalar, Settings

METRICS = (
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "test_loss",
    "test_accuracy",
    "train_seconds",
    "epoch_seconds",
)
"""Columns of the runs that published values stand beside, in their units: accuracies in [0, 1], seconds."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class NotedValue(_Strict):
    """A published value with what is known about it."""

    value: Annotated[float, Field(allow_inf_nan=False)]
    note: Annotated[str, Field(min_length=1)]
    """Why it may differ from ours, such as `loss of the last mini-batch`."""


def _value_kind(value: Any) -> str:
    return "<noted>" if isinstance(value, dict | NotedValue) else "<value>"


_Value = Annotated[
    Annotated[float, Field(allow_inf_nan=False), Tag("<value>")] | Annotated[NotedValue, Tag("<noted>")],
    Discriminator(_value_kind),
]


class PublishedRun(_Strict):
    """One published run of an arm: its source, and its values under the names of the runs' columns."""

    source: Annotated[str, Field(min_length=1)]
    """Where it was published."""
    note: str | None = None
    """What is known of the run as a whole, such as another rate."""
    at: Settings | None = None
    """Picks the search runs of one point of a grid; by default the confirm runs are set beside it."""
    train_loss: _Value | None = None
    train_accuracy: _Value | None = None
    val_loss: _Value | None = None
    val_accuracy: _Value | None = None
    test_loss: _Value | None = None
    test_accuracy: _Value | None = None
    train_seconds: _Value | None = None
    epoch_seconds: _Value | None = None
    metrics: dict[str, _Value] = {}
    """Values of further metrics of the study, by the names of their columns, such as `test_rmse`."""

    @model_validator(mode="after")
    def _has_a_value(self) -> "PublishedRun":
        if not self.values():
            raise ValueError(f"holds no value. Valid: {', '.join(METRICS)}, metrics")
        return self

    def values(self) -> dict[str, float]:
        """Return the metric's values, by column of the runs."""
        plain = {name: v.value if isinstance(v, NotedValue) else v for name, v in self._given().items()}
        return {name: float(value) for name, value in plain.items()}

    def notes(self) -> dict[str, str]:
        """Return the notes of single values, by column of the runs."""
        return {name: v.note for name, v in self._given().items() if isinstance(v, NotedValue)}

    def _given(self) -> dict[str, float | NotedValue]:
        own = {name: getattr(self, name) for name in METRICS}
        return {name: value for name, value in own.items() if value is not None} | self.metrics


def _run_kind(value: Any) -> str:
    return "<list>" if isinstance(value, list) else "<run>"


Published = dict[
    ArmName,
    Annotated[
        Annotated[PublishedRun, Tag("<run>")]
        | Annotated[list[PublishedRun], Field(min_length=1), Tag("<list>")],
        Discriminator(_run_kind),
    ],
]
"""Arm to one published run or several."""


class PublishedValues(BaseModel):
    """One published run of an arm, its values by column of the runs."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True)

    source: str
    """Where it was published."""
    note: str | None = None
    """What is known of the run as a whole."""
    at: dict[str, Scalar] | None = None
    """Picks the search runs of one point of a grid; by default the confirm runs stand beside it."""
    metrics: dict[str, float] = Field(alias="values")
    notes: dict[str, str] = {}
    """What is known of single values."""


def by_arm(published: Published) -> dict[str, list[PublishedValues]]:
    """Return the published runs of each arm."""
    return {
        arm: [_values_of(run) for run in (runs if isinstance(runs, list) else [runs])]
        for arm, runs in published.items()
    }


def _values_of(run: PublishedRun) -> PublishedValues:
    return PublishedValues(
        source=run.source, note=run.note, at=run.at, metrics=run.values(), notes=run.notes()
    )
