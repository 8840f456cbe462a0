"""Optimizers from configurations: torch's own or a user's, with every setting of the record and no other."""

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from harness.code.resolve import CodeError
from harness.code.settings import Signature, call_with
from harness.errors import nearest
from harness.recipe.configuration import Configuration
from harness.recipe.imported import GIVEN, IMPORT, Imported
from harness.recipe.optimizers import OPTIMIZERS


def build_optimizer(
    configuration: Configuration, parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """Return the configuration's optimizer over the parameters.

    Raises:
        CodeError: A user's own cannot be made, or not be stepped as ours are.
    """
    if isinstance(configuration.optimizer, Imported):
        return _imported_optimizer(configuration.optimizer, list(parameters), configuration.lr)
    torch_class = getattr(torch.optim, OPTIMIZERS[configuration.optimizer].torch_class)
    optimizer: torch.optim.Optimizer = torch_class(parameters, **optimizer_arguments(configuration))
    return optimizer


def optimizer_arguments(configuration: Configuration) -> dict[str, Any]:
    """Return what an optimizer of torch's is made with, besides the parameters."""
    spec = OPTIMIZERS[str(configuration.optimizer)]
    arguments: dict[str, Any] = {name: getattr(configuration, name) for name in spec.hyperparameters}
    if "beta1" in arguments:
        arguments["betas"] = (arguments.pop("beta1"), arguments.pop("beta2"))
    if spec.is_fused:
        arguments["fused"] = True
    return arguments


def lr_ratios(optimizer: torch.optim.Optimizer) -> tuple[float, ...]:
    """Return what each group's learning rate is of the one the optimizer was made with: schedules keep it."""
    lr = optimizer.defaults.get("lr")
    return tuple(float(group.get("lr", lr)) / float(lr) if lr else 1.0 for group in optimizer.param_groups)


def averages(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the weights to evaluate are others than those to train, and `eval()` and `train()` change over.

    Source: Defazio et al. 2024, The Road Less Scheduled, section 2 (the averaged sequence), as its package
    `schedulefree` and others like it do it.
    """
    return callable(getattr(optimizer, "eval", None)) and callable(getattr(optimizer, "train", None))


def _imported_optimizer(
    optimizer: Imported, parameters: list[nn.Parameter], lr: float | None
) -> torch.optim.Optimizer:
    """Return a user's optimizer.

    Raises:
        CodeError: It is none, a setting does not reach it, or a step needs more than gradients.
    """
    reference = optimizer.reference
    first = Signature.of(reference).first
    if first is None or "param" not in first:
        raise CodeError(
            f"{reference}: takes {first or 'nothing'} first, where an optimizer takes the parameters. One "
            f"that wraps another optimizer or a model cannot be built from a study. Remedy: a function of "
            f"your own that takes params and lr and builds it"
        )
    made = call_with(optimizer, parameters, lr=lr)
    if not isinstance(made, torch.optim.Optimizer):
        raise CodeError(f"{reference}: returned {type(made).__name__}, no torch.optim.Optimizer")
    _check_settings(optimizer, parameters, lr)
    _check_parameters(reference, made, parameters)
    if needed := _needed_by_step(made):
        raise CodeError(
            f"{reference}: its step needs {needed}, and here a step has the gradients of one batch and "
            f"no more. Remedy: another optimizer"
        )
    return made


def _check_settings(optimizer: Imported, parameters: list[nn.Parameter], lr: float | None) -> None:
    """Refuse settings that went into `**kwargs` and are not settings that the optimizer has anyway.

    Some put whatever comes there among their settings, so that a misspelt one seems to be taken.

    Raises:
        CodeError: There are some.
    """
    named = Signature.of(optimizer.reference).parameters
    others = [name for name in optimizer.settings if name not in named]
    if not others:
        return
    known = {name: value for name, value in optimizer.settings.items() if name in named}
    copies = [nn.Parameter(parameter.detach().clone()) for parameter in parameters]
    without = call_with(Imported.model_validate({IMPORT: optimizer.reference, **known}), copies, lr=lr)
    lost = [name for name in others if name not in without.defaults]
    if lost:
        valid = dict.fromkeys([*named, *without.defaults])
        own = [name for name in valid if name not in GIVEN["optimizer"]]
        raise CodeError(
            f"{optimizer.reference}: its **kwargs swallow {', '.join(lost)}: it has no such setting. "
            f"{nearest(lost[0], own)}"
        )


def _check_parameters(reference: str, made: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> None:
    """Refuse an optimizer that leaves out some of the parameters.

    Raises:
        CodeError: It does.
    """
    trained = {id(parameter) for group in made.param_groups for parameter in group["params"]}
    n_left = sum(id(parameter) not in trained for parameter in parameters)
    if n_left:
        raise CodeError(f"{reference}: leaves out {n_left} of the model's {len(parameters)} parameters")


def _needed_by_step(made: torch.optim.Optimizer) -> str:
    """Return what has to be given to `step`; nothing where it can be called as it is."""
    signature = inspect.signature(made.step)
    needed = [
        name
        for name, each in signature.parameters.items()
        if each.default is inspect.Parameter.empty
        and each.kind not in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    ]
    return ", ".join(needed)
