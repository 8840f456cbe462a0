"""Initialisers: how the weights and biases of a fresh model are drawn."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from harness.recipe.activations import ACTIVATIONS
from harness.recipe.configuration import Configuration
from harness.recipe.field_types import NormalInit
from harness.recipe.initialisers import INITIALISERS

LEAKY_SLOPE = nn.LeakyReLU().negative_slope


def initialise(model: nn.Module, configuration: Configuration) -> None:
    """Draw all linear and convolutional weights, the output layer's too, from torch's global generator.

    A layer's fan_in and fan_out are its inputs and outputs (a convolution's: maps times the kernel's pixels).
    Deviations: Xavier sqrt(2 / (fan_in + fan_out)), Kaiming gain / sqrt(fan_in); orthogonal matrices have
    rows or columns of length 1. Kaiming's gain is the activation's, in the output layer too, as study A has
    it. Xavier and orthogonal take gain 1, as Xavier's paper and torch's functions do. BatchNorm starts as the
    identity.

    Args:
        model: Fresh from its builder, so with torch's own draws.
        configuration: Its `init`, `bias_init` and `activation` are read.
    """
    draw = _draw(configuration)
    for module in model.modules():
        if not isinstance(module, nn.Linear | nn.Conv2d):
            continue
        if draw is not None:
            draw(module.weight)
        if configuration.bias_init == "zeros" and module.bias is not None:
            nn.init.zeros_(module.bias)


def _draw(configuration: Configuration) -> Callable[[torch.Tensor], Any] | None:
    """Return what draws one weight in place; None leaves torch's draw."""
    init = configuration.init
    if init is None or configuration.activation is None:
        raise AssertionError("an imported model initialises itself")
    if isinstance(init, NormalInit):
        std = init.normal.std
        return lambda weight: nn.init.normal_(weight, std=std)
    spec = INITIALISERS[init]
    if spec.torch_function is None:
        return None
    function: Callable[..., torch.Tensor] = getattr(nn.init, spec.torch_function)
    if not spec.follows_activation:
        return function
    gain = ACTIVATIONS[configuration.activation].gain
    return lambda weight: function(weight, a=LEAKY_SLOPE, mode="fan_in", nonlinearity=gain)
