import inspect
from typing import Any, get_args

import pytest
import torch

from harness.recipe.configuration import resolve
from harness.recipe.field_types import OptimizerName
from harness.recipe.optimizers import OPTIMIZERS
from harness.training.optimizers import build_optimizer

OTHER_VALUES = {
    "lr": 0.05,
    "momentum": 0.8,
    "nesterov": True,
    "weight_decay": 0.1,
    "alpha": 0.7,
    "beta1": 0.6,
    "beta2": 0.7,
    "eps": 0.3,
    "dampening": 0.4,
    "centered": True,
    "amsgrad": True,
    "rho": 0.6,
    "lr_decay": 0.2,
    "initial_accumulator_value": 0.5,
    "momentum_decay": 0.3,
    "decoupled_weight_decay": True,
}
NEEDS = {
    "dampening": {"momentum": 0.5},
    "nesterov": {"momentum": 0.5},
    "decoupled_weight_decay": {"weight_decay": 0.1},
    "amsgrad": {"beta2": 0.5},
}
"""What makes a hyperparameter matter."""


def steps(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter) -> torch.Tensor:
    """Take twelve steps down a quartic bowl: RAdam adapts from the sixth on."""
    for _ in range(12):
        optimizer.zero_grad()
        (parameter**4).sum().backward()
        optimizer.step()
    return parameter.detach()


def configured(optimizer: str, **hyperparameters: Any) -> torch.Tensor:
    """Return where the steps of the harness's optimizer lead."""
    recipe = {"model": {"name": "fcn"}, "batch_size": 1, "epochs": 1, "optimizer": optimizer}
    parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    return steps(build_optimizer(resolve(recipe | hyperparameters), [parameter]), parameter)


def test_every_name_of_a_recipe_has_a_row() -> None:
    """The recipe's names and the registry are the same set."""
    assert set(get_args(OptimizerName)) == set(OPTIMIZERS)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_defaults_are_those_of_torch(optimizer: str) -> None:
    """A row's default equals the default in torch's signature."""
    spec = OPTIMIZERS[optimizer]
    signature = inspect.signature(getattr(torch.optim, spec.torch_class)).parameters
    for name, default in spec.hyperparameters.items():
        if name in {"beta1", "beta2"}:
            assert signature["betas"].default[name == "beta2"] == default
        else:
            assert signature[name].default == default


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_are_those_of_torch(optimizer: str) -> None:
    """With every hyperparameter away from its default, the steps agree with torch's optimizer.

    Dampening is left out, since it excludes nesterov; it has a test of its own.
    """
    spec = OPTIMIZERS[optimizer]
    chosen = {name: OTHER_VALUES[name] for name in spec.hyperparameters if name != "dampening"}
    arguments = dict(chosen)
    if "beta1" in arguments:
        arguments["betas"] = (arguments.pop("beta1"), arguments.pop("beta2"))
    parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    expected = steps(getattr(torch.optim, spec.torch_class)([parameter], **arguments), parameter)
    torch.testing.assert_close(configured(optimizer, **chosen), expected)


def test_dampening_is_that_of_torch() -> None:
    """SGD with momentum 0.8 and dampening 0.4."""
    chosen = {"lr": 0.05, "momentum": 0.8, "dampening": 0.4}
    parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    expected = steps(torch.optim.SGD([parameter], **chosen), parameter)
    torch.testing.assert_close(configured("sgd", **chosen), expected)


@pytest.mark.parametrize(
    ("optimizer", "name"), [(o, name) for o, spec in OPTIMIZERS.items() for name in spec.hyperparameters]
)
def test_every_hyperparameter_matters(optimizer: str, name: str) -> None:
    """None is accepted and then ignored: changing one changes where the steps lead."""
    base = NEEDS.get(name, {})
    changed = base | {name: OTHER_VALUES[name]}
    assert not torch.equal(configured(optimizer, **base), configured(optimizer, **changed))
