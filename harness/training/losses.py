"""Losses from configurations: what a run minimises, and what it reports. Shapes: B = batch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch.nn import functional

from harness.code.resolve import CodeError
from harness.code.settings import bound
from harness.recipe.configuration import Configuration
from harness.recipe.imported import Imported

_OfBatch = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""`(outputs, targets) -> ` a scalar."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Loss:
    """A loss over outputs `(B, C)` and classes `(B,)`, or over outputs and numbers of one shape."""

    minimised: _OfBatch
    """The batch's mean, which is led backwards."""
    reported: _OfBatch | None = None
    """The batch's mean that records hold, where that is another."""
    total: _OfBatch
    """The sum over the batch's samples of what records hold, for means over many batches."""


CROSS_ENTROPY = Loss(
    minimised=functional.cross_entropy, total=partial(functional.cross_entropy, reduction="sum")
)


def build_loss(configuration: Configuration) -> Loss:
    """Return the configuration's loss.

    Losses over numbers are means over samples and over the numbers of each.

    Raises:
        CodeError: A user's own raises, or does not return one number, when it is called.
    """
    loss = configuration.loss
    if isinstance(loss, Imported):
        return _of_means(_imported(loss))
    match loss:
        case "cross_entropy" if configuration.label_smoothing:
            smoothed = partial(functional.cross_entropy, label_smoothing=configuration.label_smoothing)
            return Loss(minimised=smoothed, reported=CROSS_ENTROPY.minimised, total=CROSS_ENTROPY.total)
        case "cross_entropy":
            return CROSS_ENTROPY
        case "mse":
            return _of_means(functional.mse_loss)
        case "l1":
            return _of_means(functional.l1_loss)
        case _:
            return _of_means(partial(functional.huber_loss, delta=float(configuration.huber_delta or 1)))


def matched(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return outputs as a loss takes them: of numbers in the targets' shape, so that nothing is broadcast.

    Raises:
        CodeError: A model gives another count of numbers than there are to predict.
    """
    if not targets.is_floating_point():
        return outputs
    if outputs.numel() != targets.numel():
        raise CodeError(
            f"the model returns outputs of shape {tuple(outputs.shape)} for targets of shape "
            f"{tuple(targets.shape)}. Remedy: one output for each of the n_outputs numbers"
        )
    return outputs.reshape(targets.shape)


def _of_means(mean: _OfBatch) -> Loss:
    def total(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return mean(outputs, targets) * len(targets)

    return Loss(minimised=mean, total=total)


def _imported(loss: Imported) -> _OfBatch:
    """Return a user's own loss, called as `(outputs, targets, **settings)`.

    Raises:
        CodeError: It cannot be imported, or does not take its settings.
    """
    function = bound(loss, 2)

    def mean(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        value = function(outputs, targets)
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            told = (
                f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else repr(value)
            )
            raise CodeError(
                f"{loss.reference}: returned {told}, and a loss is one number, the mean over the batch, as a "
                f"tensor. Remedy: .mean()"
            )
        return value.reshape(())

    return mean
