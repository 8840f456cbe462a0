"""How long a run is: images of a split, and epochs or optimizer steps, one converted into the other."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from harness.recipe.datasets import DATASETS


def split_sizes(n_images: int, val_fraction: float) -> tuple[int, int]:
    """Return how many images train and how many validate; a half goes to the even number that validates.

    Args:
        n_images: Training images of the data set, validation part included.
        val_fraction: Share of the validation part, read as the decimal number it is written as.
    """
    n_val = round(n_images * Fraction(str(val_fraction)))
    return n_images - n_val, n_val


def validation_counts(sizes: Sequence[int], val_fraction: float) -> list[int]:
    """Share the validation images among classes by largest remainder, in exact arithmetic.

    Args:
        sizes: Training images of each class, validation part included.
        val_fraction: Share of the validation part, read as the decimal number it is written as.

    Source: the Hare-Niemeyer (Hamilton) method of apportionment.
    """
    fraction = Fraction(str(val_fraction))
    quotas = [size * fraction for size in sizes]
    counts = [int(quota) for quota in quotas]
    n_left = split_sizes(sum(sizes), val_fraction)[1] - sum(counts)
    by_remainder = sorted(range(len(sizes)), key=lambda index: counts[index] - quotas[index])
    for index in by_remainder[:n_left]:
        counts[index] += 1
    return counts


def emptied_class(sizes: Sequence[int], val_fraction: float) -> tuple[int, str] | None:
    """Return the first class that a split leaves without images, by position, and the part that lacks it."""
    for position, (size, count) in enumerate(zip(sizes, validation_counts(sizes, val_fraction), strict=True)):
        if not 0 < count < size:
            return position, "training" if count > 0 else "validation"
    return None


def leaves_one_image(n_train: int, batch_size: int) -> bool:
    """Return whether an epoch ends with a batch of one image, of which BatchNorm can take no deviation."""
    return n_train % batch_size == 1


def steps_per_epoch(n_images: int, val_fraction: float, batch_size: int) -> int:
    """Return the optimizer steps of one epoch; the last batch may be smaller.

    Args:
        n_images: Training images of the data set, validation part included.
        val_fraction: Share of the validation part.
        batch_size: Images a step.
    """
    n_train, _ = split_sizes(n_images, val_fraction)
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
    n_images, steps = DATASETS[values["dataset"]], int(values["steps"])
    return -(-steps // steps_per_epoch(n_images, values["val_fraction"], values["batch_size"]))
