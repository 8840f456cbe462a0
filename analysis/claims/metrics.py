"""The metrics a claim may name: which direction is better, what is too small to matter, how to show them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A column of the runs, or a time derived from their epochs."""

    label: str
    sign: int
    """+1 where more is better, -1 where less is."""
    equivalence: float | None = None
    """Half-width of the region in which two arms count as equal; None where none is declared."""
    scale: float = 1.0
    """Factor from the files' unit to the readers' one."""
    unit: str = ""
    """The readers' unit of a difference, with its leading space."""
    is_time: bool = False
    """Times are compared by their ratio."""


def _accuracy(label: str) -> Metric:
    return Metric(label=label, sign=1, equivalence=0.002, scale=100.0, unit=" pp")


def _loss(label: str) -> Metric:
    return Metric(label=label, sign=-1)


def _time(label: str) -> Metric:
    return Metric(label=label, sign=-1, is_time=True)


METRICS: dict[str, Metric] = {
    "test_accuracy": _accuracy("test accuracy"),
    "val_accuracy": _accuracy("validation accuracy"),
    "train_accuracy": _accuracy("training accuracy"),
    "test_loss": _loss("test loss"),
    "val_loss": _loss("validation loss"),
    "train_loss": _loss("training loss"),
    "train_seconds": _time("training time"),
    "epoch_seconds": _time("time of an epoch"),
    "seconds_to": _time("training time to the target"),
    "epochs_to": _time("epochs to the target"),
}
