"""What training a model costs, for the time estimate of a preview."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

_KERNEL = 5
"""Pixels a side of every kernel."""


def _lenet5(shape: Sequence[int], n_outputs: int) -> tuple[list[int], list[int]]:
    channels, *sides = shape
    first = [side - 4 for side in sides]
    second = [side // 2 - 4 for side in first]
    convolutions = [prod(first) * 6 * channels, prod(second) * 16 * 6]
    return convolutions, [16 * prod(side // 2 for side in second), 120, 84, n_outputs]


def _simple_cnn(shape: Sequence[int], n_outputs: int) -> tuple[list[int], list[int]]:
    channels, *sides = shape
    second = [side // 2 for side in sides]
    convolutions = [prod(sides) * 32 * channels, prod(second) * 64 * 32]
    return convolutions, [64 * prod(side // 2 for side in second), 256, 128, n_outputs]


_CONVOLUTIONAL = {"lenet5": _lenet5, "simple_cnn": _simple_cnn}
"""From the shape of a sample and the outputs to the layers of a network: of convolutions output pixels x maps
x maps of the input; then the sizes of the linear ones."""

_MATRIX_SHARES: dict[str, float] = {"fcn": 0.6, "lenet5": 0.15, "simple_cnn": 0.7}
"""Speed of training over that of small matrix products, evaluation and bookkeeping included.

Measured on one core of an AMD EPYC with torch 2.15, in batches of 512 (fcn) and 64, on 28 x 28 pixels and ten
classes. LeNet-5's six maps leave most of a vector empty.
"""

_STEP_PRODUCTS: dict[str, float] = {"fcn": 7e7, "lenet5": 1e8, "simple_cnn": 2e8}
"""Operations that plain matrix products get done in the time that a step takes whatever its batch.

Measured likewise, in batches of 2 and 4 with SGD and Adam: what the calls of forward pass, gradients and
update cost by themselves.
"""


def train_flops(model: Mapping[str, Any], shape: Sequence[int], n_outputs: int) -> float:
    """Return the floating-point operations that training a model on one sample takes.

    Forward and weight gradients take 2 operations a multiplication each, input gradients 2 more except in the
    first layer, whose input needs none.

    Args:
        model: The recipe's `model`.
        shape: Of one sample.
        n_outputs: Classes, or numbers to predict.
    """
    if model["name"] in _CONVOLUTIONAL:
        convolutions, sizes = _CONVOLUTIONAL[model["name"]](shape, n_outputs)
    else:
        convolutions, sizes = [], [prod(shape), *model["hidden"], n_outputs]
    multiplications = [
        *(products * _KERNEL**2 for products in convolutions),
        *(n_in * n_out for n_in, n_out in pairwise(sizes)),
    ]
    return 6.0 * sum(multiplications) - 2.0 * multiplications[0]


def product_flops(
    model: Mapping[str, Any], shape: Sequence[int], n_outputs: int, samples: float, steps: float
) -> float:
    """Return the operations that plain matrix products get done while a model trains.

    Args:
        model: The recipe's `model`.
        shape: Of one sample.
        n_outputs: Classes, or numbers to predict.
        samples: Samples it trains on.
        steps: Optimizer steps in which it does.
    """
    name = model["name"]
    operations = samples * train_flops(model, shape, n_outputs)
    return operations / _MATRIX_SHARES[name] + steps * _STEP_PRODUCTS[name]
