"""One optimizer step, with everything that a recipe asks of it."""

import torch
from torch import nn
from torch.nn import functional

from harness.training.data.arrays import Samples
from harness.training.setup import RunSetup


def take_step(
    setup: RunSetup, data: Samples, batch: torch.Tensor, lr: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Take one step; return the mean cross-entropy before it, never smoothed, and the count of right answers.

    Args:
        setup: The run; its model must be in training mode.
        data: All training samples.
        batch: Indices of the mini-batch, shape `(batch,)`.
        lr: Learning rate of this step.

    Returns:
        Two scalars on the data's device, so that a GPU need not be waited for: nats, and a count.
    """
    configuration, optimizer, predictor = setup.configuration, setup.optimizer, setup.predictor
    for group, ratio in zip(optimizer.param_groups, setup.lr_ratios, strict=True):
        group["lr"] = lr * ratio
    labels = data.targets.index_select(0, batch)
    logits = predictor.model(predictor.transform(data.inputs.index_select(0, batch)))
    loss = functional.cross_entropy(logits, labels, label_smoothing=configuration.label_smoothing)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if configuration.clip_norm is not None:
        nn.utils.clip_grad_norm_(predictor.model.parameters(), configuration.clip_norm)
    optimizer.step()
    logits = logits.detach()
    plain = functional.cross_entropy(logits, labels) if configuration.label_smoothing else loss.detach()
    return plain, (logits.argmax(dim=1) == labels).sum()
