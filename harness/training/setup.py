"""What a run starts from, fixed by configuration and seed: split, fresh network, optimizer, data order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from harness.errors import StudyError
from harness.recipe.configuration import Configuration
from harness.recipe.dependents import reads
from harness.recipe.lengths import leaves_one_sample
from harness.recipe.schedules import Position, lr_factor
from harness.training.augmentation import Augment, build_augment
from harness.training.data.arrays import Samples
from harness.training.data.input_norm import input_transform
from harness.training.data.splits import Split, split_of
from harness.training.evaluation import Predictor
from harness.training.losses import build_loss
from harness.training.models import build_model
from harness.training.models.hidden import Dropout
from harness.training.optimizers import build_optimizer, lr_ratios


@dataclass(frozen=True, kw_only=True, eq=False)
class RunSetup:
    """A run about to begin."""

    configuration: Configuration
    split: Split
    predictor: Predictor
    optimizer: torch.optim.Optimizer
    augment: Augment | None
    """What is done to every batch of training inputs."""
    order: torch.Generator
    """Draws the order of the samples, epoch after epoch."""
    statistics_order: torch.Generator
    """Draws the samples from which BatchNorm takes the statistics of averaged weights."""

    lr_ratios: tuple[float, ...]
    """Of each group of parameters, what its learning rate is of the recipe's; 1 in optimizers of ours."""

    @property
    def lr(self) -> float:
        """The schedule's greatest learning rate."""
        if self.configuration.lr is None:
            raise AssertionError("every optimizer reads a learning rate")
        return self.configuration.lr

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of one epoch; the last batch may be smaller."""
        return -(-len(self.split.train) // self.configuration.batch_size)

    @property
    def n_steps(self) -> int:
        """Optimizer steps of the whole run."""
        whole_epochs = self.configuration.epochs * self.steps_per_epoch
        return min(self.configuration.steps or whole_epochs, whole_epochs)

    def lr_of_step(self, step: int) -> float:
        """Return the learning rate of one of the run's steps, counted from 0."""
        lr = self.lr
        schedule = self.configuration.lr_schedule
        settings = {name: getattr(self.configuration, name) for name in reads("lr_schedule", schedule)}
        position = Position(step=step, n_steps=self.n_steps, steps_per_epoch=self.steps_per_epoch)
        return lr * lr_factor(schedule, settings, position)

    def batches(self) -> Iterator[torch.Tensor]:
        """Return the batches of the next epoch: indices of training samples, shape `(batch,)` each."""
        return self.batches_drawn_by(self.order)

    def batches_drawn_by(self, order: torch.Generator) -> Iterator[torch.Tensor]:
        """Return all training samples in an order that a generator draws, as `batches` has them."""
        train = self.split.train
        shuffled = train[torch.randperm(len(train), generator=order).to(train.device)]
        return iter(torch.split(shuffled, self.configuration.batch_size))


def set_up_run(configuration: Configuration, seed: int, data: Samples) -> RunSetup:
    """Return what a run starts from; the same arguments give the same bits on one machine.

    Args:
        configuration: The recipe's values.
        seed: Fixes the split, the initialisation, the data order and dropout's masks, each by its own stream.
        data: All training samples, of which the split takes a validation part; on the device to train on.

    Raises:
        StudyError: The data do not suit the recipe.
    """
    words = np.random.SeedSequence(seed).generate_state(6).tolist()
    init_seed, order_seed, mask_seed, _, augment_seed, statistics_seed = words  # the fourth: all other draws
    split = split_of(data, configuration.val_fraction, seed)
    _check_last_batch(configuration, data, len(split.train))
    predictor = _fresh_predictor(configuration, data, split, init_seed)
    _seed_dropout(predictor.model, torch.Generator(data.device).manual_seed(mask_seed))
    optimizer = build_optimizer(configuration, predictor.model.parameters())
    return RunSetup(
        configuration=configuration,
        split=split,
        predictor=predictor,
        optimizer=optimizer,
        lr_ratios=lr_ratios(optimizer),
        augment=build_augment(configuration.augment, torch.Generator(data.device).manual_seed(augment_seed)),
        order=torch.Generator().manual_seed(order_seed),
        statistics_order=torch.Generator().manual_seed(statistics_seed),
    )


def _check_last_batch(configuration: Configuration, data: Samples, n_train: int) -> None:
    """Refuse a batch of one sample where BatchNorm would have to take its deviation.

    Raises:
        StudyError: The training samples leave one for the last batch.
    """
    is_normed = configuration.batch_norm not in {None, "none"}
    is_normed |= data.kind == "table" and configuration.input_norm == "batch_norm"
    if is_normed and leaves_one_sample(n_train, configuration.batch_size):
        raise StudyError(
            f"batch_size {configuration.batch_size} leaves one of {n_train} training samples for the last "
            f"batch, and BatchNorm cannot normalise a single sample: choose another batch_size"
        )


def _seed_dropout(model: nn.Module, generator: torch.Generator) -> None:
    """Let all masks of a model come from one generator."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator


def _fresh_predictor(configuration: Configuration, data: Samples, split: Split, init_seed: int) -> Predictor:
    """Return an untrained model on the data's device; drawn on the CPU, so a GPU starts from the same."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(init_seed)  # a GPU's stays as the run seeded it
        model = build_model(configuration, data.shape, data.n_outputs, kind=data.kind)
    input_norm = configuration.model_dump()["input_norm"]
    transform = input_transform(input_norm, data, split.train)
    return Predictor(
        model=model.to(data.device),
        transform=transform,
        loss=build_loss(configuration),
        precision=configuration.precision,
    )
