"""Optimizers: which exist, which hyperparameters each has, and their defaults.

One row an optimizer. Names only, so that study files are checked without torch; `harness.training.optimizers`
builds them, and a contract test compares every default with torch's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerSpec:
    """Describe one optimizer."""

    torch_class: str
    """Name in `torch.optim`."""
    hyperparameters: Mapping[str, float | bool]
    """Every recipe field the optimizer reads, with torch's default."""
    source: str
    """The paper that defines it."""


OPTIMIZERS: dict[str, OptimizerSpec] = {
    "sgd": OptimizerSpec(
        torch_class="SGD",
        hyperparameters={"lr": 1e-3, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0},
        source="Sutskever et al. 2013, On the importance of initialization and momentum in deep learning",
    ),
    "rmsprop": OptimizerSpec(
        torch_class="RMSprop",
        hyperparameters={"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "weight_decay": 0.0},
        source="Tieleman & Hinton 2012, Coursera: Neural Networks for Machine Learning, lecture 6.5",
    ),
    "adam": OptimizerSpec(
        torch_class="Adam",
        hyperparameters={"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
        source="Kingma & Ba 2015, Adam: A Method for Stochastic Optimization, algorithm 1",
    ),
    "adamw": OptimizerSpec(
        torch_class="AdamW",
        hyperparameters={"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 1e-2},
        source="Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization, algorithm 2",
    ),
}

HYPERPARAMETERS: tuple[str, ...] = tuple(
    dict.fromkeys(name for spec in OPTIMIZERS.values() for name in spec.hyperparameters)
)
"""Every field that belongs to optimizers, in a fixed order."""
