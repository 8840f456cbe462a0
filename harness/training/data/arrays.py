"""The images and labels of a prepared data set, mapped into this process without a copy.

The test set has its own function, and it is sealed: only the confirm phase opens it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import DataError
from harness.training.data.cache import array_file
from harness.training.data.prepare import PreparedDataset


class TestSetSealedError(RuntimeError):
    """Report that something outside the confirm phase reached for the test set: a bug of ours."""

    __test__ = False  # pytest: not a test, whatever its name says


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LabelledImages:
    """Images and their classes, in the published order."""

    images: torch.Tensor
    """`(n, height, width)`, uint8, 0 to 255: the cache's pages, which all processes share."""
    labels: torch.Tensor
    """`(n,)`, int64, 0 to n_classes - 1."""

    def __len__(self) -> int:
        return len(self.labels)


def load_training_images(prepared: PreparedDataset) -> LabelledImages:
    """Map the training images, of which every split's training and validation part are taken.

    Raises:
        DataError: The cache was removed since, or is another machine's.
    """
    return _load(prepared, "train")


def load_test_images(prepared: PreparedDataset, *, phase: str) -> LabelledImages:
    """Map the test images for a run of the confirm phase.

    Raises:
        TestSetSealedError: `phase` is not `confirm`.
        DataError: The cache was removed since, or is another machine's.
    """
    if phase != "confirm":
        raise TestSetSealedError(f"a run of the {phase!r} phase reached for the test set: only 'confirm' may")
    return _load(prepared, "test")


@lru_cache(maxsize=8)
def _load(prepared: PreparedDataset, subset: Literal["train", "test"]) -> LabelledImages:
    """Map one subset, once per process."""
    images = _mapped(prepared, f"{subset}-images")
    labels = _mapped(prepared, f"{subset}-labels")
    return LabelledImages(images=torch.from_numpy(images), labels=torch.from_numpy(labels.astype(np.int64)))


def _mapped(prepared: PreparedDataset, array: str) -> NDArray[np.uint8]:
    """Map one cached array; pages are shared until written to, and writing never reaches the file.

    Raises:
        DataError: It is not there or is damaged.
    """
    file = array_file(prepared.folder, array)
    try:
        values: NDArray[np.uint8] = np.load(file, mmap_mode="c", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{file} cannot be mapped ({error}): prepare {prepared.name} on this machine first"
        ) from error
    return values
