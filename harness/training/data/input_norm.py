"""How inputs enter a model: scaled by numbers that come from a recipe or from its training split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import torch

from harness.errors import StudyError
from harness.training.data.arrays import Samples

CHUNK_SAMPLES = 4096
"""Samples counted at once: the gathered copy stays in the processor's caches."""

_N_BYTES = 256
"""Values that a byte can have."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class InputTransform:
    """An affine map from a data set's inputs to a model's: `(input - center) * scale + shift`.

    Numbers are single, or one a channel `(C, 1, 1)` or feature `(F,)`, on the inputs' device.
    """

    scale: float | torch.Tensor
    shift: float | torch.Tensor = 0.0
    center: float | torch.Tensor | None = None
    """Taken off first, where inputs are not bytes: a large mean with a small deviation would cost digits."""

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map a batch `(B, *shape)` to a new float32 tensor of the same shape, on the same device."""
        values = inputs.to(torch.float32, copy=True)
        if self.center is not None:
            values.sub_(self.center)
        return values.mul_(self.scale).add_(self.shift)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Mean and population standard deviation of inputs, divided by `greatest` where they are bytes."""

    means: list[float]
    """One a channel or feature; one in all for tensors."""
    deviations: list[float]


@lru_cache(maxsize=4)
def input_statistics(samples: Samples, indices: torch.Tensor) -> Statistics:
    """Compute mean and deviation of the chosen samples: of images by channel, of tables by feature.

    Sums over bytes are exact: whole numbers, until the last division. Others are summed in float64. The last
    ones are kept, by the very objects: the runs of a search share their split.

    Args:
        samples: All training samples.
        indices: `(k,)` int64, the chosen ones.

    Raises:
        ValueError: No sample is chosen.
    """
    if len(indices) == 0:
        raise ValueError("statistics of inputs need at least one sample, got none")
    if samples.inputs.dtype == torch.uint8:
        by_bytes = [_of_bytes(counts, samples.greatest or 1) for counts in _histograms(samples, indices)]
        return Statistics(means=[mean for mean, _ in by_bytes], deviations=[std for _, std in by_bytes])
    chunks = [_by_channel(samples, chunk) for chunk in _chunks(samples, indices)]
    n_values = sum(chunk.shape[1] for chunk in chunks)
    means = torch.stack([chunk.double().sum(dim=1) for chunk in chunks]).sum(dim=0) / n_values
    squares = [(chunk.double() - means[:, None]).square().sum(dim=1) for chunk in chunks]
    deviations = (torch.stack(squares).sum(dim=0) / n_values).sqrt()
    return Statistics(means=means.tolist(), deviations=deviations.tolist())


def raw(_samples: Samples, _train_indices: torch.Tensor) -> InputTransform:
    """Leave inputs as they are."""
    return InputTransform(scale=1.0)


def unit(samples: Samples, train_indices: torch.Tensor) -> InputTransform:
    """Divide by the greatest value: of bytes what the data set declares, else the training split's magnitude.

    Raises:
        StudyError: All inputs of the training split are zero.
    """
    greatest = samples.greatest
    if greatest is None:
        greatest = max(chunk.abs().max().item() for chunk in _chunks(samples, train_indices))
    if not greatest > 0:
        raise StudyError("input_norm unit: all inputs of the training split are 0. Choose input_norm: none")
    return InputTransform(scale=1 / greatest)


def constants(
    samples: Samples, mean: float | Sequence[float], std: float | Sequence[float]
) -> InputTransform:
    """Scale pixels to [0, 1], then subtract `mean` and divide by `std`, both in units of [0, 1].

    Args:
        samples: All training samples.
        mean: One for all channels, or one a channel.
        std: Likewise.

    Raises:
        StudyError: A deviation is not positive.
    """
    greatest = samples.greatest or 1.0
    means, stds = ([each] if isinstance(each, float | int) else list(each) for each in (mean, std))
    n = max(len(means), len(stds))
    means, stds = (each * n if len(each) == 1 else each for each in (means, stds))
    if not all(each > 0 for each in stds):
        raise StudyError(f"input_norm: std must be positive, got {min(stds)}")
    scales = [1 / (greatest * std) for std in stds]
    shifts = [-mean / std for mean, std in zip(means, stds, strict=True)]
    return InputTransform(scale=_per_channel(samples, scales), shift=_per_channel(samples, shifts))


def standardize(samples: Samples, train_indices: torch.Tensor) -> InputTransform:
    """Give the training split's inputs mean 0 and deviation 1: of images by channel, of tables by feature.

    A feature of a table that never changes becomes 0.

    Raises:
        StudyError: All values of an image's channel, or of a tensor, are equal in the training split.
    """
    measured = input_statistics(samples, train_indices)
    deviations = measured.deviations
    if samples.kind == "table":
        deviations = [deviation or 1.0 for deviation in deviations]
    if samples.inputs.dtype == torch.uint8:
        return constants(samples, measured.means, deviations)
    if not all(deviation > 0 for deviation in deviations):
        raise StudyError("input_norm: std must be positive, got 0: the training split's inputs are all equal")
    return InputTransform(
        center=_per_channel(samples, measured.means),
        scale=_per_channel(samples, [1 / deviation for deviation in deviations]),
    )


INPUT_NORMS: dict[str, Callable[[Samples, torch.Tensor], InputTransform]] = {
    "none": raw,
    "unit": unit,
    "standardize": standardize,
    "batch_norm": unit,
}
"""`input_norm` values that are a name: a function of all training samples and the training split's indices.
With `batch_norm` the rest is the model's: study B scales pixels to 0-1 and lets a BatchNorm layer follow."""


