"""Augmentation: what a user's code makes of a batch of training inputs, and of no others."""

from collections.abc import Callable

import torch

from harness.code.resolve import CodeError
from harness.code.settings import bound
from harness.recipe.imported import Imported

Augment = Callable[[torch.Tensor], torch.Tensor]
"""From a batch of inputs, `(B, *shape)`, float32 as the model gets them, to another one."""


def build_augment(augment: str | Imported, generator: torch.Generator) -> Augment | None:
    """Return what is done to every training batch; None for nothing.

    Args:
        augment: The recipe's field.
        generator: On the data's device; what the user's code draws from.

    Raises:
        CodeError: It cannot be imported, or does not take its settings. The function raises it where the code
            raises, or returns other than a batch of the same shape and type.
    """
    if not isinstance(augment, Imported):
        return None
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
