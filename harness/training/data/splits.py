"""Dividing the training samples into a training and a validation part."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import StudyError
from harness.recipe.lengths import emptied_class, share, validation_counts
from harness.training.data.arrays import Samples

SPLIT_STREAM = 0x5911
"""Spawn key of the split's random stream: other uses of the same seed draw other numbers."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """Which samples train and which validate; together they are all samples, none twice."""

    train: torch.Tensor
    """`(n_train,)`, int64 indices in ascending order."""
    val: torch.Tensor
    """`(n_val,)`, int64 indices in ascending order."""


@lru_cache(maxsize=4)
def split_of(data: Samples, val_fraction: float, seed: int) -> Split:
    """Return a run's split, its indices on the data's device.

    The data set's own validation part, if it has one; else whole groups, where it has groups; else stratified
    by class, or drawn at random where there are no classes. The last ones are kept: the runs of a search
    share theirs, and what is measured on it.

    Args:
        data: All training samples.
        val_fraction: Share of the validation part.
        seed: As in `stratified_split`.

    Raises:
        StudyError: The fraction leaves some class, or all, without training or without validation samples.
    """
    n = len(data)
    if data.n_val is not None:
        split = _split_by(torch.arange(n) >= n - data.n_val)
    elif data.groups is not None:
        split = grouped_split(data.groups, val_fraction, seed)
        _check_classes_train(data, split, val_fraction)
    elif data.is_classified:
        split = stratified_split(data.targets.cpu(), val_fraction, seed)
    else:
        split = random_split(n, val_fraction, seed)
    return Split(train=split.train.to(data.device), val=split.val.to(data.device))


def random_split(n_samples: int, val_fraction: float, seed: int) -> Split:
    """Draw a validation part without replacement, every sample as likely as any other.

    Args:
        n_samples: How many there are.
        val_fraction: Share of the validation part, read as the decimal number it is written as.
        seed: As in `stratified_split`.

    Raises:
        StudyError: The fraction leaves a part empty.
    """
    n_val = share(n_samples, val_fraction)
    if not 0 < n_val < n_samples:
        raise StudyError(
            f"val_fraction {val_fraction} of {n_samples} samples leaves a part empty: choose a fraction "
            f"between 0 and 1 that gives both parts at least one"
        )
    is_val = torch.zeros(n_samples, dtype=torch.bool)
    is_val[torch.from_numpy(_generator(seed).permutation(n_samples)[:n_val])] = True
    return _split_by(is_val)


def grouped_split(groups: torch.Tensor, val_fraction: float, seed: int) -> Split:
    """Draw a validation part of whole groups, as close to its share of the samples as they come.

    Groups are taken in random order if that brings the part nearer to its size; both parts get at least one.

    Args:
        groups: `(n,)` the number of each sample's group, from 0 on.
        val_fraction: Share of the validation part.
        seed: As in `stratified_split`.

    Raises:
        StudyError: There is but one group.
    """
    numbers = groups.numpy()
    sizes = np.bincount(numbers)
    if len(sizes) < 2:
        raise StudyError("a split of whole groups needs at least two groups, and there is one")
    wanted = share(len(numbers), val_fraction)
    order = _generator(seed).permutation(len(sizes))
    chosen, n_val = [order[0]], int(sizes[order[0]])
    for group in order[1:-1]:
        if abs(n_val + int(sizes[group]) - wanted) < abs(n_val - wanted):
            chosen.append(group)
            n_val += int(sizes[group])
    return _split_by(torch.from_numpy(np.isin(numbers, chosen)))


def stratified_split(labels: torch.Tensor, val_fraction: float, seed: int) -> Split:
    """Draw a validation part in which every class has its share.

    The part has as many samples as `split_sizes` says. Each class gives
    `val_fraction` of its samples, rounded by largest remainder so that the counts add up; equal remainders
    favour the lower class. Which samples it gives is drawn without replacement.

    Args:
        labels: `(n,)` integer classes.
        val_fraction: Share of the validation part, read as the decimal number it is written as.
        seed: Non-negative; the split is a function of labels, fraction and seed alone. Generator: PCG64,
            seeded by SeedSequence.

    Raises:
        StudyError: The fraction leaves some class without training or without validation samples.
    """
    classes_of_images = labels.numpy()
    classes, sizes = np.unique(classes_of_images, return_counts=True)
    _check_no_class_is_empty(classes, sizes, val_fraction)
    counts = validation_counts(sizes.tolist(), val_fraction)
    generator = _generator(seed)
    is_val = np.zeros(len(labels), dtype=np.bool_)
    for class_, count in zip(classes, counts, strict=True):
        members = np.flatnonzero(classes_of_images == class_)
        is_val[generator.permutation(members)[:count]] = True
    return _split_by(torch.from_numpy(is_val))


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(SPLIT_STREAM,))))


def _split_by(is_val: torch.Tensor) -> Split:
    return Split(train=torch.nonzero(~is_val).flatten(), val=torch.nonzero(is_val).flatten())


def _check_classes_train(data: Samples, split: Split, val_fraction: float) -> None:
    """Refuse a split of whole groups that leaves a class without training samples.

    Raises:
        StudyError: It does.
    """
    if not data.is_classified:
        return
    counts = torch.bincount(data.targets.cpu()[split.train], minlength=data.n_outputs)
    absent = torch.nonzero(counts == 0).flatten().tolist()
    if absent:
        raise StudyError(
            f"val_fraction {val_fraction} holds out all groups that have class {absent[0]}: choose a smaller "
            f"fraction, or finer groups"
        )


def _check_no_class_is_empty(
    classes: NDArray[np.int64], sizes: NDArray[np.int64], val_fraction: float
) -> None:
    """Refuse a split without some class.

    Raises:
        StudyError: Some class would have no sample in one of the two parts.
    """
    emptied = emptied_class(sizes.tolist(), val_fraction)
    if emptied is not None:
        position, part = emptied
        raise StudyError(
            f"val_fraction {val_fraction} leaves class {classes[position]} ({sizes[position]} samples) "
            f"without {part} samples: choose a fraction between 0 and 1 that gives both parts at least one "
            f"sample of every class"
        )
