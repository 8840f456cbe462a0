"""Energy demand of buildings by the hour: data, a loss and a metric of one's own, to predict numbers.

The data are computed, so the study needs no file. Demand is skewed: a cold morning costs much more than an
ordinary hour, which a network that aims at the mean does not prepare for.
"""

import numpy as np
import torch

_FIRST_SEED = {"train": 1, "test": 2}
"""Test buildings are others than training buildings."""


def load(part: str, *, buildings: int = 40, hours: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features `(n, 5)`, demand `(n,)` in kWh, and buildings `(n,)`, which a split keeps whole."""
    generator = np.random.default_rng(_FIRST_SEED[part])
    building = np.repeat(np.arange(buildings), hours)
    area = generator.uniform(0.5, 3.0, buildings)[building]
    insulation = generator.uniform(0.3, 1.0, buildings)[building]
    hour = generator.uniform(0, 2 * np.pi, len(building))
    outside = generator.normal(12, 8, len(building))
    heating, cooling = np.maximum(18 - outside, 0), np.maximum(outside - 22, 0)
    expected = area * (5 + 2 * np.sin(hour) + (heating + 2 * cooling) / (4 * insulation))
    demand = expected * generator.lognormal(0, 0.4, len(building))
    features = np.stack([area, insulation, np.sin(hour), np.cos(hour), outside], axis=1)
    return features.astype(np.float32), demand.astype(np.float32), building


def pinball(outputs: torch.Tensor, targets: torch.Tensor, *, quantile: float = 0.9) -> torch.Tensor:
    """Return the mean loss that is least where the outputs are a quantile of the targets.

    Source: Koenker & Bassett 1978, Regression Quantiles, equation 1.
    """
    error = targets - outputs
    return torch.maximum(quantile * error, (quantile - 1) * error).mean()


def coverage_gap(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Return how far the share of hours whose demand the prediction covers is from 0.9."""
    return abs((targets <= outputs).double().mean().item() - 0.9)
