"""Optimizers that train on other weights than they are judged by, and the change between the two."""

from itertools import islice

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from harness.training.data.arrays import Samples
from harness.training.optimizers import averages
from harness.training.setup import RunSetup

STATISTICS_BATCHES = 50
"""From which BatchNorm takes the statistics of averaged weights. Source: the README of `schedulefree`.

They are drawn at random: files often hold one class after the other.
"""


def begin_training(setup: RunSetup) -> None:
    """Put model and optimizer into training mode."""
    setup.predictor.model.train()
    if averages(setup.optimizer):
        setup.optimizer.train()  # type: ignore[attr-defined]


def begin_evaluation(setup: RunSetup, data: Samples) -> None:
    """Let the model have the weights that it is judged by, and BatchNorm the statistics that go with them.

    Of an optimizer with one set of weights nothing changes.

    Source: Defazio et al. 2024, The Road Less Scheduled, section 4 (BatchNorm).
    """
    if not averages(setup.optimizer):
        return
    setup.optimizer.eval()  # type: ignore[attr-defined]
    predictor = setup.predictor
    if has_batch_norm(predictor.model):
        predictor.model.train()
        with torch.no_grad():
            for batch in islice(setup.batches_drawn_by(setup.statistics_order), STATISTICS_BATCHES):
                predictor.outputs(predictor.transform(data.inputs.index_select(0, batch)))


def has_batch_norm(model: nn.Module) -> bool:
    """Whether a model keeps running statistics of its batches."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())
