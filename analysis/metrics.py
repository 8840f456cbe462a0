"""What a study measures, in the words, units and directions of its report. Reads a declaration alone."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

from analysis.render import numbers
from harness.recipe.metrics import Metric as Declared
from harness.recipe.metrics import Split, task_metrics

_PARTS = {"train": "training", "val": "validation", "test": "test"}

_LABELS = {"rmse": "RMSE", "mae": "MAE", "r2": "R²"}
"""Names that are written otherwise than they are declared."""

_IN_WORDS = {"pp": "percentage points"}

_IMAGES = re.compile(r"\b[Ii]mage(?=s?\b)")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A column of the runs, or a time derived from their epochs."""

    name: str
    """Of the column."""
    label: str
    sign: int
    """+1 where more is better, -1 where less is."""
    equivalence: float | None = None
    """Half-width of the region in which two arms count as equal; None where none is declared."""
    scale: float = 1.0
    """Factor from the files' unit to the readers' one."""
    unit: str = ""
    """The readers' unit of a difference, with its leading space."""
    value_unit: str = ""
    """The readers' unit of a value."""
    is_time: bool = False
    """Times are compared by their ratio."""

    @property
    def is_accuracy(self) -> bool:
        """Whether values are shares of samples whose class is right, in [0, 1] unless a program says else."""
        return self.name.partition("_")[2] == "accuracy"

    @property
    def decimals(self) -> int:
        """Digits behind the point of a value without an interval."""
        return 2 if self.scale == 100 else 4

    def amount(self, value: float | None, half_width: float | None = None) -> str:
        """Return a value, not a difference of two, in the readers' unit, rounded to its uncertainty."""
        return numbers.with_uncertainty(
            value, half_width, scale=self.scale, decimals=self.decimals, is_share=self.is_accuracy
        )

    @property
    def better(self) -> str:
        """What is better, as a word."""
        return "higher" if self.sign > 0 else "lower"

    @property
    def ahead(self) -> str:
        """What stands between a better value and a worse one."""
        return ">" if self.sign > 0 else "<"

    @property
    def best(self) -> str:
        """The best one, as a word."""
        return "highest" if self.sign > 0 else "lowest"

    @property
    def short(self) -> str:
        """The label without its part of the data."""
        return self.label.partition(" ")[2]

    @property
    def sides(self) -> str:
        """What the sign of a difference says, as the end of a sentence."""
        side = "positive" if self.sign > 0 else "negative"
        is_known = self.short in {"accuracy", "loss"}  # everybody knows which of these are better
        return f"where {side} is {self.better if is_known else 'better'}"

    @property
    def unit_in_words(self) -> str:
        """The readers' unit of a difference, spelled out; empty where it has none."""
        return _IN_WORDS.get(self.unit.strip(), self.unit.strip())

    @property
    def in_unit(self) -> str:
        """The end of a sentence on differences: in which unit they are; empty where they have none."""
        short = self.unit.strip()
        explained = f" ({short})" if self.unit_in_words != short else ""
        return f" in {self.unit_in_words}{explained}" if short else ""

    @property
    def in_value_unit(self) -> str:
        """The end of a sentence on values: in which unit they are; empty where they have none."""
        word = "percent" if self.value_unit == "%" else self.value_unit
        return f" in {word}" if word else ""

    @property
    def difference_heading(self) -> str:
        """What stands behind the heading of differences."""
        return f" ({self.unit.strip()})" if self.unit else ""

    @property
    def axis(self) -> str:
        """The label of an axis of values."""
        return self.label + (f" ({self.value_unit})" if self.value_unit else "")

    @property
    def drawn_axis(self) -> str:
        """The label of an axis of values in a figure, which says what is better where that is not plain."""
        is_known = self.is_time or self.short in {"accuracy", "loss"}
        return self.axis if is_known else f"{self.axis}, {self.better} is better"

    @property
    def heading(self) -> str:
        """The heading of a column of values."""
        words = self.label.removeprefix("training ")
        text = self.axis if words == self.label else self.axis.replace("training", "train", 1)
        return numbers.capitalised(text)


