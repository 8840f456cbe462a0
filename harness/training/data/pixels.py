"""How pixels enter a model: scaled by two numbers that come from a recipe or from its training split."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt

import torch

from harness.errors import StudyError

MAX_PIXEL = 255
CHUNK_IMAGES = 4096
"""Images counted at once: the gathered copy stays in the processor's caches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelTransform:
    """An affine map from pixels (0 to 255) to model inputs: `pixel * scale + shift`."""

    scale: float
    shift: float

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map uint8 pixels of any shape to a new float32 tensor of the same shape, on the same device."""
        return pixels.to(torch.float32).mul_(self.scale).add_(self.shift)


def pixel_statistics(images: torch.Tensor, indices: torch.Tensor) -> tuple[float, float]:
    """Compute mean and population standard deviation of the chosen images' pixels, scaled to [0, 1].

    Sums are exact: pixels are counted by value, and the rest is integer arithmetic.

    Args:
        images: `(n, height, width)` uint8.
        indices: `(k,)` int64, the chosen images.

    Raises:
        ValueError: No image is chosen.
    """
    counts = _pixel_histogram(images, indices)
    n_pixels = sum(counts)
    if n_pixels == 0:
        raise ValueError("pixel statistics need at least one image, got none")
    total = sum(value * count for value, count in enumerate(counts))
    total_of_squares = sum(value * value * count for value, count in enumerate(counts))
    scaled_variance = (
        n_pixels * total_of_squares - total * total
    )  # of pixels 0 to 255, times n_pixels squared
    return total / (n_pixels * MAX_PIXEL), sqrt(scaled_variance) / (n_pixels * MAX_PIXEL)


def raw() -> PixelTransform:
    """Leave pixels at 0 to 255."""
    return PixelTransform(scale=1.0, shift=0.0)


def unit() -> PixelTransform:
    """Scale pixels to [0, 1]."""
    return PixelTransform(scale=1 / MAX_PIXEL, shift=0.0)


def constants(mean: float, std: float) -> PixelTransform:
    """Scale pixels to [0, 1], then subtract `mean` and divide by `std`, both in units of [0, 1].

    Raises:
        StudyError: `std` is not positive.
    """
    if not std > 0:
        raise StudyError(f"input_norm: std must be positive, got {std}")
    return PixelTransform(scale=1 / (MAX_PIXEL * std), shift=-mean / std)


def standardize(images: torch.Tensor, train_indices: torch.Tensor) -> PixelTransform:
    """Give the training split's pixels mean 0 and standard deviation 1.

    Raises:
        StudyError: All pixels of the training split are equal.
    """
    return constants(*pixel_statistics(images, train_indices))


INPUT_NORMS: dict[str, Callable[[torch.Tensor, torch.Tensor], PixelTransform]] = {
    "none": lambda _images, _train_indices: raw(),
    "unit": lambda _images, _train_indices: unit(),
    "standardize": standardize,
    "batch_norm": lambda _images, _train_indices: unit(),
}
"""`input_norm` values that are a name: a function of all images and the training split's indices. With
`batch_norm` the rest is the model's: study B scales pixels to 0-1 and lets a BatchNorm layer follow."""


def input_transform(
    input_norm: str | Mapping[str, Mapping[str, float]], images: torch.Tensor, train_indices: torch.Tensor
) -> PixelTransform:
    """Make the transform that a recipe's `input_norm` asks for.

    Args:
        input_norm: A name of `INPUT_NORMS`, or `{"constants": {"mean": m, "std": s}}`.
        images: `(n, height, width)` uint8, the images that the split divides.
        train_indices: `(k,)` int64, the training split: nothing else enters the statistics.

    Raises:
        StudyError: `input_norm` is none of these, or leads to a division by zero.
    """
    if isinstance(input_norm, str):
        if input_norm in INPUT_NORMS:
            return INPUT_NORMS[input_norm](images, train_indices)
    elif set(input_norm) == {"constants"} and set(input_norm["constants"]) == {"mean", "std"}:
        return constants(**input_norm["constants"])
    raise StudyError(
        f"input_norm {input_norm!r} is not known here: use {', '.join(INPUT_NORMS)} "
        "or {constants: {mean: m, std: s}}"
    )


def _pixel_histogram(images: torch.Tensor, indices: torch.Tensor) -> list[int]:
    """Count the chosen images' pixels by value, 0 to 255."""
    counts = torch.zeros(MAX_PIXEL + 1, dtype=torch.int64, device=images.device)
    for start in range(0, len(indices), CHUNK_IMAGES):
        chunk = images[indices[start : start + CHUNK_IMAGES]]
        counts += torch.bincount(chunk.flatten(), minlength=MAX_PIXEL + 1)
    return [int(count) for count in counts.tolist()]
