"""One optimizer step, with everything that a recipe asks of it."""

import torch
from torch import nn

from harness.training.data.arrays import Samples
from harness.training.losses import matched
from harness.training.setup import RunSetup


def take_step(
    setup: RunSetup, data: Samples, batch: torch.Tensor, lr: float
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Take one step; return the mean loss before it, never smoothed, and the count of right classes.

    Args:
        setup: The run; its model must be in training mode.
        data: All training samples.
        batch: Indices of the mini-batch, shape `(batch,)`.
        lr: Learning rate of this step.

    Returns:
        Scalars on the data's device, so that a GPU need not be waited for: the loss (cross-entropy in nats),
        and a count, which is None where numbers are predicted.
    """
    configuration, optimizer, predictor = setup.configuration, setup.optimizer, setup.predictor
    for group, ratio in zip(optimizer.param_groups, setup.lr_ratios, strict=True):
        group["lr"] = lr * ratio
    targets = data.targets.index_select(0, batch)
    inputs = predictor.transform(data.inputs.index_select(0, batch))
    outputs = predictor.outputs(inputs if setup.augment is None else setup.augment(inputs))
    outputs = matched(outputs, targets)
    loss = predictor.loss.minimised(outputs, targets)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if configuration.clip_norm is not None:
        nn.utils.clip_grad_norm_(predictor.model.parameters(), configuration.clip_norm)
    optimizer.step()
    outputs = outputs.detach()
    reported = predictor.loss.reported
    plain = loss.detach() if reported is None else reported(outputs, targets)
    return plain, (outputs.argmax(dim=1) == targets).sum() if data.is_classified else None