@dataclass(frozen=True, eq=False)
class Metrics(Mapping[str, Metric]):
    """A study's metrics by the names of their columns, and the times."""

    declared: Mapping[str, Declared]
    """By name, the headline first."""
    by_name: Mapping[str, Metric]
    of_program: bool = False
    """Whether a program reports them, of whose steps, seeds and clocks nothing is known."""
    of_images: bool = True
    """Whether they are measured on images."""

    def __getitem__(self, name: str) -> Metric:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    def __deepcopy__(self, _memo: object) -> "Metrics":  # pandas copies what is noted on a frame
        return self

    @property
    def names(self) -> list[str]:
        """The metrics as declared, the headline first."""
        return list(self.declared)

    @property
    def headline(self) -> Metric:
        """What a study is about first, on the test set."""
        return self[f"test_{self.names[0]}"]

    @property
    def validated(self) -> Metric:
        """The headline on validation data."""
        return self[f"val_{self.names[0]}"]

    @property
    def compared(self) -> list[str]:
        """The columns by which arms are set against a baseline: the first two metrics, tested."""
        return [f"test_{name}" for name in self.names[:2]]

    @property
    def has_accuracy(self) -> bool:
        """Whether the headline is the share of test images that are classified right."""
        return self.names[0] == "accuracy"

    @property
    def has_loss(self) -> bool:
        """Whether runs have a loss."""
        return "loss" in self.declared

    def worded(self, text: str) -> str:
        """Return a text about images in words that fit: of samples, where these are no images."""
        if self.of_images:
            return text
        return _IMAGES.sub(lambda found: "Sample" if found[0] == "Image" else "sample", text)

    def columns(self, *splits: Split) -> list[str]:
        """Return the columns of some parts of the data, metric by metric."""
        return [f"{split}_{name}" for name in self.names for split in splits]


_LEAST_IMAGES = 1.5
"""Least half-width of an accuracy's region, in images, by which accuracies of single runs move."""


def metrics_of(
    metrics: Mapping[str, Declared],
    samples: Mapping[Split, float] | None = None,
    *,
    of_program: bool = False,
    of_images: bool = True,
) -> Metrics:
    """Return the metrics that a study declares, as its report shows them.

    Args:
        metrics: By name, the headline first.
        samples: Images of the parts of its data set, by which accuracies are counted, where they are known.
        of_program: Whether a program measures them.
        of_images: Whether samples are images.
    """
    return _metrics_of(tuple(metrics.items()), tuple((samples or {}).items()), of_program, of_images)


@lru_cache(maxsize=64)
def _metrics_of(
    metrics: tuple[tuple[str, Declared], ...],
    samples: tuple[tuple[Split, float], ...],
    of_program: bool,  # noqa: FBT001
    of_images: bool,  # noqa: FBT001
) -> Metrics:
    by_name, sizes = dict(metrics), dict(samples)
    columns = {
        f"{split}_{name}": _column(split, name, metric, sizes.get(split, 0))
        for name, metric in metrics
        for split in get_args(Split)
    }
    return Metrics(by_name, columns | _TIMES, of_program, of_images)


def _column(split: Split, name: str, metric: Declared, samples: float) -> Metric:
    region = metric.region
    if name == "accuracy" and region is not None and samples > 0:
        region = max(region, _LEAST_IMAGES / samples)
    return Metric(
        name=f"{split}_{name}",
        label=f"{_PARTS[split]} {_LABELS.get(name, name)}",
        sign=1 if metric.better == "higher" else -1,
        equivalence=region,
        scale=metric.scale,
        unit=f" {metric.unit}" if metric.unit else "",
        value_unit=metric.unit_of_values,
    )


def _time(name: str, label: str) -> Metric:
    return Metric(name=name, label=label, sign=-1, is_time=True)


_TIMES = {
    "train_seconds": _time("train_seconds", "training time"),
    "epoch_seconds": _time("epoch_seconds", "time of an epoch"),
    "seconds_to": _time("seconds_to", "training time to the target"),
    "epochs_to": _time("epochs_to", "epochs to the target"),
}

USUAL = metrics_of(task_metrics("classification"))
"""Of studies that classify."""
