"""Dividing the training images into a training and a validation part."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import StudyError
from harness.recipe.lengths import emptied_class, validation_counts

SPLIT_STREAM = 0x5911
"""Spawn key of the split's random stream: other uses of the same seed draw other numbers."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """Which images train and which validate; together they are all images, none twice."""

    train: torch.Tensor
    """`(n_train,)`, int64 indices in ascending order."""
    val: torch.Tensor
    """`(n_val,)`, int64 indices in ascending order."""


def stratified_split(labels: torch.Tensor, val_fraction: float, seed: int) -> Split:
    """Draw a validation part in which every class has its share.

    The part has as many images as `split_sizes` says. Each class gives
    `val_fraction` of its images, rounded by largest remainder so that the counts add up; equal remainders
    favour the lower class. Which images it gives is drawn without replacement.

    Args:
        labels: `(n,)` integer classes.
        val_fraction: Share of the validation part, read as the decimal number it is written as.
        seed: Non-negative; the split is a function of labels, fraction and seed alone. Generator: PCG64,
            seeded by SeedSequence.

    Raises:
        StudyError: The fraction leaves some class without training or without validation images.
    """
    classes_of_images = labels.numpy()
    classes, sizes = np.unique(classes_of_images, return_counts=True)
    _check_no_class_is_empty(classes, sizes, val_fraction)
    counts = validation_counts(sizes.tolist(), val_fraction)
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(SPLIT_STREAM,))))
    is_val = np.zeros(len(labels), dtype=np.bool_)
    for class_, count in zip(classes, counts, strict=True):
        members = np.flatnonzero(classes_of_images == class_)
        is_val[generator.permutation(members)[:count]] = True
    return Split(
        train=torch.from_numpy(np.flatnonzero(~is_val)), val=torch.from_numpy(np.flatnonzero(is_val))
    )


def _check_no_class_is_empty(
    classes: NDArray[np.int64], sizes: NDArray[np.int64], val_fraction: float
) -> None:
    """Refuse a split without some class.

    Raises:
        StudyError: Some class would have no image in one of the two parts.
    """
    emptied = emptied_class(sizes.tolist(), val_fraction)
    if emptied is not None:
        position, part = emptied
        raise StudyError(
            f"val_fraction {val_fraction} leaves class {classes[position]} ({sizes[position]} images) "
            f"without {part} images: choose a fraction between 0 and 1 that gives both parts at least one "
            f"image of every class"
        )
