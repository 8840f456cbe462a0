"""The samples of a prepared data set, mapped into this process without a copy.

The test set has its own function, and it is sealed: only the confirm phase opens it.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

import numpy as np
import torch

from harness.recipe.data import BYTE_GREATEST, Kind
from harness.training.data.mapping import check_phase_may_test, mapped_array
from harness.training.data.prepare import PreparedDataset


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Samples:
    """Samples and what is to be predicted of them, in the published order."""

    inputs: torch.Tensor
    """`(n, *shape)`, uint8 or float32: the cache's pages, which all processes share."""
    targets: torch.Tensor
    """`(n,)` int64 classes, 0 to n_classes - 1; or `(n,)` or `(n, k)` float32 numbers."""
    kind: Kind = "image"
    greatest: float | None = BYTE_GREATEST
    """What `input_norm: unit` divides by; None for the greatest magnitude in the training split."""
    groups: torch.Tensor | None = None
    """`(n,)` int32: samples of equal number stay in one part of a split."""
    n_val: int | None = None
    """The last so many are the validation part, where the data set has one of its own."""

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""
        return tuple(self.inputs.shape[1:])

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self.inputs.device

    @property
    def is_classified(self) -> bool:
        """Whether targets are classes."""
        return not self.targets.is_floating_point()

    @property
    def n_outputs(self) -> int:
        """Classes (of which training samples have every one), or numbers to predict."""
        return int(self.targets.max()) + 1 if self.is_classified else prod(self.targets.shape[1:])

    def to(self, device: torch.device | str) -> "Samples":
        """Return the samples on a device; where they are there already, the same memory."""
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device))


def load_training_samples(prepared: PreparedDataset) -> Samples:
    """Map the training samples, of which every split's training and validation part are taken.

    Raises:
        DataError: The cache was removed since, or is another machine's.
    """
    return _load(prepared, is_test=False)


def load_test_samples(prepared: PreparedDataset, *, phase: str) -> Samples:
    """Map the test samples for a run of the confirm phase.

    Raises:
        TestSetSealedError: `phase` is not `confirm`.
        DataError: The cache was removed since, or is another machine's.
    """
    check_phase_may_test(phase)
    return _load(prepared, is_test=True)


@lru_cache(maxsize=8)
def _load(prepared: PreparedDataset, *, is_test: bool) -> Samples:
    """Map one part, once per process."""
    spec = prepared.spec
    parts = spec.parts[2:4] if is_test else (*spec.parts[:2], *spec.parts[4:])
    inputs, targets, *groups = (mapped_array(prepared, part.array) for part in parts)
    return Samples(
        inputs=torch.from_numpy(inputs.reshape(len(inputs), *spec.shape)),
        targets=torch.from_numpy(targets.astype(np.int64) if spec.n_classes else targets),
        kind=spec.kind,
        greatest=spec.greatest,
        groups=torch.from_numpy(groups[0]) if groups else None,
        n_val=None if is_test else spec.n_val,
    )
