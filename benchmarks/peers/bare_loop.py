"""A hand-written loop on data in memory, as good as torch's documentation teaches it; of two peers.

No DataLoader and no transforms: all images are standardised once and kept as float32, a batch is one index.
Fused Adam, one thread a process, no denormal numbers (the moments of pixels that are always zero decay into
them), the loss is never read, validation in one pass.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from setting import Setting
from torch import nn

CLASSES = 10


@dataclass(frozen=True)
class Data:
    """Standardised images `(n, pixels)`, float32, and their classes `(n,)`, int64."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    val_images: torch.Tensor
    val_labels: torch.Tensor


def load(setting: Setting) -> Data:
    """Read the IDX files and standardise all images by the training part's mean and deviation."""
    raw = Path(setting.data, "FashionMNIST", "raw")
    labels = torch.from_numpy(np.fromfile(raw / "train-labels-idx1-ubyte", np.uint8)[8:]).long()
    pixels = np.fromfile(raw / "train-images-idx3-ubyte", np.uint8)[16:]
    images = torch.from_numpy(pixels).view(len(labels), -1).float()
    is_val = torch.zeros(len(labels), dtype=torch.bool)
    is_val[torch.from_numpy(np.load(Path(setting.out, "val.npy")))] = True
    mean, deviation = images[~is_val].mean(), images[~is_val].std()
    images = images.sub_(mean).div_(deviation)
    return Data(images[~is_val], labels[~is_val], images[is_val], labels[is_val])


def train(configuration: Mapping[str, Any], data: Data, setting: Setting) -> Iterator[float]:
    """Train one network; yield the validation accuracy after each epoch."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(setting.seed)
    model = network([data.train_images.shape[1], *setting.hidden, CLASSES])
    optimizer = torch.optim.Adam(
        model.parameters(),
        lr=configuration["lr"],
        betas=(configuration["beta1"], configuration["beta2"]),
        fused=True,
    )
    criterion = nn.CrossEntropyLoss()
    lower = torch.autocast("cpu", torch.bfloat16, enabled=setting.precision == "bf16")
    for _ in range(setting.epochs):
        for batch in torch.randperm(len(data.train_labels)).split(setting.batch_size):
            optimizer.zero_grad()
            with lower:
                loss = criterion(model(data.train_images[batch]), data.train_labels[batch])
            loss.backward()
            optimizer.step()
        with torch.no_grad(), lower:
            right = model(data.val_images).argmax(dim=1) == data.val_labels
        yield right.sum().item() / len(right)


def network(sizes: list[int]) -> nn.Module:
    """Return a fully connected network with ReLU between its layers."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
