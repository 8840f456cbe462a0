"""Metrics: what a run reports of how good its network is, and how each is read. No torch.

One row a metric that the harness measures itself; a study declares which it has. In records a metric stands
once for each part of the data: `train_rmse`, `val_rmse`, `test_rmse`.
"""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from harness.recipe.imported import Reference

Better = Literal["higher", "lower"]

Task = Literal["classification", "regression"]

Split = Literal["train", "val", "test"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def _is_absent(value: object) -> bool:
    return value is None


class Metric(BaseModel):
    """How the values of a metric are read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, populate_by_name=True
    )

    better: Better
    """Which values are better."""
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1
    """The report shows the recorded value times this, 100 for shares in percent."""
    unit: Annotated[str, Field(max_length=16)] = ""
    """Of differences as the report shows them. A metric with unit `pp` shows values in `%`."""
    region: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Difference of recorded values up to which two arms count as equal, where a claim gives none."""
    reference: Annotated[Reference | None, Field(alias="import", exclude_if=_is_absent)] = None
    """`package.module:name` of a user's own function of outputs and targets; None for a metric that the
    harness measures itself, or a program prints."""

    @property
    def mode(self) -> Literal["min", "max"]:
        """What a search does with it."""
        return "max" if self.better == "higher" else "min"

    @property
    def unit_of_values(self) -> str:
        """Unit of the metric itself as the report shows it."""
        return "%" if self.unit == "pp" else self.unit


class MeasuredMetric(Metric):
    """An entry of a study's `metrics`: one of ours by its name alone, or a function of the user's own."""

    better: Better | None = None  # type: ignore[assignment]
    """Which values are better; of our own metrics it is known."""


METRICS: dict[str, Metric] = {
    "accuracy": Metric(better="higher", scale=100, unit="pp", region=0.002),
    "loss": Metric(better="lower"),  # of classification in nats
    "rmse": Metric(better="lower"),  # in the unit of the targets, as is mae
    "mae": Metric(better="lower"),
    "r2": Metric(better="higher"),
}
"""The metrics that the built-in training measures."""

OPEN_RANGES: dict[str, tuple[float, float]] = {
    "accuracy": (0.0, 1.0),
    "rmse": (0.0, inf),
    "mae": (0.0, inf),
    "r2": (-inf, 1.0),
}
"""Bounds of what these can be; between them a mean can be told from a value. A loss may be imported."""

TASK_METRICS: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "loss"),
    "regression": ("rmse", "mae", "r2", "loss"),
}
"""What a study's runs report where it declares nothing, the headline first."""


def task_metrics(task: Task) -> dict[str, Metric]:
    """Return the metrics of a task, the headline first."""
    return {name: METRICS[name] for name in TASK_METRICS[task]}


def _is_no_column(name: str) -> str:
    if name == "seconds":
        raise ValueError("seconds is no name for a metric: train_seconds is the time of a run")
    return name


MetricName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64),
    AfterValidator(_is_no_column),
]
"""Name of a declared metric; becomes part of columns and file names."""


class Goal(NamedTuple):
    """What tells the best epoch of a run."""

    metric: str
    """As records name it, such as `val_loss`."""
    better: Better

    def prefers(self, value: float, than: float) -> bool:
        """Return whether one value is better than another; of equal ones neither is."""
        return value > than if self.better == "higher" else value < than


def record_names(metrics: Iterable[str], splits: Iterable[Split] = SPLITS) -> list[str]:
    """Return the names under which records hold metrics: `val_rmse` for `rmse`."""
    splits = tuple(splits)
    return [f"{split}_{name}" for name in metrics for split in splits]


def in_records(metrics: Mapping[str, Metric], splits: Iterable[Split] = SPLITS) -> dict[str, Metric]:
    """Return metrics by the names under which records hold them."""
    return {name: metrics[name.partition("_")[2]] for name in record_names(metrics, splits)}


def default_search_metric(metrics: Mapping[str, Metric]) -> str:
    """Return what selects where a study does not say: the validation loss, else the headline metric."""
    return "val_loss" if "loss" in metrics else f"val_{next(iter(metrics))}"
