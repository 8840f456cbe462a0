"""The fully connected network of study A: 784-300-200-10 by default, 297,710 parameters."""

from itertools import pairwise
from math import prod

from torch import nn

from harness.training.models.hidden import HiddenLayers


def build_fcn(
    layers: HiddenLayers, image_shape: tuple[int, int], n_classes: int, hidden: list[int]
) -> nn.Module:
    """Return `(B, H, W) -> (B, C)`: a hidden layer a size, then a linear layer."""
    sizes = [prod(image_shape), *hidden]
    modules: list[nn.Module] = [nn.Flatten()]
    for n_inputs, n_outputs in pairwise(sizes):
        modules += layers.dense(n_inputs, n_outputs)
    return nn.Sequential(*modules, nn.Linear(sizes[-1], n_classes))
