"""What a run starts from, fixed by configuration and seed: split, fresh network, optimizer, data order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from harness.study.configuration import Configuration
from harness.training.data.arrays import LabelledImages
from harness.training.data.pixels import input_transform
from harness.training.data.splits import Split, stratified_split
from harness.training.evaluation import Predictor
from harness.training.models import build_model
from harness.training.optimizers import build_optimizer


@dataclass(frozen=True, kw_only=True, eq=False)
class RunSetup:
    """A run about to begin."""

    configuration: Configuration
    split: Split
    predictor: Predictor
    optimizer: torch.optim.Optimizer
    order: torch.Generator
    """Draws the order of the samples, epoch after epoch."""

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of one epoch; the last batch may be smaller."""
        return -(-len(self.split.train) // self.configuration.batch_size)

    def batches(self) -> Iterator[torch.Tensor]:
        """Return the batches of the next epoch: indices of training images, shape `(batch,)` each."""
        train = self.split.train
        shuffled = train[torch.randperm(len(train), generator=self.order).to(train.device)]
        return iter(torch.split(shuffled, self.configuration.batch_size))


def set_up_run(configuration: Configuration, seed: int, data: LabelledImages, n_classes: int) -> RunSetup:
    """Return what a run starts from; the same arguments give the same bits on one machine.

    Args:
        configuration: The recipe's values.
        seed: Fixes the split, the initialisation and the data order, each by its own stream.
        data: All training images, of which the split takes a validation part; on the device to train on.
        n_classes: Number of classes.
    """
    init_seed, order_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
    split = _split(data, configuration.val_fraction, seed)
    predictor = _fresh_predictor(configuration, data, split, init_seed, n_classes)
    return RunSetup(
        configuration=configuration,
        split=split,
        predictor=predictor,
        optimizer=build_optimizer(configuration, predictor.model.parameters()),
        order=torch.Generator().manual_seed(order_seed),
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
