"""Optimizers from configurations: torch's own, with every hyperparameter of the record and no other."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from harness.recipe.configuration import Configuration
from harness.recipe.optimizers import OPTIMIZERS


def build_optimizer(
    configuration: Configuration, parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """Return the configuration's optimizer over the parameters."""
    spec = OPTIMIZERS[configuration.optimizer]
    arguments: dict[str, Any] = {name: getattr(configuration, name) for name in spec.hyperparameters}
    if "beta1" in arguments:
        arguments["betas"] = (arguments.pop("beta1"), arguments.pop("beta2"))
    if spec.is_fused:
        arguments["fused"] = True
    optimizer: torch.optim.Optimizer = getattr(torch.optim, spec.torch_class)(parameters, **arguments)
    return optimizer
