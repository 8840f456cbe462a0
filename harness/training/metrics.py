"""Metrics beside loss and accuracy, measured on validation and test samples. Shapes: n = samples."""

from collections.abc import Callable, Mapping
from functools import partial
from math import nan

import torch

from harness.code.resolve import CodeError, call

Measure = Callable[[torch.Tensor, torch.Tensor], float]
"""`(outputs, targets) -> ` a number over all samples: outputs `(n, C)` for classes `(n,)`, else in the shape
of the targets."""


def rmse(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the root of the mean squared error, over samples and the numbers of each."""
    return float((outputs.double() - targets.double()).square().mean().sqrt().item())


def mae(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the mean absolute error, over samples and the numbers of each."""
    return float((outputs.double() - targets.double()).abs().mean().item())


def r2(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the share of the targets' variance that is explained, the mean over the numbers of a sample.

    Not finite where a number is the same in all samples.

    Source: Draper & Smith 1998, Applied Regression Analysis, section 1.3 (coefficient of determination).
    """
    outputs, targets = outputs.double().reshape(len(targets), -1), targets.double().reshape(len(targets), -1)
    residual = (targets - outputs).square().sum(dim=0)
    total = (targets - targets.mean(dim=0)).square().sum(dim=0)
    return float((1 - residual / total).mean().item()) if bool((total > 0).all()) else nan


MEASURES: dict[str, Measure] = {"rmse": rmse, "mae": mae, "r2": r2}
"""The metrics of `harness.recipe.metrics` that have no field of their own in records."""


def measures_of(metrics: Mapping[str, str | None]) -> dict[str, Measure]:
    """Return how a study's metrics are measured; loss and accuracy always are, and are left out.

    Args:
        metrics: Their names, each with the reference of a user's own function, or None for ours.
    """
    further = {name: reference for name, reference in metrics.items() if reference or name in MEASURES}
    return {
        name: MEASURES[name] if reference is None else partial(_imported, reference)
        for name, reference in further.items()
    }


def _imported(reference: str, outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Return what a user's function gives.

    Raises:
        CodeError: It raises, or gives no number.
    """
    value = call(reference, outputs, targets)
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CodeError(
            f"{reference}: returned {type(value).__name__}, and a metric is one number. Remedy: float(...)"
        ) from error
