"""Models: one file each, and a row in the registry. Shapes: B = batch, H and W = image sides, C = classes."""

from collections.abc import Callable
from typing import Any

from torch import nn

from harness.training.models.fcn import build_fcn

MODELS: dict[str, Callable[..., nn.Module]] = {
    "fcn": build_fcn,
}
"""From a model's name to its builder: `(activation, image_shape, n_classes, **the recipe's own settings)`."""


def build_model(
    model: dict[str, Any], activation: str, image_shape: tuple[int, int], n_classes: int
) -> nn.Module:
    """Return a fresh model; its weights are drawn from torch's global generator.

    Args:
        model: The recipe's `model`: its name and its settings.
        activation: A name of `ACTIVATIONS`.
        image_shape: (H, W) in pixels.
        n_classes: C.
    """
    settings = {name: value for name, value in model.items() if name != "name"}
    return MODELS[model["name"]](activation, image_shape, n_classes, **settings)
