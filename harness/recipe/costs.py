"""What training a model costs, for the time estimate of a preview. For 28 x 28 pixels and ten classes."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

_PIXELS = 28 * 28
_CLASSES = 10

_CONVOLUTIONS: dict[str, list[int]] = {
    "lenet5": [24 * 24 * 6 * 25, 8 * 8 * 16 * 6 * 25],
    "simple_cnn": [28 * 28 * 32 * 25, 14 * 14 * 64 * 32 * 25],
}
"""Multiplications of a forward pass, layer by layer: output pixels x maps x inputs of each."""

_DENSE_SIZES: dict[str, list[int]] = {
    "lenet5": [256, 120, 84, _CLASSES],
    "simple_cnn": [3136, 256, 128, _CLASSES],
}

_MATRIX_SHARES: dict[str, float] = {"fcn": 0.6, "lenet5": 0.15, "simple_cnn": 0.7}
"""Speed of training over that of small matrix products, evaluation and bookkeeping included.

Measured on one core of an AMD EPYC with torch 2.15, in batches of 512 (fcn) and 64. LeNet-5's six maps
leave most of a vector empty.
"""

_STEP_PRODUCTS: dict[str, float] = {"fcn": 7e7, "lenet5": 1e8, "simple_cnn": 2e8}
"""Operations that plain matrix products get done in the time that a step takes whatever its batch.

Measured likewise, in batches of 2 and 4 with SGD and Adam: what the calls of forward pass, gradients and
update cost by themselves.
"""


def train_flops(model: Mapping[str, Any]) -> float:
    """Return the floating-point operations that training a model on one sample takes.

    Forward and weight gradients take 2 operations a multiplication each, input gradients 2 more except in the
    first layer, whose input needs none.

    Args:
        model: The recipe's `model`.
    """
    name = model["name"]
    sizes = _DENSE_SIZES.get(name) or [_PIXELS, *model["hidden"], _CLASSES]
    layers = [*_CONVOLUTIONS.get(name, []), *(n_in * n_out for n_in, n_out in pairwise(sizes))]
    return 6.0 * sum(layers) - 2.0 * layers[0]


def product_flops(model: Mapping[str, Any], samples: float, steps: float) -> float:
    """Return the operations that plain matrix products get done while a model trains.

    Args:
        model: The recipe's `model`.
        samples: Samples it trains on.
        steps: Optimizer steps in which it does.
    """
    name = model["name"]
    return samples * train_flops(model) / _MATRIX_SHARES[name] + steps * _STEP_PRODUCTS[name]
