"""One run: a configuration trained with one seed, on data held in memory. Knows nothing of Ray or files.

The data stays as bytes, shared by all processes; each batch is gathered, scaled and used at once.
"""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from harness.recipe.configuration import Configuration
from harness.recipe.metrics import Goal
from harness.training.arithmetic import denormals_flushed, fp32_arithmetic
from harness.training.averaging import begin_evaluation, begin_training
from harness.training.data.arrays import Samples
from harness.training.epoch import EpochRecord
from harness.training.evaluation import Predictor, evaluate
from harness.training.generators import globally_seeded
from harness.training.metrics import Measure
from harness.training.setup import RunSetup, set_up_run
from harness.training.step import take_step

_STEPS_BETWEEN_CHECKS = 50
"""Steps after which the loss is checked for being finite: rare enough not to make a GPU wait."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """How a run ended that was not stopped from outside."""

    reason: str | None
    """What was not finite, where; None for a run that completed."""
    epochs: int
    steps_per_epoch: int
    train_seconds: float
    predictor: Predictor
    """The network after the last epoch, or after the best where that was asked for."""

    @property
    def has_diverged(self) -> bool:
        """Whether a loss was not finite."""
        return self.reason is not None


@dataclass
class _BestEpoch:
    """Keep the weights of the epoch with the best metric; of equal ones, the first."""

    goal: Goal
    value: float | None = None
    weights: dict[str, Any] = field(default_factory=dict)

    def take(self, record: EpochRecord, model: nn.Module) -> None:
        """Keep the weights if this epoch is the best so far."""
        value: float | None = record.value(self.goal.metric)
        if value is None or not isfinite(value):
            return
        if self.value is None or self.goal.prefers(value, self.value):
            self.value, self.weights = value, copy.deepcopy(model.state_dict())


@denormals_flushed()
@fp32_arithmetic()
@globally_seeded
def train(
    configuration: Configuration,
    seed: int,
    data: Samples,
    on_epoch: Callable[[EpochRecord], None],
    *,
    best_by: Goal | None = None,
    measures: Mapping[str, Measure] = MappingProxyType({}),
) -> RunResult:
    """Train one configuration with one seed; the same arguments give the same bits on one machine.

    Args:
        configuration: The recipe's values.
        seed: Fixes the split, the initialisation, the data order and dropout's masks, each by its own stream.
        data: All training samples, of which the split takes a validation part; on the device to train on.
        on_epoch: Called with each epoch's record; what it raises ends the run.
        best_by: Return the network of the epoch that this tells for the best, instead of the last.
        measures: What to measure on the validation part besides loss and accuracy.
    """
    setup = set_up_run(configuration, seed, data)
    predictor = setup.predictor
    train_seconds, reason, epoch = 0.0, None, 0
    best = _BestEpoch(best_by) if best_by else None
    for epoch in range(1, configuration.epochs + 1):
        started = time.perf_counter()
        done = (epoch - 1) * setup.steps_per_epoch
        loss, accuracy, steps = _train_epoch(setup, data, done)
        seconds = time.perf_counter() - started
        train_seconds += seconds
        begin_evaluation(setup, data)
        validated = evaluate(predictor, data, setup.split.val, measures) if isfinite(loss) else None
        record = EpochRecord(
            epoch=epoch,
            step=done + steps,
            lr=setup.optimizer.param_groups[0]["lr"],
            train_loss=loss,
            train_accuracy=accuracy,
            val_loss=validated.loss if validated else None,
            val_accuracy=validated.accuracy if validated else None,
            seconds=seconds,
            metrics={f"val_{name}": validated.metrics[name] if validated else None for name in measures},
        )
        on_epoch(record)
        reason = _not_finite(loss, record.val_loss, epoch)
        if reason is not None:
            break
        if best:
            best.take(record, predictor.model)
    if best and best.weights:
        predictor.model.load_state_dict(best.weights)
    return RunResult(
        reason=reason,
        epochs=epoch,
        steps_per_epoch=setup.steps_per_epoch,
        train_seconds=train_seconds,
        predictor=predictor,
    )


def _train_epoch(setup: RunSetup, data: Samples, done: int) -> tuple[float, float | None, int]:
    """Take one step a batch; return mean loss and accuracy over the samples seen, and the steps taken.

    There is no accuracy where numbers are predicted. A loss that is not finite ends the epoch early; so does
    the end of a run whose length is given in steps.

    Args:
        setup: The run.
        data: All training samples.
        done: Steps taken before this epoch.
    """
    begin_training(setup)
    device = data.device
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    n_correct = torch.zeros((), dtype=torch.int64, device=device)
    n_seen = 0
    step = 0
    for step, batch in enumerate(islice(setup.batches(), setup.n_steps - done), start=1):
        loss, correct = take_step(setup, data, batch, setup.lr_of_step(done + step - 1))
        loss_sum += loss * len(batch)
        if correct is not None:
            n_correct += correct
        n_seen += len(batch)
        if step % _STEPS_BETWEEN_CHECKS == 0 and not isfinite(loss_sum.item()):
            break
    return loss_sum.item() / n_seen, n_correct.item() / n_seen if data.is_classified else None, step


def _not_finite(train_loss: float, val_loss: float | None, epoch: int) -> str | None:
    """Return which loss is not finite, or None."""
    if not isfinite(train_loss):
        return f"train_loss is {train_loss} in epoch {epoch}"
    if val_loss is not None and not isfinite(val_loss):
        return f"val_loss is {val_loss} after epoch {epoch}"
    return None