def input_transform(
    input_norm: str | Mapping[str, Mapping[str, float | Sequence[float]]],
    samples: Samples,
    train_indices: torch.Tensor,
) -> InputTransform:
    """Make the transform that a recipe's `input_norm` asks for.

    Args:
        input_norm: A name of `INPUT_NORMS`, or `{"constants": {"mean": m, "std": s}}`.
        samples: The samples that the split divides.
        train_indices: `(k,)` int64, the training split: nothing else enters the statistics.

    Raises:
        StudyError: `input_norm` is none of these, or leads to a division by zero.
    """
    if isinstance(input_norm, str):
        if input_norm in INPUT_NORMS:
            return INPUT_NORMS[input_norm](samples, train_indices)
    elif set(input_norm) == {"constants"} and set(input_norm["constants"]) == {"mean", "std"}:
        return constants(samples, **input_norm["constants"])
    raise StudyError(
        f"input_norm {input_norm!r} is not known here: use {', '.join(INPUT_NORMS)} "
        "or {constants: {mean: m, std: s}}"
    )


def _chunks(samples: Samples, indices: torch.Tensor) -> list[torch.Tensor]:
    return [samples.inputs[some] for some in torch.split(indices, CHUNK_SAMPLES)]


def _by_channel(samples: Samples, inputs: torch.Tensor) -> torch.Tensor:
    """Return inputs as `(channels or features, values)`; as one row where they have neither."""
    if samples.kind == "tensor":
        return inputs.reshape(1, -1)
    return inputs.transpose(0, 1).flatten(1)


def _per_channel(samples: Samples, values: list[float]) -> float | torch.Tensor:
    """Return numbers so that they meet their channel or feature; one number alone stays a number."""
    if len(values) == 1:
        return values[0]
    shape = (len(values), 1, 1) if samples.kind == "image" else (len(values),)
    return torch.tensor(values, dtype=torch.float32, device=samples.device).reshape(shape)


def _of_bytes(counts: Sequence[int], greatest: float) -> tuple[float, float]:
    """Return mean and deviation of bytes counted by value, in whole numbers until the last division."""
    n_values = sum(counts)
    total = sum(value * count for value, count in enumerate(counts))
    total_of_squares = sum(value * value * count for value, count in enumerate(counts))
    scaled_variance = n_values * total_of_squares - total * total  # of the bytes, times n_values squared
    return total / (n_values * greatest), sqrt(scaled_variance) / (n_values * greatest)


def _histograms(samples: Samples, indices: torch.Tensor) -> list[list[int]]:
    """Count the chosen samples' bytes by value, a row a channel or feature.

    Of most samples the few others are counted, and taken from the counts of all.
    """
    is_left = torch.ones(len(samples), dtype=torch.bool, device=samples.device)
    is_left[indices] = False
    left = torch.nonzero(is_left).flatten()
    if len(left) < len(indices) == len(samples) - len(left):
        counts = _counts_of_all(samples) - _counts(samples, left)
    else:
        counts = _counts(samples, indices)
    return [[int(count) for count in row] for row in counts.tolist()]


@lru_cache(maxsize=2)
def _counts_of_all(samples: Samples) -> torch.Tensor:
    return _counts(samples, torch.arange(len(samples), device=samples.device))


def _counts(samples: Samples, indices: torch.Tensor) -> torch.Tensor:
    """Return how often each byte occurs in each channel or feature, `(rows, 256)`."""
    n_rows = len(_by_channel(samples, samples.inputs[:1]))
    counts = torch.zeros(_N_BYTES * n_rows, dtype=torch.int64, device=samples.device)
    for chunk in _chunks(samples, indices):
        rows = _by_channel(samples, chunk)
        if n_rows > 1:
            rows = rows + torch.arange(n_rows, device=rows.device)[:, None] * _N_BYTES
        counts += torch.bincount(rows.flatten(), minlength=_N_BYTES * n_rows)
    return counts.reshape(-1, _N_BYTES)
