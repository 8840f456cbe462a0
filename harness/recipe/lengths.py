"""How long a run is: samples of a split, and epochs or optimizer steps, one converted into the other."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from harness.recipe.data import DataFacts
from harness.recipe.datasets import DATASETS


def split_sizes(facts: DataFacts, val_fraction: float) -> tuple[int, int]:
    """Return how many samples train and how many validate.

    Whole groups of samples (`is_grouped`) come as close to these sizes as they can.

    Args:
        facts: Of the data set.
        val_fraction: Share of the validation part, read as the decimal number it is written as; not read
            where the data set has a validation part of its own.
    """
    n_val = share(facts.n_train, val_fraction) if facts.n_val is None else facts.n_val
    return facts.n_train - n_val, n_val


def share(n_samples: int, fraction: float) -> int:
    """Return a share of so many samples, in exact arithmetic; a half goes to the even number."""
    return round(n_samples * Fraction(str(fraction)))


def validation_counts(sizes: Sequence[int], val_fraction: float) -> list[int]:
    """Share the validation samples among classes by largest remainder, in exact arithmetic.

    Args:
        sizes: Training samples of each class, validation part included.
        val_fraction: Share of the validation part, read as the decimal number it is written as.

    Source: the Hare-Niemeyer (Hamilton) method of apportionment.
    """
    fraction = Fraction(str(val_fraction))
    quotas = [size * fraction for size in sizes]
    counts = [int(quota) for quota in quotas]
    n_left = share(sum(sizes), val_fraction) - sum(counts)
    by_remainder = sorted(range(len(sizes)), key=lambda index: counts[index] - quotas[index])
    for index in by_remainder[:n_left]:
        counts[index] += 1
    return counts


def emptied_class(sizes: Sequence[int], val_fraction: float) -> tuple[int, str] | None:
    """Return the first class that a split leaves without samples, by position, and the part that lacks it."""
    for position, (size, count) in enumerate(zip(sizes, validation_counts(sizes, val_fraction), strict=True)):
        if not 0 < count < size:
            return position, "training" if count > 0 else "validation"
    return None


def leaves_one_sample(n_train: int, batch_size: int) -> bool:
    """Return whether an epoch ends with a batch of one sample, of which BatchNorm can take no deviation."""
    return (n_train - 1) % batch_size == 0


def steps_per_epoch(facts: DataFacts, val_fraction: float, batch_size: int) -> int:
    """Return the optimizer steps of one epoch; the last batch may be smaller.

    Args:
        facts: Of the data set.
        val_fraction: Share of the validation part.
        batch_size: Samples a step.
    """
    n_train, _ = split_sizes(facts, val_fraction)
    return -(-n_train // batch_size)


def epochs_of_steps(values: Mapping[str, Any]) -> int:
    """Return the epochs that a recipe's `steps` take; the last one may be cut short.

    Args:
        values: `steps`, `batch_size`, `dataset` and `val_fraction`.

    Raises:
        ValueError: The data set's size is only known once its files are read.
    """
    if values["dataset"] not in DATASETS:
        raise ValueError("steps needs a data set whose size is known before: give epochs instead")
    facts, steps = DATASETS[values["dataset"]].facts, int(values["steps"])
    return -(-steps // steps_per_epoch(facts, values["val_fraction"], values["batch_size"]))
