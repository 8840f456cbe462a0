"""One run: a configuration trained with one seed, on data held in memory. Knows nothing of Ray or files.

The data stays as bytes, shared by all processes; each batch is gathered, scaled and used at once.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from harness.study.configuration import Configuration
from harness.training.data.arrays import LabelledImages
from harness.training.data.pixels import input_transform
from harness.training.data.splits import Split, stratified_split
from harness.training.epoch import EpochRecord
from harness.training.evaluation import Predictor, evaluate
from harness.training.models import build_model
from harness.training.optimizers import build_optimizer

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

    @property
    def has_diverged(self) -> bool:
        """Whether a loss was not finite."""
        return self.reason is not None


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Let numbers too small for full precision be zero: moments of dead pixels decay into such slow ones.

    The setting belongs to the calling thread (and those it starts); torch's default is put back.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@_denormals_flushed()
def train(
    configuration: Configuration,
    seed: int,
    data: LabelledImages,
    on_epoch: Callable[[EpochRecord], None],
    n_classes: int = 10,
) -> RunResult:
    """Train one configuration with one seed; the same arguments give the same bits on one machine.

    Args:
        configuration: The recipe's values.
        seed: Fixes the split, the initialisation and the data order, each by its own stream.
        data: All training images, of which the split takes a validation part; on the device to train on.
        on_epoch: Called with each epoch's record; what it raises ends the run.
        n_classes: Number of classes.
    """
    init_seed, order_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
    split = _split(data, configuration.val_fraction, seed)
    predictor = _fresh_predictor(configuration, data, split, init_seed, n_classes)
    optimizer = build_optimizer(configuration, predictor.model.parameters())
    order = torch.Generator().manual_seed(order_seed)
    steps_per_epoch = -(-len(split.train) // configuration.batch_size)
    train_seconds, reason, epoch = 0.0, None, 0
    for epoch in range(1, configuration.epochs + 1):
        started = time.perf_counter()
        shuffled = split.train[torch.randperm(len(split.train), generator=order).to(split.train.device)]
        loss, accuracy, steps = _train_epoch(
            predictor, optimizer, data, torch.split(shuffled, configuration.batch_size)
        )
        seconds = time.perf_counter() - started
        train_seconds += seconds
        val_loss, val_accuracy = evaluate(predictor, data, split.val) if isfinite(loss) else (None, None)
        on_epoch(
            EpochRecord(
                epoch=epoch,
                step=(epoch - 1) * steps_per_epoch + steps,
                lr=optimizer.param_groups[0]["lr"],
                train_loss=loss,
                train_accuracy=accuracy,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                seconds=seconds,
            )
        )
        reason = _not_finite(loss, val_loss, epoch)
        if reason is not None:
            break
    return RunResult(
        reason=reason,
        epochs=epoch,
        steps_per_epoch=steps_per_epoch,
        train_seconds=train_seconds,
        predictor=predictor,
    )


def _split(data: LabelledImages, val_fraction: float, seed: int) -> Split:
    """Return the run's split, its indices on the data's device."""
    device = data.labels.device
    split = stratified_split(data.labels.cpu(), val_fraction, seed)
    return Split(train=split.train.to(device), val=split.val.to(device))


def _fresh_predictor(
    configuration: Configuration, data: LabelledImages, split: Split, init_seed: int, n_classes: int
) -> Predictor:
    """Return an untrained model on the data's device; drawn on the CPU, so a GPU starts from the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(init_seed)
        height, width = data.images.shape[1:]
        model = build_model(
            configuration.model.model_dump(), configuration.activation, (height, width), n_classes
        )
    input_norm = configuration.model_dump()["input_norm"]
    transform = input_transform(input_norm, data.images, split.train)
    return Predictor(model=model.to(data.images.device), transform=transform)


def _train_epoch(
    predictor: Predictor,
    optimizer: torch.optim.Optimizer,
    data: LabelledImages,
    batches: tuple[torch.Tensor, ...],
) -> tuple[float, float, int]:
    """Take one step a batch; return mean loss and accuracy over the samples seen, and the steps taken.

    A loss that is not finite ends the epoch early.
    """
    model: nn.Module = predictor.model.train()
    device = data.labels.device
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    n_correct = torch.zeros((), dtype=torch.int64, device=device)
    n_seen = 0
    step = 0
    for step, batch in enumerate(batches, start=1):
        labels = data.labels.index_select(0, batch)
        logits = model(predictor.transform(data.images.index_select(0, batch)))
        loss = functional.cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss_sum += loss.detach() * len(batch)
        n_correct += (logits.detach().argmax(dim=1) == labels).sum()
        n_seen += len(batch)
        if step % _STEPS_BETWEEN_CHECKS == 0 and not isfinite(loss_sum.item()):
            break
    return loss_sum.item() / n_seen, n_correct.item() / n_seen, step


def _not_finite(train_loss: float, val_loss: float | None, epoch: int) -> str | None:
    """Return which loss is not finite, or None."""
    if not isfinite(train_loss):
        return f"train_loss is {train_loss} in epoch {epoch}"
    if val_loss is not None and not isfinite(val_loss):
        return f"val_loss is {val_loss} after epoch {epoch}"
    return None
