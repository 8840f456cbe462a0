"""Optimizers: which exist, which hyperparameters each has, and their defaults.

One row an optimizer. Names only, so that study files are checked without torch; `harness.training.optimizers`
builds them, and a contract test compares every default with torch's own.

Some of torch's are left out: ASGD (its result is an average that the model does not use), Rprop (its learning
rate is but a first guess), LBFGS and SparseAdam (another kind of step), Muon (matrices only).
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
    is_fused: bool = False
    """Whether torch's `fused=True` runs on CPUs and GPUs alike: one pass over the parameters, not several."""


OPTIMIZERS: dict[str, OptimizerSpec] = {
    "sgd": OptimizerSpec(
        torch_class="SGD",
        hyperparameters={
            "lr": 1e-3,
            "momentum": 0.0,
            "dampening": 0.0,
            "nesterov": False,
            "weight_decay": 0.0,
        },
        source="Sutskever et al. 2013, On the importance of initialization and momentum in deep learning",
        is_fused=True,
    ),
    "rmsprop": OptimizerSpec(
        torch_class="RMSprop",
        hyperparameters={
            "lr": 1e-2,
            "alpha": 0.99,
            "eps": 1e-8,
            "momentum": 0.0,
            "centered": False,
            "weight_decay": 0.0,
        },
        source="Tieleman & Hinton 2012, Coursera: Neural Networks for Machine Learning, lecture 6.5",
    ),
    "adam": OptimizerSpec(
        torch_class="Adam",
        hyperparameters={
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "amsgrad": False,
            "weight_decay": 0.0,
        },
        source="Kingma & Ba 2015, Adam: A Method for Stochastic Optimization, algorithm 1",
        is_fused=True,
    ),
    "adamw": OptimizerSpec(
        torch_class="AdamW",
        hyperparameters={
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "amsgrad": False,
            "weight_decay": 1e-2,
        },
        source="Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization, algorithm 2",
        is_fused=True,
    ),
    "adagrad": OptimizerSpec(
        torch_class="Adagrad",
        hyperparameters={
            "lr": 1e-2,
            "lr_decay": 0.0,
            "initial_accumulator_value": 0.0,
            "eps": 1e-10,
            "weight_decay": 0.0,
        },
        source="Duchi, Hazan & Singer 2011, Adaptive Subgradient Methods, figure 1 (diagonal)",
    ),
    "nadam": OptimizerSpec(
        torch_class="NAdam",
        hyperparameters={
            "lr": 2e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "momentum_decay": 4e-3,
            "decoupled_weight_decay": False,
            "weight_decay": 0.0,
        },
        source="Dozat 2016, Incorporating Nesterov Momentum into Adam, algorithm 2",
    ),
    "radam": OptimizerSpec(
        torch_class="RAdam",
        hyperparameters={
            "lr": 1e-3,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "decoupled_weight_decay": False,
            "weight_decay": 0.0,
        },
        source="Liu et al. 2020, On the Variance of the Adaptive Learning Rate and Beyond, algorithm 2",
    ),
    "adamax": OptimizerSpec(
        torch_class="Adamax",
        hyperparameters={"lr": 2e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
        source="Kingma & Ba 2015, Adam: A Method for Stochastic Optimization, algorithm 2",
    ),
    "adadelta": OptimizerSpec(
        torch_class="Adadelta",
        hyperparameters={"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
        source="Zeiler 2012, ADADELTA: An Adaptive Learning Rate Method, algorithm 1",
    ),
}
