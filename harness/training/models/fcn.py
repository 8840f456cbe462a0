"""The fully connected network of study A: 784-300-200-10 by default, 297,710 parameters."""

from itertools import pairwise
from math import prod

from torch import nn

from harness.training.models.hidden import HiddenLayers


def build_fcn(
    layers: HiddenLayers, input_shape: tuple[int, ...], n_outputs: int, hidden: list[int]
) -> nn.Module:
    """Return `(B, *input_shape) -> (B, n_outputs)`: a hidden layer a size, then a linear layer."""
    sizes = [prod(input_shape), *hidden]
    modules: list[nn.Module] = [nn.Flatten()]
    for n_before, n_after in pairwise(sizes):
        modules += layers.dense(n_before, n_after)
    return nn.Sequential(*modules, nn.Linear(sizes[-1], n_outputs))
