"""The images and labels of a prepared data set, mapped into this process without a copy.

The test set has its own function, and it is sealed: only the confirm phase opens it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch

from harness.training.data.mapping import check_phase_may_test, mapped_array
from harness.training.data.prepare import PreparedDataset


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
    check_phase_may_test(phase)
    return _load(prepared, "test")


@lru_cache(maxsize=8)
def _load(prepared: PreparedDataset, subset: Literal["train", "test"]) -> LabelledImages:
    """Map one subset, once per process."""
    images = mapped_array(prepared, f"{subset}-images")
    labels = mapped_array(prepared, f"{subset}-labels")
    return LabelledImages(images=torch.from_numpy(images), labels=torch.from_numpy(labels.astype(np.int64)))
