"""The fully connected network of study A: 784-300-200-10 by default, 297,710 parameters."""

from itertools import pairwise
from math import prod

from torch import nn

from harness.training.models.activations import ACTIVATIONS


def build_fcn(activation: str, image_shape: tuple[int, int], n_classes: int, hidden: list[int]) -> nn.Module:
    """Return `(B, H, W) -> (B, C)`: a linear layer and an activation a hidden size, then a linear layer."""
    sizes = [prod(image_shape), *hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], n_classes))
