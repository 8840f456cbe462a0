"""Augmentation: what becomes of a batch of training inputs, and of no others; built in, or a user's code."""

from collections.abc import Callable

import torch
from torch.nn import functional

from harness.code.resolve import CodeError
from harness.code.settings import bound
from harness.recipe.augmentation import Augmentation
from harness.recipe.imported import Imported

Augment = Callable[[torch.Tensor], torch.Tensor]
"""From a batch of inputs, `(B, *shape)`, float32 as the model gets them, to another one."""

Change = Callable[..., torch.Tensor]
"""Called as `change(images, generator, *settings)`."""


def flipped(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return images of which each is mirrored left and right with probability 1/2.

    Args:
        images: `(B, C, H, W)`.
        generator: On their device; a draw an image.

    Source: Krizhevsky, Sutskever & Hinton 2012, ImageNet Classification with Deep Convolutional Neural
        Networks, section 4.1, horizontal reflections.
    """
    is_flipped = torch.rand(len(images), generator=generator, device=images.device) < 0.5
    return torch.where(is_flipped[:, None, None, None], images.flip(3), images)


def shifted(images: torch.Tensor, generator: torch.Generator, most: int) -> torch.Tensor:
    """Return each image moved by -most to most pixels along both axes, every number of them alike.

    What comes in at a border is the image reflected there, its outermost pixels not repeated.

    Args:
        images: `(B, C, H, W)`, H and W above `most`.
        generator: On their device; two draws an image, of its row and of its column.
        most: Pixels.

    Source: Krizhevsky, Sutskever & Hinton 2012, section 4.1, translations; with reflected borders in Jordan
        2024, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU (airbench).
    """
    n, _, height, width = images.shape
    places = torch.randint(2 * most + 1, (n, 2), generator=generator, device=images.device)
    padded = functional.pad(images, (most, most, most, most), mode="reflect")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (B, C, row, column, H, W), a view
    every = torch.arange(n, device=images.device)
    return windows[every, :, places[:, 0], places[:, 1]]


def erased(images: torch.Tensor, generator: torch.Generator, side: int) -> torch.Tensor:
    """Return images with 0 in a square of each, whose centre is anywhere in the image alike.

    The border cuts off what of the square lies beyond it. Of an even side the centre is the pixel below and
    right of the middle.

    Args:
        images: `(B, C, H, W)`.
        generator: On their device; two draws an image, of the centre's row and column.
        side: Pixels.

    Source: DeVries & Taylor 2017, Improved Regularization of Convolutional Neural Networks with Cutout,
        section 3.2.
    """
    n, _, height, width = images.shape
    rows = torch.randint(height, (n, 1), generator=generator, device=images.device) - side // 2
    columns = torch.randint(width, (n, 1), generator=generator, device=images.device) - side // 2
    down, right = (torch.arange(size, device=images.device) for size in (height, width))
    is_row = (down >= rows) & (down < rows + side)
    is_column = (right >= columns) & (right < columns + side)
    return images.masked_fill((is_row[:, :, None] & is_column[:, None, :])[:, None], 0.0)


def changes_of(augment: Augmentation) -> list[tuple[Change, tuple[int, ...]]]:
    """Return what is done to images, in this order, each with its settings."""
    changes: list[tuple[Change, tuple[int, ...]]] = []
    if augment.flip:
        changes.append((flipped, ()))
    if augment.shift:
        changes.append((shifted, (augment.shift,)))
    if augment.cutout:
        changes.append((erased, (augment.cutout,)))
    return changes


def build_augment(augment: str | Augmentation | Imported, generator: torch.Generator) -> Augment | None:
    """Return what is done to every training batch; None for nothing.

    Args:
        augment: The recipe's field.
        generator: On the data's device; what all draws come from.

    Raises:
        CodeError: It cannot be imported, or does not take its settings. The function raises it where the code
            raises, or returns other than a batch of the same shape and type.
    """
    if isinstance(augment, Imported):
        return _imported(augment, generator)
    changes = changes_of(augment) if isinstance(augment, Augmentation) else []
    return _changed(changes, generator) if changes else None


def _changed(changes: list[tuple[Change, tuple[int, ...]]], generator: torch.Generator) -> Augment:
    def augmented(inputs: torch.Tensor) -> torch.Tensor:
        for change, settings in changes:
            inputs = change(inputs, generator, *settings)
        return inputs

    return augmented


def _imported(augment: Imported, generator: torch.Generator) -> Augment:
    function = bound(augment, 2)

    def augmented(inputs: torch.Tensor) -> torch.Tensor:
        made = function(inputs, generator)
        if not isinstance(made, torch.Tensor) or made.shape != inputs.shape or made.dtype != inputs.dtype:
            is_tensor = isinstance(made, torch.Tensor)
            told = f"{tuple(made.shape)} of {made.dtype}" if is_tensor else type(made).__name__
            raise CodeError(
                f"{augment.reference}: returned {told} for inputs of {tuple(inputs.shape)} of "
                f"{inputs.dtype}, and must keep both"
            )
        return made

    return augmented
